"""The figures of the book. Each takes a tidy table and returns a plotly figure.

Tables of estimates have the columns of :data:`kaomoji_lib.results.COLUMNS`. Titles state the result; captions say which
model and data it came from. All text is plain and is escaped here.
"""

import numpy as np
import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import results, stats, tables, theme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.results import Missing, passes_missing

CAMERA = {"eye": {"x": 0.35, "y": -1.75, "z": 0.75}, "center": {"x": 0, "y": 0, "z": -0.08}}
ELLIPSE = np.linspace(0, 2 * np.pi, 41)
DASHES = ("dot", "dash", "dashdot", "longdash")
STEP = 14  # pixels between two series of one row of a forest
NAMES = {"showgrid": False, "zeroline": False, "ticklen": 0}  # an axis of names
SILENT = {"hoverinfo": "skip", "showlegend": False}
FACES = {"family": theme.FONT, "size": theme.FACE}


@passes_missing
def forest(frame, title, caption, *, y="source", series="measure", x="", percent=False, lines=()):
    """Draw one dot with its 95 % interval per estimate, and a tick at the mean of its null.

    ``frame``: tidy table; ``y``: column whose values are the rows; ``series``: column whose values are the colours;
    ``x``: title of the axis; ``percent``: show shares as percentages; ``lines``: mapping label -> position of vertical
    reference lines. Hollow dots are no finding by the rule of :mod:`kaomoji_lib.stats`: p above 0.05, or too near the null.
    """
    frame = _estimates(frame, y, series)
    if frame.empty:
        return Missing("no estimate could be computed for this figure")
    near_null = (frame["value"] - frame["null_mean"]).abs() < stats.RELEVANT
    frame = frame.assign(hollow=near_null | (frame["p"] > stats.ALPHA))
    if frame["hollow"].any():
        caption += (
            f"; hollow: p\u00a0>\u00a0{stats.ALPHA}, or less than {stats.RELEVANT} from the null"
        )
    groups, bands = list(dict.fromkeys(frame[series])), _bands(frame, y, series)
    several, bottom = len(groups) > 1, bands["bottom"].min()
    layout = {"height": 70 - bottom, "tops": bands["top"], "margin": {"b": 90 if several else 60}}
    fig = theme.figure(title, caption, **layout)
    for number, name in enumerate(groups):
        part = frame[frame[series] == name]
        rows = bands.loc[part[y]]
        places = rows["top"].to_numpy() - 20 - [STEP * row.index(name) for row in rows["series"]]
        colour, shape = theme.style(number)
        fill = part["hollow"].map({True: theme.CLEAR, False: colour})
        marker = {"color": fill, "size": 11, "line": {"color": colour, "width": 2}, "symbol": shape}
        fig.add_scatter(
            **{"x": part["value"], "y": places, "mode": "markers", "marker": marker},
            **{"name": escape.label(name), "legendrank": number, "showlegend": several},
            error_x={**_whiskers(part), "color": colour, "thickness": 2, "width": 4},
            **_hover(part, y, series),
        )
        nulls = part["null_mean"].notna().to_numpy()
        if nulls.any():
            fig.add_scatter(
                **{"x": part["null_mean"][nulls], "y": places[nulls], "mode": "markers"},
                **{"name": "null mean", "legendgroup": "null", "legendrank": len(groups)},
                marker={"symbol": "line-ns-open", "size": 13, "color": theme.GREY},
                **{"hoverinfo": "skip", "showlegend": number == 0},
            )
    for name, place in dict(lines).items():
        style = {"dash": "dot", "color": theme.GREY, "width": 1.5}
        note = {"annotation_text": escape.label(name), "annotation_font_color": theme.GREY}
        fig.add_vline(x=place, line=style, annotation_position="top", **note)
    middles = bands[["top", "bottom"]].mean(axis=1).tolist()
    names = {"tickvals": middles, "ticktext": [escape.label(row) for row in bands.index]}
    return fig.update_layout(
        xaxis=theme.axis(x, tickformat=".0%" if percent else None),
        yaxis=theme.axis(**NAMES, **names, range=[bottom, 0]),
    )


