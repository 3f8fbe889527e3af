"""What a chat model's first kaomoji says about its hidden state, measured with controls.

The names below are loaded when first used, so that importing the package stays quick.
"""

from importlib import import_module

_HOMES = {
    "collect": "kaomoji_lib.models.collect",
    "RunFolder": "kaomoji_lib.runs.folder",
    "KaomojiError": "kaomoji_lib.errors",
    "extract": "kaomoji_lib.faces.extract",
    "canonical": "kaomoji_lib.faces.canonical",
    "load_prompts": "kaomoji_lib.stimuli",
    "load_scheme": "kaomoji_lib.stimuli",
    "Estimate": "kaomoji_lib.stats",
}

__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'kaomoji_lib' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__():
    return __all__
