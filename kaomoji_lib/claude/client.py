"""Talk to Claude: many requests, each reply stored as it arrives, within a budget."""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kaomoji_lib import html as escape
from kaomoji_lib.claude import connection
from kaomoji_lib.claude.batches import Batches
from kaomoji_lib.claude.budget import Budget
from kaomoji_lib.claude.models import same_model
from kaomoji_lib.claude.requests import Report
from kaomoji_lib.claude.store import ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import folder_lock, remove_stale_temporary_files
from kaomoji_lib.runs.folder import default_folder

WORKERS, POLL_SECONDS, FAILURES_IN_A_ROW = 4, 30.0, 6


@dataclass(frozen=True)
class Settings:
    """How to ask; the same for every method.

    ``out``: folder of the replies, default ``runs/claude-<model>``. ``max_usd``: US dollars that this folder may cost
    in all, None for no limit. ``batch``: use Message Batches, at half the price; ``wait``: False submits them and
    leaves the rest to a later run. ``batch_id``: the id of a batch that was created but not noted; ``resend``: that
    batch does not exist, send its requests again. ``retry_invalid``: ask (and pay) again where the stored reply
    cannot be used. ``retries``, ``timeout`` (seconds): of the SDK.
    """

    model: str
    out: str | None = None
    max_usd: float | None = None
    batch: bool = False
    wait: bool = True
    poll: float = POLL_SECONDS
    workers: int = WORKERS
    retry_invalid: bool = False
    batch_id: str | None = None
    resend: bool = False
    retries: int = connection.RETRIES
    timeout: float = connection.TIMEOUT

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
            self.connection = connection.Connection(self.settings.retries, self.settings.timeout)
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
        batches = Batches(self)
        report = batches.collect_open()
        if report.stopped or report.waiting:
            return report
        due = {}
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
        report.add(batches.ask(due) if self.settings.batch else self._ask_each(due))
        return report

    def keep(self, key, public, message, usd, batch=None):
        """Store a reply (dict of :meth:`Connection.plain`) beside the public part of its request."""
        received = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"usd": usd, "batch": batch, "received": received}
        self.store.put(key, {**public, **message, **facts})

    def _ask_each(self, due):
        report, left, sent, workers = Report(), list(due.items())[::-1], {}, self.settings.workers
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
                        self._receive(future, *sent.pop(future), report)
                        self.on_progress(len(due) - len(left) - len(sent), len(due))
            finally:
                # What was sent is paid for, so it is stored after an interrupt, too.
                for future in wait(sent).done:
                    self._receive(future, *sent[future], report)
        return report

    def _receive(self, future, key, request, report):
        """Store the reply that was sent for a request, or add to the report why there is none."""
        most, usd, failure = self.budget.most(request.params), None, None
        try:
            message = future.result()
            usd = self.budget.cost(message["usage"], most)
            self.keep(key, request.public(), message, usd)
            if wrong := other_model(message, request):
                failure = connection.Refused("other_model", wrong)
        except connection.Refused as error:
            failure = error
            report.failures.append((request.about, error))
            if error.charged:
                usd = most if self.budget.price else None
                self.store.record_unreceived_charge(key, usd, error.kind)
        self.budget.settle(most, usd)
        report.in_a_row = report.in_a_row + 1 if failure else 0
        if failure and failure.hopeless:
            report.stopped = f"the service refuses every request: {failure.detail}"
        elif report.in_a_row >= FAILURES_IN_A_ROW and not report.stopped:
            report.stopped = (
                f"{FAILURES_IN_A_ROW} requests in a row failed, the last with {failure}"
            )
