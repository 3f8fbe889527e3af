"""Figures and tables of the Claude pages: readings side by side, words, agreement, pools."""

import numpy as np
import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import tables, theme
from kaomoji_lib.metrics.agreement import Patterns, Pooling
from kaomoji_lib.metrics.distributions import MIN_WEIGHT, Reading
from kaomoji_lib.metrics.synthesis import WordSpace
from kaomoji_lib.missing import Missing, passes_missing

MOST_FACES = 40
GUESSES = ("uniform guess", "marginal guess")


@passes_missing
def readings(named, scheme, source, most=MOST_FACES):
    """P(category | face) of up to three readings side by side. ``named``: dict title -> Reading; the first gives the faces."""
    named = {
        title: theme.require(item, Reading, "claude.readings")
        for title, item in named.items()
        if not isinstance(item, Missing)
    }
    if not named:
        return Missing("no source has a reading of the faces")
    first = next(iter(named.values()))
    faces = [
        face
        for face in first.weight.sort_values(ascending=False, kind="stable").index
        if all(face in item.table.index for item in named.values())
    ]
    if not faces:
        return Missing("no face occurs in all the readings")
    codes = [code for code in scheme.codes if code in first.table.columns]
    shown = first.table.loc[faces[:most], codes]
    strongest, share = shown.to_numpy().argmax(axis=1), shown.to_numpy().max(axis=1)
    order = [shown.index[row] for row in np.lexsort((-share, strongest))]
    fig = theme.figure(
        f"What {len(order)} faces stand for, {' and '.join(named) if len(named) < 3 else f'read in {len(named)} ways'}",
        source,
        height=215 + 24 * len(order),
        showlegend=False,
        margin={"b": 90},
    )
    places, gap = list(range(len(order))), len(codes) + 1
    for number, (title, item) in enumerate(named.items()):
        offset = number * gap
        fig.add_heatmap(
            z=item.table.loc[order, codes].to_numpy(),
            x=[offset + index for index in range(len(codes))],
            y=places,
            zmin=0,
            zmax=1,
            xgap=1,
            ygap=1,
            colorscale=theme.SEQUENTIAL,
            showscale=False,
            customdata=[
                [
                    [escape.label(face), theme.name(scheme, code), escape.label(title)]
                    for code in codes
                ]
                for face in order
            ],
            hovertemplate="%{customdata[0]} in %{customdata[1]}<br>%{customdata[2]}: %{z:.2f}<extra></extra>",
        )
        fig.add_annotation(
            x=offset + (len(codes) - 1) / 2,
            y=-0.7,
            yanchor="bottom",
            text=f"<b>{_folded(title)}</b>",
            showarrow=False,
            font={"size": 15},
        )
    ticks = [escape.label(code) for code in codes]
    fig.update_xaxes(
        **theme.axis(
            "category, given the face",
            tickangle=-60 if len(named) > 1 else 0,
            showgrid=False,
            zeroline=False,
            ticktext=ticks * len(named),
            tickvals=[
                number * gap + index for number in range(len(named)) for index in range(len(codes))
            ],
        )
    )
    strongest = [codes[index] for index in shown.loc[order].to_numpy().argmax(axis=1)]
    fig.update_yaxes(
        **theme.axis(
            tickvals=places,
            ticktext=[
                theme.tagged(scheme, code, face)
                for face, code in zip(order, strongest, strict=True)
            ],
            showgrid=False,
            zeroline=False,
            range=[len(order) - 0.5, -2.9],
            tickfont={"size": theme.FACE, "family": theme.FONT},
        )
    )
    return fig


