"""Figures of the published study: accuracies, scorers held against replies, clouds of five models, a vocabulary."""

import numpy as np

from kaomoji_lib import figures, theme
from kaomoji_lib import html as escape
from kaomoji_lib.missing import Missing, attempt, passes_missing
from kaomoji_lib.published import geometry as published_geometry
from kaomoji_lib.published import readings as published_readings
from kaomoji_lib.published import tables
from kaomoji_lib.stats import Estimate
from kaomoji_lib.tables import ABSENT, Table, estimates, scientific

# Without "x", which WebGL draws as a character that many fonts lack.
SYMBOLS_3D = ("circle", "diamond", "square", "cross", "circle-open", "diamond-open", "square-open")
CAMERA = {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}}
SMALLEST, LARGEST = 13, 30


@passes_missing
def accuracies(rows, line):
    """Nine-class accuracy of the face in each source, beside the article's rule."""
    found = [
        row
        for row in rows
        if row.id.startswith("accuracy.nine") and isinstance(row.corrected, Estimate)
    ]
    if not found:
        return Missing("no source of the published study could be read")
    found = found[::-1]
    names = [escape.label(row.id.rpartition(".")[2]) for row in found]
    best = max(found, key=lambda row: row.corrected.value)
    fig = theme.figure(
        f"From one face: {best.id.rpartition('.')[2]} gives the category best, {best.corrected.value:.0%}",
        line,
        estimate=best.corrected,
        height=150 + 46 * len(found),
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    up, down = zip(*(theme.whiskers(row.corrected) for row in found), strict=True)
    fig.add_scatter(
        x=[row.corrected.value for row in found],
        y=names,
        mode="markers",
        name="our rule, 95% interval",
        marker={"size": 12, "color": theme.SEQUENCE[0]},
        error_x={"type": "data", "array": up, "arrayminus": down, "thickness": 2, "width": 0},
        customdata=[escape.label(str(row.corrected)) for row in found],
        hovertemplate="%{y}<br>%{customdata}<extra></extra>",
    )
    fig.add_scatter(
        x=[row.recomputed for row in found],
        y=names,
        mode="markers",
        name="published rule",
        marker={
            "size": 11,
            "symbol": "diamond-open",
            "color": theme.SEQUENCE[1],
            "line": {"width": 2},
        },
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    fig.add_scatter(
        x=[row.reference for row in found],
        y=names,
        mode="markers",
        name="shuffled categories",
        marker={"symbol": "line-ns-open", "size": 15, "color": theme.GREY, "line": {"width": 2}},
        hovertemplate="%{y}: null %{x:.1%}<extra></extra>",
    )
    fig.update_xaxes(**theme.axis("accuracy, nine classes", range=[0, 1.02], tickformat=".0%"))
    fig.update_yaxes(**theme.axis(showgrid=False, tickfont={"size": 15}, type="category"))
    return fig


def audits(study):
    """Every published scorer's :class:`scorer_audit.Audit` (or Missing): dict title -> Audit."""
    if isinstance(study, Missing):
        return study
    return {
        tables.source(name)["title"]: attempt(study.audit, name)
        for name in published_readings.LOCAL
    }


@passes_missing
def own_prompt(found, line):
    """log P of each typed face after its own prompt against the same face after the others, one panel of points per model."""
    held = {title: item for title, item in found.items() if not isinstance(item, Missing)}
    if not held:
        return next(iter(found.values()))
    lost = [title for title, item in held.items() if item.verdict == "has lost its prompt"]
    name = (
        f"{', '.join(lost)}: the scores do not know the prompt"
        if lost
        else "Every scorer knows its prompt"
    )
    fig = theme.figure(
        name,
        f"{line} · replies typed in the scored spelling; on the line, the prompt makes no difference",
        height=460,
        margin={"b": 110},
        legend=theme.LEGEND,
    )
    lowest = min(float(item.pairs[["own", "elsewhere"]].to_numpy().min()) for item in held.values())
    fig.add_scatter(
        x=[lowest, 0],
        y=[lowest, 0],
        mode="lines",
        line={"color": theme.GREY, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    for index, (title, item) in enumerate(held.items()):
        cells = item.pairs.groupby(["prompt_id", "face"], sort=False).first().reset_index()
        fig.add_scatter(
            x=cells["elsewhere"],
            y=cells["own"],
            mode="markers",
            name=escape.label(title),
            marker={
                "size": 6,
                "opacity": 0.55,
                "color": theme.SEQUENCE[index % 8],
                "symbol": theme.SYMBOLS[index % 9],
            },
            customdata=[
                escape.label(f"{face} after {prompt}")
                for face, prompt in zip(cells["face"], cells["prompt_id"], strict=True)
            ],
            hovertemplate="%{customdata}<br>own %{y:.1f}, elsewhere %{x:.1f}<extra></extra>",
        )
    fig.update_xaxes(**theme.axis("log P after other prompts (median, nat)"))
    fig.update_yaxes(**theme.axis("log P after its own prompt (nat)"))
    return fig


@passes_missing
def calibration(found, line):
    """Sampled frequency of a face by its log P: on the line, what was scored is what was sampled."""
    held = {title: item for title, item in found.items() if not isinstance(item, Missing)}
    if not held:
        return next(iter(found.values()))
    best = min(held, key=lambda title: abs(np.log(max(held[title].ratio, 1e-12))))
    fig = theme.figure(
        f"What was scored against what was sampled: {best} comes nearest",
        f"{line} · cells of prompt and face, by bins of log P",
        height=420,
        margin={"b": 110},
        legend=theme.LEGEND,
    )
    fig.add_scatter(
        x=[-9, 0],
        y=[np.exp(-9), 1],
        mode="lines",
        name="agreement",
        line={"color": theme.GREY, "dash": "dot"},
        hoverinfo="skip",
    )
    for index, (title, item) in enumerate(held.items()):
        table = item.calibration[item.calibration["log_prob"] > -9]
        values = [max(part.value, 1e-4) for part in table["sampled"]]
        fig.add_scatter(
            x=table["log_prob"],
            y=values,
            mode="lines+markers",
            name=escape.label(title),
            line={"color": theme.SEQUENCE[index % 8], "width": 2},
            marker={"size": 8, "symbol": theme.SYMBOLS[index % 9]},
            customdata=[
                [escape.label(str(part)), cells]
                for part, cells in zip(table["sampled"], table["cells"], strict=True)
            ],
            hovertemplate="log P %{x:.1f}: sampled %{customdata[0]}, %{customdata[1]} cells<extra></extra>",
        )
    fig.update_xaxes(**theme.axis("log P (nat)"))
    fig.update_yaxes(
        **theme.axis("share of the replies", type="log", dtick=1, exponentformat="power")
    )
    return fig


@passes_missing
def audit_table(found):
    """Every scorer: log P with and without its prompt, pairs won, the mass it gives to what was typed, and the verdict."""
    rows = []
    for title, item in found.items():
        if isinstance(item, Missing):
            rows.append((title, *[ABSENT] * 5, item.reason))
            continue
        interval = f"{item.better.value:.2f} ({item.better.ci_low:.2f} to {item.better.ci_high:.2f})".replace(
            " ", "\u00a0"
        )
        rows.append(
            (
                title,
                _minus(item.own),
                _minus(item.elsewhere),
                interval,
                f"{len(item.pairs):,}",
                _small(item.ratio),
                item.verdict,
            )
        )
    header = (
        "scores of",
        "own prompt",
        "other prompts",
        "pairs won (0.5 = blind)",
        "replies",
        "scored / sampled",
        "verdict",
    )
    return Table(
        header,
        tuple(rows),
        ("text", *["number"] * 5, "text"),
        "Median log P of the typed face, and how it compares with the replies",
        header[1:6],
    )


@passes_missing
def spelling_table(found):
    """How much of the replies was typed in the spelling that was scored, and what the rest was given."""
    rows = [
        (
            title if index == 0 else "",
            part.spelling,
            f"{part.replies:,}",
            f"{part.sampled:.1%}",
            _small(part.scored),
        )
        for title, item in found.items()
        if not isinstance(item, Missing)
        for index, part in enumerate(item.spelling.itertuples())
    ]
    return Table(
        ("scores of", "face typed", "replies", "share of replies", "mean probability given"),
        tuple(rows),
        ("text", "text", "number", "number", "number"),
        "Only one spelling of each face was scored",
        ("share of replies", "mean probability given"),
    )


@passes_missing
def worst_table(found, title):
    """The faces of one model whose probability is furthest below their frequency, with the spelling that was typed."""
    item = found[title]
    if isinstance(item, Missing):
        return item
    rows = tuple(
        (part.face, part[2], f"{part.sampled:.1%}", _small(part.scored))
        for part in item.worst.itertuples()
    )
    return Table(
        ("scored as", "typed as", "sampled", "probability given"),
        rows,
        ("face", "face", "number", "number"),
        f"{title}: typed often, thought impossible",
        ("sampled", "probability given"),
    )


@passes_missing
def fragment_table(found):
    """What each scorer gave to spellings that are no face by themselves; the likeliest one of each."""
    rows = [
        (
            title,
            part.scored,
            f"{part.probability:.3f}",
            f"{part.begins:,}",
            f"{len(item.fragments):,}",
        )
        for title, item in found.items()
        if not isinstance(item, Missing)
        for part in item.fragments.head(1).itertuples()
    ]
    return Table(
        (
            "scores of",
            "scored",
            "mean probability",
            "scored faces that begin with it",
            "fragments in all",
        ),
        tuple(rows),
        ("text", "face", "number", "number", "number"),
        "Scored, but no face: what others begin with collects their probability",
        ("mean probability",),
    )


def _minus(value):
    return f"{value:.1f}".replace("-", "−")


def _small(value):
    return f"{value:.3f}" if value >= 0.001 else scientific(value)


def clouds(study):
    """The :class:`published_geometry.Cloud` of each of the five models (or Missing): dict title -> Cloud."""
    if isinstance(study, Missing):
        return study
    return {
        tables.source(name)["title"]: attempt(study.cloud, name)
        for name in published_geometry.MODELS
    }


@passes_missing
def alignments(found, seed=0):
    """Every cloud laid onto the first: dict title -> Alignment (or Missing)."""
    first, *others = found
    codes = tables.scheme("nine").codes
    return {
        title: attempt(published_geometry.align, found[first], found[title], codes, seed=seed)
        for title in others
    }


@passes_missing
def aligned_prompts(found, laid, line):
    """All prompts of all models in the space of the first: colour is the category, symbol the model."""
    first = next(iter(found))
    places = {
        first: found[first],
        **{title: item for title, item in laid.items() if not isinstance(item, Missing)},
    }
    if isinstance(found[first], Missing):
        return found[first]
    scheme = tables.scheme("nine")
    fig = theme.figure(
        f"{len(places)} models, their prompts laid onto those of {first}",
        line,
        height=700,
        margin={"l": 0, "r": 0, "b": 120},
        legend=theme.LEGEND,
    )
    for code in scheme.codes:
        theme.legend_entry(fig, theme.name(scheme, code), scheme.colour(code), "circle", code)
        for index, (title, item) in enumerate(places.items()):
            points = (item.scores if index == 0 else item.aligned)[found[title].labels == code]
            fig.add_scatter3d(
                x=points[:, 0],
                y=points[:, 1],
                z=points[:, 2],
                mode="markers",
                legendgroup=code,
                showlegend=False,
                marker={
                    "size": 4,
                    "color": scheme.colour(code),
                    "symbol": SYMBOLS_3D[index % 7],
                    "opacity": 0.8,
                },
                hovertemplate=f"{theme.name(scheme, code)}<br>{escape.label(title)}<extra></extra>",
            )
    for index, title in enumerate(places):
        theme.legend_entry(
            fig, escape.label(title), theme.GREY, SYMBOLS_3D[index % 7], f"source {index}"
        )
    axes = {
        f"{name}axis": {
            "title": {"text": f"PC{index + 1}"},
            "showticklabels": False,
            "showbackground": False,
        }
        for index, name in enumerate("xyz")
    }
    fig.update_layout(
        scene={**axes, "aspectmode": "data", "bgcolor": theme.CLEAR, "camera": CAMERA},
        xaxis={"visible": False},
        yaxis={"visible": False},
    )
    return fig


@passes_missing
def centroids(found, laid, line):
    """The centroids of all models, laid onto the first."""
    return figures.centroids(laid, next(iter(found)), tables.scheme("nine"), line)


@passes_missing
def residuals(laid, line):
    """What is left over after the turn, against shuffled categories."""
    return figures.residuals(laid, line)


@passes_missing
def cloud_table(found):
    """Circumplex reading and clustering of each model's three components; what is missing where all of them are."""
    if all(isinstance(item, Missing) for item in found.values()):
        return next(iter(found.values()))
    named = {}
    for title, item in found.items():
        if isinstance(item, Missing):
            named[title] = item
        else:
            named.update(
                {
                    f"{title}: |r| of PC1 with valence": item.valence,
                    f"{title}: |r| of PC2 with arousal": item.arousal,
                    f"{title}: silhouette of the categories": item.silhouette,
                }
            )
    return estimates(
        named,
        "Three components of five real models; the null of the correlations deals the coordinates to other categories",
    )


@passes_missing
def vocabulary(found, scheme, source, labels=40):
    """Faces in the space of the words they were described with; colour: the category most of their anchor words name."""
    fig = theme.figure(
        f"{len(found.faces)} faces by their words; the criterion finds {found.chosen} clusters",
        source,
        height=720,
        margin={"l": 0, "r": 0, "b": 110},
        legend=theme.LEGEND,
    )
    primary = found.reading.table.idxmax(axis=1).reindex(found.faces)
    counts = found.count.to_numpy(float)
    sizes = SMALLEST + (LARGEST - SMALLEST) * np.sqrt(counts / max(counts.max(), 1))
    shown = set(np.argsort(-counts, kind="stable")[:labels])
    for code in (*scheme.codes, None):
        rows = [
            index
            for index, face in enumerate(found.faces)
            if (primary[face] == code if code else not isinstance(primary[face], str))
        ]
        if not rows:
            continue
        colour, name = (
            (scheme.colour(code), theme.name(scheme, code))
            if code
            else (theme.GREY, "no anchor word")
        )
        group = code or "none"
        theme.legend_entry(fig, name, colour, "circle", group)
        for members, mode in (
            ([row for row in rows if row in shown], "text"),
            ([row for row in rows if row not in shown], "markers"),
        ):
            if members:
                _faces(fig, found, members, mode, colour, group, sizes)
    shares = [f"PC{index + 1} ({item.value:.0%})" for index, item in enumerate(found.variance)]
    axes = {
        f"{axis}axis": {"title": {"text": text}, "showticklabels": False, "showbackground": False}
        for axis, text in zip("xyz", shares, strict=True)
    }
    fig.update_layout(
        scene={**axes, "aspectmode": "cube", "bgcolor": theme.CLEAR, "camera": CAMERA},
        xaxis={"visible": False},
        yaxis={"visible": False},
    )
    return fig


def _faces(fig, found, rows, mode, colour, group, sizes):
    points = found.scores[rows]
    faces = [found.faces[row] for row in rows]
    style = (
        {
            "text": [escape.gl_label(face) for face in faces],
            "textfont": {
                "family": theme.FONT,
                "color": colour,
                "size": [float(sizes[row]) for row in rows],
            },
        }
        if mode == "text"
        else {"marker": {"size": 4, "color": colour, "opacity": 0.6}}
    )
    hover = [
        [
            escape.label(face),
            int(found.count[face]),
            escape.label(found.words[face]),
            int(found.clusters[face]),
        ]
        for face in faces
    ]
    fig.add_scatter3d(
        x=points[:, 0],
        y=points[:, 1],
        z=points[:, 2],
        mode=mode,
        legendgroup=group,
        showlegend=False,
        customdata=hover,
        hovertemplate="%{customdata[0]}  typed %{customdata[1]} times, cluster %{customdata[3]}<br>%{customdata[2]}<extra></extra>",
        **style,
    )
