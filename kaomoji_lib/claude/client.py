"""Talk to Claude: many requests, one by one or as a batch at half the price; each reply stored as it arrives, within a budget.

The intent of a batch (the hashes of its requests) is stored before the batch is created, its id afterwards. A process
that dies in between leaves an intent without an id; the next run stops and says how to go on, since only a person can
look up whether that batch exists.
"""

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kaomoji_lib import html as escape
from kaomoji_lib.claude.connection import RETRIES, STATUS, TIMEOUT, Connection, Refused
from kaomoji_lib.claude.models import Budget, same_model
from kaomoji_lib.claude.store import ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import folder_lock, remove_stale_temporary_files
from kaomoji_lib.runs.folder import default_folder

WORKERS, POLL_SECONDS, FAILURES_IN_A_ROW = 4, 30.0, 6


@dataclass(frozen=True)
class Settings:
    """How to ask; the same for every method.

    ``out``: folder of the replies, default ``runs/claude-<model>``. ``max_usd``: US dollars that this folder may cost
    in all, None for no limit. ``batch``: use Message Batches, at half the price; ``poll``: seconds between
    looks at them. ``batch_id``: the id of a batch that was created but not noted; ``resend``: that
    batch does not exist, send its requests again. ``retry_invalid``: ask (and pay) again where the stored reply
    cannot be used. ``retries``, ``timeout`` (seconds): of the SDK.
    """

    model: str
    out: str | None = None
    max_usd: float | None = None
    batch: bool = False
    poll: float = POLL_SECONDS
    workers: int = WORKERS
    retry_invalid: bool = False
    batch_id: str | None = None
    resend: bool = False
    retries: int = RETRIES
    timeout: float = TIMEOUT

    def __post_init__(self):
        if not self.model or any(char.isspace() for char in self.model):
            raise KaomojiError(
                f"model {self.model!r} is no model name; expected something like claude-opus-4-7"
            )
        if self.workers < 1 or self.poll < 0:
            raise KaomojiError("expected at least 1 of --workers and no negative seconds in --poll")
        Budget(self.model, self.max_usd)

    @property
    def folder(self):
        name = f"claude-{escape.filename(self.model.removeprefix('claude-'))}"
        return Path(self.out) if self.out else default_folder(name)


@dataclass
class Report:
    """What a round of requests came to.

    ``failures``: (about, :class:`.connection.Refused`) of requests without a reply. ``stopped``: why it ended early.
    """

    failures: list = field(default_factory=list)
    stopped: str = ""


def other_model(record, request):
    """Return a complaint where another model answered than was asked, else an empty string."""
    asked, echoed = request.params["model"], record.get("model") or ""
    return "" if same_model(asked, echoed) else f"it was answered by {echoed!r}, not {asked}"


