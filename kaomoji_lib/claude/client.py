"""Talk to Claude: single requests through the ``anthropic`` SDK, and many of them, stored, within a budget."""

import json
import os
import re
import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from kaomoji_lib import html as escape
from kaomoji_lib.claude.budget import Budget
from kaomoji_lib.claude.models import same_model
from kaomoji_lib.claude.store import ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import folder_lock, remove_stale_temporary_files
from kaomoji_lib.runs.folder import default_folder

KEY, BASE, HOST = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "api.anthropic.com"
RETRIES, TIMEOUT, WORKERS, POLL_SECONDS = 4, 120.0, 4, 30.0
FAILURES_IN_A_ROW = 6
NAMED = ("max_tokens", "messages", "model", "system", "thinking", "output_config")
HOPELESS = (401, 402, 403, 404)
STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


class Refused(Exception):
    """The service did not answer a request. ``kind``: one word; ``detail``: what it said, without the key.

    ``hopeless``: no other request will fare better. ``charged``: a reply was sent, and lost on the way.
    """

    def __init__(self, kind, detail, hopeless=False, charged=False):
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail, self.hopeless, self.charged = kind, detail, hopeless, charged


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

    @property
    def origin(self):
        return origin(os.environ.get(BASE) or f"https://{HOST}")

    def command(self, method, *options, max_usd=None):
        """Return the command line that continues this run; ``max_usd``: a higher limit than the old one."""
        words = ["kaomoji", "claude", method, "--model", self.model]
        words += ["--out", str(self.out)] if self.out else []
        words += ["--batch"] if self.batch else []
        limit = self.max_usd if max_usd is None else max_usd
        words += ["--max-usd", f"{limit:g}"] if limit is not None else []
        return shlex.join([*words, *map(str, options)])


def origin(base):
    """Return the host (and unusual port) of a base URL and nothing else of it, as it may contain a password."""
    parts = urlsplit(base)
    try:
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KaomojiError(
            f"{BASE} is no http or https address; expected something like https://{HOST}; correct it"
        )
    return parts.hostname + (f":{port}" if port else "")


def redact(text, key):
    """Return ``text`` in storable form, without the key and without anything shaped like one."""
    text = escape.storable(text)
    return re.sub(r"sk-ant-[\w-]{6,}", "[key]", text.replace(key, "[key]") if key else text)


class Connection:
    """The SDK, with errors as :class:`Refused` and without the key in anything that it returns or raises.

    Raises
    ------
    KaomojiError
        If the SDK is not installed, the environment has no key, or its base URL is no http(s) address.
    """

    def __init__(self, retries=RETRIES, timeout=TIMEOUT):
        try:
            import anthropic
        except ImportError:
            raise KaomojiError(
                "the package anthropic is not installed; it is needed to talk to Claude; pip install 'kaomoji-lib[claude]'"
            ) from None
        self._key = key = os.environ.get(KEY)
        base = os.environ.get(BASE) or f"https://{HOST}"
        self.origin = origin(base)
        if not key:
            raise KaomojiError(
                f"{KEY} is not set; expected an API key in the environment; set it, or use --dry-run"
            )
        if not key.isascii() or not key.isprintable() or key != key.strip():
            raise KaomojiError(
                f"{KEY} has characters that no key has; expected one line of ASCII; set it again"
            )
        # Tracing is switched off because spans can carry the content of requests, and some of it is private.
        self.sdk = anthropic.Anthropic(
            api_key=key,
            base_url=base,
            max_retries=retries,
            timeout=timeout,
            open_telemetry=False,
            http_client=anthropic.DefaultHttpxClient(event_hooks={"response": [_set_true_status]}),
        )

    def send(self, params):
        """Send one request. Returns the reply as a dict (:meth:`plain`); raises :class:`Refused`."""
        rest = {name: value for name, value in params.items() if name not in NAMED}
        named = {name: params[name] for name in NAMED if name in params}
        with self.errors():
            message = self.sdk.messages.create(**named, extra_body=rest or None)
            if getattr(message, "type", None) != "message":
                raise Refused("unreadable", "the service's answer is no message", charged=True)
        return self.plain(message)

    def count_tokens(self, params):
        """Return the input tokens of a request, counted by the service; raises :class:`Refused`."""
        names = ("messages", "model", "system", "output_config")
        with self.errors():
            counted = self.sdk.messages.count_tokens(
                **{name: params[name] for name in names if name in params}
            )
        if not isinstance(getattr(counted, "input_tokens", None), int):
            raise Refused("unreadable", "the service did not return a token count")
        return counted.input_tokens

    @contextmanager
    def errors(self):
        """Turn errors of the SDK and of the HTTP library under it into :class:`Refused`."""
        import anthropic

        try:
            yield
        except anthropic.APITimeoutError:
            raise Refused("timeout", "no answer in time") from None
        except anthropic.APIStatusError as error:
            kind = error.type or f"http_{error.status_code}"
            detail = (
                error.api_message or "the answer does not come from the API (a page of a proxy?)"
            )
            if kind == "invalid_request_error" and "temperature" in detail:
                detail += "; pass --temperature none, or name it in data/claude_models.csv (omits)"
            hopeless = error.status_code in HOPELESS
            raise Refused(kind, self.redact(detail), hopeless) from None
        except anthropic.APIConnectionError as error:
            raise Refused("connection", self.redact(str(error.__cause__ or error))) from None
        except (anthropic.AnthropicError, ValueError) as error:
            detail = f"the service's answer is not what the API promises ({type(error).__name__})"
            raise Refused("unreadable", detail, charged=True) from None
        except Exception as error:
            # Streams are read by the HTTP library, whose own errors do not pass through the SDK.
            if not type(error).__module__.startswith(("httpx", "httpcore", "h11")):
                raise
            raise Refused("connection", self.redact(str(error))) from None

    def redact(self, text):
        return redact(text, self._key)

    def plain(self, message):
        """Return what is kept of a Message of the SDK: a dict of text, model, stop reason, usage and id."""
        value = message.model_dump(warnings=False)
        blocks = [block for block in value.get("content") or [] if isinstance(block, dict)]
        texts = [block.get("text") or "" for block in blocks if block.get("type") == "text"]
        usage = value.get("usage") if isinstance(value.get("usage"), dict) else {}
        return {
            "id": self.redact(value.get("id")),
            "model": self.redact(value.get("model")),
            "text": self.redact("".join(map(str, texts))),
            "stop_reason": value.get("stop_reason"),
            "usage": {name: count for name, count in usage.items() if isinstance(count, int)},
        }


