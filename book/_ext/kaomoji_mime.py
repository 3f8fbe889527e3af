"""Outputs of the book's own kinds as parts of its pages: what the official hook, the entry point of a package, would do."""

import json

from docutils import nodes
from myst_nb.core import render

from kaomoji_lib import html as escape


def plugin(mime, kind, place):
    """A myst-nb renderer of ``mime`` data; ``place(content, env)`` returns its HTML, ``kind`` is its class on the page."""

    class Renderer(render.MimeRenderPlugin):
        mime_priority_overrides = [("*", mime, 1)]

        @staticmethod
        def handle_mime(renderer, data, inline):
            if data.mime_type != mime or inline:
                return None
            content = json.loads(data.content) if isinstance(data.content, str) else data.content
            made = place(content, renderer.renderer.sphinx_env)
            if not isinstance(made, escape.Markup):
                raise TypeError(
                    f"{kind}: expected what escape.element makes, got {type(made).__name__}"
                )
            return [nodes.raw(text=str(made), format="html", classes=["output", kind])]

    return Renderer


def install(*plugins):
    """Put the renderers beside the installed ones, once."""
    installed = render.load_mime_renders
    known = getattr(installed, "of_the_book", ())
    new = [item for item in plugins if item not in known]
    if not new:
        return

    def load_mime_renders():
        return [*installed(), *new]

    load_mime_renders.of_the_book = (*known, *new)
    render.load_mime_renders = load_mime_renders
