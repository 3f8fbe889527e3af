"""One conversation with the Messages API through the ``anthropic`` SDK, which does retries and rate limits."""

import os
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from kaomoji_lib import html as escape
from kaomoji_lib.claude.asks import drop, rejected
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA

KEY, BASE = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
PUBLIC_HOST = "api.anthropic.com"
STAND_IN = "stand-in"
STAND_IN_KEY = "none-needed"
RETRIES, TIMEOUT = 4, 120.0
NAMED = ("max_tokens", "messages", "model", "system", "thinking", "output_config")
HOPELESS = (401, 402, 403, 404)


class Refused(Exception):
    """The service did not answer one request. ``kind``: one word; ``detail``: what it said, without the key.

    ``hopeless``: no other request will fare better. ``paid``: the answer was sent, and lost.
    """

    def __init__(self, kind, detail, hopeless=False, paid=False):
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail, self.hopeless, self.paid = kind, detail, hopeless, paid


@dataclass(frozen=True)
class Answer:
    """``message``: the service's Message as a plain dict; ``dropped``: parameters the model would not take."""

    message: dict
    dropped: tuple


class Session:
    """A connection to one service. Safe to use from several threads.

    ``origin`` names the service in the hash of every question. ``dropped`` collects, per model, the
    optional parameters that it rejected, so that each is rejected once.
    """

    def __init__(self, key, base_url, origin, retries=RETRIES, timeout=TIMEOUT):
        import anthropic

        self._key, self.origin, self.dropped, self._lock = key, origin, {}, threading.Lock()
        # Tracing is switched off because spans can carry the content of requests, and some of it is private.
        self._sdk = anthropic.Anthropic(
            api_key=key,
            base_url=base_url,
            max_retries=retries,
            timeout=timeout,
            open_telemetry=False,
        )

    def close(self):
        self._sdk.close()

    def ask(self, params):
        """Send one request. Returns an :class:`Answer`; raises :class:`Refused`."""
        while True:
            dropped = self.dropped.get(params["model"], ())
            sent = drop(params, dropped)
            try:
                with self._told():
                    message = self._sdk.messages.create(**_arguments(sent))
                return Answer(self._plain(message), dropped)
            except Refused as error:
                if not self.learn(sent, error):
                    raise

    def learn(self, sent, error):
        """Whether ``error`` complains about an optional parameter of the body ``sent``; remembers it for the model."""
        names = rejected(sent, error.detail) if error.kind == "invalid_request_error" else ()
        with self._lock:
            known = self.dropped.get(sent["model"], ())
            self.dropped[sent["model"]] = (*known, *(name for name in names if name not in known))
        return bool(names)

    def count_tokens(self, params):
        """Input tokens of a request, counted by the service; raises :class:`Refused`."""
        kept = drop(params, self.dropped.get(params["model"], ()))
        with self._told():
            counted = self._sdk.messages.count_tokens(
                **{
                    name: kept[name]
                    for name in ("messages", "model", "system", "output_config")
                    if name in kept
                }
            )
        if not isinstance(getattr(counted, "input_tokens", None), int):
            raise Refused("unreadable", "the service did not return a token count")
        return counted.input_tokens

    @contextmanager
    def batches(self, retries=None):
        """The SDK's batches resource; its errors come out as :class:`Refused`."""
        with self._told():
            yield (
                self._sdk if retries is None else self._sdk.with_options(max_retries=retries)
            ).messages.batches

    @contextmanager
    def _told(self):
        import anthropic

        try:
            yield
        except anthropic.APITimeoutError:
            raise Refused("timeout", "no answer in time") from None
        except anthropic.APIStatusError as error:
            kind = error.type or f"http_{error.status_code}"
            said = error.api_message or f"HTTP status {error.status_code}"
            raise Refused(kind, self.redact(said), hopeless=error.status_code in HOPELESS) from None
        except anthropic.APIConnectionError as error:
            raise Refused("connection", self.redact(str(error.__cause__ or error))) from None
        except (anthropic.AnthropicError, ValueError) as error:
            raise Refused(
                "unreadable",
                self.redact(
                    f"the service's answer is not what the API promises ({type(error).__name__})"
                ),
                paid=True,
            ) from None

    def _plain(self, message):
        import anthropic

        if not isinstance(message, anthropic.types.Message):
            raise Refused("unreadable", "the service's answer is no message", paid=True)
        return self.redacted(message)

    def redacted(self, message):
        """A Message of the SDK as a dict of what is kept of it, without the key."""
        plain = message.model_dump(warnings=False)
        blocks = plain.get("content") or []
        text = "".join(
            block.get("text") or ""
            for block in blocks
            if isinstance(block, dict) and block.get("type") == "text"
        )
        return {
            "id": self.redact(str(plain.get("id"))),
            "model": self.redact(str(plain.get("model"))),
            "text": self.redact(text),
            "stop_reason": plain.get("stop_reason"),
            "usage": plain.get("usage") if isinstance(plain.get("usage"), dict) else {},
        }

    def redact(self, text):
        """One short line of ``text`` without the key, and without anything shaped like one."""
        hidden = escape.storable(text)
        hidden = hidden.replace(self._key, "[key]") if self._key else hidden
        return re.sub(r"sk-ant-[\w-]{6,}", "[key]", hidden)