@passes_missing
def curve(frame, title, caption, *, x, series="source", y="", percent=False, lines=()):
    """Draw one line with its 95 % band per series.

    ``frame``: tidy table with the numeric column ``x``; ``lines``: mapping label -> height of at most four
    horizontal reference lines, which the legend names.
    """
    frame = _estimates(frame, x, series)
    if frame.empty:
        return Missing("no estimate could be computed for this figure")
    fig = theme.figure(title, caption, height=380, margin={"b": 96})
    for number, name in enumerate(dict.fromkeys(frame[series])):
        part = frame[frame[series] == name].sort_values(x)
        colour, shape = theme.style(number)
        fig.add_scatter(
            x=pd.concat([part[x], part[x][::-1]]),
            y=pd.concat([part["ci_high"], part["ci_low"][::-1]]),
            **{"mode": "lines", "fill": "toself", "fillcolor": colour, "opacity": 0.16},
            **{"line": {"width": 0}, "legendgroup": str(name), **SILENT},
        )
        fig.add_scatter(
            **{"x": part[x], "y": part["value"], "mode": "lines+markers"},
            **{"line": {"color": colour, "width": 2.5}, "marker": {"symbol": shape, "size": 7}},
            **{"name": escape.label(name), "legendgroup": str(name), **_hover(part, x, series)},
        )
    ends = [frame[x].min(), frame[x].max()]
    for (name, place), dash in zip(dict(lines).items(), DASHES, strict=False):
        fig.add_scatter(
            **{"x": ends, "y": [place, place], "name": escape.label(name), "mode": "lines"},
            line={"dash": dash, "color": theme.GREY, "width": 2},
            hovertemplate="%{fullData.name}: %{y}<extra></extra>",
        )
    xaxis = theme.axis(x, zeroline=False)
    return fig.update_layout(
        xaxis=xaxis, yaxis=theme.axis(y, tickformat=".0%" if percent else None, zeroline=False)
    )


