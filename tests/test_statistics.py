"""Estimates, intervals and nulls keep their level where nothing is planted, and have power where something is."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, jensenshannon
from scipy.stats import binom
from sklearn.metrics import silhouette_samples

from kaomoji_lib import stats, tables


def assert_level(ps, level=0.05):
    """No more false alarms than the level allows, within binomial error (1 in 1,000)."""
    assert (np.asarray(ps) <= level).sum() <= binom.ppf(0.999, len(ps), level)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ((0.81, 0.77, 0.85, 180, "prompts", 0.11, 0.0005), "0.81 (95% CI 0.77 to 0.85; null 0.11, p ≤ 0.001; n = 180 prompts)"),
        ((0.1, -0.1, 0.3, 9, "faces"), "0.10 (95% CI −0.10 to 0.30; n = 9 faces)"),
        ((0.0004, 0.0001, 0.0009, 9, "faces", 0.0), "0.0004 (95% CI 0.0001 to 0.0009; null 0.0000; n = 9 faces)"),
        ((0.0, 0.0, 0.0, 9, "faces"), "0.00 (95% CI 0.00 to 0.00; n = 9 faces)"),
        ((np.nan, np.nan, np.nan, 9, "faces"), "not defined (n = 9 faces)"),
    ],
)  # fmt: skip
def test_estimate_reads_as_a_sentence(fields, text):
    assert tables.sentence(stats.Estimate(*fields)).replace("\u00a0", " ") == text


def test_p_values_are_bounds_where_no_permutation_reached_the_value_and_adjusted():
    assert stats.format_p(1 / 1001) == "p ≤ 0.001" and stats.format_p(1 / 201) == "p ≤ 0.005"
    assert stats.format_p(0.012) == "p = 0.012" and stats.format_p(0.341) == "p = 0.34"
    assert list(stats.holm([0.01, np.nan, 0.04, 0.02])[[0, 2, 3]]) == [0.03, 0.04, 0.04]


def test_bootstrap_covers_at_its_level_weighs_and_never_claims_certainty():
    rng = np.random.default_rng(0)
    found = [stats.bootstrap(rng.normal(0.5, 1, 60), resamples=400, seed=i) for i in range(200)]
    assert 180 <= sum(item.ci_low <= 0.5 <= item.ci_high for item in found) <= 199
    assert stats.bootstrap([0, 1, 1], weights=[2, 1, 1]).value == 0.5
    assert np.isnan(stats.bootstrap([0.0, 1.0], weights=[0, 0]).value)
    every, none = stats.bootstrap(np.ones(20)), stats.bootstrap(np.zeros(20))
    assert every.ci_low == pytest.approx(0.025 ** (1 / 20)) and every.ci_high == 1
    assert none.ci_low == 0 and none.ci_high == pytest.approx(1 - every.ci_low)


def test_js_similarity_and_silhouettes_are_those_of_scipy_and_sklearn():
    rng, one = np.random.default_rng(3), np.eye(4)
    assert stats.js_similarity(one[:2], one[2:]) == pytest.approx([0, 0], abs=1e-3)
    P, Q = rng.dirichlet(np.ones(6), (2, 5))
    expected = 1 - jensenshannon(P, Q, axis=1, base=2) ** 2
    assert stats.js_similarity(7 * P, Q, 0) == pytest.approx(expected)
    X, labels = rng.normal(size=(40, 6)), np.append(np.arange(39) % 4, 4)
    expected = silhouette_samples(X, labels)
    assert stats.silhouettes(cdist(X, X), labels) == pytest.approx(expected, abs=1e-6)
    assert not stats.silhouettes(cdist(X, X), np.zeros(40)).any()


@pytest.mark.parametrize("blocks", [np.zeros(12), np.repeat([2, 0, 1], 4), np.arange(12) % 4])
def test_orders_stay_in_their_blocks_and_reach_every_place(blocks):
    found = stats.orders(blocks, 400, seed=1)
    assert (np.sort(found, axis=1) == np.arange(12)).all() and (blocks[found] == blocks).all()
    members = np.flatnonzero(blocks == blocks[0])
    share = np.bincount(found[:, 0], minlength=12)[members] / 400
    assert abs(share - 1 / len(members)).max() < 0.12


def test_groups_stay_together_and_a_permuted_mean_knows_its_null():
    rng, groups = np.random.default_rng(4), np.repeat(np.arange(30), 8)
    values = rng.normal(size=30)[groups] + 0.3 * rng.normal(size=240)
    together, alone = stats.grouped(values, groups, unit="groups"), stats.bootstrap(values)
    width = together.ci_high - together.ci_low
    assert together.n == 30 and width > 2 * (alone.ci_high - alone.ci_low)
    found = stats.permuted_mean(lambda order: groups[order] == groups, 240)
    assert found.value == 1 and found.p <= 0.001 and found.null_mean < 0.05