def _arguments(params):
    """Arguments of ``messages.create``: what the SDK does not name goes into the body as it is."""
    rest = {name: value for name, value in params.items() if name not in NAMED}
    return {
        **{name: params[name] for name in NAMED if name in params},
        **({"extra_body": rest} if rest else {}),
    }


def has_key():
    """Whether the environment holds a key."""
    return bool(os.environ.get(KEY))


def connect(retries=RETRIES, timeout=TIMEOUT):
    """A :class:`Session` with the service that the environment names.

    Raises
    ------
    KaomojiError
        If there is no key, or the base URL is no http(s) address, or the SDK is not installed.
    """
    _require_sdk()
    key, base = os.environ.get(KEY), os.environ.get(BASE) or f"https://{PUBLIC_HOST}"
    if not key:
        raise KaomojiError(
            f"{KEY} is not set; expected an API key in the environment; set it, or use --source stand-in or --dry-run"
        )
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise KaomojiError(
            f"{KEY} holds characters that no key has; expected one line of ASCII; set it again"
        )
    return Session(key, base, origin(base), retries, timeout)


def origin(base):
    """Host (and port, where it is unusual) of a base URL; nothing else of it, as it may hold a password."""
    parts = urlsplit(base)
    try:
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KaomojiError(
            f"{BASE} is no http or https address; expected something like https://{PUBLIC_HOST}; correct it"
        )
    return parts.hostname + (f":{port}" if port else "")


def stand_in(server, retries=RETRIES, timeout=TIMEOUT):
    """A :class:`Session` with a running stand-in (:class:`kaomoji_lib.claude.standin.StandIn`); never sends a key."""
    _require_sdk()
    return Session(STAND_IN_KEY, server.url, stand_in_origin(), retries, timeout)


def stand_in_origin():
    """The stand-in's origin: changes with what its answers are made of, so that old answers are not taken for new ones."""
    from kaomoji_lib.claude import standin_answers
    from kaomoji_lib.runs.files import digest, sha256

    made_of = [
        standin_answers.__file__,
        DATA / "organisms" / "planted.csv",
        DATA / "prompts.csv",
        DATA / "lexicon.csv",
    ]
    return f"{STAND_IN} {digest([sha256(path) for path in made_of])[:12]}"


def _require_sdk():
    try:
        import anthropic  # noqa: F401
    except ImportError:
        raise KaomojiError(
            "the package anthropic is not installed; it is needed to talk to Claude; pip install 'kaomoji-lib[claude]'"
        ) from None
