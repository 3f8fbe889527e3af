"""Join the explorer's small modules into one script: an ES module for notebooks, a plain script for pages on disk.

Browsers refuse to import modules from ``file://``, and the module of a widget has to stand alone. Imports and exports are
dropped, so every name at the top of a module is used in one module only; a test checks it.
"""

import re
from functools import cache
from pathlib import Path

WEB = Path(__file__).resolve().parent / "web"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)


@cache
def module():
    """Return the widget as one ES module whose default export has ``render``."""
    return f"{_join('widget')}export default {{ render }};\n"


@cache
def script():
    """Return the book's explorer as one classic script that starts by itself."""
    return f'(() => {{\n"use strict";\n{_join("book")}}})();\n'


@cache
def style():
    """Return the stylesheet of both."""
    return (WEB / "explorer.css").read_text(encoding="utf-8")


def order(name, seen=()):
    """Return the module ``name`` and all it imports (tuple), each after what it needs itself."""
    for needed in _IMPORT.findall((WEB / f"{name}.js").read_text(encoding="utf-8")):
        seen = order(needed, seen) if needed not in seen else seen
    return (*seen, name)


def _join(name):
    sources = ((WEB / f"{part}.js").read_text(encoding="utf-8") for part in order(name))
    return "".join(re.sub("^export ", "", _IMPORT.sub("", s), flags=re.MULTILINE) for s in sources)
