"""Read JSON that a model wrote. What does not follow the schema to the letter is no answer."""

import json
import math
import re

_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL)


class NotAnswered(ValueError):
    """A reply that is no answer to what was asked; the text says why, without quoting the reply."""


def read_object(text, fields):
    """Return the JSON object that ``text`` is, with exactly the names ``fields``; a Markdown fence around it is skipped.

    Raises :class:`NotAnswered` for anything else: no JSON, cut off, NaN or Infinity, a name twice, missing or too many.
    """
    fenced = _FENCE.match(text)
    try:
        value = json.loads(
            fenced[1] if fenced else text, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except NotAnswered:
        raise
    except (ValueError, RecursionError):
        raise NotAnswered(
            "the reply is no JSON" if text.strip() else "the reply is empty"
        ) from None
    if not isinstance(value, dict):
        raise NotAnswered("the reply is no JSON object")
    if set(value) != set(fields):
        raise NotAnswered(f"the fields are not {', '.join(fields)}")
    return value


def _refuse(name):
    raise NotAnswered(f"a value is {name}")


def _unique(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise NotAnswered("a field occurs twice")
    return dict(pairs)


def likelihood(value):
    """Return a finite number in 0..1 as float; raises :class:`NotAnswered` for all else, text and booleans too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotAnswered("a likelihood is no number")
    if not 0 <= value <= 1:
        raise NotAnswered("a likelihood is outside 0 to 1")
    return float(value)


def words(value, allowed, fewest, most):
    """Return a list of ``fewest`` to ``most`` different words of ``allowed``; raises :class:`NotAnswered` otherwise."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise NotAnswered("the words are no list of words")
    if any(word not in allowed for word in value):
        raise NotAnswered("a word is not in its list")
    if len(set(value)) != len(value) or not fewest <= len(value) <= most:
        raise NotAnswered(f"there are not {fewest} to {most} different words")
    return value
