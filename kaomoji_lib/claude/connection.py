"""Requests: what is sent, which row the reply fills; one at a time through the ``anthropic`` SDK, which does the retries."""

import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from kaomoji_lib import html as escape
from kaomoji_lib.claude.models import omitted
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import digest

KEY, BASE, HOST = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "api.anthropic.com"
RETRIES, TIMEOUT = 4, 120.0
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


@dataclass(frozen=True)
class Request:
    """A request and its place.

    ``params``: body of a Messages request. ``about``: the row it fills, free of private text. ``occasion``: tells
    equal requests apart that want different replies (generations). ``private``: the request contains text that must
    not be written anywhere.
    """

    params: dict = field(repr=False)
    about: dict
    occasion: str = ""
    private: bool = False

    def key(self, origin):
        """Return 64 hexadecimal digits, equal for equal requests to the same ``origin`` (host)."""
        return digest({"params": self.params, "occasion": self.occasion, "origin": origin})

    def public(self):
        """Return what may be written beside the reply."""
        return {"about": self.about, "params": None if self.private else self.params}


def body(model, max_tokens, content, *, system=None, fields=None, temperature=None):
    """Return the body of a request with one user message, without thinking, less what the model rejects.

    ``system``: a fixed system prompt, sent as a cacheable block. ``fields``: JSON schema of each field of the answer,
    an object with just these; a schema cannot bound numbers, so replies are checked when they are read.
    """
    params = {
        "model": model,
        "max_tokens": max_tokens,
        "thinking": {"type": "disabled"},
        "messages": [{"role": "user", "content": content}],
    }
    if system is not None:
        block = {"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}
        params["system"] = [block]
    if fields is not None:
        schema = {"type": "object", "properties": fields, "required": list(fields)}
        format = {"type": "json_schema", "schema": {**schema, "additionalProperties": False}}
        params["output_config"] = {"format": format}
    if temperature is not None:
        params["temperature"] = temperature
    return {name: value for name, value in params.items() if name not in omitted(model)}


class Refused(Exception):
    """The service did not answer a request. ``kind``: one word; ``detail``: what it said, without the key.

    ``charged``: a reply was sent, and lost on the way.
    """

    def __init__(self, kind, detail, charged=False):
        super().__init__(f"{kind}: {detail}")
        self.kind, self.charged = kind, charged


def origin():
    """Return the host (and unusual port) of the service that the environment names; its address may contain a password."""
    parts = urlsplit(os.environ.get(BASE) or f"https://{HOST}")
    with suppress(ValueError):
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.hostname + (f":{parts.port}" if parts.port else "")
    raise KaomojiError(
        f"{BASE} is no http or https address; expected something like https://{HOST}; correct it"
    )


class Connection:
    """The SDK, with errors as :class:`Refused` and without the key in anything that it returns or raises.

    Raises KaomojiError if the environment has no usable key, or its base URL is no http(s) address.
    """

    def __init__(self):
        import anthropic

        self._key = key = os.environ.get(KEY, "")
        self.origin, self.version = origin(), anthropic.__version__
        if not key or not key.isascii() or not key.isprintable() or key != key.strip():
            raise KaomojiError(
                f"{KEY} is not set, or no key; expected one line of ASCII in the environment; set it, or use --dry-run"
            )
        # Tracing is switched off because spans can carry the content of requests, and some of it is private.
        self.sdk = anthropic.Anthropic(
            api_key=key,
            base_url=os.environ.get(BASE) or f"https://{HOST}",
            max_retries=RETRIES,
            timeout=TIMEOUT,
            open_telemetry=False,
            http_client=anthropic.DefaultHttpxClient(event_hooks={"response": [_set_true_status]}),
        )

    def send(self, params):
        """Send one request. Returns the reply as a dict (:meth:`plain`); raises :class:`Refused`."""
        rest = dict(params)
        named = {name: rest.pop(name) for name in ("model", "max_tokens", "messages")}
        with self.errors():
            # The SDK knows no parameter that newer models reject, such as the temperature.
            return self.plain(self.sdk.messages.create(**named, extra_body=rest))

    @contextmanager
    def errors(self):
        """Turn errors of the SDK and of the HTTP library under it into :class:`Refused`."""
        import anthropic

        try:
            yield
        except anthropic.APIStatusError as error:
            kind = error.type or f"http_{error.status_code}"
            detail = (
                error.api_message or "the answer does not come from the API (a page of a proxy?)"
            )
            if kind == "invalid_request_error" and "temperature" in detail:
                detail += "; pass --temperature none, or name it in data/claude_models.csv (omits)"
            raise Refused(kind, self.redact(detail)) from None
        except (anthropic.APIResponseValidationError, AttributeError, ValueError) as error:
            detail = f"the service's answer is not what the API promises ({type(error).__name__})"
            raise Refused("unreadable", detail, charged=True) from None
        except Exception as error:
            # Streams are read by the HTTP library, whose own errors do not pass through the SDK.
            if not type(error).__module__.startswith(("anthropic", "httpx", "httpcore", "h11")):
                raise
            raise Refused("connection", self.redact(str(error.__cause__ or error))) from None

    def redact(self, text):
        """Return ``text`` in storable form, without the key and without anything shaped like one."""
        text = escape.storable(text).replace(self._key, "[key]")
        return re.sub(r"sk-ant-[\w-]{6,}", "[key]", text)

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
    value = value if isinstance(value, dict) else {}
    error, expected = (
        value.get("error"),
        "message" if path.endswith("/messages") else "message_batch",
    )
    if error is not None or value.get("type") != expected:
        named = str(error.get("type")) if isinstance(error, dict) else ""
        response.status_code = STATUS.get(named, 502)
