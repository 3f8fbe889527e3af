"""Sphinx extension of the book: plotly figures without a CDN, and pages that follow their glued numbers.

Figures reach the page as data (``application/vnd.plotly.v1+json``), the drawing is done by
``_static/kaomoji.js`` with the plotly.min.js of the installed wheel, loaded by pages with figures only.
"""

import json
import re
import shutil
from html import escape
from pathlib import Path

import kaomoji_figures
import kaomoji_mime
import kaomoji_prose
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

PLOTLY = "application/vnd.plotly.v1+json"
GLUED = re.compile(r"\{glue:[a-z]*\}`([^`:]+\.ipynb)::")


FIGURE = kaomoji_mime.plugin(PLOTLY, "plotly", kaomoji_figures.place)


class BookFigure(SphinxDirective):
    """A figure of an executed page: ``{book-figure} runs/page.ipynb``, the first of a trace ``type`` or of a ``title``."""

    required_arguments = 1
    option_spec = {"type": directives.unchanged, "title": directives.unchanged}

    def run(self):
        path = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        wanted, title = self.options.get("type"), self.options.get("title", "")
        if not path.exists():
            raise self.error(f"{self.arguments[0]}: no such page; run book/build.py")
        for figure in kaomoji_figures.of_notebook(
            json.loads(path.read_text(encoding="utf-8")), PLOTLY
        ):
            typed = not wanted or any(trace.get("type") == wanted for trace in figure["data"])
            if typed and title.lower() in kaomoji_figures.heading(figure).lower():
                return [nodes.raw(text=kaomoji_figures.place(figure, self.env), format="html")]
        raise self.error(
            f"{self.arguments[0]} has no figure{' of type ' + wanted if wanted else ''}{' titled ' + title if title else ''}"
        )


class InlineDrawing(SphinxDirective):
    """A drawing of ``book/_static`` written into the page, so that it follows light and dark: ``{drawing} name.svg``."""

    required_arguments = 1

    def run(self):
        path = Path(self.env.srcdir) / "book" / "_static" / self.arguments[0]
        self.env.note_dependency(str(path))
        return [nodes.raw(text=path.read_text(encoding="utf-8"), format="html")]


class Launch(SphinxDirective):
    """Links that open a template on a service: ``{launch} 10_local_model``. Nothing without ``kaomoji_launch`` in _config.yml."""

    required_arguments = 1

    def run(self):
        said = self.config.kaomoji_launch
        repository, branch = said.get("repository", "").strip("/"), said.get("branch", "main")
        if not repository:
            return []
        name = f"notebooks/{self.arguments[0]}.ipynb"
        links = {
            "Open in Binder": said.get("binder")
            and f"{said['binder'].rstrip('/')}/v2/gh/{repository}/{branch}?urlpath=lab/tree/{name}",
            "Open in Colab": said.get("colab")
            and f"{said['colab'].rstrip('/')}/github/{repository}/blob/{said.get('colab_branch', branch)}/{name}",
        }
        line = nodes.paragraph(classes=["kao-launch"])
        for words, address in links.items():
            if address:
                line += [
                    nodes.reference(text=words, refuri=address, internal=False),
                    nodes.Text("  "),
                ]
        return [line]


def mark_cells(app, doctree, docname):
    """Give each shown cell an anchor, so that other pages can link to its figure."""
    cells = [
        cell for cell in doctree.findall(nodes.container) if cell.get("nb_element") == "cell_code"
    ]
    for number, cell in enumerate(cells):
        cell["ids"].append(f"cell-{number}")


def load_plotly_where_needed(app, pagename, templatename, context, doctree):
    """Pages with a figure load plotly.js; the others stay light."""
    if doctree is None or not any(
        "kao-plot" in node.astext() for node in doctree.findall(nodes.raw)
    ):
        return
    app.add_js_file("plotly.min.js", loading_method="defer", priority=400)


def escape_printed_title(app, pagetitle, templatename, context, doctree):
    """The theme writes titles as they stand on the printed page, and a model's name may be in them."""
    for name in ("pagetitle", "root_title"):
        if name in context:
            context[name] = escape(context[name], quote=True)


def name_references(app, pagename, templatename, context, doctree):
    """The bibliography is a list whose children carry a role that lists no longer may have."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


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
    app.setup_extension("kaomoji_explorer")
    app.setup_extension("kaomoji_picker")
    app.add_directive("book-figure", BookFigure)
    app.add_directive("drawing", InlineDrawing)
    app.add_directive("launch", Launch)
    app.add_config_value("kaomoji_launch", {}, "env", dict)
    app.add_directive("book-citation", kaomoji_prose.BookCitation)
    app.connect("builder-inited", lambda app: kaomoji_mime.install(FIGURE))
    app.connect("doctree-resolved", mark_cells)
    app.connect("html-page-context", load_plotly_where_needed)
    app.connect("doctree-resolved", kaomoji_prose.resolve)
    app.connect("html-page-context", escape_printed_title, priority=900)
    app.connect("html-page-context", name_references)
    app.connect("build-finished", copy_plotly)
    app.connect("env-get-outdated", pages_with_stale_numbers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
