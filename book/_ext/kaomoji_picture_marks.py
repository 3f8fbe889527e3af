"""Marks of a still picture: points, lines, bars, cells and words."""

import base64
import re
import struct
import zlib

import kaomoji_figure_data as figure_data
from kaomoji_picture_axes import number

from kaomoji_lib.html import element
from kaomoji_lib.theme import GLYPHS, SEQUENTIAL

PLAIN = "#2f8a8f"
MANY = 300  # more marks than this are dots of one path
MOST_WORDS = 700


def scatter(trace, x, y, before):
    """Lines, areas, error bars, markers and words of a trace. ``before``: the places of the one below, for areas between."""
    places = [
        (x(a), y(b))
        for a, b in zip(
            figure_data.column(trace.get("x")), figure_data.column(trace.get("y")), strict=False
        )
    ]
    mode, parts = trace.get("mode") or "lines", []
    parts += _area(trace, places, before)
    if "lines" in mode:
        parts += _line(trace, places)
    for name, axis in (("x", x), ("y", y)):
        parts += _errors(trace, name, axis, places)
    if "markers" in mode:
        parts += _markers(trace, places)
    if "text" in mode:
        parts += _words(trace, places)
    return parts, places


def bars(trace, x, y, bases):
    """Bars of a trace; ``bases``: dict place -> value where stacked ones begin, kept up to date here (None: side by side)."""
    flat = trace.get("orientation") == "h"
    along, across = (x, y) if flat else (y, x)
    values, names = (
        figure_data.column(trace.get(key)) for key in (("x", "y") if flat else ("y", "x"))
    )
    colours, parts, places = _each(trace.get("marker", {}).get("color", PLAIN), len(values)), [], []
    for value, name, colour in zip(values, names, colours, strict=False):
        value, middle = number(value), across(name)
        if value is None or middle is None:
            places.append((None, None))
            continue
        base = (bases or {}).get(name, 0.0)
        if bases is not None:
            bases[name] = base + value
        # A log axis has no nought to begin at.
        start, end = sorted(
            (
                along.start if along(base) is None else along(base),
                along.start if along(base + value) is None else along(base + value),
            )
        )
        size = 0.7 * across.step
        box = (
            {"x": start, "y": middle - size / 2, "width": end - start, "height": size}
            if flat
            else {"x": middle - size / 2, "y": start, "width": size, "height": end - start}
        )
        parts.append(
            element("rect", **{key: _short(value) for key, value in box.items()}, fill=str(colour))
        )
        places.append((along(base + value), middle) if flat else (middle, along(base + value)))
    return parts + _errors(trace, "x" if flat else "y", along, places)


def cells(trace, x, y):
    """A heatmap as one small picture, so that its size does not grow with its cells."""
    rows = figure_data.column(trace.get("z"))
    if not rows or not isinstance(rows[0], list):
        return []
    numbers = [found for row in rows for found in map(number, row) if found is not None]
    low, high = (
        trace.get(key, usual)
        for key, usual in (("zmin", min(numbers, default=0)), ("zmax", max(numbers, default=1)))
    )
    scale = trace.get("colorscale") if isinstance(trace.get("colorscale"), list) else SEQUENTIAL
    columns, names = (
        figure_data.column(trace.get(key)) or list(range(count))
        for key, count in (("x", len(rows[0])), ("y", len(rows)))
    )
    across, down = [x(value) for value in columns], [y(value) for value in names]
    if None in across or None in down:
        return []
    by_row, by_column = (
        sorted(range(len(down)), key=down.__getitem__),
        sorted(range(len(across)), key=across.__getitem__),
    )
    pixels = [
        [
            _coloured(
                number(rows[row][column]) if column < len(rows[row]) else None, low, high, scale
            )
            for column in by_column
        ]
        for row in by_row
    ]
    width, height = (
        (max(places) - min(places)) / max(len(places) - 1, 1) if len(places) > 1 else axis.step
        for places, axis in ((across, x), (down, y))
    )
    box = {
        "x": min(across) - width / 2,
        "y": min(down) - height / 2,
        "width": width * len(across),
        "height": height * len(down),
    }
    data = base64.b64encode(png(pixels)).decode()
    return [
        element(
            "image",
            **{key: _short(value) for key, value in box.items()},
            href=f"data:image/png;base64,{data}",
            preserveAspectRatio="none",
            style="image-rendering:pixelated",
        )
    ]


