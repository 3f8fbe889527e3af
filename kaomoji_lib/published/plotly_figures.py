"""Reading numbers out of a figure that plotly wrote to HTML. Nothing in the file is executed."""

import base64
import binascii
import json
import re

import numpy as np

from kaomoji_lib.errors import KaomojiError

CALL = "Plotly.newPlot("
AXES = ("x", "y", "z")
# The numpy codes that plotly.js writes; anything else is refused, objects above all.
DTYPE = re.compile(r"(?:[fiu][1248]c?|float(?:32|64)|u?int(?:8|16|32))$")


def arguments(html):
    """Return the arguments of the first ``Plotly.newPlot`` that draws something: (traces, layout), lists and dicts.

    Raises
    ------
    KaomojiError
        If there is no such call, or its arguments are not JSON.
    """
    decoder, start = json.JSONDecoder(), -1
    while (start := html.find(CALL, start + 1)) >= 0:
        values, place = [], start + len(CALL)
        try:
            while len(values) < 3:
                place = re.compile(r"[\s,]*").match(html, place).end()
                value, place = decoder.raw_decode(html, place)
                values.append(value)
        except (ValueError, RecursionError):
            continue
        if isinstance(values[1], list) and isinstance(values[2], dict):
            return values[1], values[2]
    raise KaomojiError(
        "the page has no readable Plotly.newPlot call; expected a figure written by plotly; fetch it again"
    )


def array(value):
    """Return a coordinate of a trace as floats: a JSON list, or plotly's ``{"dtype", "bdata"[, "shape"]}``.

    Raises
    ------
    KaomojiError
        If it is neither, the type is no plain number, or the bytes do not fit it.
    """
    try:
        if isinstance(value, list):
            return np.asarray(value, dtype=float)
        if not DTYPE.match(value["dtype"]):
            raise ValueError
        flat = np.frombuffer(
            base64.b64decode(value["bdata"], validate=True),
            dtype=np.dtype(value["dtype"].removesuffix("c")).newbyteorder("<"),
        )
        shape = [int(size) for size in str(value.get("shape", flat.size)).split(",")]
        return flat.astype(float).reshape(shape)
    except (binascii.Error, KeyError, TypeError, ValueError):
        raise KaomojiError(
            "a coordinate of the figure is damaged; expected numbers, or base64 of them; fetch the figure again"
        ) from None


def points(trace):
    """Return the (n, 3) coordinates of a 3-D trace; KaomojiError where its axes differ in length."""
    columns = [array(trace.get(axis)).ravel() for axis in AXES]
    if len({len(column) for column in columns}) != 1:
        raise KaomojiError(
            "the coordinates of a trace differ in number; expected as many of each; fetch the figure again"
        )
    return np.column_stack(columns)


def shares(layout):
    """Return the shares of variance in the axis titles (``PC1 (23.4%)``) of the first scene: three, NaN without one."""
    scene = layout.get("scene") or {}
    titles = [(scene.get(f"{axis}axis") or {}).get("title") or "" for axis in AXES]
    texts = [title.get("text", "") if isinstance(title, dict) else title for title in titles]
    matches = [re.search(r"(\d+(?:\.\d+)?)\s*%", str(text)) for text in texts]
    return tuple(float(match[1]) / 100 if match else float("nan") for match in matches)
