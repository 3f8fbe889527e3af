"""Components, alignment, similarity and the circumplex find what is planted; what they find in noise is in test_calibration."""

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib import categories, results
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import circumplex, generalise, geometry, similarity

SCHEME = categories.load_scheme()
CODES = list(SCHEME.codes)
PROMPTS = pd.DataFrame(
    [(f"{code}{number}", code, "") for code in CODES for number in range(12)],
    columns=["id", "category", "topic"],
)
LABELS = PROMPTS["category"].to_numpy()
LABEL = PROMPTS["category"].factorize()[0]


def make_states(effect=1.5, layers=3, width=40, seed=0):
    rng = np.random.default_rng(seed)
    table = SCHEME.table.loc[LABELS]
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
    plane = 4 * np.outer(table["valence"], axes[0]) + 2.5 * np.outer(table["arousal"], axes[1])
    planted = plane + 0.5 * rng.normal(size=(len(CODES), width))[LABEL]
    noise = rng.normal(size=(len(PROMPTS), layers, width))
    return (effect * planted[:, None] + noise).astype(np.float32)


STATES, NOTHING = make_states(), make_states(effect=0.0, seed=6)


def test_stack_gives_each_layer_the_same_norm():
    loud = STATES * np.array([1, 10, 1000])[None, :, None]
    stacked = geometry.stack(loud).reshape(STATES.shape)
    assert np.linalg.norm(stacked, axis=2).mean(axis=0) == pytest.approx(np.ones(3), rel=1e-4)
    assert geometry.stack(loud, scaled=False).shape == (len(PROMPTS), 120)
    assert not geometry.stack(np.zeros((4, 2, 3))).any()


def test_components_find_the_planted_plane_and_none_in_noise():
    found = geometry.pca(geometry.stack(STATES), PROMPTS, SCHEME, permutations=199)
    table = SCHEME.table.loc[LABELS]
    assert np.corrcoef(found.scores[:, 0], table["valence"])[0, 1] > 0.9
    assert np.corrcoef(found.scores[:, 1], table["arousal"])[0, 1] > 0.6
    assert found.valence.p < 0.01 and found.arousal.p < 0.05
    assert (found.valence.n, found.valence.unit) == (len(CODES), "categories")
    assert all(part.ci_low < part.value < part.ci_high for part in found.variance)
    assert found.variance[0].p < 0.05 and found.participation_ratio.p < 0.05
    assert len(found.table()) == 6
    none = geometry.pca(geometry.stack(NOTHING), PROMPTS, SCHEME, permutations=19)
    assert none.variance[0].value == pytest.approx(none.variance[0].null_mean, rel=0.15)
    assert none.participation_ratio.value > 5 * found.participation_ratio.value
    turned = geometry.pca(geometry.stack(-STATES), PROMPTS, SCHEME, permutations=2)
    assert turned.scores[:, :3] == pytest.approx(found.scores[:, :3], abs=1e-6)


def test_the_interval_of_a_component_s_meaning_includes_the_component_s_own_uncertainty():
    rng, X = np.random.default_rng(3), np.zeros((len(PROMPTS), 2))
    # Two components of nearly equal variance: which of them is first depends on the sample.
    X[:, 0] = SCHEME.table.loc[LABELS, "valence"]
    X += rng.normal(size=X.shape) * [0.3, X[:, 0].std() * 1.05]
    found = geometry.pca(X, PROMPTS, SCHEME, permutations=2).valence
    assert found.ci_high - found.ci_low > 0.4


def test_procrustes_undoes_a_similarity_and_refuses_noise():
    rng = np.random.default_rng(0)
    reference = geometry.pca(geometry.stack(STATES), PROMPTS, SCHEME, permutations=2).scores
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found = geometry.procrustes(reference, 7 * reference[:, :3] @ turn + 3, LABELS, CODES)
    assert found.residual.value == pytest.approx(0, abs=1e-6) and found.residual.p <= 0.002
    assert found.aligned == pytest.approx(reference[:, :3], abs=1e-6)
    assert found.scale == pytest.approx(1 / 7) and found.residual.null_mean > 0.3
    none = geometry.procrustes(reference, rng.normal(size=reference.shape), LABELS, CODES)
    assert none.residual.p > 0.05 and none.residual.value > 0.4
    with pytest.raises(KaomojiError, match="same order"):
        geometry.procrustes(reference, reference[1:], LABELS, CODES)