def png(pixels):
    """Rows of (r, g, b, a) as a PNG file."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    lines = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in pixels)
    head = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(lines, 9))
        + chunk(b"IEND", b"")
    )


def _coloured(value, low, high, scale):
    if value is None:
        return (0, 0, 0, 0)
    place = min(1.0, max(0.0, (value - low) / ((high - low) or 1)))
    (a, first), (b, second) = next(
        ((left, right) for left, right in zip(scale, scale[1:], strict=False) if place <= right[0]),
        (scale[-2], scale[-1]),
    )
    share = (place - a) / ((b - a) or 1)
    return tuple(
        round(left + (right - left) * share)
        for left, right in zip(_rgba(first), _rgba(second), strict=True)
    )


def _rgba(colour):
    if found := re.fullmatch(r"#([0-9a-fA-F]{6})", colour):
        return (*bytes.fromhex(found[1]), 255)
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)]
    return (
        (*map(int, parts[:3]), round(255 * parts[3]) if len(parts) > 3 else 255)
        if len(parts) >= 3
        else (128, 128, 128, 255)
    )


def _line(trace, places):
    style = trace.get("line") or {}
    width = style.get("width", 2)
    if not width:
        return []
    dash = {"dot": "2 4", "dash": "7 4", "dashdot": "7 4 2 4"}.get(style.get("dash"))
    colour = style.get("color") or (trace.get("marker") or {}).get("color") or PLAIN
    return [
        element(
            "path",
            d=_path(places),
            fill="none",
            stroke=str(colour),
            stroke_width=_short(width),
            stroke_dasharray=dash,
        )
    ]


def _path(places):
    text, pen = "", "M"
    for a, b in places:
        if a is None or b is None:
            pen = "M"
            continue
        text, pen = f"{text}{pen}{_short(a)} {_short(b)}", "L"
    return text


def _area(trace, places, before):
    known = [place for place in places if None not in place]
    below = [place for place in before or [] if None not in place]
    if trace.get("fill") == "toself" and known:
        ring = known
    elif trace.get("fill") == "tonexty" and known and below:
        ring = known + below[::-1]
    else:
        return []
    return [
        element(
            "path",
            d=f"{_path(ring)}Z",
            fill=trace.get("fillcolor") or "rgba(128,128,128,0.2)",
            stroke="none",
        )
    ]


def _errors(trace, name, axis, places):
    spread = trace.get(f"error_{name}") or {}
    above = figure_data.column(spread.get("array"))
    below = figure_data.column(spread.get("arrayminus")) or above
    values = figure_data.column(trace.get(name))
    lines = ""
    for (a, b), value, high, low in zip(places, values, above, below, strict=False):
        if None in (a, b, number(high), number(low), number(value)):
            continue
        # Stacked bars end elsewhere than at their value: what counts is how far the interval reaches from there.
        here = a if name == "x" else b
        first, last = (
            here + axis(value + by) - axis(value) if axis(value + by) is not None else here
            for by in (-low, high)
        )
        lines += (
            f"M{_short(first)} {_short(b)}L{_short(last)} {_short(b)}"
            if name == "x"
            else f"M{_short(a)} {_short(first)}L{_short(a)} {_short(last)}"
        )
    return (
        [element("path", d=lines, stroke="currentColor", stroke_width="1.2", opacity="0.65")]
        if lines
        else []
    )


def _markers(trace, places):
    marker = {
        "color": (trace.get("line") or {}).get("color") or PLAIN,
        **(trace.get("marker") or {}),
    }
    known = [
        (place, colour, size, symbol)
        for place, colour, size, symbol in zip(
            places,
            _each(marker["color"], len(places)),
            _each(marker.get("size", 7), len(places)),
            _each(marker.get("symbol", "circle"), len(places)),
            strict=False,
        )
        if None not in place
    ]
    opacity = str(marker["opacity"]) if number(marker.get("opacity")) else None
    if len(known) <= MANY:
        return [
            element(
                "text",
                GLYPHS.get(str(symbol).removesuffix("-open"), "●"),
                x=_short(a),
                y=_short(b),
                fill=_colour(colour),
                font_size=_short(1.15 * (number(size) or 7)),
                class_="kao-still-mark",
                opacity=opacity,
            )
            for (a, b), colour, size, symbol in known
        ]
    by_look = {}
    for (a, b), colour, size, _ in known:
        by_look.setdefault((_colour(colour), _short(number(size) or 5)), []).append(
            f"M{_short(a)} {_short(b)}h0"
        )
    return [
        element(
            "path",
            d="".join(dots),
            stroke=colour,
            stroke_width=size,
            stroke_linecap="round",
            opacity=opacity or "0.8",
        )
        for (colour, size), dots in by_look.items()
    ]


def _words(trace, places):
    font, count = trace.get("textfont") or {}, len(places)
    found, where = [], trace.get("textposition") or "middle center"
    rows = zip(
        places,
        _each(trace.get("text"), count),
        _each(font.get("color"), count),
        _each(where, count),
        strict=False,
    )
    for (a, b), text, colour, position in rows:
        if a is None or b is None or not text:
            continue
        down = {"top": -9, "bottom": 11}.get(str(position).split()[0], 0)
        side = {"left": ("end", -6), "right": ("start", 6)}.get(
            str(position).split()[-1], ("middle", 0)
        )
        found.append(
            element(
                "text",
                figure_data.plain(text),
                x=_short(a + side[1]),
                y=_short(b + down),
                fill=_colour(colour, "currentColor"),
                text_anchor=side[0],
                font_size=_short(0.92 * (number(font.get("size")) or 13)),
                class_="kao-still-words",
            )
        )
    return found if len(found) <= MOST_WORDS else []


def _each(value, count):
    values = figure_data.column(value) if isinstance(value, list | dict) else [value] * count
    return values + [None] * (count - len(values))


def _colour(value, usual=PLAIN):
    return value if isinstance(value, str) and value else usual


def _short(value):
    return f"{value:.1f}".removesuffix(".0")
