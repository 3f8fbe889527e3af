"""What a page shows where an analysis lacks its data: the reason, in the place of the result."""

import functools
from dataclasses import dataclass

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError


@dataclass(frozen=True)
class Missing:
    """A result that could not be computed; its fields are missing too, for the same reason."""

    reason: str

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __str__(self):
        return "not available"

    def _repr_html_(self):
        head = escape.element("strong", "Not available here.")
        return escape.element("p", head, f" Reason: {self.reason}.", class_="kao-missing")


def attempt(function, *arguments, **named):
    """``function(*arguments, **named)``, or :class:`Missing` when it raises :class:`KaomojiError` or lacks an argument."""
    absent = _first_missing(arguments, named)
    if absent is not None:
        return absent
    try:
        return function(*arguments, **named)
    except KaomojiError as error:
        return Missing(str(error).rstrip("."))


def passes_missing(function):
    """Decorator: a figure or table of a missing result is the missing result."""

    @functools.wraps(function)
    def wrapped(*arguments, **named):
        absent = _first_missing(arguments, named)
        return function(*arguments, **named) if absent is None else absent

    return wrapped


def _first_missing(arguments, named):
    return next(
        (value for value in (*arguments, *named.values()) if isinstance(value, Missing)), None
    )
