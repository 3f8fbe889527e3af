"""Still pictures of figures: marks stand where their values are, text stays text, and what cannot be drawn is not."""

import re
import struct
import sys
import zlib
from base64 import b64decode
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))
import kaomoji_picture  # noqa: E402
import kaomoji_picture_axes as axes  # noqa: E402
from kaomoji_picture_marks import png  # noqa: E402


def drawn(*traces, **layout):
    return BeautifulSoup(
        str(kaomoji_picture.picture({"data": list(traces), "layout": layout})), "html.parser"
    )


def places(soup):
    return [(float(mark["x"]), float(mark["y"])) for mark in soup.select("text.kao-still-mark")]


def test_points_stand_in_proportion_and_up_is_more():
    (ax, ay), (bx, by), (cx, cy) = places(
        drawn({"type": "scatter", "mode": "markers", "x": [0, 1, 4], "y": [0, 1, 4]})
    )
    assert (
        (bx - ax) / (cx - ax) == pytest.approx(0.25, abs=0.01)
        and (by - ay) / (cy - ay) == pytest.approx(0.25, abs=0.01)
        and ax < cx
        and ay > cy
    )
    (ax, _), (bx, _), (cx, _) = places(
        drawn(
            {"type": "scatter", "mode": "markers", "x": [1, 10, 100], "y": [0, 1, 2]},
            xaxis={"type": "log"},
        )
    )
    assert bx - ax == pytest.approx(cx - bx, abs=0.2)
    (ax, _), (bx, _) = places(
        drawn(
            {"type": "scatter", "mode": "markers", "x": [1, 2], "y": [0, 1]},
            xaxis={"autorange": "reversed"},
        )
    )
    assert ax > bx


def test_bars_are_as_long_as_their_values_and_pile_up():
    bar = {"type": "bar", "orientation": "h", "y": ["a", "b"]}
    rects = drawn({**bar, "x": [1, 2]}, {**bar, "x": [2, 1]}, barmode="stack").select("rect")
    lengths = [float(rect["width"]) for rect in rects]
    assert lengths[0] * 2 == pytest.approx(lengths[1], abs=0.3) and lengths == pytest.approx(
        [lengths[0], lengths[1], lengths[1], lengths[0]], abs=0.3
    )
    assert float(rects[2]["x"]) == pytest.approx(float(rects[0]["x"]) + lengths[0], abs=0.3), (
        "the second begins where the first ends"
    )


def test_whiskers_reach_as_far_as_the_interval():
    soup = drawn(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [2, 4],
            "y": ["a", "b"],
            "error_x": {"type": "data", "array": [1, 0], "arrayminus": [2, 0]},
        },
        xaxis={"range": [0, 10]},
    )
    x0, x1, x2 = (
        float(value)
        for value in re.match(
            r"M([\d.]+) [\d.]+L([\d.]+) .*", soup.select_one("path[opacity]")["d"]
        ).groups()
        + (places(soup)[0][0],)
    )
    assert (x2 - x0) == pytest.approx(2 * (x1 - x2), abs=0.3)


def test_cells_have_the_colours_of_their_values_in_the_order_of_the_axes():
    grid = {
        "type": "heatmap",
        "z": [[0, 1], [None, 0.5]],
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "rgba(0,0,0,0)"], [1, "rgba(200,100,50,1)"]],
    }

    def pixels(**layout):
        file = b64decode(drawn(grid, **layout).select_one("image")["href"].partition(",")[2])
        length = struct.unpack(">I", file[33:37])[0]
        data = zlib.decompress(file[41 : 41 + length])
        return [
            [
                tuple(data[row * 9 + 1 + 4 * column : row * 9 + 5 + 4 * column])
                for column in range(2)
            ]
            for row in range(2)
        ]

    full, half, none = (200, 100, 50, 255), (100, 50, 25, 128), (0, 0, 0, 0)
    assert pixels() == [[none, half], [none, full]], "the first row is the lowest"
    assert pixels(yaxis={"autorange": "reversed"}) == [[none, full], [none, half]]
    assert png([[full]])[:8] == b"\x89PNG\r\n\x1a\n"


def test_three_dimensions_are_laid_flat_with_one_measure():
    soup = drawn(
        {
            "type": "scatter3d",
            "mode": "text",
            "text": "●",
            "textfont": {"color": "#123456"},
            "x": [0, 3],
            "y": [0, 0],
            "z": [0, 0],
        },
        {"type": "scatter3d", "mode": "text", "text": "●", "x": [0, 0], "y": [0, 3], "z": [0, 0]},
    )
    marks = [(float(mark["x"]), float(mark["y"])) for mark in soup.select("text.kao-still-words")]
    (ax, ay), (bx, by), _, (cx, cy) = marks
    assert soup.select_one("text.kao-still-words")["fill"] == "#123456" and not soup.select(
        ".kao-still-tick"
    )
    assert (bx - ax) / (ay - cy) == pytest.approx(
        0.8776 / 0.9394, abs=0.02
    ) and cx == pytest.approx(ax, abs=0.2)


def test_text_is_text_and_the_key_names_each_series_once():
    name = "</svg><script>alert(1)</script>"
    soup = drawn(
        *(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label,
                "x": [name, "b"],
                "y": [1, 2],
            }
            for label in ("one &lt;1&gt;", "two", "two")
        )
    )
    assert not soup.select("script") and name in [text.get_text() for text in soup.select("text")]
    assert [
        entry.get_text().split(" ", 1)[1] for entry in soup.select(".kao-still-key > span")
    ] == ["one <1>", "two"]


def test_what_is_hidden_or_of_another_kind_is_not_drawn():
    shown = {"type": "scatter", "mode": "markers", "x": [1], "y": [1]}
    assert (
        len(places(drawn(shown, {**shown, "visible": "legendonly"}, {**shown, "visible": False})))
        == 1
    )
    assert (
        kaomoji_picture.picture({"data": [{"type": "violin", "y": [1, 2]}], "layout": {}}) is None
    )
    assert (
        kaomoji_picture.picture({"data": [{**shown, "x": [None], "y": [None]}], "layout": {}})
        is None
    )


def test_many_points_make_a_small_picture():
    count = 5000
    svg = str(
        kaomoji_picture.picture(
            {
                "data": [
                    {
                        "type": "scatter",
                        "mode": "markers",
                        "x": list(range(count)),
                        "y": list(range(count)),
                    }
                ],
                "layout": {},
            }
        )
    )
    assert svg.count("h0") == count and len(svg) < 20 * count


def test_ticks_are_round_and_lie_on_the_axis():
    axis = axes.make({"tickformat": ".0%"}, [0.03, 0.97], 0, 100)
    found = axis.ticks()
    assert [text for _, text in found] == ["0%", "20%", "40%", "60%", "80%", "100%"] and all(
        -1 <= place <= 101 for place, _ in found
    )
    assert [text for _, text in axes.make({"dtick": 2, "range": [0, 6]}, [1], 0, 100).ticks()] == [
        "0",
        "2",
        "4",
        "6",
    ]
    assert axes.make({}, ["x", "y", "x"], 0, 100).names == ("x", "y")
