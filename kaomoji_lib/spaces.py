"""Three-dimensional views of the states: prompts of one source, category centroids of several."""

import numpy as np
import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import theme
from kaomoji_lib.metrics.geometry import Alignment, Components
from kaomoji_lib.missing import Missing, passes_missing

LABELS = 18
GLYPH_SIZE = 13
MOST_LABELS = 50
EYE, CENTRE = {"x": 0.35, "y": -1.75, "z": 0.75}, {"x": 0, "y": 0, "z": -0.08}
# How far apart two labels stand as the scene is first seen, in parts of its longest side: enough for a phone.
ROOM = np.array([0.22, 0.09])


@passes_missing
def prompt_space(components, prompts, emissions, scheme, source, *, labels=LABELS):
    """Prompts in the space of the first three components, the most typed face of a few of them as a label.

    ``components``: Components, rows in the order of ``prompts``; ``labels``: number of labelled
    prompts, at most 50 (each is an annotation that moves with the view). Hover tells the faces with
    their counts and the prompt.
    """
    theme.require(components, Components, "figures.prompt_space")
    scores = components.scores[:, :3]
    if scores.shape[1] < 3:
        return Missing(f"the states span {scores.shape[1]} dimensions; a space needs three")
    typed = openings(emissions).reindex(prompts["id"])
    fig = _space(
        f"The first component holds {components.variance[0].value:.0%} of the variance between prompts",
        source,
        components.variance[0],
        components,
    )
    categories = prompts["category"].to_numpy()
    for code in scheme.codes:
        rows = np.flatnonzero(categories == code)
        if len(rows):
            name, colour, shape = (
                theme.name(scheme, code),
                scheme.colour(code),
                theme.symbol(scheme, code),
            )
            theme.legend_entry(fig, name, colour, shape, code)
            fig.add_scatter3d(
                **_places(scores[rows]),
                **_glyphs(shape, colour, GLYPH_SIZE),
                legendgroup=code,
                showlegend=False,
                customdata=[_hover(prompts.iloc[row], typed.iloc[row]) for row in rows],
                hovertemplate=f"<b>%{{customdata[0]}}</b>  %{{customdata[1]}}<br>%{{customdata[2]}}<extra>{name}</extra>",
            )
    candidates = representatives(scores, categories, typed["face"].notna().to_numpy(), 3 * labels)
    chosen = apart(scores, candidates)[: min(labels, MOST_LABELS)]
    notes = [_note(scores[row], typed["face"].iloc[row]) for row in chosen]
    if notes:
        fig.layout.scene.annotations = notes
        fig.update_layout(updatemenus=[_switch(notes)])
    return fig


def openings(emissions):
    """Per prompt: the most typed face (None without one) and ``counts``, words such as ``(^_^) 5, (T_T) 2 of 8``."""
    rows = {}
    for prompt, part in emissions.groupby("prompt_id", sort=False):
        found = part["face"].dropna().value_counts(sort=False)
        found = found.iloc[np.argsort(-found.to_numpy(), kind="stable")]
        words = ", ".join(f"{face} {count}" for face, count in found.head(3).items())
        rows[prompt] = {
            "face": found.index[0] if len(found) else None,
            "counts": f"{words} of {len(part)}"
            if len(found)
            else f"no kaomoji in {len(part)} replies",
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["face", "counts"]).astype(object)


