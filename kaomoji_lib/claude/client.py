"""Talk to Claude: many requests, one by one or as a batch at half the price; each reply stored as it arrives, within a budget.

The intent of a batch (the hashes of its requests) is stored before the batch is created, its id afterwards. A process
that dies in between leaves an intent without an id; the next run stops and says how to go on, since only a person can
look up whether that batch exists.
"""

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from kaomoji_lib import html as escape
from kaomoji_lib.claude.connection import STATUS, Connection, Refused
from kaomoji_lib.claude.models import Budget, same_model
from kaomoji_lib.claude.store import CHARGE, REPLY, ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import folder_lock, remove_stale_temporary_files
from kaomoji_lib.runs.folder import default_folder

FAILURES_IN_A_ROW = 6
NO_MONEY = "the next request could cost more than what is left of --max-usd"


@dataclass(frozen=True)
class Settings:
    """How to ask; the same for every method.

    ``out``: folder of the replies, default ``runs/claude-<model>``. ``max_usd``: US dollars that this folder may cost
    in all, None for no limit. ``batch``: use Message Batches, at half the price; a str is the id of a batch that was
    created but not noted. ``resend``: that batch does not exist, send its requests again. ``poll``: seconds between
    looks at a batch. ``workers``: requests at a time. ``retry_invalid``: ask (and pay) again where the stored reply
    cannot be used. ``quiet``: no progress bar.
    """

    model: str
    out: str | None = None
    max_usd: float | None = None
    batch: bool | str = False
    resend: bool = False
    poll: float = 30.0
    workers: int = 4
    retry_invalid: bool = False
    quiet: bool = False

    def __post_init__(self):
        if self.workers < 1 or self.poll < 0:
            raise KaomojiError("expected at least 1 of --workers and no negative seconds in --poll")

    @property
    def folder(self):
        name = f"claude-{escape.filename(self.model.removeprefix('claude-'))}"
        return Path(self.out) if self.out else default_folder(name)


def other_model(record, request):
    """Return a complaint where another model answered than was asked, else an empty string."""
    asked, echoed = request.params["model"], record.get("model") or ""
    return "" if same_model(asked, echoed) else f"it was answered by {echoed!r}, not {asked}"


def now():
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def opened(settings):
    """Open a :class:`Client`; one process per folder at a time.

    Raises KaomojiError if another process uses the folder, it cannot be written, there is no key, or the budget cannot
    be kept.
    """
    budget = Budget(settings.model, settings.max_usd)
    with ExitStack() as stack:
        stack.callback(folder_lock(settings.folder).release)
        remove_stale_temporary_files(settings.folder, *settings.folder.glob("*/"))
        connection = Connection()
        stack.enter_context(closing(connection.sdk))
        store = stack.enter_context(closing(ReplyStore(settings.folder, create=True)))
        budget.spent = store.spent()
        yield Client(settings, connection, store, budget)


