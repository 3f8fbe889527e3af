"""Components, alignment and similarity find what is planted; what they find in noise is in test_calibration."""

import numpy as np
import pandas as pd
import pytest
from worlds import CODES, IDS, LABELS, PROMPTS, SCHEME, STATES, make_states

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import geometry, predict, states

NOTHING = make_states(PROMPTS, effect=0.0, seed=6)


def test_stack_gives_each_layer_the_same_norm():
    loud = STATES * np.array([1, 10, 1000])[None, :, None]
    stacked = states.stack(loud).reshape(STATES.shape)
    assert np.linalg.norm(stacked, axis=2).mean(axis=0) == pytest.approx(np.ones(3), rel=1e-4)
    assert not states.stack(np.zeros((4, 2, 3))).any()


def test_components_find_the_planted_plane_and_none_in_noise():
    scores, found = geometry.pca(states.stack(STATES), PROMPTS, SCHEME, permutations=199)
    table = SCHEME.table.loc[LABELS]
    assert np.corrcoef(scores[:, 0], table["valence"])[0, 1] > 0.9
    assert np.corrcoef(scores[:, 1], table["arousal"])[0, 1] > 0.6
    assert all(item.p < 0.05 for name, item in found.items() if name[:3] not in ("PC2", "PC3"))
    assert found["PC1 and valence"].p < 0.01 and found["PC2 and arousal"].p < 0.05
    assert (found["PC1 and valence"].n, found["PC1 and valence"].unit) == (len(CODES), "categories")
    none = geometry.pca(states.stack(NOTHING), PROMPTS, SCHEME, permutations=19)[1]
    first, ratio = "PC1, share of variance", "participation ratio"
    assert none[first].value == pytest.approx(none[first].null_mean, rel=0.15)
    assert none[ratio].value > 5 * found[ratio].value
    turned = geometry.pca(states.stack(-STATES), PROMPTS, SCHEME, permutations=2)[0]
    assert turned[:, :3] == pytest.approx(scores[:, :3], abs=1e-6)


def test_the_interval_of_a_component_s_meaning_includes_the_component_s_own_uncertainty():
    rng, X = np.random.default_rng(3), np.zeros((len(PROMPTS), 2))
    # Two components of nearly equal variance: which of them is first depends on the sample.
    X[:, 0] = SCHEME.table.loc[LABELS, "valence"]
    X += rng.normal(size=X.shape) * [0.3, X[:, 0].std() * 1.05]
    found = geometry.pca(X, PROMPTS, SCHEME, permutations=2)[1]["PC1 and valence"]
    assert found.ci_high - found.ci_low > 0.4


def test_procrustes_undoes_a_similarity_and_refuses_noise():
    rng = np.random.default_rng(0)
    reference = geometry.pca(states.stack(STATES), PROMPTS, SCHEME, permutations=2)[0]
    turned = 7 * reference[:, :3] @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + 3
    found = geometry.procrustes(reference, turned, LABELS, CODES)
    assert found.value == pytest.approx(0, abs=1e-6)
    assert found.p <= 0.002 and found.null_mean > 0.3
    none = geometry.procrustes(reference, rng.normal(size=reference.shape), LABELS, CODES)
    assert none.p > 0.05 and none.value > 0.4


def test_layer_curves_are_judged_by_the_best_of_all_layers():
    noise = make_states(PROMPTS, effect=0.0, layers=24, seed=8)
    X = np.concatenate([STATES, noise], axis=1)[:, 2:]
    curve = predict.by_layer(X, LABELS, IDS, range(X.shape[1]), permutations=39)
    curve = curve.set_index("layer")
    # Times the number of layers, the smallest p, .025, could not reach .05; unadjusted, some layer of noise does.
    assert curve.loc[0, "p"] == 0.025 and curve.loc[0, "value"] > 3 * curve.loc[0, "null_mean"]
    assert (curve.loc[1:, "p"] > 0.05).all()


def test_similarity_is_invariant_and_its_null_leaves_out_what_the_categories_share():
    X = states.stack(STATES)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(X.shape[1], X.shape[1])))[0]
    other = make_states(PROMPTS, seed=5)
    sources = {"a": X, "turned": X @ turn * 3, "other": other, "noise": NOTHING}
    table = geometry.similarity(sources, PROMPTS, permutations=99, halves=4)
    table = table.set_index(["left", "right"])
    same, other, none = (table.loc[("a", name)] for name in ("turned", "other", "noise"))
    assert same["value"] == pytest.approx(1, abs=1e-3) and same["p"] == 0.01
    assert other["null_mean"] > 0.3 and other["p"] > 0.01 and none["p"] > 0.02
    with pytest.raises(KaomojiError, match="same order"):
        geometry.similarity({"a": STATES[:-1], "b": STATES}, PROMPTS)
    high = dict(zip("ab", np.random.default_rng(7).normal(size=(2, len(PROMPTS), 3000))))
    assert abs(geometry.similarity(high, PROMPTS, permutations=2)["value"][0]) < 0.1, "unbiased"


def test_similarity_is_debiased_cka():
    X, Y = np.random.default_rng(7).normal(size=(2, 40, 6))
    Y = X + Y

    def hsic(X, Y):
        n, ones, K, L = len(X), np.ones(len(X)), X @ X.T, Y @ Y.T
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        middle = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
        return np.trace(K @ L) + middle - 2 / (n - 2) * ones @ K @ L @ ones

    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    expected = hsic(X, Y) / np.sqrt(hsic(X, X) * hsic(Y, Y))
    asked = pd.DataFrame({"category": np.arange(40) % 4})
    found = geometry.similarity({"X": X, "Y": Y}, asked, permutations=2)
    assert found["value"][0] == pytest.approx(expected, abs=1e-5), "Song et al. 2012"
    assert not geometry.signatures(np.zeros((1, 30, 30))).any()
