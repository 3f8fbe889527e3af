"""The page of exact emissions: several models asked for probabilities instead of samples."""

import numpy as np
import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import tables, theme
from kaomoji_lib.metrics import ceilings, exact
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.models import exact as engine
from kaomoji_lib.show import across, dealing
from kaomoji_lib.stats import Estimate

FEWEST = 0.05
MASSES = ("mean mass of the faces", "smallest", "other")


def gather(sources, device="auto"):
    """The exact distribution of every source over all faces that any of them typed: dict title -> Exact or Missing."""
    words = engine.spellings([source.run for source in sources])
    return {
        title: attempt(_one, source, words, device)
        for title, source in zip(across.titles(sources), sources, strict=True)
    }


def _one(source, words, device):
    return exact.distribution(
        source.dealt(dealing.scores, engine.scores(source.run, words, device))
    )


def mass(found):
    """How much of what each source would open with is on the list: DataFrame [source, faces, on the list, smallest, other]."""
    rows = []
    for title, item in found.items():
        if not isinstance(item, Missing):
            listed = 1 - item.other
            rows.append(
                (
                    tables.source(title),
                    int((item.table.max() > 1e-4).sum()),
                    listed.mean(),
                    listed.min(),
                    item.other.mean(),
                )
            )
    return tables.build(
        pd.DataFrame(rows, columns=["source", "faces above 0.01%", *MASSES]),
        "How much of the opening the listed faces account for; other: everything else",
        formats=dict.fromkeys(MASSES, ".1%"),
        described=MASSES,
    )


def headlines(sources, found, seed=0):
    """Every headline number of the page: dict title -> dict measure -> Estimate, or Missing."""
    return {
        title: attempt(_headlines, source, found[title], seed)
        for title, source in zip(across.titles(sources), sources, strict=True)
    }


def _headlines(source, item, seed):
    codes = [code for code in source.scheme.codes if (source.labels == code).any()]
    sampled = prediction.from_faces(source.emissions, permutations=200, seed=seed)
    named = {
        "samples like draws from the exact distribution (JS similarity)": exact.agreement(
            item, source.emissions, seed=seed
        ),
        "face → category accuracy, exact": exact.accuracy(item, source.prompts, codes, seed=seed),
        "face → category accuracy, eight samples": sampled.accuracy,
        "information of the face about the category (bits), exact": exact.information(
            item, source.prompts, codes, seed=seed
        ),
        "information (bits), eight samples, Miller-Madow": sampled.mutual_information,
    }
    return named


def ranges(sources, found, seed=0):
    """The exact reading of each source judged by the source's own counts: dict title -> Range or Missing."""
    return {
        title: attempt(_range, source, found[title], seed)
        for title, source in zip(across.titles(sources), sources, strict=True)
    }


def _range(source, item, seed):
    codes = [code for code in source.scheme.codes if (source.labels == code).any()]
    return ceilings.ranged(
        readings.elicited(source.emissions, codes),
        exact.reading(item, source.prompts, codes),
        seed=seed,
    )


def sampled_against_exact(sources, found, line):
    """Every face of every category: sampled share against exact probability, one symbol per source."""
    fig = theme.figure(
        "Sampled shares scatter around the exact probabilities",
        line,
        height=480,
        margin={"b": 120},
        legend=theme.LEGEND,
    )
    top = 0.0
    for place, (title, source) in enumerate(zip(across.titles(sources), sources, strict=True)):
        if isinstance(found[title], Missing) or found[title].other.mean() > 1 - FEWEST:
            continue
        table = _pairs(source, found[title])
        top = max(top, table[["exact", "sampled"]].to_numpy().max())
        fig.add_scatter(
            x=table["exact"],
            y=table["sampled"],
            mode="markers",
            name=escape.label(title),
            marker={
                "size": 8,
                "opacity": 0.7,
                "color": theme.SEQUENCE[place % 8],
                "symbol": theme.SYMBOLS[place % 9],
            },
            customdata=[
                [escape.label(face), escape.label(code)]
                for face, code in zip(table["face"], table["category"], strict=True)
            ],
            hovertemplate="%{customdata[0]} in %{customdata[1]}<br>exact %{x:.1%}, sampled %{y:.1%}<extra></extra>",
        )
    fig.add_scatter(
        x=[0, top],
        y=[0, top],
        mode="lines",
        showlegend=False,
        hoverinfo="skip",
        line={"color": theme.QUIET, "dash": "dot"},
    )
    fig.update_xaxes(
        **theme.axis(
            "exact probability of the face in the category, given a listed face",
            tickformat=".0%",
            rangemode="tozero",
        )
    )
    fig.update_yaxes(**theme.axis("share of the samples", tickformat=".0%", rangemode="tozero"))
    return fig


