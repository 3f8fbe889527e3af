"""Sphinx extension of the book: the explorer as a page that needs no kernel.

Its data reaches the page as ``application/vnd.kaomoji.explorer+json`` and stays in it. Script and stylesheet are assembled
from the package, one truth with the widget, and loaded by pages that hold an explorer only.
"""

import sys
from pathlib import Path

import kaomoji_mime
from docutils import nodes

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from kaomoji_lib import html as escape
from kaomoji_lib.explorer.payload import script, style

MIME = "application/vnd.kaomoji.explorer+json"
SHOWN = 40


def place(payload, env):
    """Return the explorer's place, its data, and for browsers without JavaScript the most frequent kaomoji."""
    element = escape.element
    faces = (element("li", face) for face in payload["faces"][:SHOWN])
    return element(
        "figure",
        element("div", class_="kao-explorer"),
        element("script", escape.script_data(payload), type="application/json"),
        element(
            "noscript",
            element(
                "p", "The explorer needs JavaScript. The most frequent kaomoji of all sources:"
            ),
            element("ul", *faces, class_="kao-face"),
        ),
        **{"class_": "kao-explorer-frame", "aria-label": "Explorer of kaomoji"},
    )


EXPLORER = kaomoji_mime.plugin(MIME, "explorer", place)


def load_where_needed(app, pagename, templatename, context, doctree):
    if doctree is not None and any(
        "kao-explorer" in node.astext() for node in doctree.findall(nodes.raw)
    ):
        app.add_css_file("explorer.css")
        app.add_js_file("explorer.js", loading_method="defer", priority=410)


def write_assets(app, exception):
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static"
    for name, text in (("explorer.js", script()), ("explorer.css", style())):
        (target / name).write_text(text, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", lambda app: kaomoji_mime.install(EXPLORER))
    app.connect("html-page-context", load_where_needed)
    app.connect("build-finished", write_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