@passes_missing
def similarities(table, source, name="elicited"):
    """Similarity of each source to the reference, uniform and weighted, with what guesses and shuffled faces get."""
    rows = table[table["compared with"] == name].iloc[::-1]
    sources = rows[~rows["source"].isin(GUESSES)]
    if sources.empty:
        return Missing("no source to compare")
    best = max(
        zip(sources["source"], sources["uniform"], strict=True), key=lambda row: row[1].value
    )
    guess = rows.set_index("source")["uniform"][list(GUESSES)].map(lambda item: item.value).max()
    verdict = (
        "is nearest to" if best[1].ci_low > guess else "is nearest, but no nearer than a guess, to"
    )
    fig = theme.figure(
        f"{best[0][:1].upper()}{best[0][1:]} {verdict} what was elicited: {best[1].value:.2f} (the better guess: {guess:.2f})",
        source,
        estimate=best[1],
        height=150 + 46 * len(rows),
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    places = list(range(len(rows)))
    for column, shift, colour, symbol in (
        ("uniform", 0.13, theme.SEQUENCE[0], "circle"),
        ("weighted", -0.13, theme.SEQUENCE[1], "diamond"),
    ):
        words = {"uniform": "faces alike", "weighted": "weighted by use"}[column]
        estimates = list(rows[column])
        up, down = zip(*(theme.whiskers(item) for item in estimates), strict=True)
        fig.add_scatter(
            x=[item.value for item in estimates],
            y=[place + shift for place in places],
            mode="markers",
            name=f"{words}, 95% interval",
            marker={"size": 11, "color": colour, "symbol": symbol},
            error_x={
                "type": "data",
                "array": up,
                "arrayminus": down,
                "thickness": 2,
                "width": 0,
                "color": colour,
            },
            customdata=[
                [escape.label(title), escape.label(str(item))]
                for title, item in zip(rows["source"], estimates, strict=True)
            ],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    nulls = [
        (item.null_mean, place + 0.13)
        for item, place in zip(rows["uniform"], places, strict=True)
        if item.null_mean is not None
    ]
    fig.add_scatter(
        x=[value for value, _ in nulls],
        y=[place for _, place in nulls],
        mode="markers",
        name="shuffled faces",
        marker={"symbol": "line-ns-open", "size": 14, "color": theme.GREY, "line": {"width": 2}},
        hovertemplate="null %{x:.2f}<extra></extra>",
    )
    fig.update_xaxes(
        **theme.axis("similarity to what was elicited (1\u00a0=\u00a0equal)", range=[0, 1.02])
    )
    fig.update_yaxes(
        **theme.axis(
            showgrid=False,
            zeroline=False,
            tickvals=places,
            ticktext=[escape.label(title) for title in rows["source"]],
            range=[-0.6, len(rows) - 0.4],
            tickfont={"size": 15},
        )
    )
    return fig


@passes_missing
def similarity_table(table, caption=""):
    """All rows of :func:`kaomoji_lib.metrics.agreement.table`."""
    rows, units = [], set()
    for row in table.itertuples(index=False):
        for weighting, item in (("faces alike", row[2]), ("by use", row[3])):
            *cells, n = tables.cells(item)
            units.add(n)
            rows.append((row[0], row[1], weighting, *cells))
    header = ("source", "compared with", "weighting", "similarity", "95% interval", "shuffled", "p")
    return tables.Table(
        header,
        tuple(rows),
        ("text", "text", "text", *["number"] * 4),
        tables.counted(caption, units),
    )


@passes_missing
def range_table(table, caption=""):
    """Table of :func:`kaomoji_lib.metrics.ceilings.table`: where each score lies between floor and ceiling."""
    rows, units = [], set()
    for row in table.itertuples(index=False):
        weighting = {"uniform": "faces alike", "by counts": "by use"}.get(
            row.weighting, row.weighting
        )
        for place, (what, item) in enumerate(
            (
                ("floor", row.floor),
                ("score", row.score),
                ("ceiling", row.ceiling),
                ("share of the range", row.share),
            )
        ):
            *cells, n = tables.cells(item)
            units.add(n)
            rows.append((*((row.source, weighting) if place == 0 else ("", "")), what, *cells))
    header = ("source", "weighting", "what", "value", tables.INTERVAL, "shuffled", "p")
    return tables.Table(
        header,
        tuple(rows),
        ("text", "text", "text", *["number"] * 4),
        tables.counted(caption, units),
    )


@passes_missing
def by_category(table, scheme, source):
    """Similarity within each category as a matrix category x source."""
    titles = list(dict.fromkeys(table["source"]))
    codes = [code for code in scheme.codes if code in set(table["category"])]
    cells = table.set_index(["category", "source"])["similarity"]
    values = np.array([[cells[code, title].value for title in titles] for code in codes])
    means = values.mean(axis=1)
    fig = theme.figure(
        f"{codes[int(means.argmax())]} is read best, {codes[int(means.argmin())]} worst, over all sources",
        source,
        height=110 + 44 * len(codes),
        showlegend=False,
    )
    fig.add_heatmap(
        z=values,
        x=list(range(len(titles))),
        y=list(range(len(codes))),
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorscale=theme.SEQUENTIAL,
        showscale=False,
        customdata=[
            [
                [
                    theme.name(scheme, code),
                    escape.label(title),
                    escape.label(str(cells[code, title])),
                ]
                for title in titles
            ]
            for code in codes
        ],
        hovertemplate="%{customdata[0]}, %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
    )
    rows, columns = np.indices(values.shape)
    fig.add_scatter(
        x=columns.ravel(),
        y=rows.ravel(),
        mode="text",
        text=[f"{value:.2f}" for value in values.ravel()],
        textfont={"size": 13, "family": theme.FONT},
        hoverinfo="skip",
        showlegend=False,
    )
    faces = [cells[code, titles[0]].n for code in codes]
    fig.update_xaxes(
        **theme.axis(
            tickvals=list(range(len(titles))),
            ticktext=[_folded(title) for title in titles],
            tickangle=0,
            showgrid=False,
            zeroline=False,
        )
    )
    fig.update_yaxes(
        **theme.axis(
            "",
            tickvals=list(range(len(codes))),
            showgrid=False,
            zeroline=False,
            autorange="reversed",
            ticktext=[
                theme.tagged(scheme, code, f"{code} {scheme.gloss(code)} ({count})")
                for code, count in zip(codes, faces, strict=True)
            ],
        )
    )
    return fig


@passes_missing
def category_table(table, caption=""):
    """Similarity within each category, one row per category and source."""
    rows = [
        (row.category, row.source, *tables.cells(row.similarity))
        for row in table.itertuples(index=False)
    ]
    return tables.Table(
        ("category", "source", "similarity", "95% interval", "shuffled", "p", "n"),
        tuple(rows),
        ("text", "text", *["number"] * 4, "text"),
        caption,
    )


@passes_missing
def divergent(table, caption=""):
    """The faces that are read most differently: per source its first category and its similarity to the reference."""
    titles = [name.removesuffix(" reads") for name in table.columns if name.endswith(" reads")]
    frame = table[["face", "n", "elicited as"]].assign(
        **{
            title: [
                f"{code} {value:.2f}"
                for code, value in zip(table[f"{title} reads"], table[title], strict=True)
            ]
            for title in titles
        }
    )
    return tables.build(frame, caption, faces=("face",))


@passes_missing
def patterns(found, caption=""):
    """How often the sources find the category in which a face was typed most often."""
    theme.require(found, Patterns, "claude.patterns")
    return tables.estimates(
        {
            **{f"{title} agrees": item for title, item in found.agreement.items()},
            "all agree": found.all_agree,
        },
        caption,
    )


@passes_missing
def pattern_counts(found, caption=""):
    """The agreement patterns with examples."""
    return tables.build(
        found.counts, caption, faces=("examples",), formats={"weight": ".0%"}, described=("weight",)
    )


@passes_missing
def pooling(found, caption=""):
    """Held-out similarity of the chosen pool beside that of the best single source."""
    theme.require(found, Pooling, "claude.pooling")
    return tables.estimates(
        {
            "chosen pool, on faces held out": found.held_out,
            "best single source, on faces held out": found.single,
            "what pooling gains": found.gain,
        },
        caption,
    )


@passes_missing
def pools(found, caption=""):
    """The pools that were chosen and all single sources, by their similarity on all faces."""
    rows = [
        (row.pool, f"{row.chosen:.0%}", *tables.cells(row.similarity))
        for row in found.chosen.itertuples(index=False)
    ]
    return tables.Table(
        ("pool", "chosen in", "similarity, all faces", tables.INTERVAL, "shuffled", "p", "n"),
        tuple(rows),
        ("text", *["number"] * 5, "text"),
        caption,
        ("chosen in",),
    )


@passes_missing
def word_space(space, reading, scheme, source):
    """Faces on the first two components of their words, in the colour of their category."""
    theme.require(space, WordSpace, "claude.word_space")
    primary = reading.table.idxmax(axis=1).reindex(space.vectors.index)
    words = {name: space.loadings[name] for name in ("PC1", "PC2")}
    fig = theme.figure(
        f"The first component holds {space.variance[0].value:.0%} of the words' variance",
        source,
        estimate=space.variance[0],
        height=520,
        margin={"b": 110},
        legend=theme.LEGEND,
    )
    for code in [*scheme.codes, None]:
        own = (primary == code).to_numpy() if code else primary.isna().to_numpy()
        if not own.any():
            continue
        colour = scheme.colour(code) if code else theme.GREY
        faces = list(space.vectors.index[own])
        fig.add_scatter(
            x=space.scores[own, 0],
            y=space.scores[own, 1],
            mode="markers",
            name=theme.name(scheme, code) if code else "no anchor word",
            marker={
                "color": colour,
                "symbol": theme.symbol(scheme, code) if code else "circle-open",
                "size": 10,
            },
            customdata=[
                [escape.label(face), escape.label(_top_words(space, face))] for face in faces
            ],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    for axis, name in ((fig.update_xaxes, "PC1"), (fig.update_yaxes, "PC2")):
        axis(
            **theme.axis(
                f"{name}: {', '.join(words[name].nsmallest(2).index)} → {', '.join(words[name].nlargest(2).index)}"
            )
        )
    return fig


def _top_words(space, face):
    row = space.vectors.loc[face].nlargest(5)
    return ", ".join(row[row > 0].index)


@passes_missing
def variance(space, caption=""):
    """Shares of variance of the word space."""
    return tables.estimates(
        {
            f"PC{index} share of variance": item
            for index, item in enumerate(space.variance, start=1)
        },
        caption,
    )


@passes_missing
def words(reading_of_words, masses, caption="", most=25):
    """The words given most for the faces with the most exchanges. ``masses``: face x word."""
    order = reading_of_words.weight.sort_values(ascending=False, kind="stable").index[:most]
    rows = []
    for face in order:
        top = masses.loc[face].nlargest(6)
        rows.append(
            (
                face,
                f"{reading_of_words.weight[face]:.0f}",
                reading_of_words.table.loc[face].idxmax(),
                ", ".join(top[top > 0].index),
            )
        )
    return tables.Table(
        ("face", "exchanges in all", "category", "words"),
        tuple(rows),
        ("face", "number", "text", "text"),
        caption,
    )


@passes_missing
def saturation(emissions, scheme, caption=""):
    """Runs and replies per category, and how many faces the last run brought that were new."""
    rows = []
    for code in scheme.codes:
        own = emissions[emissions["category"] == code]
        if own.empty:
            continue
        last = own["generation"].max()
        before = set(own.loc[own["generation"] < last, "face"].dropna())
        latest = set(own.loc[own["generation"] == last, "face"].dropna())
        rows.append(
            {
                "category": f"{code} {scheme.gloss(code)}",
                "runs": int(own["generation"].nunique()),
                "replies": len(own),
                "different faces": int(own["face"].nunique()),
                "new in the last run": len(latest - before),
            }
        )
    return tables.build(pd.DataFrame(rows), caption)


@passes_missing
def judgements(table, scheme, caption="", most=30):
    """Likelihoods as given, before they are divided by their sum."""
    codes = tuple(code for code in scheme.codes if code in table)
    some = f"; {most} of {len(table)} faces" if len(table) > most else ""
    return tables.build(
        table.head(most)[["face", *codes]], f"{caption}{some}", faces=("face",), described=codes
    )


def often_enough(reading):
    """How many faces of a reading were typed often enough to be compared."""
    return int((reading.weight >= MIN_WEIGHT).sum())


def _folded(title):
    """A title in two lines, escaped: what was done above, who did it below."""
    return "<br>".join(escape.label(part) for part in title.split(", ", 1))
