"""The category scheme: legible colours that every colour vision can tell apart, and clear refusals."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kaomoji_lib import categories
from kaomoji_lib.errors import KaomojiError

SCHEME = categories.load_scheme()
HEX = SCHEME.table["colour"]
RGB = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in HEX])
LINEAR = np.where(RGB <= 0.04045, RGB / 12.92, ((RGB + 0.055) / 1.055) ** 2.4)
COLOUR_VISION = {
    "normal": np.eye(3).tolist(),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
CONES = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
OKLAB = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]]  # fmt: skip
HEAD = "code,description,gloss,valence,arousal,dominance,colour,symbol\n"
GOOD = "A,a,a,1,1,,#112233,x\n"


def test_colours_and_symbols_are_distinct_and_legible_on_light_and_dark():
    assert HEX.is_unique and SCHEME.table["symbol"].is_unique
    luminance = LINEAR @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() >= 3, "on white"
    assert ((luminance + 0.05) / (0.0060 + 0.05)).min() >= 3, "on #121212"
    with pytest.raises(KaomojiError, match="not in the scheme"):
        SCHEME.colour("??")


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_colours_differ_for_every_colour_vision(vision):
    """Simulation: Machado et al. 2009; distance: Oklab, in which 0.02 is just noticeable."""
    seen = np.clip(LINEAR @ np.array(COLOUR_VISION[vision]).T, 0, 1)
    lab = np.cbrt(seen @ np.array(CONES).T) @ np.array(OKLAB).T
    assert cdist(lab, lab)[np.triu_indices(len(lab), 1)].min() > 0.06


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code\nA\n", "lacks the column"),
        (HEAD + GOOD, "at least two"),
        (HEAD + GOOD + "B,b,b,9,1,,#112233,x\n", "valence of B"),
        (HEAD + "A,a,a,1,1,,red,x\nB,b,b,1,1,,#112233,x\n", "colour of A"),
    ],
)
def test_malformed_schemes_are_refused_by_name(tmp_path, text, message):
    (tmp_path / "scheme.csv").write_text(text, encoding="utf-8")
    with pytest.raises(KaomojiError, match=message):
        categories.load_scheme(tmp_path / "scheme.csv")
