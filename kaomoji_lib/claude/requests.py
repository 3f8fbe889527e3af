"""Requests to the service: what is sent, which row the reply fills, the hash it is stored under; reports of a round."""

from dataclasses import dataclass, field

from kaomoji_lib.claude.models import omitted
from kaomoji_lib.runs.files import digest


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
        schema = {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }
        params["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if temperature is not None:
        params["temperature"] = temperature
    return {name: value for name, value in params.items() if name not in omitted(model)}


@dataclass
class Report:
    """What a round of requests came to.

    ``failures``: (about, :class:`.connection.Refused`) of requests without a reply. ``stopped``: why it ended early; ``waiting``: ids of open batches; ``in_a_row``: number of latest requests that failed.
    """

    failures: list = field(default_factory=list)
    stopped: str = ""
    waiting: list = field(default_factory=list)
    in_a_row: int = 0

    def add(self, other):
        self.failures += other.failures
        self.stopped = self.stopped or other.stopped
        self.waiting += other.waiting
