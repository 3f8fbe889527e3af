"""Reading the numbers back out of a figure that plotly wrote to HTML. Nothing in the file is executed."""

import base64
import binascii
import json
import re

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError

CALL = "Plotly.newPlot("
COORDINATES = ("x", "y", "z")
# The numpy codes that plotly.js writes; anything else is refused, objects above all.
DTYPES = frozenset(
    {
        "f4",
        "f8",
        "i1",
        "i2",
        "i4",
        "u1",
        "u2",
        "u4",
        "u1c",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "uint8",
        "uint16",
        "uint32",
    }
)


def arguments(html):
    """The arguments of the first ``Plotly.newPlot`` that draws something: (traces, layout), as plain lists and dicts.

    Raises
    ------
    KaomojiError
        If there is no such call, or its arguments are not JSON.
    """
    decoder, start = json.JSONDecoder(), -1
    while (start := html.find(CALL, start + 1)) >= 0:
        found, place = [], start + len(CALL)
        try:
            while len(found) < 3:
                place = re.compile(r"[\s,]*").match(html, place).end()
                value, place = decoder.raw_decode(html, place)
                found.append(value)
        except (ValueError, RecursionError):
            continue
        if isinstance(found[1], list) and isinstance(found[2], dict):
            return found[1], found[2]
    raise KaomojiError(
        "the page holds no readable Plotly.newPlot call; expected a figure written by plotly; fetch it again"
    )


def array(value):
    """One coordinate of a trace as a float array: a JSON list, or plotly's ``{"dtype", "bdata"[, "shape"]}``.

    Raises
    ------
    KaomojiError
        If it is neither, the type is no plain number, or the bytes do not fit it.
    """
    if isinstance(value, list):
        try:
            return np.array([np.nan if item is None else item for item in value], dtype=float)
        except (TypeError, ValueError):
            raise KaomojiError(
                "a coordinate of the figure is not a list of numbers; expected numbers; fetch the figure again"
            ) from None
    if (
        not isinstance(value, dict)
        or not {"dtype", "bdata"} <= set(value)
        or value["dtype"] not in DTYPES
    ):
        kind = value.get("dtype") if isinstance(value, dict) else type(value).__name__
        raise KaomojiError(
            f"a coordinate of the figure is of type {kind!r}; expected a list, or base64 of a plain number type; fetch the figure again"
        )
    try:
        flat = np.frombuffer(
            base64.b64decode(value["bdata"], validate=True),
            dtype=np.dtype(value["dtype"].removesuffix("c")).newbyteorder("<"),
        )
        shape = [int(size) for size in str(value.get("shape", flat.size)).split(",")]
        return flat.astype(float).reshape(shape)
    except (binascii.Error, TypeError, ValueError):
        raise KaomojiError(
            "a typed array of the figure is damaged; expected base64 of whole numbers of its type; fetch the figure again"
        ) from None


def points(html, codes):
    """The 3-D points of a figure whose traces are named by category.

    Returns a DataFrame [category, x, y, z], rows in the order of the figure. A trace belongs to the code that its name
    begins with; others (axes, ellipsoids) and single points beside a category's cloud (its centroid) are left out.

    Raises
    ------
    KaomojiError
        If the figure cannot be read, or no trace is named by a category.
    """
    parts = []
    for trace in arguments(html)[0]:
        code = _code(str(trace.get("name") or trace.get("legendgroup") or ""), codes)
        if (
            code
            and str(trace.get("type", "")) == "scatter3d"
            and all(axis in trace for axis in COORDINATES)
        ):
            values = [array(trace[axis]).ravel() for axis in COORDINATES]
            if len({len(column) for column in values}) != 1:
                raise KaomojiError(
                    f"the trace {code} has {', '.join(str(len(column)) for column in values)} coordinates; expected as many of each; fetch the figure again"
                )
            parts.append(
                pd.DataFrame({"category": code, **dict(zip(COORDINATES, values, strict=True))})
            )
    if not parts:
        raise KaomojiError(
            f"no trace of the figure is named by a category; expected one of {', '.join(codes)}; check the scheme"
        )
    many = {part["category"].iloc[0] for part in parts if len(part) > 1}
    kept = [part for part in parts if len(part) > 1 or part["category"].iloc[0] not in many]
    return pd.concat(kept, ignore_index=True).dropna(ignore_index=True)


def one_per_prompt(table, tolerance=1e-5):
    """Rows of a category that coincide up to ``tolerance`` of the largest coordinate are one: the first of each, in order."""
    places = table[list(COORDINATES)].to_numpy(float)
    near = tolerance * max(float(np.abs(places).max(initial=0)), 1e-300)
    kept = []
    for code in table["category"].unique():
        own = []
        for row in np.flatnonzero(table["category"] == code):
            if not own or np.abs(places[own] - places[row]).max(axis=1).min() > near:
                own.append(row)
        kept += own
    return table.iloc[sorted(kept)].reset_index(drop=True)


def shares(html):
    """Shares of variance that the axis titles tell (``PC1 (23.4%)``): tuple of three, None where a title tells none."""
    scene = arguments(html)[1].get("scene") or {}
    return tuple(_share(scene.get(f"{axis}axis") or {}) for axis in COORDINATES)


def components(html, codes):
    """The points of a figure, one a prompt, and the shares of variance of its axes: (DataFrame[category, x, y, z], tuple)."""
    return one_per_prompt(points(html, codes)), shares(html)


def _share(axis):
    title = axis.get("title") or ""
    text = title.get("text", "") if isinstance(title, dict) else title
    found = re.search(r"(\d+(?:\.\d+)?)\s*%", str(text))
    return float(found[1]) / 100 if found else None


def _code(name, codes):
    fitting = [code for code in codes if re.match(rf"{re.escape(code)}(?![\w-])", name)]
    return max(fitting, key=len, default=None)