def representatives(scores, categories, usable, count):
    """Rows to label: from every category in turn, the usable row farthest from those already chosen.

    The first of a category is the one nearest its centroid. Returns at most ``count`` row numbers.
    """
    chosen, queues = [], {}
    for code in pd.unique(categories):
        rows = np.flatnonzero((categories == code) & usable)
        if len(rows):
            centre = scores[categories == code].mean(axis=0)
            near = rows[np.argsort(np.linalg.norm(scores[rows] - centre, axis=1))]
            queues[code] = near[: max(3, len(near) * 3 // 4)]
            chosen.append(int(near[0]))
    while queues and len(chosen) < count:
        for code in list(queues):
            rows = [row for row in queues[code] if row not in chosen]
            if not rows:
                del queues[code]
                continue
            gaps = np.linalg.norm(scores[rows][:, None] - scores[chosen][None], axis=2).min(axis=1)
            chosen.append(int(rows[int(gaps.argmax())]))
    return chosen[:count]


def apart(points, rows):
    """Those of ``rows`` whose labels do not touch as the scene is first seen: each that keeps clear of the ones before it."""
    eye, centre = (np.array([item[name] for name in "xyz"], dtype=float) for item in (EYE, CENTRE))
    ahead = (centre - eye) / np.linalg.norm(centre - eye)
    right = np.cross(ahead, [0, 0, 1]) / np.linalg.norm(np.cross(ahead, [0, 0, 1]))
    seen = points @ np.stack([right, np.cross(right, ahead)], axis=1) / np.ptp(points, axis=0).max()
    kept = []
    for row in rows:
        if all((np.abs(seen[row] - seen[other]) >= ROOM).any() for other in kept):
            kept.append(row)
    return kept


def centroids(alignments, reference, scheme, source):
    """Category centroids of several sources, laid onto a reference by Procrustes.

    ``alignments``: dict title -> Alignment (or Missing) against the source titled ``reference``. The
    colour is the category, the symbol the source; a line ties each centroid to the reference's.
    """
    found = {
        name: theme.require(item, Alignment, "figures.centroids")
        for name, item in alignments.items()
        if not isinstance(item, Missing)
    }
    if not found:
        return next(
            iter(alignments.values()), Missing("no second source to lay onto the reference")
        )
    base = next(iter(found.values())).reference
    if base.shape[1] < 3:
        return Missing(f"the centroids span {base.shape[1]} dimensions; a space needs three")
    alone = next(iter(found.values())).residual if len(found) == 1 else None
    left = f", relative residual {alone.value:.2f}" if alone else ""
    fig = _space(
        f"Category centroids of {len(found) + 1} sources, laid onto {reference}{left}",
        source,
        alone,
    )
    places = {reference: base, **{title: item.centroids for title, item in found.items()}}
    for code in base.index:
        colour, name = scheme.colour(code), theme.name(scheme, code)
        theme.legend_entry(fig, name, colour, "circle", code)
        for index, (title, table) in enumerate(places.items()):
            ends = np.array([base.loc[code], table.loc[code]])
            if index:
                fig.add_scatter3d(
                    **_places(ends),
                    mode="lines",
                    legendgroup=code,
                    showlegend=False,
                    hoverinfo="skip",
                    line={"color": colour, "width": 2},
                    opacity=0.6,
                )
            fig.add_scatter3d(
                **_places(ends[1:]),
                **_glyphs(theme.SYMBOLS[index % 9], colour, 17 if index else 26),
                legendgroup=code,
                showlegend=False,
                hovertemplate=f"<b>{theme.name(scheme, code)}</b><br>{escape.label(title)}<extra></extra>",
            )
    for index, title in enumerate(places):
        theme.legend_entry(
            fig, escape.label(title), theme.GREY, theme.SYMBOLS[index % 9], f"source {index}"
        )
    return fig


def _space(title, source, estimate, components=None):
    shares = (
        [f" ({item.value:.0%})" for item in components.variance[:3]] if components else ["", "", ""]
    )
    fig = theme.figure(
        title,
        source,
        estimate=estimate,
        height=700,
        margin={"l": 0, "r": 0, "b": 110},
        legend=theme.LEGEND,
    )
    axes = {
        f"{name}axis": {
            "title": {"text": f"PC{index + 1}{shares[index]}"},
            "showticklabels": False,
            "showbackground": False,
            "showspikes": False,
        }
        for index, name in enumerate("xyz")
    }
    unseen = {"visible": False, "fixedrange": True, "domain": [0, 0.001]}
    fig.update_layout(xaxis=unseen, yaxis=unseen)
    fig.update_layout(
        scene={
            **axes,
            "aspectmode": "data",
            "bgcolor": theme.CLEAR,
            "dragmode": "turntable",
            "camera": {"eye": EYE, "center": CENTRE},
        }
    )
    return fig


def _places(points):
    return {"x": points[:, 0], "y": points[:, 1], "z": points[:, 2]}


def _glyphs(shape, colour, size):
    """Points as glyphs: WebGL has fewer marker symbols than there are categories."""
    return {
        "mode": "text",
        "text": theme.GLYPHS[shape],
        "textposition": "middle center",
        "textfont": {"family": theme.FONT, "size": size, "color": colour},
    }


def _hover(prompt, opening):
    face = opening["face"] if isinstance(opening["face"], str) else ""
    counts = opening["counts"] if isinstance(opening["counts"], str) else "no reply"
    return [
        escape.label(face),
        escape.label(counts),
        escape.label(f"{prompt['id']}: {prompt['text']}"),
    ]


def _note(place, face):
    """A face beside its point, in ink: the point has the colour, and fine strokes need the contrast."""
    x, y, z = (float(value) for value in place)
    return {
        "x": x,
        "y": y,
        "z": z,
        "text": escape.label(face),
        "showarrow": False,
        "yshift": 15,
        "font": {"size": theme.FACE, "family": theme.FONT},
    }


def _switch(notes):
    return {
        "type": "buttons",
        "direction": "right",
        "x": 1,
        "xanchor": "right",
        "y": 1,
        "yanchor": "top",
        "pad": {"t": 4, "r": 4},
        "showactive": False,
        "borderwidth": 1,
        "font": {"size": 13},
        "buttons": [
            {"label": "faces", "method": "relayout", "args": [{"scene.annotations": notes}]},
            {"label": "points only", "method": "relayout", "args": [{"scene.annotations": []}]},
        ],
    }
