"""Three-dimensional views: points that turn, with the few kaomoji that can be labelled without a collision."""

import numpy as np

from kaomoji_lib import html as escape
from kaomoji_lib import theme
from kaomoji_lib.missing import passes_missing

EYE, CENTRE = {"x": 0.35, "y": -1.75, "z": 0.75}, {"x": 0, "y": 0, "z": -0.08}
# How far apart two labels must be in the first view, in parts of its longest side: enough for a phone.
ROOM = np.array([0.22, 0.09])
LABELS = 18


@passes_missing
def space(points, scheme, title, caption, *, axes=("PC1", "PC2", "PC3"), labels=LABELS):
    """Draw points in three dimensions, with a label for up to ``labels`` of them.

    ``points``: columns ``x``, ``y``, ``z``, ``category``, ``hover`` and optionally ``label`` (kaomoji). Labels are
    annotations: as text marks, each distinct string would cost 20 ms.
    """
    fig = theme.figure(title, caption, height=640, margin={"l": 0, "r": 0, "b": 110})
    for code in [code for code in scheme.codes if code in set(points["category"])]:
        part = points[points["category"] == code]
        name, colour = escape.label(scheme.gloss(code)), scheme.colour(code)
        fig.add_scatter3d(
            x=part["x"],
            y=part["y"],
            z=part["z"],
            mode="text",
            # WebGL has fewer marker symbols than there are categories.
            text=theme.GLYPHS[theme.symbol(scheme, code)],
            textfont={"family": theme.FONT, "size": 13, "color": colour},
            legendgroup=code,
            name=name,
            showlegend=False,
            customdata=[escape.label(hover) for hover in part["hover"]],
            hovertemplate="%{customdata}<extra></extra>",
        )
        marker = {"color": colour, "symbol": theme.symbol(scheme, code), "size": 11}
        fig.add_scatter(
            x=[None], y=[None], mode="markers", name=name, legendgroup=code, marker=marker
        )
    bare = {"showticklabels": False, "showbackground": False, "showspikes": False}
    scene = {
        f"{key}axis": {"title": {"text": escape.label(text)}, **bare}
        for key, text in zip("xyz", axes, strict=True)
    }
    notes = [] if "label" not in points else _notes(points, labels)
    camera = {"eye": EYE, "center": CENTRE}
    fig.update_layout(
        scene={**scene, "aspectmode": "data", "bgcolor": theme.CLEAR, "camera": camera}
    )
    fig.layout.scene.annotations = notes
    unseen = {"visible": False, "fixedrange": True, "domain": [0, 0.001]}
    return fig.update_layout(xaxis=unseen, yaxis=unseen, scene_dragmode="turntable")


def _notes(points, labels):
    labelled = points[points["label"].notna() & (points["label"] != "")]
    places = labelled[["x", "y", "z"]].to_numpy(dtype=float)
    chosen = _apart(places)[:labels] if len(places) else []
    return [
        {
            **dict(zip("xyz", places[row], strict=True)),
            "text": escape.label(labelled["label"].iloc[row]),
            "showarrow": False,
            "yshift": 14,
            "font": {"family": theme.FONT, "size": theme.FACE},
        }
        for row in chosen
    ]


def _apart(places):
    """Return the rows whose labels do not touch in the first view: each that keeps clear of the ones before it."""
    eye, centre = (np.array([item[name] for name in "xyz"], dtype=float) for item in (EYE, CENTRE))
    ahead = (centre - eye) / np.linalg.norm(centre - eye)
    right = np.cross(ahead, [0, 0, 1]) / np.linalg.norm(np.cross(ahead, [0, 0, 1]))
    seen = places @ np.stack([right, np.cross(right, ahead)], axis=1)
    seen = seen / max(np.ptp(places, axis=0).max(), 1e-12)
    chosen = []
    for row in range(len(seen)):
        if all((np.abs(seen[row] - seen[other]) >= ROOM).any() for other in chosen):
            chosen.append(row)
    return chosen
