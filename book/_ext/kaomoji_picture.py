"""A plotly figure as a still picture for readers without scripts: what it shows at first, in the colours of the page."""

import math

import kaomoji_figure_data as figure_data
import kaomoji_picture_axes as axes
import kaomoji_picture_marks as marks
from kaomoji_picture_axes import number

from kaomoji_lib.html import element, fragment
from kaomoji_lib.theme import GLYPHS

WIDTH = 720
LETTER = 6.4
DRAWN = ("scatter", "bar", "heatmap")
TURN, TILT = -0.5, 0.35  # of three dimensions, as the explorer begins


def picture(figure):
    """SVG and key of a figure: Markup, or None where its kind cannot be drawn still."""
    layout = figure.get("layout") or {}
    traces = [
        flattened(trace) for trace in figure.get("data", []) if trace.get("visible", True) is True
    ]
    traces = [trace for trace in traces if _shown(trace)]
    if not traces or any((trace.get("type") or "scatter") not in DRAWN for trace in traces):
        return None
    margin, height = layout.get("margin") or {}, float(layout.get("height") or 480)
    height = max(160.0, height - max(margin.get("t", 0) - 16, 0))
    found = _axes(layout, traces, height)
    parts = [part for name, axis in found.items() for part in _rules(name, axis, found, layout)]
    parts += [part for shape in layout.get("shapes") or () for part in _shape(shape, found)]
    before, stacks = {}, {}
    for trace in traces:
        key = (trace.get("xaxis") or "x", trace.get("yaxis") or "y")
        x, y = found[key[0]], found[key[1]]
        kind = trace.get("type") or "scatter"
        if kind == "scatter":
            drawn, before[key] = marks.scatter(trace, x, y, before.get(key))
        else:
            drawn = (
                marks.cells(trace, x, y)
                if kind == "heatmap"
                else marks.bars(
                    trace,
                    x,
                    y,
                    stacks.setdefault(key, {})
                    if layout.get("barmode") in ("stack", "relative")
                    else None,
                )
            )
        parts += drawn
    parts += [part for note in layout.get("annotations") or () for part in _note(note, found)]
    svg = element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {height:.0f}",
        class_="kao-still",
        role="img",
        aria_label="Still picture of the figure",
    )
    return fragment(svg, _key(figure.get("data", []), layout))


def flattened(trace):
    """A trace in three dimensions as one in two, seen from where the explorer begins."""
    if trace.get("type") != "scatter3d":
        return trace
    ca, sa, cb, sb = math.cos(TURN), math.sin(TURN), math.cos(TILT), math.sin(TILT)
    columns = [figure_data.column(trace.get(name)) for name in "xyz"]
    points = [
        (ca * x + sa * z, sa * sb * x + cb * y - ca * sb * z)
        if None not in (x, y, z)
        else (None, None)
        for x, y, z in zip(*map(_numbers, columns), strict=False)
    ]
    return {
        **trace,
        "type": "scatter",
        "x": [a for a, _ in points],
        "y": [b for _, b in points],
        "space": True,
    }


def _numbers(values):
    return [number(value) for value in values]


def _shown(trace):
    return any(
        value is not None
        for name in ("x", "y", "z")
        for value in figure_data.column(trace.get(name))
    )


def _reach(trace, name):
    """All values of a trace that an axis has to hold: with intervals, and bars from nought."""
    values = figure_data.column(trace.get(name))
    spread = trace.get(f"error_{name}") or {}
    above = figure_data.column(spread.get("array"))
    below = figure_data.column(spread.get("arrayminus")) or above
    known = [
        (number(value), number(high), number(low))
        for value, high, low in zip(values, above, below, strict=False)
    ]
    more = [
        end
        for value, high, low in known
        if None not in (value, high, low)
        for end in (value + high, value - low)
    ]
    along = "x" if trace.get("orientation") == "h" else "y"
    return values + more + ([0.0] if trace.get("type") == "bar" and name == along else [])


