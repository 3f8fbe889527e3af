"""Reading numbers out of a figure that plotly wrote to HTML. Nothing in the file is executed."""

import base64
import json
import re

import numpy as np

from kaomoji_lib.errors import KaomojiError

CALL, AXES = "Plotly.newPlot(", ("x", "y", "z")
# The numpy codes that plotly.js writes; anything else is refused, objects above all.
DTYPES = re.compile(r"[fiu][1248]$")


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
        "no readable Plotly.newPlot call; expected a figure by plotly; fetch it again"
    )


def points(trace):
    """Return the (n, 3) coordinates of a 3-D trace: JSON lists, or plotly's ``{"dtype", "bdata"}``.

    Raises
    ------
    KaomojiError
        If a coordinate is neither, its type is no plain number, or the three differ in length.
    """
    try:
        columns = [_array(trace[axis]) for axis in AXES]
        if {column.shape for column in columns} != {(len(columns[0]),)}:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise KaomojiError(
            "the coordinates of a trace are damaged; expected three columns of numbers; fetch the figure again"
        ) from None
    return np.column_stack(columns)


def _array(value):
    if isinstance(value, list):
        return np.asarray(value, dtype=float)
    if not DTYPES.match(value["dtype"]):
        raise ValueError
    return np.frombuffer(
        base64.b64decode(value["bdata"], validate=True), f"<{value['dtype']}"
    ).astype(float)


def shares(layout):
    """Return the shares of variance in the axis titles (``PC1 (23.4%)``) of the first scene: three floats."""
    titles = [str(layout["scene"][f"{axis}axis"]["title"]) for axis in AXES]
    return tuple(float(re.search(r"(\d+(?:\.\d+)?)\s*%", title)[1]) / 100 for title in titles)
