"""Matrices: confusions, the similarity of faces, planted against measured, one source against another."""

import numpy as np
from scipy.cluster import hierarchy

from kaomoji_lib import html as escape
from kaomoji_lib import theme
from kaomoji_lib.metrics.distributions import Recovery
from kaomoji_lib.metrics.geometry import FaceMeans, Heatmap
from kaomoji_lib.metrics.predict import Prediction
from kaomoji_lib.missing import Missing, passes_missing
from kaomoji_lib.show import clusters
from kaomoji_lib.stats import Estimate

MOST_FACES = 60
LEAD = 1.5  # times an even share


@passes_missing
def confusion(prediction, scheme, source):
    """True category (rows) by predicted category (columns), each row as shares of 1."""
    theme.require(prediction, Prediction, "figures.confusion")
    table = prediction.confusion
    codes = [code for code in scheme.codes if code in table.index]
    shares = table.loc[codes, codes].div(
        table.loc[codes, codes].sum(axis=1).clip(lower=1e-12), axis=0
    )
    fig = theme.figure(
        _confusion_title(prediction, shares), source, height=60 + 48 * len(codes), showlegend=False
    )
    ticks = [escape.label(code) for code in codes]
    fig.add_heatmap(
        z=shares.to_numpy(),
        x=list(range(len(codes))),
        y=list(range(len(codes))),
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorscale=theme.SEQUENTIAL,
        showscale=False,
        customdata=[
            [[theme.name(scheme, row), theme.name(scheme, column)] for column in codes]
            for row in codes
        ],
        hovertemplate="%{customdata[0]} read as %{customdata[1]}: %{z:.1%}<extra></extra>",
    )
    _write_values(fig, shares.to_numpy(), lambda value: f"{value:.0%}" if value >= 0.095 else "")
    places = list(range(len(codes)))
    fig.update_xaxes(
        **theme.axis(
            "predicted",
            tickvals=places,
            ticktext=ticks,
            showgrid=False,
            zeroline=False,
            tickangle=0,
        )
    )
    fig.update_yaxes(
        **theme.axis(
            "written as",
            tickvals=places,
            showgrid=False,
            zeroline=False,
            autorange="reversed",
            ticktext=[theme.tagged(scheme, code, f"{code} {scheme.gloss(code)}") for code in codes],
        )
    )
    return fig


def _confusion_title(prediction, shares):
    name, p = prediction.name.replace("typed face", "the typed face"), prediction.accuracy.p
    if p is not None and p > 0.05:
        return f"From {name}: no better than with shuffled categories"
    errors = shares.to_numpy().copy()
    np.fill_diagonal(errors, 0)
    if errors.max() < 0.005:
        return f"From {name}: no category is taken for another"
    row, column = np.unravel_index(errors.argmax(), errors.shape)
    if (errors > errors[row, column] - 1e-9).sum() > 1:
        return f"From {name}: no two categories are confused more often than others"
    return f"From {name}: {shares.index[row]} is taken for {shares.columns[column]} most often"


