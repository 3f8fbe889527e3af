"""The explorer of kaomoji: one front end, shown as a widget in notebooks and as a page of the book.

>>> from kaomoji_lib.explorer import Explorer, gather        # doctest: +SKIP
>>> Explorer(gather.bundle(gather.published()))              # doctest: +SKIP
"""

from importlib import import_module

_HOMES = {"Explorer": "widget", "payload": "payload", "gather": "gather"}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'kaomoji_lib.explorer' has no attribute {name!r}")
    module = import_module(f"kaomoji_lib.explorer.{_HOMES[name]}")
    return getattr(module, name, module)
