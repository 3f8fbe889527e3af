"""What a model's own probabilities say: how often it would type a face, and what the face then tells."""

import numpy as np

from kaomoji_lib import html as escape
from kaomoji_lib import tables, theme
from kaomoji_lib.metrics.likelihoods import Calibration
from kaomoji_lib.missing import attempt, passes_missing
from kaomoji_lib.show import dealing

# Decades: how far apart names stand above each other, how far one reaches to the side of its point, and half its height.
NAMES_APART, NAME_REACHES, NAME_HEIGHT = 0.08, 0.2, 0.055


def scores(source, model, wanted, **options):
    """log P of what a source typed, or Missing. ``wanted``: score it where the run folder holds none; ``options``: device, dtype."""
    from kaomoji_lib.models.score.job import score_run

    run = source.run
    found = (
        attempt(run.likelihoods)
        if not wanted or run.likelihoods_path.is_file()
        else attempt(score_run, run, model, **options)
    )
    return attempt(source.dealt, dealing.scores, found)


@passes_missing
def calibration(found, source):
    """Predicted against sampled share of each frequent face. ``found``: :class:`Calibration`."""
    theme.require(found, Calibration, "likelihoods.calibration")
    table = found.table
    fig = theme.figure(
        f"For {found.inside.value:.0%} of the frequent faces, the probability lies in the interval of how often they were typed",
        source,
        estimate=found.inside,
        height=460,
        showlegend=False,
    )
    floor, top = (
        table["low"].clip(lower=1e-4).min() / 1.3,
        max(table["high"].max(), table["predicted"].max()) * 1.3,
    )
    fig.add_scatter(
        x=[floor, top],
        y=[floor, top],
        mode="lines",
        line={"color": theme.QUIET, "dash": "dot"},
        hoverinfo="skip",
    )
    named = [
        f"\u00a0{escape.label(face)}\u00a0" if shown else ""
        for face, shown in zip(table["face"], _apart(table), strict=True)
    ]
    fig.add_scatter(
        x=table["predicted"],
        y=table["share"],
        mode="markers+text",
        text=named,
        cliponaxis=False,
        textposition=_sides(table),
        textfont={"size": theme.FACE, "family": theme.FONT},
        marker={"size": 10, "color": theme.SEQUENCE[0]},
        error_y={
            "type": "data",
            "array": table["high"] - table["share"],
            "arrayminus": table["share"] - table["low"],
            "thickness": 2,
            "width": 0,
            "color": theme.SEQUENCE[0],
        },
        customdata=[[escape.label(row.face), row.typed] for row in table.itertuples()],
        hovertemplate="%{customdata[0]}<br>typed %{customdata[1]} times: %{y:.2%}<br>predicted %{x:.2%}<extra></extra>",
    )
    fig.update_xaxes(
        **theme.axis("mean of P(face | prompt)", type="log", tickformat=".1%", dtick="D2")
    )
    fig.update_yaxes(
        **theme.axis("share of replies, 95% interval", type="log", tickformat=".1%", dtick="D2")
    )
    return fig


def _sides(table):
    """Names stand away from the diagonal, and inside the drawing: to the left of what lies above it or far right."""
    return ["middle left" if left else "middle right" for left in _to_the_left(table)]


def _to_the_left(table):
    return (
        (table["share"] >= table["predicted"])
        | (table["predicted"] > table["predicted"].max() / 1.6)
    ).to_numpy()


def _covered(table):
    """Whether the name of a point would stand on another point: bool array."""
    at, height = np.log10(table["predicted"].to_numpy()), np.log10(table["share"].to_numpy())
    away = np.where(_to_the_left(table), -1, 1)[:, None] * (at[None] - at[:, None])
    return (
        (away > 0) & (away < NAME_REACHES) & (abs(height[None] - height[:, None]) < NAME_HEIGHT)
    ).any(axis=1)


def _apart(table):
    """Which faces are named: those outside their interval first, then the most typed where there is room: bool array."""
    height, named = np.log10(table["share"].to_numpy()), []
    outside = (
        (table["predicted"] < table["low"]) | (table["predicted"] > table["high"])
    ).to_numpy()
    covered = _covered(table)
    for place in np.argsort(~outside, kind="stable"):
        if (outside[place] or not covered[place]) and all(
            abs(height[place] - height[other]) > NAMES_APART for other in named
        ):
            named.append(place)
    return np.isin(np.arange(len(table)), named)


@passes_missing
def rules(found, caption=""):
    """Both ways from log P to the category beside guesses that ignore the face. ``found``: DataFrame of ``rules_compared``."""
    names = {
        "mean probability": "mean of P (mean probability)",
        "mean log": "mean of log P (published rule)",
    }
    return tables.estimates(
        {
            names.get(name, name): value
            for name, value in zip(found["source"], found["similarity"], strict=True)
        },
        caption,
    )


@passes_missing
def proof(scores):
    """The self-check of a table of scores, in words."""
    made = scores.attrs["scoring"]
    said = f"at most {tables.scientific(made['largest_difference'])} nats apart in {made['cells']:,} scores ({made['dtype']}, algorithm {made['algorithm']})"
    return "; ".join([said, *made["warnings"]])
