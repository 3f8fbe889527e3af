"""The figures: labels escaped, intervals and nulls drawn, tables without intervals refused, labels kept apart."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib import figures, results
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.results import Missing
from kaomoji_lib.stats import Estimate
from kaomoji_lib.stimuli import load_scheme

SCHEME = load_scheme()
HOSTILE = "<img src=x onerror=kaoBroke()> </script><a href='javascript:kaoBroke()'>x</a>"
LOW = Estimate(0.4, 0.3, 0.6, 27, "prompts", 0.11, 0.2)
HIGH = Estimate(0.8, 0.7, 0.85, 27, "prompts", 0.12, 0.001)
FRAME = results.frame({("a", "x"): LOW, (HOSTILE, "x"): HIGH})
LAYERS = results.frame({(HOSTILE, name): one for name, one in zip("abc", (HIGH, LOW, LOW))})
LAYERS["layer"] = [2, 1, 3]
POINTS = pd.DataFrame(np.random.default_rng(0).normal(size=(18, 3)), columns=["x", "y", "z"])
POINTS = POINTS.assign(category=np.repeat(SCHEME.codes[:3], 6), hover=HOSTILE)
PLACES = pd.DataFrame({"face": [HOSTILE, "(^_^)"], "valence": 0.5, "arousal": 0.5})
PLACES = PLACES.assign(category=SCHEME.codes[0], hover=HOSTILE, weight=[1, 4])
TABLE = pd.DataFrame([[0.1, -0.5], [0.2, np.nan]], index=[HOSTILE, "b"], columns=[HOSTILE, "d"])
BARS = pd.DataFrame({"face": [HOSTILE, "(T_T)"], "p": [0.7, 0.3], "who": [HOSTILE, "b"]})
SAID = {"title": HOSTILE, "caption": HOSTILE}
DRAWN = {
    "forest": lambda: figures.forest(FRAME, **SAID, x=HOSTILE, lines={HOSTILE: 0.5}),
    "curve": lambda: figures.curve(LAYERS, **SAID, x="layer", y=HOSTILE, lines={HOSTILE: 1}),
    "matrix": lambda: figures.matrix(TABLE, **SAID, diverging=True, faces=True),
    "plane": lambda: figures.plane(POINTS, SCHEME, **SAID, axes=(HOSTILE, "y")),
    "circumplex": lambda: figures.circumplex(PLACES, SCHEME, **SAID),
    "bars": lambda: figures.bars(BARS, **SAID, label="face", value="p", series="who", x=HOSTILE),
    "space": lambda: figures.space(POINTS, SCHEME, **SAID, axes=(HOSTILE, "y", "z")),
}
# Plotly draws these tags; any other would come from a label.
FOREIGN_TAG = re.compile(r"</?(?!(?:b|br|span|extra)\b)[a-zA-Z]")


def texts(value, key=""):
    """All text of a figure that plotly parses; names that group traces and the description are not parsed."""
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in texts(item, name)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item, key)]
    return [value] if isinstance(value, str) and key not in ("description", "legendgroup") else []


@pytest.mark.parametrize("name", DRAWN)
def test_every_label_of_a_figure_is_escaped(name):
    written = texts(json.loads(DRAWN[name]().to_json()))
    assert [text for text in written if FOREIGN_TAG.search(text)] == []
    assert any("&lt;img" in text for text in written)


@pytest.mark.parametrize("name", ["forest", "curve", "matrix"])
def test_a_missing_result_takes_the_place_of_its_figure(name):
    absent = Missing("no run")
    assert getattr(figures, name)(absent, "title", "caption") is absent


def test_a_forest_draws_intervals_nulls_and_significance():
    fig = figures.forest(FRAME, "t", "c")
    dots, nulls = fig.data
    assert np.allclose(dots.error_x.array, [0.2, 0.05])
    assert np.allclose(dots.error_x.arrayminus, [0.1, 0.1])
    assert list(nulls.x) == [0.11, 0.12] and list(nulls.y) == list(dots.y)
    assert dots.marker.color[0] == figures.theme.CLEAR != dots.marker.color[1]
    assert "n = 27 prompts" in dots.customdata[0]


def test_a_forest_without_nulls_draws_none_and_one_without_values_is_missing():
    bare = FRAME.assign(null_mean=np.nan, p=np.nan)
    assert len(figures.forest(bare, "t", "c").data) == 1
    assert isinstance(figures.forest(FRAME.assign(value=np.nan), "t", "c"), Missing)


def test_a_curve_is_drawn_in_order_inside_its_band():
    band, line = figures.curve(LAYERS, "t", "c", x="layer").data
    assert list(line.x) == [1, 2, 3] and list(line.y) == [0.4, 0.8, 0.4]
    assert list(band.y) == [0.6, 0.85, 0.6, 0.3, 0.7, 0.3] and band.fill == "toself"


@pytest.mark.parametrize("column", ["ci_low", "ci_high", "null_mean", "p", "n"])
@pytest.mark.parametrize("draw", [figures.forest, lambda *a: figures.curve(*a, x="layer")])
def test_a_table_without_intervals_is_refused(draw, column):
    with pytest.raises(KaomojiError, match=f"lacks {column}; expected"):
        draw(LAYERS.drop(columns=column), "t", "c")


def test_a_matrix_writes_true_minus_signs_and_leaves_gaps():
    fig = figures.matrix(TABLE, "t", "c", diverging=True)
    assert [*fig.data[0].text[0], *fig.data[0].text[1]] == ["0.10", "−0.50", "0.20", ""]
    assert fig.data[0].zmin == -0.5 and fig.data[0].zmax == 0.5


def test_labels_of_the_circumplex_are_moved_apart_and_only_as_far_as_needed():
    room = np.array([0.26, 0.085])
    points = np.repeat([[0.5, 0.5], [-0.5, -0.5]], [6, 1], axis=0)
    moved = figures._apart(points, room)
    gap = np.abs(moved[:, None] - moved[None])[~np.eye(7, dtype=bool)]
    assert (gap >= room - 1e-2).any(axis=1).all()
    assert np.abs(moved[6] - points[6]).max() < 0.01 and np.ptp(moved[:6, 1]) < 1
    assert np.abs(moved[:, 0] - points[:, 0]).max() < 0.01


def test_a_row_of_a_forest_has_room_for_its_own_series_only():
    both = pd.concat([FRAME, results.frame({("a", "y"): LOW})], ignore_index=True)
    fig = figures.forest(both, "t", "c")
    assert list(fig.layout.meta["tops"]) == [0, -(26 + 2 * figures.STEP)]
    assert list(fig.data[0].y) == [-20, -(46 + 2 * figures.STEP)]


def test_bars_and_legend_begin_with_the_first_series():
    fig = DRAWN["bars"]()
    assert [bar.name for bar in fig.data][-1].startswith("&lt;img")
    assert fig.layout.legend.traceorder == "reversed"
    assert figures.bars(BARS, "t", "c", label="face", value="p").data[0].text[0] == "70.0%"
    rare = figures.bars(BARS.assign(p=[0.9999, 0.0001]), "t", "c", label="face", value="p")
    assert rare.data[0].text[1] == "< 0.1%"


def test_reference_lines_of_a_curve_are_told_apart_by_the_legend():
    fig = figures.curve(LAYERS, "t", "c", x="layer", lines={"one": 0.2, "two": 0.21})
    assert [line.name for line in fig.data[2:]] == ["one", "two"]
    assert len({line.line.dash for line in fig.data[2:]}) == 2