def _axes(layout, traces, height):
    held, cells = {}, set()
    for trace in traces:
        for name in "xy":
            key = trace.get(f"{name}axis") or name
            held.setdefault(key, []).extend(_reach(trace, name))
            if trace.get("type") == "heatmap":
                cells.add(key)
    if layout.get("barmode") in ("stack", "relative"):
        _pile(traces, held)
    space = any(trace.get("space") for trace in traces)
    specs = {
        key: {"showticklabels": False, "showgrid": False, "bare": True}
        if space
        else dict(layout.get(f"{key[0]}axis{key[1:]}") or {})
        for key in held
    }
    first = {
        key: axes.make(specs[key], values, 0, 1, cells=key in cells) for key, values in held.items()
    }
    left = max(
        [
            14.0,
            *(
                LETTER * max((len(text) for _, text in axis.ticks()), default=0) + 14
                for key, axis in first.items()
                if key[0] == "y" and _labelled(axis) and _domain(axis)[0] == _domain(axis)[0]
            ),
        ]
    )
    left = min(left, 300.0) + (
        20 if any(key[0] == "y" and _title(axis) for key, axis in first.items()) else 0
    )
    wide = WIDTH - left - 14
    longest = max(
        [
            0,
            *(
                len(text)
                for key, axis in first.items()
                if key[0] == "x" and _labelled(axis)
                for _, text in axis.ticks()
            ),
        ]
    )
    crowded = any(key[0] == "x" and _crowded(axis, wide) for key, axis in first.items())
    bottom = (min(190.0, LETTER * longest + 10) if crowded else 24 if longest else 6) + (
        22 if any(key[0] == "x" and _title(axis) for key, axis in first.items()) else 0
    )
    found = {}
    for key, values in held.items():
        a, b = specs[key].get("domain") or (0, 1)
        ends = (
            (left + a * wide, left + b * wide)
            if key[0] == "x"
            else (
                height - bottom - a * (height - bottom - 12),
                height - bottom - b * (height - bottom - 12),
            )
        )
        found[key] = axes.make(specs[key], values, *ends, cells=key in cells)
    return _even(found) if space else found


def _even(found):
    """The two axes of a space with the same measure."""
    unit = min(axis.step for axis in found.values())
    kept = {}
    for key, axis in found.items():
        spare = (abs(axis.end - axis.start) / unit - abs(axis.high - axis.low)) / 2
        kept[key] = axes.Axis(
            axis.kind,
            axis.low - spare,
            axis.high + spare,
            axis.start,
            axis.end,
            axis.names,
            axis.spec,
        )
    return kept


def _pile(traces, held):
    sums = {}
    for trace in traces:
        if trace.get("type") == "bar":
            along, across = ("x", "y") if trace.get("orientation") == "h" else ("y", "x")
            for value, name in zip(
                figure_data.column(trace.get(along)),
                figure_data.column(trace.get(across)),
                strict=False,
            ):
                key = (trace.get(f"{along}axis") or along, name)
                sums[key] = sums.get(key, 0.0) + (number(value) or 0.0)
    for (axis, _), total in sums.items():
        held[axis].append(total)


def _domain(axis):
    return axis.spec.get("domain") or (0, 1)


def _labelled(axis):
    return axis.spec.get("showticklabels", True) and axis.spec.get("visible", True)


def _crowded(axis, wide):
    ticks = axis.ticks() if _labelled(axis) else []
    room = wide * (_domain(axis)[1] - _domain(axis)[0]) / max(len(ticks), 1)
    return any(LETTER * len(text) > room - 4 for _, text in ticks)


def _title(axis):
    title = axis.spec.get("title") or {}
    return figure_data.plain(title.get("text") or "" if isinstance(title, dict) else title)


def _rules(name, axis, found, layout):
    """Hairlines, ticks and title of an axis."""
    if axis.spec.get("bare") or not axis.spec.get("visible", True):
        return
    other = found.get(axis.spec.get("anchor")) or next(
        (item for key, item in found.items() if key[0] != name[0]), axis
    )
    near, far = other.start, other.end
    ticks, across = axis.ticks(), name[0] == "x"
    crowded = across and _crowded(axis, abs(axis.end - axis.start))
    last = -math.inf
    for place, text in ticks:
        at = f"{place:.1f}"
        if axis.spec.get("showgrid", True):
            yield element(
                "path",
                d=f"M{at} {near:.1f}V{far:.1f}" if across else f"M{near:.1f} {at}H{far:.1f}",
                class_="kao-still-rule",
            )
        if not _labelled(axis) or abs(place - last) < 10:
            continue
        last = place
        if across and crowded:
            yield element(
                "text",
                text,
                transform=f"translate({at} {near + 8:.1f}) rotate(-90)",
                text_anchor="end",
                class_="kao-still-tick",
            )
        else:
            yield element(
                "text",
                text,
                x=at if across else f"{near - 6:.1f}",
                y=f"{near + 14:.1f}" if across else at,
                text_anchor="middle" if across else "end",
                class_="kao-still-tick",
            )
    if title := _title(axis):
        middle = (axis.start + axis.end) / 2
        below = (
            near
            + 14
            + (
                min(190.0, LETTER * max((len(text) for _, text in ticks), default=0))
                if crowded
                else 14
                if _labelled(axis)
                else 0
            )
        )
        where = (
            {"x": f"{middle:.1f}", "y": f"{below + 8:.1f}"}
            if across
            else {"transform": f"translate(11 {middle:.1f}) rotate(-90)"}
        )
        yield element("text", title, **where, text_anchor="middle", class_="kao-still-tick")