@passes_missing
def face_similarity(heatmap, means, scheme, source):
    """Cosine similarity of the mean states behind faces, in hierarchical order, with the tree; labels with the mark of their primary category."""
    theme.require(heatmap, Heatmap, "figures.face_similarity")
    theme.require(means, FaceMeans, "figures.face_similarity")
    kept = set(means.counts.index[:MOST_FACES])
    order = [face for face in heatmap.order if face in kept]
    matrix = heatmap.matrix.loc[order, order].to_numpy()
    blocks = (
        heatmap.silhouette.p is not None
        and heatmap.silhouette.p < 0.05
        and heatmap.silhouette.value > heatmap.silhouette.null_mean
    )
    title = (
        "Faces of the same category share their state"
        if blocks
        else "Faces of the same category do not share their state"
    )
    shown = (
        f"{len(order)} of {len(heatmap.order)} faces; " if len(order) < len(heatmap.order) else ""
    )
    fig = theme.figure(
        f"{title} (silhouette {heatmap.silhouette.value:.2f})",
        f"{source} · {shown}cosine of mean states, centred over faces",
        estimate=heatmap.silhouette,
        height=150 + 24 * len(order),
        margin={"b": 104},
        legend={**theme.LEGEND, "itemclick": False, "itemdoubleclick": False},
    )
    places = list(range(len(order)))
    hover = [_face_words(face, means) for face in order]
    fig.add_heatmap(
        z=matrix,
        x=places,
        y=places,
        zmin=-1,
        zmax=1,
        colorscale=theme.DIVERGING,
        colorbar={
            "title": {"text": "cosine"},
            "thickness": 12,
            "outlinewidth": 0,
            "len": 0.4,
            "y": 1,
            "yanchor": "top",
            "tickvals": [-1, 0, 1],
        },
        customdata=[[[hover[row], hover[column]] for column in places] for row in places],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>cosine %{z:.2f}<extra></extra>",
    )
    for code in scheme.codes:
        at = [
            place for place, face in zip(places, order, strict=True) if means.primary[face] == code
        ]
        if at:
            fig.add_scatter(
                x=at,
                y=[len(order) - 0.05] * len(at),
                mode="markers",
                name=theme.name(scheme, code),
                hoverinfo="skip",
                marker={
                    "symbol": theme.symbol(scheme, code),
                    "size": 9,
                    "color": scheme.colour(code),
                },
                cliponaxis=False,
            )
    fig.update_xaxes(
        **theme.axis(
            showticklabels=False,
            ticks="",
            showline=False,
            showgrid=False,
            zeroline=False,
            range=[-0.5, len(order) - 0.5],
        )
    )
    fig.update_yaxes(
        **theme.axis(
            tickvals=places,
            showgrid=False,
            zeroline=False,
            range=[len(order) + 0.4, -0.5],
            tickfont={"size": theme.FACE, "family": theme.FONT},
            ticktext=[theme.tagged(scheme, means.primary[face], face) for face in order],
        )
    )
    clusters.beside(fig, heatmap, order)
    return fig


def _face_words(face, means):
    shares = means.shares.loc[face].sort_values(ascending=False)
    parts = ", ".join(
        f"{code} {share:.0%}" for code, share in shares[shares >= 0.05].head(3).items()
    )
    return escape.label(f"{face}  {means.counts[face]} times: {parts}")


@passes_missing
def planted(recovery, scheme, source):
    """P(category | face) as planted and as measured, side by side, for the faces that were typed often enough."""
    theme.require(recovery, Recovery, "figures.planted")
    weight = recovery.measured.weight
    faces = [
        face
        for face in weight[weight >= 3].sort_values(ascending=False).index
        if face in recovery.planted.table.index
    ][:MOST_FACES]
    if len(faces) < 2:
        return Missing("fewer than two planted faces were typed three times or more")
    codes = [code for code in scheme.codes if code in recovery.planted.table.columns]
    order = _reading_order(recovery.planted.table.loc[faces, codes])
    known, value = recovery.planted.table[codes], recovery.similarity
    # A face that was planted for all categories about alike belongs to none.
    strongest = known.idxmax(axis=1).where(known.max(axis=1) > LEAD / len(codes))
    fig = theme.figure(
        f"Measured and planted readings of a face agree to {value.value:.2f} (1 = equal)",
        source,
        estimate=value,
        height=190 + 24 * len(order),
        showlegend=False,
        margin={"b": 90},
    )
    places, gap = list(range(len(order))), len(codes) + 1
    for offset, label, table in (
        (0, "planted", recovery.planted.table),
        (gap, "measured", recovery.measured.table),
    ):
        fig.add_heatmap(
            z=table.loc[order, codes].to_numpy(),
            x=[offset + index for index in range(len(codes))],
            y=places,
            zmin=0,
            zmax=1,
            xgap=1,
            ygap=1,
            colorscale=theme.SEQUENTIAL,
            showscale=False,
            customdata=[
                [[escape.label(face), theme.name(scheme, code)] for code in codes] for face in order
            ],
            hovertemplate=f"%{{customdata[0]}} in %{{customdata[1]}}<br>{label} %{{z:.2f}}<extra></extra>",
        )
        fig.add_annotation(
            x=offset + (len(codes) - 1) / 2,
            y=-1.2,
            text=f"<b>{label}</b>",
            showarrow=False,
            font={"size": 15},
        )
    ticks = [escape.label(code) for code in codes]
    fig.update_xaxes(
        **theme.axis(
            "category, given the face",
            tickangle=-60,
            showgrid=False,
            zeroline=False,
            ticktext=ticks * 2,
            tickvals=[*range(len(codes)), *(gap + index for index in range(len(codes)))],
        )
    )
    fig.update_yaxes(
        **theme.axis(
            tickvals=places,
            showgrid=False,
            zeroline=False,
            ticktext=[
                theme.tagged(scheme, strongest[face], face)
                if isinstance(strongest[face], str)
                else escape.label(face)
                for face in order
            ],
            range=[len(order) - 0.5, -1.9],
            tickfont={"size": theme.FACE, "family": theme.FONT},
        )
    )
    return fig


