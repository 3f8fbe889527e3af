"""Text that wants to break out: the strings which every route to a page, a file or a terminal has to survive.

No string asks for anything but ``/stolen`` or calls anything but ``kaoBroke()``, so that a browser can tell.
"""

import csv
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
CALL = "kaoBroke()"
ASK = "/stolen"

HTML = [
    f"<script>{CALL}</script>", f"</script><script>{CALL}</script>",
    f"<SCRIPT SRC={ASK}.js></SCRIPT>", f"<scr<script>ipt>{CALL}</scr</script>ipt>",
    f"<img src={ASK}.png>", f"<img src=x onerror={CALL}>", f"<img/src=x/onerror={CALL}>",
    f'"><img src=x onerror={CALL}>', f"'><svg onload={CALL}>",
    f"<svg><script>{CALL}</script></svg>", f"<svg/onload={CALL}>",
    f"<svg><animate onbegin={CALL} attributeName=x dur=1s>",
    f"<math><mtext></table><mglyph><style><img src=x onerror={CALL}>",
    f"<iframe srcdoc='<script>parent.{CALL}</script>'></iframe>",
    f"<iframe src=javascript:parent.{CALL}>", f"<object data={ASK}.svg>", f"<embed src={ASK}.swf>",
    f"<link rel=stylesheet href={ASK}.css>", f"<style>@import '{ASK}.css';</style>",
    f"<style>*{{background:url({ASK}.gif)}}</style>", f"<base href={ASK}/>",
    f"<meta http-equiv=refresh content='0;url={ASK}'>", f"<body onload={CALL}>",
    f"<details open ontoggle={CALL}>", f"<video><source onerror={CALL}>",
    f"<audio src={ASK}.mp3 autoplay>", f"<input autofocus onfocus={CALL}>",
    f"<marquee onstart={CALL}>", f"<a href=javascript:{CALL}>x</a>",
    f"<form action={ASK}><button>x", f"<textarea autofocus onfocus={CALL}>",
    f"<div style=\"background:url('{ASK}.gif')\">", f"<template><script>{CALL}</script></template>",
    f'<noscript><p title="</noscript><img src=x onerror={CALL}>">', "<!--", "-->", "<![CDATA[",
    "]]>", "<?xml?>", "<!DOCTYPE html>", "</td></tr></table>", "</div></div></div>",
    "</body></html>", "<plaintext>", "<xmp>", "<title>", "</title>", "</textarea>", "<b>bold</b>",
    "<br>", "<sub>x</sub>", "<i", "<", ">", "&", "&lt;", "&amp;lt;", "&#60;script&#62;",
    "&#x3c;b&#x3e;", "&nbsp;", "&", "&#0;", "&#xD800;", f"\\u003cscript\\u003e{CALL}", '"', "'",
    "`", "\\", f'<a href="https://example.invalid{ASK}">link</a>', f"javascript:{CALL}",
    f"JaVaScRiPt:{CALL}", f"data:text/html,<script>{CALL}</script>", f"vbscript:{CALL}",
    f"x' onmouseover='{CALL}", f'x" onfocus="{CALL}" autofocus="',
]  # fmt: skip
PLOTLY = [
    "<b>", "</b>", "<i>x</i>", "<span style='font-size:90px'>x</span>",
    f"<a href='javascript:{CALL}'>x</a>", f"<a href='{ASK}'>x</a>", "<extra></extra>",
    "%{customdata}", "%{text}", "%{x:.2f}", "${x}", "$x^2$", "$$x$$",
    "$\\href{javascript:kaoBroke()}{x}$", "{{x}}", "%%", "%s", "%{meta[0]}", "%{",
    "<br><br><br><br>", "<sup>2</sup>",
]  # fmt: skip
MARKDOWN = [
    f"[x](javascript:{CALL})", f"[x]({ASK})", f"![x]({ASK}.png)", f"![x][y]\n\n[y]: {ASK}.png",
    f"<{ASK}>", f"<https://example.invalid{ASK}>", f"https://example.invalid{ASK}", "# heading",
    "## {glue:text}`title`", "* * *", "---", "===", "> quote", "- item", "1. one", "    code",
    "```\ncode", "``` {code-cell}\nprint(1)\n```", "~~~", "`code`", "``x", "**bold**", "__x__",
    "*_*", "a_b_c", "~~gone~~", "|a|b|\n|-|-|\n|c|d|", "|", "\\|", "\\", "\\\\", "line\\\nbreak",
    "two  \nspaces", "[^1]", "[^1]: note", "term\n: definition", "- [ ] task", "+++", "%comment",
    "(target)=", "\n\n", "\r\n", "\t", "a\n\nb", "*[abbr]: x", "{.class #id}", "[x]{.kao-face}",
    "![]()", "[]()", "[[wiki]]", "<!-- comment -->", "\n# heading", "\n---\ntitle: x\n---\n",
]  # fmt: skip
DIRECTIVES = [
    f"```{{raw}} html\n<script>{CALL}</script>\n```",
    f":::{{raw}} html\n<img src=x onerror={CALL}>\n:::", "```{include} /etc/passwd\n```",
    f"```{{figure}} {ASK}.png\n```", "```{code-cell}\n1/0\n```",
    "```{eval-rst}\n.. raw:: html\n```", f"{{raw}}`<script>{CALL}</script>`", "{glue:text}`what`",
    "{glue:md}`what`", "{doc}`index`", "{ref}`x`", "{math}`x`", "{eval}`1`", "{abbr}`x (y)`",
    "{{ title }}", "{{ 7*7 }}", "{% for x in y %}", "{# comment #}", "{{ ''.__class__.__mro__ }}",
    "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{=<% %>=}}", ".. raw:: html", ".. include:: /etc/passwd",
    ":file:`x`", "|replace|", "`link <javascript:kaoBroke()>`_", "$x$", "$$x$$", "\\(x\\)",
    "\\[x\\]", "\\begin{align}x\\end{align}", "\\input{/etc/passwd}", "\\unicode{x41}",
    "\\(\\unicode{60}\\)",
]  # fmt: skip
CODES = [
    "\x1b[2J", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07",
    "\x1b]8;;https://example.invalid\x1b\\link\x1b]8;;\x1b\\", "\x1bc", "\x9b2J", "\x07",
    "\x08\x08\x08", "\r overwritten", "\x7f", "\x00", "a\x00b", "\x01\x02\x03", "\x0b\x0c", "\x1a",
    "\x85", "\u2028", "\u2029", "\u202egnp.exe", "\u202dx\u202c", "\u2066x\u2069", "\u200f\u200e",
    "\u061c", "\ufeff", "\u200b\u200c\u200d\u2060", "\u00ad", "\u034f", "\u180e",
    "\ufff9a\ufffab\ufffb", "\U000e0001\U000e0041", "\ufe0f", "\u3164", "\u115f", "\u2800",
    "\ud800", "\udfff", "a\ud83dz", "\udc80\udcff", "\ufffe", "\uffff", "\U0010ffff", "\ufffd",
    "e" + "\u0301" * 400, "(" + "\u0336" * 200 + ")", "Z\u0351\u034a\u0346\u0353" * 30,
    "\u1100\u1161\u11a8" * 20, "\u0e33" * 50, "ﷺ" * 30, "𒐫" * 20, "⸻" * 20, "👩‍👩‍👧‍👦" * 10,
    "🏴\U000e0067\U000e0062\U000e007f", "🇺" * 7, "שלום (^_^)", "مرحبا (^_^)", "ｆｕｌｌ　ｗｉｄｔｈ", "ǅ", "ß",
    "İ", "ﬁ", "①", "½", "٣", "\u00a0", " ", "", "\u3000", "\u200bx",
]  # fmt: skip
NAMES = [
    "../../etc/passwd", "..\\..\\windows\\system32", "/etc/passwd", "C:\\x", "\\\\server\\share",
    "file:///etc/passwd", "con", "PRN.txt", "nul", "com1", "LPT9.csv", "aux.parquet", ".", "..",
    "...", ".hidden", "-rf", "--help", "name ", " name", "name.", "a/b", "a:b", "a*b?", 'a"b',
    "a|b", "~root", "$HOME", "$(id)", "`id`", ";id", "&& id", "| id", "%00", "%2e%2e%2f",
    "a\x00.png", "x" * 300, "日本" * 100, "=cmd|' /C calc'!A0", "+1", "@SUM(1)", "-1", "NaN", "None",
    "null", "true", "0x10", "1e999", "id,category", '"a,b"', "a;b", "'; DROP TABLE x; --",
]  # fmt: skip
JSON = [
    '{"text": "x"}', '"', '\\"', "\\u0000", "[]", "{}", "[" * 2000, '{"__proto__": {"x": 1}}',
    "__proto__", "constructor", "toString", "hasOwnProperty", "</script", "\\ud800", "1e400", "-0",
    "NaN",
]  # fmt: skip


@cache
def faces():
    """Every spelling of the data: what the organisms were taught to type."""
    with (DATA / "organisms" / "planted.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return tuple(dict.fromkeys(row["spelling"] for row in rows))


def framed(text):
    """``text`` inside brackets that make a face of it where it is short enough."""
    return f"({text})"


@cache
def strings():
    """All strings, each once: written ones, those of the data, and short ones dressed up as a face."""
    written = [*HTML, *PLOTLY, *MARKDOWN, *DIRECTIVES, *CODES, *NAMES, *JSON]
    dressed = [framed(text) for text in written if len(text) <= 30]
    return tuple(dict.fromkeys([*written, *faces(), *dressed]))


def long(size=10**6):
    """Lines of a million characters."""
    pieces = ("a", "(", "<b>", "﹏", "\u0301", "[", "( ͡° ͜ʖ ͡°)", "&")
    return tuple(piece * (size // len(piece)) for piece in pieces)
