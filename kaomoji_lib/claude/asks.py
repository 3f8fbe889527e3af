"""One question to the service: what is sent, which row the answer fills, and the hash it is stored under."""

from dataclasses import dataclass, field

from kaomoji_lib.runs.files import digest


@dataclass(frozen=True)
class Ask:
    """A request and its place.

    ``params``: body of a Messages request. ``about``: the row it fills, free of private text.
    ``occasion``: tells equal requests apart that want different answers (generations). ``private``:
    the request holds text that must not be written anywhere.
    """

    params: dict = field(repr=False)
    about: dict
    occasion: str = ""
    private: bool = False

    def key(self, origin):
        """64 hexadecimal digits: equal for equal questions to the same ``origin`` (host, or ``stand-in``)."""
        return digest({"params": self.params, "occasion": self.occasion, "origin": origin})

    def public(self):
        """What may be written beside the reply."""
        return {"about": self.about, "params": None if self.private else self.params}


# What a model may reject: how to leave it out of the request's body. Order: the least important first.
OPTIONAL = {
    "temperature": lambda params: _without(params, "temperature"),
    "top_p": lambda params: _without(params, "top_p"),
    "cache_control": lambda params: {
        **params,
        "system": [_without(block, "cache_control") for block in params["system"]],
    },
    "thinking": lambda params: _without(params, "thinking"),
    "output_config": lambda params: _without(params, "output_config"),
}


def _without(mapping, name):
    return {key: value for key, value in mapping.items() if key != name}


def holds(params, name):
    """Whether the request's body uses the optional parameter ``name``."""
    if name == "cache_control":
        system = params.get("system")
        return isinstance(system, list) and any("cache_control" in block for block in system)
    return name in params


def drop(params, names):
    """The body without the optional parameters ``names``."""
    for name in names:
        if holds(params, name):
            params = OPTIONAL[name](params)
    return params


def rejected(params, complaint):
    """Names of the optional parameters of ``params`` that an error message complains about.

    The service's wording may change, so only the parameter's own name is looked for.
    """
    words = (
        complaint.replace("`", " ")
        .replace("'", " ")
        .replace('"', " ")
        .replace(".", " ")
        .replace(":", " ")
        .replace(",", " ")
        .split()
    )
    return tuple(name for name in OPTIONAL if name in words and holds(params, name))


def system_block(text):
    """A fixed system prompt as a cacheable block."""
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def json_format(schema):
    """The request parameter for an answer that follows a JSON schema."""
    return {"format": {"type": "json_schema", "schema": schema}}