class Client:
    """An open connection with its store and budget; a context manager, one process per folder at a time.

    ``on_progress(done, total)`` is called after every reply.

    Raises
    ------
    KaomojiError
        On entering: another process uses the folder, it cannot be written, or there is no key.
    """

    def __init__(self, settings, on_progress=None):
        self.settings, self.on_progress = settings, on_progress or (lambda done, total: None)

    def __enter__(self):
        self._lock = folder_lock(self.settings.folder)
        try:
            remove_stale_temporary_files(self.settings.folder, below=True)
            self.connection = Connection(self.settings.retries, self.settings.timeout)
            self.store = ReplyStore(self.settings.folder, create=True)
            self.budget = Budget(self.settings.model, self.settings.max_usd, self.store.spent())
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *error):
        self.connection.sdk.close()
        self.store.close()
        self._lock.release()

    def stored(self, request):
        """Return the stored record of a request, or None."""
        return self.store.get(request.key(self.connection.origin))

    def ask(self, requests, validate):
        """Send what has no reply yet, a few requests at a time; a reply is stored before the next request is sent.

        ``validate(record, request)``: what makes a stored reply unusable, or an empty string; with ``retry_invalid``
        those are asked again, except where another model answered, which it would again. Open batches are collected
        first. Returns a :class:`Report`; the service's errors are in it.

        Raises
        ------
        KaomojiError
            If a batch may have been created whose id is not known, or nothing can be stored.
        """
        report, due = Report(), {}
        self._collect_open(report)
        if report.stopped:
            return report
        for request in requests:
            record = self.stored(request)
            again = (
                record is not None
                and self.settings.retry_invalid
                and not other_model(record, request)
                and validate(record, request)
            )
            if record is None or again:
                due.setdefault(request.key(self.connection.origin), request)
        (self._ask_batch if self.settings.batch else self._ask_each)(due, report)
        return report

    def _keep(self, key, public, message, usd, batch=None):
        """Store a reply (dict of :meth:`Connection.plain`) beside the public part of its request."""
        received = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"usd": usd, "batch": batch, "received": received}
        self.store.put(key, {**public, **message, **facts})

    # -- one by one ----------------------------------------------------------------------------------

    def _ask_each(self, due, report):
        left, sent, in_a_row = list(due.items())[::-1], {}, 0
        workers = self.settings.workers
        with ThreadPoolExecutor(workers) as pool:
            try:
                while sent or (left and not report.stopped):
                    while left and not report.stopped and len(sent) < workers:
                        if not self.budget.reserve(self.budget.most(left[-1][1].params)):
                            break
                        key, request = left.pop()
                        sent[pool.submit(self.connection.send, request.params)] = key, request
                    if not sent:
                        report.stopped = f"the next request could cost more than what is left of --max-usd ({self.budget.limit:g})"
                    for future in wait(sent, return_when=FIRST_COMPLETED).done:
                        failure = self._receive(future, *sent.pop(future), report)
                        in_a_row = in_a_row + 1 if failure else 0
                        if in_a_row >= FAILURES_IN_A_ROW and not report.stopped:
                            report.stopped = (
                                f"{in_a_row} requests in a row failed, the last with {failure}"
                            )
                        self.on_progress(len(due) - len(left) - len(sent), len(due))
            finally:
                # What was sent is paid for, so it is stored after an interrupt, too.
                for future in wait(sent).done:
                    self._receive(future, *sent[future], report)

    def _receive(self, future, key, request, report):
        """Store the reply that was sent for a request; returns (and reports) what is wrong with it, or None."""
        most, usd, failure = self.budget.most(request.params), None, None
        try:
            message = future.result()
            usd = self.budget.cost(message["usage"], most)
            self._keep(key, request.public(), message, usd)
            if wrong := other_model(message, request):
                failure = Refused("other_model", wrong)
        except Refused as error:
            failure = error
            report.failures.append((request.about, error))
            if error.charged:
                usd = most if self.budget.price else None
                self.store.record_unreceived_charge(key, usd, error.kind)
            if error.hopeless:
                report.stopped = f"the service refuses every request: {error.detail}"
        self.budget.settle(most, usd)
        return failure

    # -- batches -------------------------------------------------------------------------------------

    def _ask_batch(self, due, report):
        """Submit the requests ``due`` (dict key -> Request) as one batch and collect the replies."""
        part, most = {}, {}
        for key, request in due.items():
            usd = self.budget.most(request.params, batch=True)
            if not self.budget.reserve(usd):
                report.stopped = f"more requests could cost more than what is left of --max-usd ({self.budget.limit:g})"
                break
            part[key], most[key] = request, usd
        if part:
            try:
                self._collect(self._submit(part, most), report)
            except Refused as error:
                report.stopped = f"the batch was not accepted: {error}"

    def _collect_open(self, report):
        """Collect the batches of earlier runs; raises KaomojiError for one without an id."""
        for entry in self.store.open_batches():
            if entry["origin"] != self.connection.origin or report.stopped:
                continue
            if entry["id"] is None and self.settings.resend:
                self.store.write_batch({**entry, "state": "abandoned"})
                continue
            if entry["id"] is None and not self.settings.batch_id:
                raise KaomojiError(
                    f"a batch of {len(entry['requests'])} requests may have been created at {entry['created']} and its id "
                    "was not stored; expected to know whether it exists; look at https://console.anthropic.com under "
                    "Batches, then run the same command with --batch ID, or with --resend if there is none"
                )
            self.budget.reserve(entry["reserved"])
            self._collect({**entry, "id": entry["id"] or self.settings.batch_id}, report)

    def _submit(self, part, most):
        entry = self.store.write_batch(
            {
                "state": "intended",
                "id": None,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "origin": self.connection.origin,
                "reserved": sum(most.values()),
                "requests": {key: request.public() for key, request in part.items()},
                "most": most,
            }
        )
        requests = [{"custom_id": key, "params": request.params} for key, request in part.items()]
        # Without retries: the SDK would repeat a creation whose answer was lost, and pay for the batch twice.
        once = self.connection.sdk.with_options(max_retries=0).messages.batches
        try:
            with self.connection.errors():
                batch = once.create(requests=requests)
            if not isinstance(getattr(batch, "id", None), str):
                raise Refused("unreadable", "the service's answer names no batch")
        except Refused as error:
            # Anything but a refusal by the API leaves open whether the batch exists.
            if error.kind in STATUS:
                self._finish(entry, "refused")
            raise
        return self.store.write_batch({**entry, "id": batch.id, "state": "submitted"})

    def _collect(self, entry, report):
        """Wait for a batch, store its replies, and add to the report what has none."""
        lines = self._results(entry["id"], report)
        if lines is None:
            return
        lines = [line for line in lines if getattr(line, "custom_id", None) in entry["requests"]]
        if not lines and entry["state"] == "intended":
            raise KaomojiError(
                f"batch {entry['id']} has no result of this run's requests; expected the batch that was created at "
                f"{entry['created']}; name another with --batch ID, or use --resend if there is none"
            )
        problems = dict.fromkeys(
            entry["requests"], Refused("absent", f"batch {entry['id']} returned no result for it")
        )
        for line in lines:
            problems[line.custom_id] = self._receive_line(entry, line)
        abouts = {key: facts["about"] for key, facts in entry["requests"].items()}
        report.failures += [(abouts[key], one) for key, one in problems.items() if one]
        self._finish(entry, "collected")

    def _results(self, batch_id, report):
        """Return all result lines of a batch, or None, with the reason in the report."""
        batches = self.connection.sdk.messages.batches
        try:
            while True:
                with self.connection.errors():
                    batch = batches.retrieve(batch_id)
                    if batch.processing_status == "ended":
                        return list(batches.results(batch_id))
                time.sleep(self.settings.poll)
        except (Refused, AttributeError) as error:
            report.stopped = (
                f"batch {batch_id} cannot be looked up: {error}; its replies stay with the service"
            )
            return None

    def _receive_line(self, entry, line):
        """Store the reply of a result line; returns a :class:`.connection.Refused` where it has none."""
        key, result = line.custom_id, getattr(line, "result", None)
        facts, stored = entry["requests"][key], self.store.get(key)
        if stored is not None and stored["batch"] == entry["id"]:
            return None
        kind = str(getattr(result, "type", "unreadable"))
        if kind == "succeeded":
            message = self.connection.plain(result.message)
            usd = self.budget.cost(message["usage"], entry["most"][key], batch=True)
            self._keep(key, facts, message, usd, entry["id"])
            self.budget.settle(0.0, usd)
            return None
        detail = f"batch {entry['id']}: the request {kind}"
        if error := getattr(getattr(result, "error", None), "error", None):
            kind, detail = str(error.type), self.connection.redact(str(error.message))
        return Refused(kind, detail)

    def _finish(self, entry, state):
        self.budget.settle(entry["reserved"], None)
        self.store.write_batch({**entry, "state": state, "requests": list(entry["requests"])})
