"""The finding in one figure: what the state knows, what the face gives away, and what words alone and guessing get."""

from kaomoji_lib import html as escape
from kaomoji_lib import tables, theme
from kaomoji_lib.metrics.predict import Prediction
from kaomoji_lib.missing import Missing

NO_MODEL = "no model"
READINGS = ("hidden state, before anything is typed", "face that is typed then")


def dumbbells(table, source):
    """One row per source: the accuracy of its states and of its faces, joined by a line; reference lines for words and guessing.

    ``table``: dict source title -> [states, faces], each a Prediction or Missing; ``no model`` -> [words].
    """
    kept = {
        title: items
        for title, items in table.items()
        if title != NO_MODEL and not all(isinstance(item, Missing) for item in items)
    }
    if not kept:
        return Missing("no source has states or faces to read")
    for item in [
        item for items in table.values() for item in items if not isinstance(item, Missing)
    ]:
        theme.require(item, Prediction, "finding.dumbbells")
    fig = theme.figure(
        "What the state and the face say about the category",
        source,
        height=150 + 44 * len(kept),
        margin={"b": 96},
        legend=theme.LEGEND,
    )
    rows = list(kept.items())[::-1]
    for place, (_, items) in enumerate(rows):
        values = [item.accuracy.value for item in items if not isinstance(item, Missing)]
        fig.add_scatter(
            x=[min(values), max(values)],
            y=[place] * 2,
            mode="lines",
            line={"color": theme.QUIET, "width": 3},
            hoverinfo="skip",
            showlegend=False,
        )
    for index, name in enumerate(READINGS):
        part = [
            (place, title, items[index].accuracy)
            for place, (title, items) in enumerate(rows)
            if not isinstance(items[index], Missing)
        ]
        if part:
            _dots(fig, part, index, name)
    _references(fig, table, kept, len(rows))
    fig.update_xaxes(
        **theme.axis(
            "messages put into the right category, held out",
            range=[0, 1.06],
            tickformat=".0%",
            tickvals=[0, 0.25, 0.5, 0.75, 1],
        )
    )
    fig.update_yaxes(
        **theme.axis(
            showgrid=False,
            zeroline=False,
            tickvals=list(range(len(rows))),
            ticktext=[escape.label(tables.source(title)) for title, _ in rows],
            range=[-0.6, len(rows) + 0.35],
            tickfont={"size": 15},
        )
    )
    return fig


def _dots(fig, part, index, name):
    up, down = zip(*(theme.whiskers(item) for _, _, item in part), strict=True)
    colour = theme.SEQUENCE[index]
    fig.add_scatter(
        x=[item.value for _, _, item in part],
        y=[place for place, _, _ in part],
        mode="markers",
        name=name,
        cliponaxis=False,
        marker={"size": 15, "color": colour, "symbol": theme.SYMBOLS[index]},
        error_x={
            "type": "data",
            "array": up,
            "arrayminus": down,
            "thickness": 2,
            "width": 0,
            "color": colour,
        },
        customdata=[[escape.label(title), escape.label(str(item))] for _, title, item in part],
        hovertemplate=f"%{{customdata[0]}}, {escape.label(name)}<br>%{{customdata[1]}}<extra></extra>",
    )


def _references(fig, table, kept, top):
    """Dotted lines through all rows, each named at its head; the names stand on two heights, since the lines may be near each other."""
    words = [
        item.accuracy.value for item in table.get(NO_MODEL, []) if not isinstance(item, Missing)
    ]
    guessing = [
        item.accuracy.null_mean
        for items in kept.values()
        for item in items
        if not isinstance(item, Missing)
    ]
    lines = [("guessing", sum(guessing) / len(guessing), "left", 0.12)] + [
        ("words alone", value, "right" if value > 0.4 else "left", -0.28) for value in words
    ]
    for name, value, anchor, height in lines:
        fig.add_shape(
            type="line",
            x0=value,
            x1=value,
            y0=-0.6,
            y1=top + height,
            layer="below",
            line={"color": theme.GREY, "width": 1.5, "dash": "dot"},
        )
        fig.add_annotation(
            x=value,
            y=top + height,
            text=f"{name}: {value:.0%}",
            showarrow=False,
            xanchor=anchor,
            yanchor="middle",
            xshift=6 if anchor == "left" else -6,
            font={"size": 13},
        )
