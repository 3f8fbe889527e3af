"""The explorer of faces: one front end with two homes, a widget in notebooks and a page of the book.

>>> from kaomoji_lib.explorer import Explorer, gather        # doctest: +SKIP
>>> Explorer(gather.bundle(["organism-gemma", "organism-qwen"]))  # doctest: +SKIP
"""

from importlib import import_module

_HOMES = {
    "Explorer": "kaomoji_lib.explorer.widget",
    "payload": "kaomoji_lib.explorer.payload",
    "gather": "kaomoji_lib.explorer.gather",
}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'kaomoji_lib.explorer' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    return getattr(module, name, module)