def _pairs(source, item):
    category = source.prompts.set_index("id")["category"]
    chances = item.conditional.groupby(category.reindex(item.table.index)).mean()
    typed = source.emissions[source.emissions["face"].isin(item.table.columns)]
    shares = (
        pd.crosstab(typed["category"], typed["face"], normalize="index")
        .reindex_like(chances)
        .fillna(0.0)
    )
    table = pd.DataFrame({"exact": chances.stack(), "sampled": shares.stack()})
    return table[table.max(axis=1) > 0.005].rename_axis(["category", "face"]).reset_index()


def on_the_range(found, line):
    """Floor, score and ceiling of each source on one axis. ``found``: dict title -> Range (or Missing)."""
    kept = {
        title: theme.require(item, ceilings.Range, "exact.on_the_range")
        for title, item in found.items()
        if not isinstance(item, Missing)
    }
    if not kept:
        return next(iter(found.values()), Missing("no source to judge"))
    fig = theme.figure(
        "Where scores lie between ignoring the face and knowing the truth",
        line,
        height=150 + 52 * len(kept),
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    titles = list(kept)[::-1]
    for title in titles:
        fig.add_scatter(
            x=[kept[title].floor.value, kept[title].ceiling.value],
            y=[escape.label(title)] * 2,
            mode="lines",
            showlegend=False,
            hoverinfo="skip",
            line={"color": theme.QUIET, "width": 8},
        )
    for name, colour, symbol in (
        ("floor", theme.GREY, "line-ns-open"),
        ("ceiling", theme.GREY, "diamond-open"),
        ("score", theme.SEQUENCE[0], "circle"),
    ):
        values = [getattr(kept[title], name) for title in titles]
        up, down = zip(*(theme.whiskers(item) for item in values), strict=True)
        fig.add_scatter(
            x=[item.value for item in values],
            y=[escape.label(title) for title in titles],
            mode="markers",
            name=_NAMES[name],
            marker={"size": 13, "color": colour, "symbol": symbol, "line": {"width": 2}},
            error_x={
                "type": "data",
                "array": up,
                "arrayminus": down,
                "thickness": 2 if name == "score" else 1,
                "width": 0,
                "color": colour,
            },
            customdata=[escape.label(str(item)) for item in values],
            hovertemplate=f"%{{y}}, {name}: %{{customdata}}<extra></extra>",
        )
    fig.update_xaxes(**theme.axis("Jensen-Shannon similarity to the counts"))
    fig.update_yaxes(**theme.axis(showgrid=False, type="category"))
    return fig


_NAMES = {
    "floor": "floor: ignores the face",
    "ceiling": "ceiling: knows the truth",
    "score": "score",
}


def range_rows(found):
    """Ranges for :func:`tables.by_source`."""
    return {
        title: item
        if isinstance(item, Missing)
        else {
            "floor": item.floor,
            "score": item.score,
            "ceiling": item.ceiling,
            "share of the range": item.share,
        }
        for title, item in found.items()
    }


def first(found, title, measure):
    """One Estimate of :func:`headlines`, for the prose."""
    item = found[title]
    return item if isinstance(item, Missing) else item[measure]


def closest_to_nothing(found, measure):
    """The smallest value of a measure over the sources, for the prose: an Estimate."""
    values = [
        item[measure]
        for item in found.values()
        if not isinstance(item, Missing) and isinstance(item[measure], Estimate)
    ]
    return (
        min(values, key=lambda item: np.nan_to_num(item.value, nan=np.inf))
        if values
        else Missing("no source could be scored")
    )
