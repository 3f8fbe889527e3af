"""Three-dimensional views: points that turn, one symbol and colour per category."""

from kaomoji_lib import html as escape
from kaomoji_lib import theme
from kaomoji_lib.missing import passes_missing

CAMERA = {"eye": {"x": 0.35, "y": -1.75, "z": 0.75}, "center": {"x": 0, "y": 0, "z": -0.08}}


@passes_missing
def space(points, scheme, title, caption, *, axes=("PC1", "PC2", "PC3")):
    """Draw points in three dimensions: columns ``x``, ``y``, ``z``, ``category``, ``hover``."""
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
    scene |= {"aspectmode": "data", "bgcolor": theme.CLEAR, "camera": CAMERA}
    unseen = {"visible": False, "fixedrange": True, "domain": [0, 0.001]}
    return fig.update_layout(scene=scene, xaxis=unseen, yaxis=unseen, scene_dragmode="turntable")
