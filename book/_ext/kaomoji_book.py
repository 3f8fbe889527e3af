"""Sphinx extension of the book: plotly figures without a CDN, and pages that follow their glued numbers.

Figures reach the page as data (``application/vnd.plotly.v1+json``), the drawing is done by
``_static/kaomoji.js`` with the plotly.min.js of the installed wheel, loaded by pages with figures only.
"""

import json
import re
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from myst_nb.core import render
from sphinx.util.docutils import SphinxDirective

PLOTLY = "application/vnd.plotly.v1+json"
GLUED = re.compile(r"\{glue:[a-z]*\}`([^`:]+\.ipynb)::")


def as_script(data):
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def title_of(figure):
    """The figure's own title or description, without its markup, for screen readers."""
    layout = figure.get("layout", {})
    title = (layout.get("meta") or {}).get("description") or (layout.get("title") or {})
    text = title.get("text", "") if isinstance(title, dict) else str(title)
    return re.sub(r"<[^>]*>", " ", text).strip() or "Interactive figure"


def figure_html(figure):
    """One figure as an element that kaomoji.js draws when it comes into view."""
    layout = figure.get("layout", {})
    layout.pop("template", None)
    height = int(layout.get("height") or 480)
    body = as_script({"data": figure.get("data", []), "layout": layout})
    return (
        f'<figure class="kao-figure" aria-label="{escape(title_of(figure), quote=True)}">'
        f'<div class="kao-plot" style="min-height:{height}px"></div>'
        f'<script type="application/json">{body}</script></figure>'
    )


class PlotlyRenderer(render.MimeRenderPlugin):
    """Turns plotly's MIME bundle into a figure element."""

    mime_priority_overrides = [("*", PLOTLY, 1)]

    @staticmethod
    def handle_mime(renderer, data, inline):
        if data.mime_type != PLOTLY or inline:
            return None
        content = json.loads(data.content) if isinstance(data.content, str) else data.content
        return [nodes.raw(text=figure_html(content), format="html", classes=["output", "plotly"])]


class BookFigure(SphinxDirective):
    """The first figure of an executed page: ``{book-figure} runs/page.ipynb``, of a trace ``type`` if one is given."""

    required_arguments = 1
    option_spec = {"type": directives.unchanged}

    def run(self):
        path = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        wanted = self.options.get("type")
        if not path.exists():
            raise self.error(f"{self.arguments[0]}: no such page; run book/build.py")
        for figure in figures_of(json.loads(path.read_text(encoding="utf-8"))):
            if not wanted or any(trace.get("type") == wanted for trace in figure["data"]):
                return [nodes.raw(text=figure_html(figure), format="html")]
        raise self.error(f"{self.arguments[0]} has no figure{' of type ' + wanted if wanted else ''}")


def figures_of(notebook):
    """The plotly figures among the outputs of a notebook, in order."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [output["data"][PLOTLY] for output in outputs if PLOTLY in output.get("data", {})]


def add_renderer(app):
    """Put the renderer beside the installed ones; its official hook is the entry point of a package."""
    installed = render.load_mime_renders
    if getattr(installed, "kaomoji", False):
        return

    def load_mime_renders():
        return [*installed(), PlotlyRenderer]

    load_mime_renders.kaomoji = True
    render.load_mime_renders = load_mime_renders


def load_plotly_where_needed(app, pagename, templatename, context, doctree):
    """Pages with a figure load plotly.js; the others stay light."""
    if doctree is None or not any("kao-plot" in node.astext() for node in doctree.findall(nodes.raw)):
        return
    app.add_js_file("plotly.min.js", loading_method="defer", priority=400)


def copy_plotly(app, exception):
    """plotly.min.js comes from the installed wheel: never committed, never out of step."""
    if exception or app.builder.format != "html":
        return
    import plotly

    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    target = Path(app.outdir) / "_static" / "plotly.min.js"
    if not target.exists() or target.stat().st_size != source.stat().st_size:
        shutil.copyfile(source, target)


def pages_with_stale_numbers(app, env, added, changed, removed):
    """Pages that glue a number from another page, when that page has changed."""
    renewed = {*added, *changed}
    fresh = {Path(env.doc2path(name)).resolve() for name in renewed}
    stale = set()
    for name in env.found_docs - renewed:
        path = Path(env.doc2path(name))
        if path.suffix not in {".md", ".ipynb"} or not path.exists():
            continue
        linked = GLUED.findall(path.read_text(encoding="utf-8"))
        if any((path.parent / link).resolve() in fresh for link in linked):
            stale.add(name)
    return stale


def setup(app):
    app.add_directive("book-figure", BookFigure)
    app.connect("builder-inited", add_renderer)
    app.connect("html-page-context", load_plotly_where_needed)
    app.connect("build-finished", copy_plotly)
    app.connect("env-get-outdated", pages_with_stale_numbers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