def _place(value, ref, found, name):
    """Pixels of a coordinate of a shape or a note, which may be counted in parts of an axis."""
    axis = found.get(str(ref or name).split()[0]) or found.get(name)
    if axis is None or ref == "paper" or str(ref).endswith("domain"):
        whole = [item for key, item in found.items() if key[0] == name]
        start, end = (whole[0].start, whole[-1].end) if ref == "paper" else (axis.start, axis.end)
        return start + float(value) * (end - start)
    return axis(value)


def _shape(shape, found):
    ends = [
        _place(shape.get(f"{name}{end}"), shape.get(f"{name}ref"), found, name)
        for end in "01"
        for name in "xy"
    ]
    if None in ends:
        return
    (x0, y0, x1, y1), line = ends, shape.get("line") or {}
    look = {
        "stroke": line.get("color") or "rgba(128,128,128,0.6)",
        "stroke_width": str(line.get("width", 1.5)),
        "stroke_dasharray": {"dot": "2 4", "dash": "7 4"}.get(line.get("dash")),
        "fill": shape.get("fillcolor") or "none",
    }
    if shape.get("type") == "circle":
        yield element(
            "ellipse",
            cx=f"{(x0 + x1) / 2:.1f}",
            cy=f"{(y0 + y1) / 2:.1f}",
            rx=f"{abs(x1 - x0) / 2:.1f}",
            ry=f"{abs(y1 - y0) / 2:.1f}",
            **look,
        )
    else:
        d = (
            f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"
            if shape.get("type") == "line"
            else f"M{x0:.1f} {y0:.1f}H{x1:.1f}V{y1:.1f}H{x0:.1f}Z"
        )
        yield element("path", d=d, **look)


def _note(note, found):
    place = [_place(note.get(name, 0), note.get(f"{name}ref"), found, name) for name in "xy"]
    if None not in place and note.get("text"):
        font = note.get("font") or {}
        anchor = {"left": "start", "right": "end"}.get(note.get("xanchor"), "middle")
        yield element(
            "text",
            figure_data.plain(note["text"]),
            x=f"{place[0]:.1f}",
            y=f"{place[1] - (6 if note.get('yanchor') == 'bottom' else 0):.1f}",
            text_anchor=anchor,
            font_size=str(0.92 * (font.get("size") or 13)),
            fill=font.get("color") or "currentColor",
            class_="kao-still-words",
        )


def _key(traces, layout):
    """The legend as words that break into lines."""
    entries = {}
    for trace in traces:
        if trace.get("name") and trace.get("showlegend", True) is not False:
            marker, line = trace.get("marker") or {}, trace.get("line") or {}
            colour = next(
                (
                    value
                    for value in (
                        marker.get("color"),
                        line.get("color"),
                        (trace.get("textfont") or {}).get("color"),
                    )
                    if isinstance(value, str)
                ),
                marks.PLAIN,
            )
            symbol = marker.get("symbol") if isinstance(marker.get("symbol"), str) else "circle"
            glyph = (
                GLYPHS.get(symbol, "●")
                if trace.get("type") == "bar" or "lines" != trace.get("mode")
                else "—"
            )
            entries.setdefault(
                figure_data.plain(trace["name"]),
                (colour, "■" if trace.get("type") == "bar" else glyph),
            )
    if layout.get("showlegend") is False or len(entries) < 2:
        return None
    return element(
        "p",
        *(
            element("span", element("span", glyph, style=f"color:{colour}"), f" {name}")
            for name, (colour, glyph) in entries.items()
        ),
        class_="kao-still-key",
    )