def _reading_order(table):
    """Faces by their strongest category, those most bound to it first."""
    strongest, share = table.to_numpy().argmax(axis=1), table.to_numpy().max(axis=1)
    return [table.index[row] for row in np.lexsort((-share, strongest))]


def cka(pairs, source):
    """Linear CKA of every two sources. ``pairs``: dict (title, title) -> (Estimate, Estimate)."""
    titles = list(dict.fromkeys(title for pair in pairs for title in pair))
    size = len(titles)
    values = np.full((size, size), np.nan)
    words = [["" for _ in titles] for _ in titles]
    for (left, right), (free, within) in pairs.items():
        theme.require(free, Estimate, "figures.cka")
        row, column = sorted((titles.index(left), titles.index(right)))
        values[row, column] = values[column, row] = free.value
        words[row][column] = words[column][row] = (
            f"{escape.label(left)} and {escape.label(right)}<br>{escape.label(str(free))}<br>"
            f"shuffled within categories: {within.null_mean:.2f}, p = {within.p:.3f}"
        )
    if size > 2:
        filled = np.where(np.isnan(values), 1.0, values)
        tree = hierarchy.linkage((1 - filled)[np.triu_indices(size, 1)], "average")
        order = list(hierarchy.leaves_list(tree))
    else:
        order = list(range(size))
    values = values[np.ix_(order, order)]
    names = [
        f"{escape.label(titles[index])}  {place}" for place, index in enumerate(order, start=1)
    ]
    fig = theme.figure(
        "How far every two sources arrange the prompts alike",
        source,
        height=70 + 54 * size,
        showlegend=False,
    )
    fig.add_heatmap(
        z=values,
        x=list(range(size)),
        y=list(range(size)),
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        colorscale=theme.SEQUENTIAL,
        showscale=False,
        hoverongaps=False,
        customdata=[[words[row][column] for column in order] for row in order],
        hovertemplate="%{customdata}<extra></extra>",
    )
    _write_values(
        fig,
        values,
        lambda value: (
            "" if np.isnan(value) else f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
        ),
    )
    fig.update_xaxes(
        **theme.axis(
            tickvals=list(range(size)),
            ticktext=[str(place + 1) for place in range(size)],
            showgrid=False,
            zeroline=False,
        )
    )
    fig.update_yaxes(
        **theme.axis(
            tickvals=list(range(size)),
            ticktext=names,
            showgrid=False,
            zeroline=False,
            autorange="reversed",
        )
    )
    return fig


def _write_values(fig, values, words):
    rows, columns = np.indices(values.shape)
    fig.add_scatter(
        x=columns.ravel(),
        y=rows.ravel(),
        mode="text",
        text=[words(value) for value in values.ravel()],
        textfont={"size": 13, "family": theme.FONT},
        hoverinfo="skip",
        showlegend=False,
    )