@passes_missing
def matrix(table, title, caption, *, text=".2f", diverging=False, faces=False):
    """Draw a heat map of ``table`` (DataFrame of numbers; index = rows, columns = columns) with the numbers in its cells.

    ``text``: format of the numbers; ``diverging``: colours around 0; ``faces``: set the names of rows in the font for
    kaomoji.
    """
    values = table.to_numpy(dtype=float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if diverging:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    fig = theme.figure(title, caption, height=110 + 34 * len(table), margin={"b": 30, "r": 12})
    written = [["" if np.isnan(v) else tables.words(v, text) for v in row] for row in values]
    colours = theme.DIVERGING if diverging else theme.SEQUENTIAL
    style = {"zmin": low, "zmax": high, "colorscale": colours, "showscale": False}
    rows, columns = (
        {"tickvals": list(range(len(names))), "ticktext": [escape.label(name) for name in names]}
        for names in (table.index, table.columns)
    )
    places = {"x": columns["tickvals"], "y": rows["tickvals"], "xgap": 1, "ygap": 1}
    fig.add_heatmap(z=values, text=written, texttemplate="%{text}", **places, **style)
    rows |= {"autorange": "reversed", "tickfont": FACES if faces else {}}
    xaxis, yaxis = theme.axis(**NAMES, **columns, side="top"), theme.axis(**NAMES, **rows)
    return fig.update_layout(xaxis=xaxis, yaxis=yaxis)


@passes_missing
def plane(points, scheme, title, caption, *, axes=("PC1", "PC2")):
    """Draw points of a plane with one ellipse per category (one standard deviation) and its name at the centroid.

    ``points``: columns ``x``, ``y``, ``category``, ``hover``.
    """
    fig = theme.figure(title, caption, height=520, margin={"b": 110})
    labels = {}
    for code, part in _by_category(points, scheme):
        colour, name = scheme.colour(code), escape.label(scheme.gloss(code))
        fig.add_scatter(
            **{"x": part["x"], "y": part["y"], "mode": "markers", "opacity": 0.75},
            marker={"color": colour, "symbol": theme.symbol(scheme, code), "size": 8},
            **{"name": name, "legendgroup": code, **_texts(part["hover"])},
        )
        if len(part) < 3:
            continue
        centre, cover = part[["x", "y"]].mean(), np.cov(part["x"], part["y"])
        circle = np.array([np.cos(ELLIPSE), np.sin(ELLIPSE)])
        ring = np.linalg.cholesky(cover + 1e-12 * np.eye(2)) @ circle
        x, y = centre["x"] + ring[0], centre["y"] + ring[1]
        line = {"color": colour, "width": 1.5}
        fig.add_scatter(x=x, y=y, mode="lines", line=line, legendgroup=code, **SILENT)
        labels[f"<b>{name}</b>"] = (centre["x"], y.max(), colour)
    extent = np.ptp(points[["x", "y"]].to_numpy(), axis=0)
    places = np.array([place for *place, _ in labels.values()]).reshape(-1, 2)
    places = extent * _apart(places / extent, np.array([0.2, 0.05]))
    for (x, y), (name, (*_, colour)) in zip(places, labels.items(), strict=True):
        label = {"showarrow": False, "yshift": 9, "font": {"color": colour, "size": 13}}
        fig.add_annotation(x=x, y=y, text=name, **label)
    xaxis, yaxis = (theme.axis(title, zeroline=False) for title in axes)
    return fig.update_layout(xaxis=xaxis, yaxis=yaxis)


@passes_missing
def space(points, scheme, title, caption, *, axes=("PC1", "PC2", "PC3")):
    """Draw points in three dimensions: columns ``x``, ``y``, ``z``, ``category``, ``hover``."""
    fig = theme.figure(title, caption, height=640, margin={"l": 0, "r": 0, "b": 110})
    for code, part in _by_category(points, scheme):
        colour, symbol = scheme.colour(code), theme.symbol(scheme, code)
        legend = {"name": escape.label(scheme.gloss(code)), "legendgroup": code}
        fig.add_scatter3d(
            **{"x": part["x"], "y": part["y"], "z": part["z"], "mode": "text"},
            # WebGL has fewer marker symbols than there are categories.
            text=theme.GLYPHS[symbol],
            textfont={"family": theme.FONT, "size": 13, "color": colour},
            **{"showlegend": False, **legend, **_texts(part["hover"])},
        )
        marker = {"color": colour, "symbol": symbol, "size": 11}
        fig.add_scatter(x=[None], y=[None], mode="markers", marker=marker, **legend)
    bare = {"showticklabels": False, "showbackground": False, "showspikes": False}
    scene = {"aspectmode": "data", "bgcolor": theme.CLEAR, "camera": CAMERA}
    for key, text in zip("xyz", axes, strict=True):
        scene[f"{key}axis"] = {"title": {"text": escape.label(text)}, **bare}
    unseen = {"visible": False, "fixedrange": True, "domain": [0, 0.001]}
    return fig.update_layout(scene=scene, xaxis=unseen, yaxis=unseen, scene_dragmode="turntable")


@passes_missing
def circumplex(places, scheme, title, caption):
    """Place kaomoji on the plane of valence and arousal.

    ``places``: columns ``face``, ``valence``, ``arousal`` (-1..1), ``category`` (colour), ``hover``, and ``weight``
    (drawn larger). Category names mark their own coordinates; kaomoji that would overlap are moved up or down.
    """
    fig = theme.figure(title, caption, height=540, showlegend=False)
    for radius in (0.5, 1.0):
        box = {"x0": -radius, "x1": radius, "y0": -radius, "y1": radius}
        fig.add_shape(type="circle", layer="below", line={"color": theme.FAINT}, **box)
    names = scheme.table[["valence", "arousal"]].to_numpy(float) * [1.5, 1.15]
    names[:, 1] += scheme.table["dominance"].map({"D": 0.12, "S": -0.12}).fillna(0)
    for (x, y), (_, row) in zip(names, scheme.table.iterrows(), strict=True):
        font = {"color": row["colour"], "size": 14}
        fig.add_annotation(x=x, y=y, text=escape.label(row["gloss"]), showarrow=False, font=font)
    size = 13 + 6 * np.sqrt(places["weight"] / places["weight"].max())
    # Widths are those on a phone, where letters are largest beside the plane.
    room = np.column_stack([0.0046 * size * places["face"].str.len() + 0.05, 0.0068 * size])
    taken = [[0.055 * len(name), 0.1] for name in scheme.table["gloss"]]
    points = places[["valence", "arousal"]].to_numpy(float)
    x, y = _apart(points, np.concatenate([room, taken]), names).T
    colours = [scheme.colour(code) for code in places["category"]]
    fig.add_scatter(
        **{"x": x, "y": y, "mode": "text", "cliponaxis": False, **_texts(places["hover"])},
        text=[escape.label(face) for face in places["face"]],
        textfont={"family": theme.FONT, "size": list(size), "color": colours},
    )
    ends = {"tickvals": [-1, 0, 1], "ticktext": ["−1", "0", "+1"], "showgrid": False}
    one_scale = {"scaleanchor": "x", "constrain": "domain", **ends}
    return fig.update_layout(
        xaxis=theme.axis("valence: unpleasant → pleasant", range=[-1.85, 1.85], **ends),
        yaxis=theme.axis("arousal: calm → aroused", range=[-1.35, 1.4], **one_scale),
    )


@passes_missing
def bars(table, title, caption, *, label, value, series=None, x="", percent=True, faces=True):
    """Draw horizontal bars for exact quantities, such as probabilities of kaomoji.

    ``table``: one row per bar with the columns ``label``, ``value`` and, for colours, ``series``.
    """
    groups = [None] if series is None else list(dict.fromkeys(table[series]))
    rows = list(dict.fromkeys(table[label]))
    layout = {
        "height": 90 + len(rows) * (18 + 16 * len(groups)),
        "margin": {"b": 90 if series else 60},
    }
    layout |= {"legend": {"traceorder": "reversed"}, "tops": np.arange(len(rows))[::-1] + 0.5}
    fig = theme.figure(title, caption, **layout)
    # Bars of a row are drawn from below: the first series comes last, and the legend turns that round.
    for number, name in reversed(list(enumerate(groups))):
        part = table if series is None else table[table[series] == name]
        fig.add_bar(
            y=[escape.label(item) for item in part[label]],
            **{"x": part[value], "orientation": "h", "marker": {"color": theme.style(number)[0]}},
            **{"name": escape.label(name or ""), "showlegend": series is not None},
            **{"textposition": "outside", "cliponaxis": False},
            text=[_share(item) if percent else f"{item:.3g}" for item in part[value]],
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    order = {"categoryorder": "array", "categoryarray": [escape.label(row) for row in rows[::-1]]}
    # Room for the numbers beside the bars, on a phone too.
    room = [0, 1.4 * max(float(table[value].max()), 1e-12)]
    ticks = {"tickvals": np.linspace(0, 1, 6)} if percent and room[1] > 1 else {}
    return fig.update_layout(
        xaxis=theme.axis(x, range=room, tickformat=".0%" if percent else None, **ticks),
        yaxis=theme.axis(ticklen=0, showgrid=False, tickfont=FACES if faces else {}, **order),
    )


def _bands(frame, y, series):
    """Return the rows of a forest: index their names, ``top`` and ``bottom`` in pixels from above, ``series`` in them."""
    bands = frame.groupby(y, sort=False)[series].unique().map(list).to_frame("series")
    bands["bottom"] = -(26 + STEP * bands["series"].map(len)).cumsum()
    return bands.assign(top=bands["bottom"].shift(fill_value=0))


def _by_category(points, scheme):
    parts = dict(list(points.groupby("category")))
    return [(code, parts[code]) for code in scheme.codes if code in parts]


def _share(value):
    return "< 0.1%" if 0 < value < 0.0005 else f"{value:.1%}"


def _apart(points, room, fixed=(), steps=400):
    """Move labels up or down until none is nearer to another, or to a ``fixed`` one, than their mean ``room``.

    ``room``: width and height of a label, for all or for each of ``points`` and then of ``fixed``.
    """
    moving = len(points)
    points = np.concatenate([points, np.reshape(fixed, (-1, 2))])
    points = points + 1e-3 * np.random.default_rng(0).normal(size=points.shape)
    room = np.broadcast_to(room, points.shape)
    for _ in range(steps):
        gap = points[:, None] - points[None]
        overlap = (room[:, None] + room[None]) / 2 - np.abs(gap)
        touching = (overlap > 0).all(axis=2) & ~np.eye(len(points), dtype=bool)
        touching[moving:, moving:] = False
        if not touching.any():
            break
        push = np.where(touching, np.sign(gap[..., 1]) * overlap[..., 1], 0).sum(axis=1)
        points[:moving, 1] += 0.3 * push[:moving]
    return points[:moving]


def _estimates(frame, *columns):
    missing = {*columns, *results.FIELDS} - set(frame.columns)
    if missing:
        raise KaomojiError(
            f"the table lacks {', '.join(sorted(missing))}; expected a tidy table of estimates; make it with results.frame"
        )
    return frame[frame["value"].notna()].reset_index(drop=True)


def _whiskers(frame):
    up, down = frame["ci_high"] - frame["value"], frame["value"] - frame["ci_low"]
    return {"type": "data", "array": up.clip(lower=0), "arrayminus": down.clip(lower=0)}


def _hover(frame, *columns):
    rows = [row for _, row in frame.iterrows()]
    return _texts(
        " · ".join([*(str(row[name]) for name in columns), tables.sentence(results.estimate(row))])
        for row in rows
    )


def _texts(hovers):
    """Return what a trace shows under the pointer: one plain text per point, escaped here."""
    shown = [escape.label(hover) for hover in hovers]
    return {"customdata": shown, "hovertemplate": "%{customdata}<extra></extra>"}