def test_silhouettes_tell_clusters_from_noise():
    assert geometry.silhouette(STATES[:, 0], LABELS, permutations=99).p == 0.01
    assert abs(geometry.silhouette(NOTHING[:, 0], LABELS, permutations=99).value) < 0.1


def test_layer_curves_are_judged_by_the_best_of_all_layers():
    states = np.concatenate([STATES, make_states(effect=0.0, layers=4, seed=8)], axis=1)[:, 2:]
    ids, names = PROMPTS["id"], list("abcde")
    curve = generalise.by_layer(states, LABELS, ids, names, permutations=39).set_index("layer")
    # The smallest p of one layer, .025, times five layers could not reach .05 in any layer.
    assert curve.loc[0, "p"] == 0.025 and curve.loc[0, "value"] > 3 * curve.loc[0, "null_mean"]
    assert (curve.loc[1:, "p"] > 0.05).all()


@pytest.mark.parametrize("measure", similarity.MEASURES)
def test_similarity_and_its_nulls(measure):
    X = geometry.stack(STATES)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(X.shape[1], X.shape[1])))[0]
    sources = {"a": X, "turned": X @ turn * 3, "other": make_states(seed=5), "noise": NOTHING}
    options = {"measure": measure, "permutations": 99, "halves": 4}
    found = similarity.compare(sources, PROMPTS, **options)
    table = found.table.set_index(["left", "right", "null"]).sort_index()
    same, other = table.loc[("a", "turned")], table.loc[("a", "other")]
    assert same["value"].iloc[0] == pytest.approx(1, abs=1e-3) and (same["p"] == 0.01).all()
    assert other.loc["free", "p"] == 0.01 and other.loc["within category", "p"] > 0.01
    assert other.loc["within category", "null_mean"] > other.loc["free", "null_mean"]
    assert table.loc[("a", "noise", "free"), "p"] > 0.02
    assert found.layers["other", "noise"].shape == (3, 3)
    assert (
        similarity.supported(found.table.query("right == 'turned'")) == "more than the categories"
    )
    assert similarity.supported(found.table.query("left == 'a' and right == 'noise'")) == "nothing"
    inside = similarity.compare(sources, PROMPTS, residualise=True, **options).table
    inside = inside.set_index(["left", "right"])["p"]
    assert inside["a", "turned"] == 0.01 and inside["a", "other"] > 0.01


def test_similarity_refuses_what_does_not_match():
    with pytest.raises(KaomojiError, match="same order"):
        similarity.compare({"a": STATES[:-1], "b": STATES}, PROMPTS)
    with pytest.raises(KaomojiError, match="residualise"):
        similarity.compare({"a": STATES, "b": STATES}, PROMPTS, text=STATES[:, 0])
    with pytest.raises(KaomojiError, match="unknown measure"):
        similarity.compare({"a": STATES, "b": STATES}, PROMPTS, measure="cosine")


