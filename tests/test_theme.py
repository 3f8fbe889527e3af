"""The look of the figures: colours that everyone can tell apart, and a symbol where colour fails."""

import itertools

import numpy as np
import pytest

from kaomoji_lib import theme
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stats import Estimate

SCHEME = load_scheme()
GROUNDS = {"light": "#fbf9f4", "dark": "#17181c"}
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1, 1.08883])


def linear(colour):
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    scaled = TO_XYZ @ rgb / WHITE
    x, y, z = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours, vision):
    seen = [lab(np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1)) for colour in colours]
    return min(np.linalg.norm(one - two) for one, two in itertools.combinations(seen, 2))


def contrast(one, two):
    low, high = sorted(TO_XYZ[1] @ linear(colour) for colour in (one, two))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_category_colours_differ_in_every_kind_of_colour_vision(vision):
    assert nearest(SCHEME.table["colour"], vision) > 20


def test_the_measure_notices_red_and_green():
    assert (
        nearest(["#d62728", "#7f7f00"], "deuteranopia")
        < 20
        < nearest(["#d62728", "#7f7f00"], "usual")
    )


@pytest.mark.parametrize("ground", GROUNDS.values())
def test_category_colours_stand_out_from_the_page(ground):
    assert {
        code: SCHEME.colour(code)
        for code in SCHEME.codes
        if contrast(SCHEME.colour(code), ground) < 3
    } == {}


def test_every_category_has_a_symbol_of_its_own():
    shapes = [theme.symbol(SCHEME, code) for code in SCHEME.codes]
    assert len(set(shapes)) == len(shapes) and set(shapes) <= set(theme.GLYPHS)


def test_labels_say_their_category_without_colour():
    label = theme.tagged(SCHEME, "LN", "(T<T)")
    assert label.startswith("(T&lt;T) ") and theme.GLYPHS[theme.symbol(SCHEME, "LN")] in label


def test_a_number_in_a_title_brings_its_interval_and_null():
    found = Estimate(-0.5, -0.7, 0.1, 1440, "prompts", 0.02, 0.0004)
    below = lambda title, estimate=found: theme.figure(
        title, "made here", estimate=estimate
    ).layout.title.subtitle.text.replace("\u00a0", " ")  # noqa: E731
    assert (
        below("silhouette -0.50")
        == "95% CI −0.70 to 0.10 · null 0.02, p &lt; 0.001 · 1,440 prompts · made here"
    )
    assert (
        below("read at 50%", Estimate(0.5, 0.4, 0.6, 9, "faces"))
        == "95% CI 40% to 60% · 9 faces · made here"
    )
    assert "null 0.02" in theme.figure("x", "y", estimate=found).layout.meta["description"].replace(
        "\u00a0", " "
    )
    with pytest.raises(KaomojiError, match="expected Estimate"):
        theme.figure("read at 50%", "made here", estimate=0.5)
