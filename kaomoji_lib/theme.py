"""The look all figures share. Only what is the same in light and dark is set here; the page supplies the rest."""

import textwrap

import plotly.graph_objects as go

from kaomoji_lib import html as escape

# Kaomoji are set in the first family. Words are set in the font of the text, which has no glyphs for kaomoji.
FONT = "Kaomoji, 'Noto Sans', sans-serif"
WORDS = "'Source Sans 3', Kaomoji, 'Noto Sans', sans-serif"
CLEAR = "rgba(0,0,0,0)"
FAINT = "rgba(128,128,128,0.16)"
QUIET = "rgba(128,128,128,0.45)"
GREY = "#8a8a86"
TEXT, FACE, TITLE = 14, 17, 19
SEQUENTIAL = [[0, "rgba(47,138,143,0)"], [1, "rgba(47,138,143,0.8)"]]
# Each half fades in its own hue: on the way to a transparent black it would turn grey.
DIVERGING = [[0, "rgba(66,125,196,0.85)"], [0.4999, "rgba(66,125,196,0)"]]
DIVERGING += [[0.5001, "rgba(214,110,58,0)"], [1, "rgba(214,110,58,0.85)"]]
SEQUENCE = ("#2f8a8f", "#d66e3a", "#6a7fd0", "#b3668f", "#8a8f2f", "#8a8a86", "#4b9b5a", "#a8763f")
GLYPHS = dict(
    zip(
        "circle diamond square triangle-up x star hexagram triangle-down cross".split(),
        "●◆■▲✖★✶▼✚",
        strict=True,
    )
)
SYMBOLS = tuple(GLYPHS)
LEGEND = {
    **dict.fromkeys(("xref", "yref"), "container"),
    **{"orientation": "h", "x": 0, "y": 0, "xanchor": "left", "yanchor": "bottom"},
    **{"itemsizing": "constant", "traceorder": "normal", "font": {"size": TEXT}},
}


def figure(title, caption, *, height=460, margin=None, tops=(), **layout):
    """Return an empty plotly figure with its title (the result) and its caption (model, data, how to read it).

    ``title``, ``caption``: plain text, escaped here. ``height``: of the drawing in pixels, without title and caption.
    ``tops``: where each row begins, for a page too narrow for the names of rows beside them.
    """
    title_lines = textwrap.wrap(title, 68, break_on_hyphens=False)
    caption_lines = textwrap.wrap(caption, 96, break_on_hyphens=False)
    top = 30 + 25 * len(title_lines) + 18 * len(caption_lines)
    subtitle = "<br>".join(escape.label(line) for line in caption_lines)
    heading = {
        "text": "<br>".join(escape.label(line) for line in title_lines),
        "subtitle": {"text": subtitle, "font": {"size": 13, "color": GREY}},
        "font": {"size": TITLE, "family": WORDS},
        "pad": {"t": 8 + 25 * (len(title_lines) - 1), "l": 4},
        **{"x": 0, "xref": "container", "xanchor": "left"},
        **{"y": 1, "yref": "container", "yanchor": "top"},
    }
    drawing = go.Figure()
    drawing.layout.template = None
    drawing.update_layout(
        title=heading,
        font={"family": WORDS, "size": TEXT},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        height=height + top,
        margin={"t": top, "l": 12, "r": 12, "b": 44, **(margin or {})},
        hoverlabel={"font": {"family": FONT, "size": 15}, "align": "left"},
        legend=LEGEND,
        meta={"description": ". ".join([title, caption]), "tops": [float(top) for top in tops]},
    )
    return drawing.update_layout(**layout)


def axis(title="", **settings):
    """Return the settings of an axis whose hairlines show on light and dark ground alike."""
    return {
        "title": {"text": escape.label(title), "standoff": 14, "font": {"size": 15}},
        **{"gridcolor": FAINT, "zerolinecolor": QUIET, "linecolor": QUIET},
        "showline": settings.get("zeroline", True),
        "automargin": True,
        "exponentformat": "power",
        **settings,
    }


def symbol(scheme, code):
    """Return the category's marker symbol if it has a glyph for 3-D, else the next one that has."""
    own = scheme.symbol(code)
    return own if own in GLYPHS else SYMBOLS[scheme.codes.index(code) % len(SYMBOLS)]


def style(number):
    """Return colour and marker symbol of the series with this number."""
    return SEQUENCE[number % len(SEQUENCE)], SYMBOLS[number % len(SYMBOLS)]