@dataclass
class Client:
    """An open connection with its store and budget, and what asking came to.

    ``failures``: (about, :class:`.connection.Refused`) of requests without a reply. ``stopped``: why it ended early.
    """

    settings: Settings
    connection: Connection
    store: ReplyStore
    budget: Budget
    failures: list = field(default_factory=list)
    stopped: str = ""

    def stored(self, request):
        """Return the stored record of a request, or None."""
        return self.store.get(request.key(self.connection.origin))

    def ask(self, requests, validate):
        """Send what has no reply yet, a few requests at a time; a reply is stored before the next request is sent.

        ``validate(record, request)``: what makes a stored reply unusable, or an empty string; with ``retry_invalid``
        those are asked again, except where another model answered, which it would again. Open batches are collected
        first. The service's errors end up in ``failures`` and ``stopped``. Raises KaomojiError if a batch may have been
        created whose id is not known, or nothing can be stored.
        """
        self._collect_open()
        due, again = {}, self.settings.retry_invalid
        for request in requests:
            record = self.stored(request)
            is_invalid = record and again and not other_model(record, request)
            if record is None or (is_invalid and validate(record, request)):
                due.setdefault(request.key(self.connection.origin), request)
        if not self.stopped:
            (self._ask_batch if self.settings.batch else self._ask_each)(due)

    def _keep(self, key, public, message, usd, batch=None):
        facts = {"usd": usd, "batch": batch, "received": now()}
        self.store.append(REPLY, key, {**public, **message, **facts})

    # -- one by one ----------------------------------------------------------------------------------

    def _ask_each(self, due):
        left, sent, in_a_row = list(due.items())[::-1], {}, 0
        workers, quiet = self.settings.workers, self.settings.quiet or None
        bar = tqdm(total=len(due), unit="reply", disable=quiet)
        with bar, ThreadPoolExecutor(workers) as pool:
            try:
                while sent or (left and not self.stopped):
                    while left and not self.stopped and len(sent) < workers:
                        if not self.budget.reserve(self.budget.most(left[-1][1].params)):
                            break
                        key, request = left.pop()
                        sent[pool.submit(self.connection.send, request.params)] = key, request
                    if not sent:
                        self.stopped = NO_MONEY
                    for future in wait(sent, return_when=FIRST_COMPLETED).done:
                        failure = self._receive(future, *sent.pop(future))
                        in_a_row = in_a_row + 1 if failure else 0
                        if in_a_row >= FAILURES_IN_A_ROW and not self.stopped:
                            self.stopped = f"{in_a_row} in a row failed, the last with {failure}"
                        bar.update()
            finally:
                # What was sent is paid for, so it is stored after an interrupt, too.
                for future in wait(sent).done:
                    self._receive(future, *sent[future])

    def _receive(self, future, key, request):
        """Store the reply that was sent for a request; returns (and reports) what is wrong with it, or None."""
        most, usd, failure = self.budget.most(request.params), 0.0, None
        try:
            message = future.result()
            usd = self.budget.cost(message["usage"], most)
            self._keep(key, request.public(), message, usd)
            if wrong := other_model(message, request):
                failure = Refused("other_model", wrong)
        except Refused as error:
            failure = error
            self.failures.append((request.about, error))
            if error.charged:
                usd = most
                self.store.append(CHARGE, key, {"usd": usd, "kind": error.kind})
        self.budget.settle(most, usd)
        return failure

    # -- batches -------------------------------------------------------------------------------------

    def _ask_batch(self, due):
        """Submit the requests ``due`` (dict key -> Request) as one batch and collect the replies."""
        part, most = {}, {}
        for key, request in due.items():
            usd = self.budget.most(request.params, batch=True)
            if not self.budget.reserve(usd):
                self.stopped = NO_MONEY
                break
            part[key], most[key] = request, usd
        if not part:
            return
        public = {key: request.public() for key, request in part.items()}
        facts = {"created": now(), "origin": self.connection.origin, "most": most}
        entry = {"state": "intended", "id": None, **facts, "requests": public}
        entry = self.store.write_batch(entry)
        requests = [{"custom_id": key, "params": request.params} for key, request in part.items()]
        # Without retries: the SDK would repeat a creation whose answer was lost, and pay for the batch twice.
        once = self.connection.sdk.with_options(max_retries=0).messages.batches
        try:
            with self.connection.errors():
                name = str(once.create(requests=requests).id)
        except Refused as error:
            # Anything but a refusal by the API leaves open whether the batch exists.
            if error.kind in STATUS:
                self._finish(entry, "refused")
            self.stopped = f"the batch was not accepted: {error}"
        else:
            self._collect(self.store.write_batch({**entry, "id": name, "state": "submitted"}))

    def _collect_open(self):
        """Collect the batches of earlier runs; raises KaomojiError for one without an id."""
        named = self.settings.batch if isinstance(self.settings.batch, str) else None
        for entry in self.store.open_batches():
            if entry["origin"] != self.connection.origin or self.stopped:
                continue
            if entry["id"] is None and self.settings.resend:
                self.store.write_batch({**entry, "state": "abandoned"})
                continue
            if entry["id"] is None and not named:
                raise KaomojiError(
                    f"a batch of {len(entry['requests'])} requests may have been created at {entry['created']} and its id "
                    "was not stored; expected to know whether it exists; look at https://console.anthropic.com under "
                    "Batches, then run the same command with --batch ID, or with --resend if there is none"
                )
            self.budget.reserve(sum(entry["most"].values()))
            self._collect({**entry, "id": entry["id"] or named})

    def _collect(self, entry):
        """Wait for a batch, store its replies, and note the requests that have none as failures."""
        batches, name = self.connection.sdk.messages.batches, entry["id"]
        try:
            with self.connection.errors():
                while batches.retrieve(name).processing_status != "ended":
                    time.sleep(self.settings.poll)
                lines = list(batches.results(name))
        except Refused as error:
            self.stopped = f"batch {name} cannot be looked up: {error}; its replies stay there"
            return
        lines = [line for line in lines if getattr(line, "custom_id", None) in entry["requests"]]
        if not lines and entry["state"] == "intended":
            raise KaomojiError(
                f"batch {name} has no result of this run's requests; expected the batch that was created at "
                f"{entry['created']}; name another with --batch ID, or use --resend if there is none"
            )
        absent = Refused("absent", f"batch {name} returned no result for it")
        problems = dict.fromkeys(entry["requests"], absent)
        for line in lines:
            problems[line.custom_id] = self._receive_line(entry, line)
        for key, problem in problems.items():
            if problem:
                self.failures.append((entry["requests"][key]["about"], problem))
        self._finish(entry, "collected")

    def _receive_line(self, entry, line):
        """Store the reply of a result line; returns a :class:`.connection.Refused` where it has none."""
        key, result = line.custom_id, getattr(line, "result", None)
        stored = self.store.get(key)
        if stored is not None and stored["batch"] == entry["id"]:
            return None
        kind = str(getattr(result, "type", "unreadable"))
        if kind == "succeeded":
            message = self.connection.plain(result.message)
            usd = self.budget.cost(message["usage"], entry["most"][key], batch=True)
            self._keep(key, entry["requests"][key], message, usd, entry["id"])
            self.budget.settle(0.0, usd)
            return None
        detail = f"batch {entry['id']}: the request {kind}"
        if error := getattr(getattr(result, "error", None), "error", None):
            kind, detail = str(error.type), self.connection.redact(str(error.message))
        return Refused(kind, detail)

    def _finish(self, entry, state):
        self.budget.settle(sum(entry["most"].values()))
        self.store.write_batch({**entry, "state": state, "requests": list(entry["requests"])})
