"""One script from the explorer's small modules: an ES module for notebooks, a plain script for pages opened from disk.

Browsers refuse to import modules from ``file://``, and a widget's module stands alone. So each module becomes a function
that returns what it exports, those that are imported first.
"""

import re
from functools import cache
from pathlib import Path

WEB = Path(__file__).resolve().parent / "web"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class) (\w+))", re.MULTILINE)
_DEFAULT = re.compile(r"^export default (.*);$", re.MULTILINE)


@cache
def module():
    """The widget as one ES module whose default export has ``render``."""
    return f"{_joined('widget')}export default widget_js.chosen;\n"


@cache
def script():
    """The book's explorer as one classic script that starts by itself."""
    return f'(() => {{\n"use strict";\n{_joined("book")}}})();\n'


@cache
def style():
    """The stylesheet of both."""
    return (WEB / "explorer.css").read_text(encoding="utf-8")


def order(name, seen=None):
    """The module ``name`` and all it imports, each after what it needs itself."""
    seen = [] if seen is None else seen
    for _, needed in _IMPORT.findall(_source(name)):
        if needed not in seen:
            order(needed, seen)
    if name not in seen:
        seen.append(name)
    return seen


def _source(name):
    return (WEB / f"{name}.js").read_text(encoding="utf-8")


def _joined(name):
    return "".join(map(_wrapped, order(name)))


def _wrapped(name):
    source = _source(name)
    exported = [
        *_EXPORT.findall(source),
        *(f"chosen: {value}" for value in _DEFAULT.findall(source)),
    ]
    body = _DEFAULT.sub("", _EXPORT.sub("", _IMPORT.sub(r"const \1 = \2_js;", source)))
    return f"const {name}_js = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"
