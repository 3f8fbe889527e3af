"""The values a plotly figure draws, as one plain table."""

import base64
import csv
import html
import io
import math
import re
from dataclasses import dataclass

import numpy as np

TAG = re.compile(r"</?(?:b|i|br|sub|sup|span|a|em|strong)\b[^>]*>")
EXTRA = re.compile(r"<extra>(.+?)</extra>")
SPOKEN = 24  # values of a figure that its description says one by one
NUMERIC = re.compile(r"[+\-]?[\d.,]+\s*%?")


@dataclass(frozen=True)
class Values:
    """``header``: names; ``rows``: lists of str, numbers or None."""

    header: list
    rows: list

    def csv(self):
        """Comma-separated text. A cell that a spreadsheet would run as a formula begins with an apostrophe."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(self.header)
        writer.writerows([[_harmless(words(value)) for value in row] for row in self.rows])
        return file.getvalue()


def _harmless(text):
    formula = text[:1] in ("=", "+", "@", "\t") or (
        text[:1] == "-" and not NUMERIC.fullmatch(text) and not _number(text)
    )
    return f"'{text}" if formula else text


def _number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def words(value):
    """A value as text: numbers to six significant digits, absent ones empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def plain(text):
    """Plotly's text without its markup."""
    return (
        html.unescape(TAG.sub(" ", str(text).replace("-<br>", "-").replace("<br>", " ")))
        .replace("\u2060", "")
        .strip()
    )


def column(values):
    """A list from a list, one value, or plotly's packed array; lists of lists stay nested."""
    if isinstance(values, dict) and "bdata" in values:
        array = np.frombuffer(
            base64.b64decode(values["bdata"]), dtype=np.dtype(values["dtype"]).newbyteorder("<")
        )
        shape = (
            [int(size) for size in str(values["shape"]).split(",")] if "shape" in values else [-1]
        )
        return array.reshape(shape).tolist()
    return list(values) if isinstance(values, list | tuple) else [] if values is None else [values]


def table(figure):
    """The traces of a figure as :class:`Values`: a row per mark or cell, a column per thing it shows.

    Traces without hover are left out: bands, lines and numbers that repeat what another trace says.
    """
    layout = figure.get("layout") or {}
    drawn = [trace for trace in figure.get("data", []) if trace.get("hoverinfo") != "skip"]
    records = [record for trace in drawn for record in _records(trace, layout)]
    header = list(dict.fromkeys(key for record in records for key in record))
    header = [key for key in header if any(record.get(key) not in (None, "") for record in records)]
    return Values(header, [[record.get(key) for key in header] for record in records])


def description(figure):
    """What a figure shows, for those who do not see it: its axes, and its values or, where they are many, their number."""
    layout, values = figure.get("layout") or {}, table(figure)
    axes = [
        plain(((layout.get(f"{name}axis") or {}).get("title") or {}).get("text", ""))
        for name in "xy"
    ]
    said = [f"{way}: {axis}" for way, axis in zip(("Across", "Upwards"), axes, strict=True) if axis]
    rows = [dict(zip(values.header, row, strict=True)) for row in values.rows]
    if len(rows) <= SPOKEN:
        return ". ".join([*said, *(_spoken(row) for row in rows)])
    names = list(dict.fromkeys(row["series"] for row in rows if row.get("series")))
    count = f"{len(rows)} values" + (f" of {', '.join(map(str, names))}" if names else "")
    return ". ".join([*said, f"{count}; all are in the CSV file"])


def _spoken(row):
    detail, place = row.get("detail 1"), row.get("y")
    if isinstance(detail, str):
        return f"{place}: {detail}" if isinstance(place, str) and place not in detail else detail
    shown = {name: words(value) for name, value in row.items() if words(value)}
    return ", ".join(
        shown[name] for name in shown if not name.startswith("x") or "label" not in shown
    )


def _records(trace, layout):
    if trace.get("type") in ("heatmap", "contour"):
        return _cells(trace, layout)
    parts = {name: column(trace.get(name)) for name in "xyz"}
    if all(value is None for values in parts.values() for value in values):
        return []
    count = max(len(values) for values in parts.values())
    details = column(trace.get("customdata"))
    texts = trace.get("text") if isinstance(trace.get("text"), list) else []
    # The glyph of a mark is no value; several words are.
    texts = [] if all(len(plain(text)) <= 1 for text in texts) else texts
    extra = (
        EXTRA.search(trace.get("hovertemplate") or "")
        if isinstance(trace.get("hovertemplate"), str)
        else None
    )
    series = plain(trace.get("name") or (extra[1] if extra else ""))
    rows = []
    for index in range(count):
        row = {"series": series}
        for name, values in parts.items():
            if index < len(values):
                row[_title(trace, layout, name)] = _tick(trace, layout, name, values[index])
                row.update(_error(trace, name, index))
        if index < len(texts):
            row["label"] = plain(texts[index])
        row.update(_details(details[index] if index < len(details) else None))
        rows.append(row)
    return rows


def _cells(trace, layout):
    grid = column(trace.get("z"))
    xs, ys = (
        column(trace.get(name))
        or list(range(max(map(len, grid), default=0) if name == "x" else len(grid)))
        for name in "xy"
    )
    series = plain(trace.get("name") or "")
    return [
        {
            "series": series,
            "row": _tick(trace, layout, "y", ys[i]),
            "column": _tick(trace, layout, "x", xs[j]),
            "value": value,
        }
        for i, line in enumerate(grid)
        for j, value in enumerate(column(line))
    ]


def _axis(trace, layout, name):
    if name == "z" or trace.get("type", "").endswith("3d"):
        return (layout.get(trace.get("scene") or "scene") or {}).get(f"{name}axis") or {}
    return layout.get(f"{name}axis{(trace.get(f'{name}axis') or name)[1:]}") or {}


def _title(trace, layout, name):
    title = _axis(trace, layout, name).get("title") or {}
    text = plain(title.get("text", "") if isinstance(title, dict) else title)
    return f"{name}: {text}" if text else name


def _tick(trace, layout, name, value):
    """The words of the tick a mark stands on, where the axis has words."""
    axis = _axis(trace, layout, name)
    if isinstance(value, int | float) and isinstance(axis.get("ticktext"), list):
        # Several marks of one row lie below its beginning.
        tops = (layout.get("meta") or {}).get("tops") if name == "y" else None
        if tops:
            return plain(axis["ticktext"][sum(top >= value for top in tops) - 1])
        for place, text in zip(column(axis.get("tickvals")), axis["ticktext"], strict=False):
            shown = plain(text)
            if place == value and not NUMERIC.fullmatch(shown.replace("−", "-")):
                return shown
    return plain(value) if isinstance(value, str) else value


def _error(trace, name, index):
    error = trace.get(f"error_{name}") or {}
    up, down = column(error.get("array")), column(error.get("arrayminus"))
    found = {}
    if index < len(up):
        found[f"{name} above"] = up[index]
        found[f"{name} below"] = down[index] if index < len(down) else up[index]
    return found


def _details(value):
    values = value if isinstance(value, list) else [value]
    return {
        f"detail {number}": plain(item) if isinstance(item, str) else item
        for number, item in enumerate(values, 1)
        if item is not None and not isinstance(item, list | dict)
    }