def _set_true_status(response):
    """Give errors and foreign pages that came with status 200 an error status, so that the SDK retries them."""
    path = response.request.url.path
    if response.status_code != 200 or path.endswith("/results"):
        return
    content = response.read().strip()
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        # A reply that was cut may have been paid for; what does not even begin like one is no reply.
        if content and not content.startswith(b"{"):
            response.status_code = 502
        return
    error = value.get("error") if isinstance(value, dict) else None
    kind = value.get("type") if isinstance(value, dict) else None
    if error is not None or kind == "error":
        named = error.get("type") if isinstance(error, dict) else None
        response.status_code = STATUS.get(named, 500)
    elif not isinstance(value, dict) or (path.endswith("/messages") and kind != "message"):
        response.status_code = 502


@dataclass(frozen=True)
class Failure:
    """A request without a reply, and why."""

    about: dict
    kind: str
    detail: str


@dataclass
class Report:
    """What a round of requests came to. ``stopped``: why it ended early; ``waiting``: ids of open batches."""

    n_requests: int = 0
    n_replies: int = 0
    failures: list = field(default_factory=list)
    stopped: str = ""
    waiting: list = field(default_factory=list)

    def add(self, other):
        self.n_requests += other.n_requests
        self.n_replies += other.n_replies
        self.failures += other.failures
        self.stopped = self.stopped or other.stopped
        self.waiting += other.waiting


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
        """Send what has no reply yet, and store every reply before the next request of its worker is sent.

        ``validate(record, request)``: what makes a stored reply unusable, or an empty string; with ``retry_invalid``
        those are asked again, except where another model answered, which it would again. Open batches are collected
        first. Returns a :class:`Report`; the service's errors are in it.

        Raises
        ------
        KaomojiError
            If a batch may have been created whose id is not known, or nothing can be stored.
        """
        from kaomoji_lib.claude.batches import Batches

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

    def keep(self, key, request, message, usd, batch=None):
        """Store a reply (dict of :meth:`Connection.plain`)."""
        received = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"usd": usd, "batch": batch, "received": received}
        self.store.put(key, {**request.public(), **message, **facts})

    def _ask_each(self, due):
        report, lock, stop, in_a_row = Report(len(due)), threading.Lock(), threading.Event(), [0]

        def halt(reason):
            with lock:
                report.stopped = report.stopped or reason
            stop.set()

        def one(key, request):
            if stop.is_set():
                return
            most, usd, failure = self.budget.most(request.params), None, None
            if not self.budget.reserve(most):
                return halt(
                    f"the next request could cost more than what is left of --max-usd ({self.budget.limit:g})"
                )
            try:
                message = self.connection.send(request.params)
                usd = self.budget.cost(message["usage"], most)
                self.keep(key, request, message, usd)
                if wrong := other_model(message, request):
                    failure = Refused("other_model", wrong)
            except Refused as error:
                failure = error
                if error.charged:
                    usd = most if self.budget.price else None
                    self.store.record_unreceived_charge(key, usd, error.kind)
            finally:
                self.budget.settle(most, usd)
            with lock:
                in_a_row[0] = in_a_row[0] + 1 if failure else 0
                if failure and failure.kind != "other_model":
                    report.failures.append(Failure(request.about, failure.kind, failure.detail))
                else:
                    report.n_replies += 1
                self.on_progress(report.n_replies + len(report.failures), len(due))
            if failure and failure.hopeless:
                halt(f"the service refuses every request: {failure.detail}")
            elif in_a_row[0] >= FAILURES_IN_A_ROW:
                halt(f"{FAILURES_IN_A_ROW} requests in a row failed, the last with {failure}")

        with ThreadPoolExecutor(max_workers=self.settings.workers) as pool:
            futures = [pool.submit(one, key, request) for key, request in due.items()]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return report
