"""Check the parameters of a notebook when it starts: papermill and command lines pass numbers and flags as text."""

import math

from kaomoji_lib.errors import KaomojiError

_EXPECTED = {
    bool: ("true or false", "false"),
    int: ("a whole number", "8"),
    float: ("a number", "0.5"),
    str: ("text", "TEXT"),
}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def check(namespace):
    """Convert the annotated parameters in ``namespace`` (a page's ``globals()``) to their types, in place.

    ``1e3`` is the whole number 1000, ``"false"`` the flag False; types are int, float, bool and str, and ``int | None``
    and the like. Other annotations are left alone.

    Raises
    ------
    KaomojiError
        If a value is not of its type; the message names parameter, value and what was expected.
    """
    for name, kind in namespace.get("__annotations__", {}).items():
        kinds = set(getattr(kind, "__args__", ())) or {kind}
        typed = next((one for one in _EXPECTED if one in kinds), None)
        if typed is None or name not in namespace:
            continue
        value = namespace[name]
        if value is None and type(None) in kinds:
            continue
        try:
            namespace[name] = _converted(value, typed)
        except (KeyError, TypeError, ValueError, OverflowError):
            expected, example = _EXPECTED[typed]
            raise KaomojiError(
                f"parameter {name} is {value!r}; expected {expected}; pass it as in `-p {name} {example}`"
            ) from None


def _converted(value, kind):
    if kind is bool:
        return _FLAGS[str(value).strip().lower()]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    if kind is str or (kind is int and isinstance(value, int)):
        return kind(value)
    number = float(value)
    if not math.isfinite(number) or (kind is int and number != int(number)):
        raise ValueError
    return kind(number)
