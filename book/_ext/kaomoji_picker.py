"""Sphinx extension of the book: the picker of messages and models as a page that needs no kernel."""

import kaomoji_mime
from docutils import nodes

from kaomoji_lib import html as escape

MIME = "application/vnd.kaomoji.picker+json"


def place(payload, env):
    """Return the picker's place, its data, and for browsers without JavaScript each message's likeliest kaomoji."""
    element = escape.element
    rows = [
        element("tr", element("td", text), *(_first(payload, m, n) for m in payload["models"]))
        for n, (text, _) in enumerate(payload["messages"])
    ]
    heads = [
        element("th", title) for title in ("message", *(m["title"] for m in payload["models"]))
    ]
    table = element("table", element("tr", *heads), *rows, class_="kao-table")
    return element(
        "figure",
        element("div", class_="kao-picker"),
        element("script", escape.script_data(payload), type="application/json"),
        element("noscript", element("p", "The likeliest kaomoji of each message:"), table),
        **{"class_": "kao-picker-frame", "aria-label": "Messages and their likeliest kaomoji"},
    )


def _first(payload, model, number):
    row = model["rows"][number]
    return escape.element("td", payload["faces"][row[1][0]][0] if row else "", class_="face")


PICKER = kaomoji_mime.plugin(MIME, "picker", place)


def load_where_needed(app, pagename, templatename, context, doctree):
    if doctree is not None and any(
        "kao-picker" in node.astext() for node in doctree.findall(nodes.raw)
    ):
        app.add_js_file("picker.js", loading_method="defer")


def setup(app):
    app.connect("builder-inited", lambda app: kaomoji_mime.install(PICKER))
    app.connect("html-page-context", load_where_needed)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