def test_topics_are_a_null_of_their_own():
    rng = np.random.default_rng(3)
    table = PROMPTS.assign(topic=["work", "home"] * (len(PROMPTS) // 2))
    common = rng.normal(size=(18, 4))[table.groupby(["category", "topic"]).ngroup()]
    sources = {
        name: common @ rng.normal(size=(4, 8)) + rng.normal(size=(len(table), 8)) for name in "ab"
    }
    ps = similarity.compare(sources, table, permutations=199, halves=2).table.set_index("null")["p"]
    assert ps["within category"] < 0.05 < ps["within category and topic"]


def text_readers(rng, shared=0.0):
    """Text with many dimensions, and two sources that read it in ways of their own (and share what no text says)."""
    text = rng.normal(size=(len(PROMPTS), 150)) / np.sqrt(np.arange(1, 151))
    own, sources = rng.normal(size=(len(PROMPTS), 3)), {}
    for name in "ab":
        X = text @ rng.normal(size=(150, 40)) / 2 + 2 * rng.normal(size=(len(CODES), 40))[LABEL]
        X += shared * own @ rng.normal(size=(3, 40)) + rng.normal(size=X.shape)
        sources[name] = X
    return text, sources


def test_two_readings_of_one_text_share_no_more_than_the_text():
    def p_values(shared):
        for seed in range(12):
            text, sources = text_readers(np.random.default_rng(seed), shared)
            options = {"residualise": True, "permutations": 39, "halves": 2, "seed": seed}
            table = similarity.compare(sources, PROMPTS, text=text, **options).table
            yield table.set_index("null")["p"]

    nothing, something = pd.DataFrame(p_values(0.0)), pd.DataFrame(p_values(1.0))
    assert (nothing["within category"] <= 0.05).all(), "the readings resemble each other"
    assert (nothing[similarity.TEXT] <= 0.05).sum() <= 2
    assert (something[similarity.TEXT] <= 0.05).sum() >= 10


def test_states_drawn_from_the_text_model_have_the_variance_of_the_states():
    rng = np.random.default_rng(4)
    text, sources = text_readers(rng)
    X = sources["a"]
    model = similarity.TextModel.fit(X, text, LABEL)
    drawn = [model.draw(np.arange(len(X)), rng) for _ in range(2)]
    assert drawn[0] == pytest.approx(X - similarity._means(X, LABEL)), "no order, nothing moved"
    orders = [np.lexsort((rng.random(len(X)), LABEL)) for _ in range(20)]
    spread = np.mean([(model.draw(order, rng) ** 2).sum() for order in orders])
    assert spread == pytest.approx((model.states**2).sum(), rel=0.05)
    constant = similarity.TextModel.fit(np.ones((len(X), 3)), text, LABEL)
    assert not constant.draw(orders[0], rng).any()


@pytest.mark.parametrize("measure", similarity.MEASURES)
def test_relabelling_moves_a_signature_and_nothing_else(measure):
    rng = np.random.default_rng(6)
    X, order = rng.normal(size=(30, 7)), rng.permutation(30)
    grams = np.stack([X @ X.T, X[order] @ X[order].T])
    straight, again = similarity.signatures(grams, measure).T
    rows, columns, place = similarity._places(30, measure)
    assert straight[place[order[rows], order[columns]]] == pytest.approx(again, abs=1e-6)
    assert np.linalg.norm(straight) == pytest.approx(1, abs=1e-5)
    assert not similarity.signatures(np.zeros((1, 30, 30)), measure).any()


def test_signatures_are_the_field_s_measures():
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    rng = np.random.default_rng(7)
    X, Y = rng.normal(size=(2, 40, 6))
    Y = Y + X
    grams = np.stack([X @ X.T, Y @ Y.T])
    left, right = similarity.signatures(grams, "RSA").T
    assert left @ right == pytest.approx(spearmanr(pdist(X), pdist(Y))[0], abs=1e-5)

    def hsic(K, L):
        n, ones = len(K), np.ones(len(K))
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        middle = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
        return np.trace(K @ L) + middle - 2 / (n - 2) * ones @ K @ L @ ones

    expected = hsic(*grams) / np.sqrt(hsic(grams[0], grams[0]) * hsic(grams[1], grams[1]))
    left, right = similarity.signatures(grams, "CKA").T
    assert left @ right == pytest.approx(expected, abs=1e-5), "Song et al. 2012"
    high = rng.normal(size=(2, len(PROMPTS), 3000))
    assert abs(geometry.linear_cka(*high, LABELS, permutations=2)[0].value) < 0.1, "unbiased"


def circle_states(rng, planted):
    table = SCHEME.table.loc[LABELS]
    own = rng.normal(size=(len(CODES), 6))[LABEL]
    plane = np.zeros((len(PROMPTS), 6))
    plane[:, 0], plane[:, 1] = 3 * table["valence"], 3 * table["arousal"]
    return (plane if planted else 2 * own) + rng.normal(size=(len(PROMPTS), 6))


def test_a_planted_plane_is_found_in_order_and_arousal_beside_valence():
    X = circle_states(np.random.default_rng(10), True)
    table, distances = circumplex.circumplex(
        X, LABELS, SCHEME, splits=8, halves=20, permutations=199
    )
    found = {row["measure"]: results.estimate(row) for _, row in table.iterrows()}
    assert found[circumplex.ORDER].value > 0.6 and found[circumplex.ORDER].p < 0.01
    assert 0.9 < found[circumplex.CEILING].value <= 1
    plane, line = found["valence and arousal plane"], found["valence line"]
    assert plane.value > 0.9 and plane.p <= 0.02 and plane.value > line.value
    assert found[circumplex.AROUSAL].p <= 0.02
    assert found[circumplex.CIRCLE].ci_high < 0 and found[circumplex.CIRCLE].p is None
    assert distances.shape == (9, 9) and (np.diag(distances) == 0).all()
    with pytest.raises(KaomojiError, match="too few prompts"):
        circumplex.circumplex(X[:20], LABELS[:20], SCHEME)
