"""Escape strings, kaomoji above all, so that they arrive unchanged and harmless."""

import json
import re
import unicodedata
from hashlib import sha256

from markupsafe import Markup

_MARKDOWN_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$")
_KEPT_FORMAT = "\u200b\u200c\u200d\u2060"


def element(tag: str, *children: str, **attributes: str) -> Markup:
    """Return an HTML element of escaped text, ``Markup`` children and attributes; HTML is written nowhere else.

    ``class_`` is the attribute ``class``, ``aria_label`` is ``aria-label``; attributes that are None are left out.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), value)
        for name, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, Markup("").join(children))


def script_data(data) -> Markup:
    """Return JSON that cannot end the script element around it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def markdown(text: str) -> str:
    """Escape for running Markdown, table cells and headings: every ASCII punctuation mark.

    Line breaks become spaces, since a paragraph, a cell or a heading would end there.
    """
    return _MARKDOWN_PUNCTUATION.sub(r"\\\1", re.sub(r"\s*[\r\n]+\s*", " ", str(text)))


def label(text: str) -> str:
    """Escape for plotly text drawn as SVG: ticks, legends, titles, and hover of every trace."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def terminal(text: str) -> str:
    """Make text safe to print: control characters, escapes and direction overrides become escapes such as ``\\x1b``."""
    return "".join(_visible(char) for char in str(text))


def storable(text: str) -> str:
    """Return ``text`` as UTF-8 can store it: halves of a surrogate pair are joined, lone ones become U+FFFD."""
    return str(text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def filename(text: str) -> str:
    """Return a portable file name in ASCII that is different for different strings.

    Letters, digits, dot, hyphen and underscore stay; every other character becomes ``=`` and its code point in
    hexadecimal, closed by a second ``=``. Long names end in a digest of the whole, so that they stay below 120 characters.
    """
    name = _UNSAFE_IN_NAME.sub(lambda found: f"={ord(found[0]):x}=", str(text))
    if not name or name[0] in ".-" or name[-1] == "." or _RESERVED.match(name):
        name = f"=={name.replace('.', '=2e=')}"
    if len(name) <= 120:
        return name
    return f"{name[:95]}=={sha256(str(text).encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _visible(char: str) -> str:
    kind = unicodedata.category(char)
    if kind not in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in _KEPT_FORMAT:
        return char
    return char.encode("unicode_escape").decode()
