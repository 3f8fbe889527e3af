"""Figures of the evidence: estimates one below the other with their nulls, and two sources layer by layer."""

import numpy as np

from kaomoji_lib import html as escape
from kaomoji_lib import theme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.layerwise import Shared
from kaomoji_lib.missing import Missing
from kaomoji_lib.stats import Estimate


def forest(named, title, source, *, axis="value", limits=None, percent=False):
    """Dots with 95% intervals; a grey stroke where the null lies; hollow where the null does as well (p > 0.05).

    ``named``: dict name -> Estimate or Missing; ``title``: what the reader should see, plain text; ``axis``: what is measured.
    """
    found = {
        name: theme.require(item, Estimate, "figures.forest")
        for name, item in named.items()
        if not isinstance(item, Missing)
    }
    if not found:
        return next(iter(named.values()), Missing("there is nothing to show"))
    fig = theme.figure(
        title, source, height=110 + 44 * len(found), margin={"b": 104}, legend=theme.LEGEND
    )
    rows = list(found.items())[::-1]
    order = [escape.label(name) for name, _ in rows]
    for held, symbol, words in (
        (True, "circle", "beyond its null (p ≤ 0.05)"),
        (False, "circle-open", "the null does as well"),
        (None, "diamond", "no null, interval alone"),
    ):
        part = [(name, item) for name, item in rows if _held(item) is held]
        if part:
            up, down = zip(*(theme.whiskers(item) for _, item in part), strict=True)
            fig.add_scatter(
                x=[item.value for _, item in part],
                y=[escape.label(name) for name, _ in part],
                mode="markers",
                name=words,
                marker={
                    "size": 12,
                    "color": theme.SEQUENCE[0],
                    "symbol": symbol,
                    "line": {"width": 2, "color": theme.SEQUENCE[0]},
                },
                error_x={
                    "type": "data",
                    "array": up,
                    "arrayminus": down,
                    "thickness": 2,
                    "width": 0,
                    "color": theme.SEQUENCE[0],
                },
                customdata=[[escape.label(name), escape.label(str(item))] for name, item in part],
                hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            )
    nulls = [
        (escape.label(name), item.null_mean) for name, item in rows if item.null_mean is not None
    ]
    if nulls:
        fig.add_scatter(
            x=[value for _, value in nulls],
            y=[name for name, _ in nulls],
            mode="markers",
            name="mean of the null",
            marker={
                "symbol": "line-ns-open",
                "size": 15,
                "color": theme.GREY,
                "line": {"width": 2},
            },
            hovertemplate="%{y}: null %{x:.2f}<extra></extra>",
        )
    settings = {"tickformat": ".0%"} if percent else {}
    fig.update_xaxes(
        **theme.axis(axis, zeroline=True, **settings, **({"range": list(limits)} if limits else {}))
    )
    fig.update_yaxes(
        **theme.axis(
            showgrid=False,
            tickfont={"size": 15},
            type="category",
            categoryorder="array",
            categoryarray=order,
        )
    )
    return fig


def _held(item):
    return None if item.p is None else item.p <= 0.05


def counted(named, yes, no, name=""):
    """A title that counts: how many of the estimates lie beyond their null. ``yes``: with ``{count}`` and ``{total}``; ``no``: if none does.

    ``name``: of a model, for ``{name}``; braces in it mean nothing.
    """
    found = [item for item in named.values() if not isinstance(item, Missing)]
    if not found:
        raise KaomojiError("no estimate to count; expected at least one")
    held = sum(item.p is not None and item.p <= 0.05 for item in found)
    return (yes if held else no).format(count=held, total=len(found), name=name)


def layer_pairs(found, pair, layers, source, null="within category"):
    """Likeness of every layer of one source with every layer of another; ringed where it beats the null, best of all layers counted.

    ``found``: dict pair -> Shared; ``pair``: (title, title); ``layers``: names of the layers of the two.
    """
    item = theme.require(found[pair], Shared, "figures.layer_pairs")
    rows, columns = layers
    left, right = pair
    best = f"layer {rows[item.best[0]]} of {left} and layer {columns[item.best[1]]} of {right}"
    fig = theme.figure(
        f"Most alike: {best} ({item.measure} {item.tests[null].value:.2f})",
        source,
        estimate=item.tests[null],
        height=120 + 42 * len(rows),
        showlegend=False,
    )
    adjusted = item.adjusted[null]
    fig.add_heatmap(
        z=item.values,
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorscale=theme.SEQUENTIAL,
        showscale=False,
        customdata=np.round(adjusted, 4),
        hovertemplate=f"%{{y}} and %{{x}}: {escape.label(item.measure)} %{{z:.2f}}<br>p %{{customdata:.3f}} ({escape.label(null)}, all layers counted)<extra></extra>",
    )
    beaten = np.argwhere(adjusted <= 0.05)
    fig.add_scatter(
        x=beaten[:, 1],
        y=beaten[:, 0],
        mode="markers",
        hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 26, "color": theme.GREY, "line": {"width": 1.5}},
    )
    places = np.argwhere(np.isfinite(item.values))
    fig.add_scatter(
        x=places[:, 1],
        y=places[:, 0],
        mode="text",
        hoverinfo="skip",
        textfont={"size": 12, "family": theme.FONT},
        text=[
            f"{item.values[row, column]:.2f}".replace("-0.00", "0.00").replace("-", "−")
            for row, column in places
        ],
    )
    fig.update_xaxes(
        **theme.axis(
            f"layer of {right}",
            tickvals=list(range(len(columns))),
            ticktext=list(columns),
            showgrid=False,
            zeroline=False,
        )
    )
    fig.update_yaxes(
        **theme.axis(
            f"layer of {left}",
            tickvals=list(range(len(rows))),
            ticktext=list(rows),
            showgrid=False,
            zeroline=False,
            autorange="reversed",
        )
    )
    return fig
