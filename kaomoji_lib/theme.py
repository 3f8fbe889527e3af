"""The look all figures share. Only what is the same in light and dark is set here; the page supplies the rest."""

import textwrap

import plotly.graph_objects as go

from kaomoji_lib import html as escape
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError

# Faces are set in the first; words in the face of the text around the figure, which has no glyphs for faces and falls back.
FONT = "Kaomoji, 'Noto Sans', sans-serif"
WORDS = "'Source Sans 3', Kaomoji, 'Noto Sans', sans-serif"
CLEAR = "rgba(0,0,0,0)"
FAINT = "rgba(128,128,128,0.16)"
SHADE = "rgba(128,128,128,0.3)"
QUIET = "rgba(128,128,128,0.45)"
GREY = "#8a8a86"
TEXT, FACE, TITLE = 14, 17, 19
SEQUENTIAL = [[0, "rgba(47,138,143,0)"], [1, "rgba(47,138,143,0.8)"]]
DIVERGING = [
    [0, "rgba(66,125,196,0.85)"],
    [0.5, "rgba(140,140,140,0)"],
    [1, "rgba(214,110,58,0.85)"],
]
SEQUENCE = ("#2f8a8f", "#d66e3a", "#6a7fd0", "#b3668f", "#8a8f2f", "#8a8a86", "#4b9b5a", "#a8763f")
SYMBOLS = (
    "circle",
    "diamond",
    "square",
    "triangle-up",
    "x",
    "star",
    "hexagram",
    "triangle-down",
    "cross",
)
GLYPHS = {
    "circle": "●",
    "diamond": "◆",
    "square": "■",
    "triangle-up": "▲",
    "x": "✖",
    "star": "★",
    "hexagram": "✶",
    "triangle-down": "▼",
    "cross": "✚",
}
LEGEND = {
    "orientation": "h",
    "xref": "container",
    "yref": "container",
    "x": 0,
    "y": 0,
    "xanchor": "left",
    "yanchor": "bottom",
    "itemsizing": "constant",
    "traceorder": "normal",
    "font": {"size": TEXT},
}


def figure(title, source, *, estimate=None, height=460, margin=None, **layout):
    """An empty figure with its title (what the reader should see) and its source line (what it is made from).

    ``title``, ``source``: plain text, escaped here. ``estimate``: the Estimate behind a number in the title, whose interval
    and null stand below it. No template: the page supplies light and dark.
    """
    title_lines = textwrap.wrap(title, 68, break_on_hyphens=False)
    believed = (
        []
        if estimate is None
        else [_believed(estimate, "z.0%" if "%" in title else f"z.{estimate.digits}f")]
    )
    source_lines = textwrap.wrap(" · ".join([*believed, source]), 96, break_on_hyphens=False)
    top = 30 + 25 * len(title_lines) + 18 * len(source_lines)
    drawing = go.Figure()
    drawing.layout.template = None
    drawing.update_layout(
        title={
            "text": "<br>".join(escape.label(line) for line in title_lines),
            "subtitle": {
                "text": "<br>".join(escape.label(line) for line in source_lines),
                "font": {"size": 13, "color": GREY},
            },
            "font": {"size": TITLE, "family": WORDS},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 8 + 25 * (len(title_lines) - 1), "l": 4},
        },
        font={"family": WORDS, "size": TEXT},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        height=height + top,
        margin={"t": top, "l": 12, "r": 12, "b": 44, **(margin or {})},
        hoverlabel={"font": {"family": FONT, "size": 15}, "align": "left"},
        meta={"description": ". ".join([title, *believed, source])},
    )
    drawing.update_layout(**layout)
    return drawing


def _believed(estimate, form):
    """What is needed to believe the number in a title: interval, null and p, and of what it is."""
    require(estimate, statistics.Estimate, "theme.figure")
    low, high = (
        f"{value:{form}}".replace("-", "\u2212") for value in (estimate.ci_low, estimate.ci_high)
    )
    null = (
        []
        if estimate.null_mean is None
        else [f"null {estimate.null_mean:{form}}".replace("-", "\u2212")]
    )
    chance = [
        ", ".join([*null, *([] if estimate.p is None else [statistics.format_p(estimate.p)])])
    ]
    parts = [
        f"{statistics.LEVEL}% CI {low} to {high}",
        *filter(None, chance),
        f"{estimate.n:,} {estimate.unit}",
    ]
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)


def axis(title="", **settings):
    """An axis with hairlines that show on light and dark ground alike. One without a line at zero belongs to a matrix and has no line at all."""
    return {
        "title": {"text": escape.label(title), "standoff": 14, "font": {"size": 15}},
        "gridcolor": FAINT,
        "zerolinecolor": QUIET,
        "linecolor": QUIET,
        "showline": settings.get("zeroline", True),
        "automargin": True,
        **settings,
    }


def symbol(scheme, code):
    """The category's marker symbol where a glyph can stand for it in 3-D, else the next of those."""
    own = scheme.symbol(code)
    return own if own in GLYPHS else SYMBOLS[scheme.codes.index(code) % len(SYMBOLS)]


def legend_entry(fig, text, colour, shape, group):
    """An entry that stands for all traces of ``group``; its own trace is empty. ``text`` is escaped already."""
    fig.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        name=text,
        legendgroup=group,
        hoverinfo="skip",
        marker={"color": colour, "symbol": shape, "size": 11},
    )


def name(scheme, code):
    """``HP-D playful``, escaped for plotly."""
    return escape.label(f"{code} {scheme.gloss(code)}")


def coloured(text, colour):
    """Tick or label text in a colour; ``text`` is plain and escaped here."""
    return f'<span style="color:{escape.label(colour)}">{escape.label(text)}</span>'


def tagged(scheme, code, text=None):
    """Tick text in ink, with symbol and colour of its category beside it: legible on any ground, and without colour.

    ``text``: plain, escaped here; None for the code itself.
    """
    return f'{escape.label(code if text is None else text)} <span style="color:{escape.label(scheme.colour(code))}">{GLYPHS[symbol(scheme, code)]}</span>'


def whiskers(estimate):
    """Distances from the value to the ends of its interval, both >= 0."""
    return max(estimate.ci_high - estimate.value, 0), max(estimate.value - estimate.ci_low, 0)


def require(value, kind, where):
    """Refuse what is not a result object.

    Raises
    ------
    KaomojiError
        If ``value`` is not an instance of ``kind`` (a class or a tuple of classes).
    """
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(item.__name__ for item in kinds)
        raise KaomojiError(
            f"{where}: got {type(value).__name__}; expected {expected}, which carries its interval; "
            "pass the result of the analysis, not a number taken from it"
        )
    return value
