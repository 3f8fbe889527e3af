"""Clusters on the page: how their number was chosen, and the tree beside the similarities."""

import numpy as np

from kaomoji_lib import html as escape
from kaomoji_lib import theme
from kaomoji_lib.missing import passes_missing

COLOURS = tuple(colour for colour in theme.SEQUENCE if colour != theme.GREY)


@passes_missing
def criterion(found, source):
    """Silhouette of each number of clusters against its null, and how often a bootstrap finds the clusters again.

    ``found``: whatever has a ``criterion`` and a ``chosen`` number, a Heatmap or a Vocabulary.
    """
    table = found.criterion
    best = table.set_index("clusters")["silhouette"][found.chosen]
    above = best.p is None or best.p <= 0.05
    title = (
        f"{found.chosen} clusters stand farthest above chance"
        if above
        else f"No number of clusters stands above chance; {found.chosen} come closest"
    )
    fig = theme.figure(
        f"{title} (silhouette {best.value:.2f})",
        source,
        estimate=best,
        height=360,
        margin={"b": 100},
        legend=theme.LEGEND,
    )
    up, down = zip(*(theme.whiskers(item) for item in table["silhouette"]), strict=True)
    fig.add_scatter(
        x=table["clusters"],
        y=[item.value for item in table["silhouette"]],
        mode="lines+markers",
        name="silhouette, 95% interval",
        line={"color": theme.SEQUENCE[0], "width": 3},
        error_y={"type": "data", "array": up, "arrayminus": down, "thickness": 1.5, "width": 3},
        customdata=[escape.label(str(item)) for item in table["silhouette"]],
        hovertemplate="%{x} clusters: %{customdata}<extra></extra>",
    )
    fig.add_scatter(
        x=table["clusters"],
        y=[item.null_mean for item in table["silhouette"]],
        mode="lines",
        name="the same by chance",
        line={"color": theme.GREY, "width": 2, "dash": "dot"},
        hovertemplate="%{x} clusters: %{y:.2f}<extra></extra>",
    )
    fig.add_scatter(
        x=table["clusters"],
        y=table["stability"],
        mode="lines+markers",
        name="stability (bootstrap Jaccard)",
        line={"color": theme.SEQUENCE[1], "width": 2, "dash": "dash"},
        marker={"symbol": "diamond"},
        hovertemplate="%{x} clusters: stability %{y:.2f}<extra></extra>",
    )
    fig.update_xaxes(**theme.axis("clusters", dtick=1))
    fig.update_yaxes(**theme.axis("silhouette, stability", rangemode="tozero"))
    return fig


def beside(fig, heatmap, order, reach=(0.86, 1.0)):
    """Draw the tree beside a matrix whose rows are ``order``: it shares the rows' axis, so both zoom and scroll as one.

    Branches inside a cluster have its colour and tell its name, faces and stability; lines part the clusters in the matrix.
    """
    top = float(heatmap.linkage[:, 2].max())
    groups = {}
    for path, height, cluster in _branches(heatmap, order):
        groups.setdefault(cluster, []).append((path, height))
    for cluster, parts in groups.items():
        x = [value for path, _ in parts for value in (*(point[0] for point in path), None)]
        y = [value for path, _ in parts for value in (*(point[1] for point in path), None)]
        colour = theme.GREY if cluster is None else COLOURS[(cluster - 1) % len(COLOURS)]
        words = "" if cluster is None else _words(heatmap, cluster)
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines",
            xaxis="x2",
            line={"color": colour, "width": 2 if cluster else 1.2},
            showlegend=False,
            connectgaps=False,
            hoverinfo="skip" if cluster is None else "text",
            text=[words] * len(x),
            hovertemplate=None if cluster is None else "%{text}<extra></extra>",
        )
    labels = [heatmap.clusters[face] for face in order]
    for place in np.flatnonzero(np.diff(labels)) + 0.5:
        for shape in (
            {"x0": -0.5, "x1": len(order) - 0.5, "y0": place, "y1": place},
            {"x0": place, "x1": place, "y0": -0.5, "y1": len(order) - 0.5},
        ):
            fig.add_shape(
                type="line", xref="x", yref="y", line={"color": theme.QUIET, "width": 1}, **shape
            )
    fig.update_layout(
        xaxis={"domain": [0, reach[0] - 0.01]},
        xaxis2={
            "domain": list(reach),
            "anchor": "y",
            "range": [0, 1.06 * top],
            "showgrid": False,
            "zeroline": False,
            "showticklabels": False,
            "fixedrange": True,
        },
    )


def _words(heatmap, cluster):
    size = int((heatmap.clusters == cluster).sum())
    return escape.label(
        f"{heatmap.names[cluster]}: {size} faces, stability {heatmap.clustering.stability[heatmap.chosen][cluster]:.2f}"
    )


def _branches(heatmap, order):
    """The tree pruned to ``order``: (four corners, height, cluster or None) per fork; rows are the leaves' heights on the page."""
    faces = list(heatmap.matrix.index)
    rows = {faces.index(face): place for place, face in enumerate(order)}
    nodes = {
        leaf: ((0.0, rows[leaf]), {heatmap.clusters[faces[leaf]]}) if leaf in rows else None
        for leaf in range(len(faces))
    }
    for number, (left, right, height, _) in enumerate(heatmap.linkage):
        kept = [node for node in (nodes[int(left)], nodes[int(right)]) if node is not None]
        if len(kept) < 2:
            nodes[len(faces) + number] = kept[0] if kept else None
            continue
        ((x0, y0), first), ((x1, y1), second) = kept
        within = first | second
        yield (
            ((x0, y0), (height, y0), (height, y1), (x1, y1)),
            height,
            next(iter(within)) if len(within) == 1 else None,
        )
        nodes[len(faces) + number] = ((height, (y0 + y1) / 2), within)
