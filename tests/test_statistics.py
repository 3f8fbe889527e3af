import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kaomoji_lib import categories, stimuli
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError


def test_estimate_reads_as_a_sentence():
    value = statistics.Estimate(0.81, 0.77, 0.85, 180, "prompts", 0.11, 0.0005)
    assert str(value) == "0.81 (95% CI 0.77-0.85; null 0.11, p ≤ 0.001; n = 180 prompts)"
    assert (
        str(statistics.Estimate(0.1, -0.1, 0.3, 9, "faces"))
        == "0.10 (95% CI -0.10 to 0.30; n = 9 faces)"
    )
    assert (
        str(statistics.Estimate(0.0004, 0.0001, 0.0009, 9, "faces", 0.0))
        == "0.0004 (95% CI 0.0001-0.0009; null 0.0000; n = 9 faces)"
    )
    assert str(statistics.Estimate(0.0, 0.0, 0.0, 9, "faces")).startswith("0.00 (95% CI 0.00-0.00")


def test_bootstrap_interval_covers_the_mean_at_its_level():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        found = statistics.bootstrap(rng.normal(0.5, 1, 60), resamples=400, seed=trial)
        covered += found.ci_low <= 0.5 <= found.ci_high
    assert 180 <= covered <= 199


def test_weighted_bootstrap_is_the_weighted_mean():
    assert statistics.bootstrap([0, 1, 1], weights=[2, 1, 1]).value == 0.5
    assert np.isnan(statistics.bootstrap([0.0, 1.0], weights=[0, 0]).value)


def test_a_share_of_all_or_none_is_no_certainty():
    every, none = statistics.bootstrap(np.ones(20)), statistics.bootstrap(np.zeros(20))
    assert every.ci_low == pytest.approx(0.025 ** (1 / 20)) and every.ci_high == 1
    assert none.ci_low == 0 and none.ci_high == pytest.approx(1 - every.ci_low)


def test_half_samples_give_the_standard_error_of_a_mean():
    values = np.random.default_rng(1).normal(size=400)
    halves = values[statistics.half_samples(400, 4000)].mean(axis=1)
    assert halves.std() == pytest.approx(values.std() / 20, rel=0.1)


@pytest.mark.parametrize("tail", ["greater", "less"])
def test_permutation_p_is_uniform_under_the_null_and_small_for_an_effect(tail):
    rng = np.random.default_rng(2)
    ps = [statistics.permutation_p(rng.normal(), rng.normal(size=99), tail) for _ in range(500)]
    assert 0.02 <= np.mean(np.array(ps) <= 0.05) <= 0.09
    extreme = 9.0 if tail == "greater" else -9.0
    assert statistics.permutation_p(extreme, rng.normal(size=99), tail) == 0.01


def test_js_similarity():
    same, other = np.eye(4)[:2], np.eye(4)[2:]
    assert statistics.js_similarity(same, same) == pytest.approx([1, 1])
    assert statistics.js_similarity(same, other) == pytest.approx([0, 0], abs=1e-3)
    P, Q = np.random.default_rng(3).dirichlet(np.ones(6), (2, 5))
    assert statistics.js_similarity(P, Q) == pytest.approx(statistics.js_similarity(Q, P))
    assert statistics.js_similarity(7 * P, Q) == pytest.approx(statistics.js_similarity(P, Q))
    from scipy.spatial.distance import jensenshannon

    assert statistics.js_similarity(P, Q, 0) == pytest.approx(
        1 - jensenshannon(P, Q, axis=1, base=2) ** 2
    )


def test_silhouettes_equal_the_reference_implementation():
    from sklearn.metrics import silhouette_samples

    rng = np.random.default_rng(5)
    X, labels = rng.normal(size=(40, 6)), np.append(np.arange(39) % 4, 4)
    distances = cdist(X, X)
    assert statistics.silhouettes(distances, labels) == pytest.approx(
        silhouette_samples(X, labels), abs=1e-6
    )
    X[np.arange(40), labels % 5] += 20
    assert statistics.silhouettes(cdist(X, X), labels)[:39].mean() > 0.5
    assert (statistics.silhouettes(distances, np.zeros(40)) == 0).all()


def test_scheme_is_distinct_and_legible_on_light_and_dark():
    scheme = categories.load_scheme()
    assert scheme.table["colour"].is_unique and scheme.table["symbol"].is_unique
    for code in scheme.codes:
        assert _contrast(scheme.colour(code), "#ffffff") >= 3
        assert _contrast(scheme.colour(code), "#121212") >= 3
    with pytest.raises(KaomojiError, match="not in the scheme"):
        scheme.colour("??")


def _contrast(one, other):
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        ) @ [0.2126, 0.7152, 0.0722]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    "text, message",
    [
        ("code\nA\n", "lacks the column"),
        (
            "code,description,gloss,valence,arousal,dominance,colour,symbol\nA,a,a,1,1,,#112233,x\n",
            "at least two",
        ),
        (
            "code,description,gloss,valence,arousal,dominance,colour,symbol\nA,a,a,1,1,,#112233,x\nB,b,b,9,1,,#112233,x\n",
            "valence of B",
        ),
        (
            "code,description,gloss,valence,arousal,dominance,colour,symbol\nA,a,a,1,1,,red,x\nB,b,b,1,1,,#112233,x\n",
            "colour of A",
        ),
    ],
)
def test_malformed_schemes_are_refused_by_name(tmp_path, text, message):
    path = tmp_path / "scheme.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KaomojiError, match=message):
        categories.load_scheme(path)


def test_prompt_tables(tmp_path):
    path = tmp_path / "prompts.csv"
    path.write_text("id,category,text\nNA,NP,null\nb,NP,two\n", encoding="utf-8")
    assert stimuli.load_prompts(path)[["id", "text"]].values.tolist() == [
        ["NA", "null"],
        ["b", "two"],
    ]
    path.write_text("id,category,text\na,NP,one\na,NP,two\n", encoding="utf-8")
    with pytest.raises(KaomojiError, match="twice"):
        stimuli.load_prompts(path)
    with pytest.raises(KaomojiError, match="does not exist"):
        stimuli.load_prompts(tmp_path / "absent.csv")


def test_lexicon_has_anchors_of_every_category_and_untagged_words():
    lexicon, codes = stimuli.load_lexicon(), categories.load_scheme().codes
    assert len(lexicon) == 50 and (lexicon["category"] == "").sum() == 24
    assert set(lexicon["category"]) - {""} == set(codes)
    assert set(lexicon["version"]) == {2}


COLOUR_VISION = {
    "normal": np.eye(3),
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
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
OKLAB = [
    [0.2104542553, 0.793617785, -0.0040720468],
    [1.9779984951, -2.428592205, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.808675766],
]


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_colours_differ_for_every_colour_vision(vision):
    """Simulation: Machado et al. 2009; distance: Oklab, in which 0.02 is just noticeable."""
    colours = categories.load_scheme().table["colour"]
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(COLOUR_VISION[vision]).T, 0, 1)
    lab = np.cbrt(seen @ np.array(CONES).T) @ np.array(OKLAB).T
    assert cdist(lab, lab)[np.triu_indices(len(lab), 1)].min() > 0.06
