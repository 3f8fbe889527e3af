"""The statistics core: each test keeps its level where nothing is planted, and has power where something is."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError

DRAWS = 300


def assert_level(ps, level=0.05):
    """No more false alarms than the level allows, within binomial error (1 in 1,000)."""
    assert (np.asarray(ps) <= level).sum() <= binom.ppf(0.999, len(ps), level)


def prompts(categories=3, topics=3, each=4):
    rows = [
        (f"c{c}", f"t{t}") for c in range(categories) for t in range(topics) for _ in range(each)
    ]
    return pd.DataFrame(rows, columns=["category", "topic"])


@pytest.mark.parametrize("restriction", resampling.RESTRICTIONS)
def test_orders_stay_in_their_blocks_and_reach_every_place(restriction):
    table = prompts().sample(frac=1, random_state=0).reset_index(drop=True)
    blocks = resampling.blocks(table, restriction)
    found = resampling.orders(blocks, 400, seed=1)
    assert (np.sort(found, axis=1) == np.arange(len(table))).all() and (
        blocks[found] == blocks
    ).all()
    members = np.flatnonzero(blocks == blocks[0])
    assert set(found[:, 0]) == set(members)
    share = np.bincount(found[:, 0], minlength=len(table))[members] / 400
    assert abs(share - 1 / len(members)).max() < 0.12


def test_unknown_restrictions_and_missing_topics_are_refused():
    with pytest.raises(KaomojiError, match="unknown restriction"):
        resampling.blocks(prompts(), "sideways")
    with pytest.raises(KaomojiError, match="no topics"):
        resampling.blocks(prompts().assign(topic=""), "within category and topic")


def correlation_ps(shared, restriction, seed=0):
    """p-values of "x and y go together" for DRAWS data sets; ``shared`` says what x and y share."""
    table, rng = prompts(), np.random.default_rng(seed)
    blocks, orders = resampling.blocks(table, restriction), None
    cells = {"nothing": [], "category": ["category"], "topic": ["category", "topic"], "prompt": []}[
        shared
    ]
    group = table.groupby(cells).ngroup().to_numpy() if cells else np.zeros(len(table), dtype=int)
    ps = []
    for draw in range(DRAWS):
        common = 2 * rng.normal(size=group.max() + 1)[group] if cells else 0
        own = rng.normal(size=len(table)) if shared == "prompt" else 0
        x, y = (common + own + rng.normal(size=len(table)) for _ in range(2))
        x, y = x - x.mean(), y - y.mean()
        orders = resampling.orders(blocks, 99, seed=draw)
        ps.append(statistics.permutation_p(x @ y, y[orders] @ x))
    return np.array(ps)


@pytest.mark.parametrize(
    "shared, restriction",
    [("nothing", "free"), ("category", "within category"), ("topic", "within category and topic")],
)
def test_restricted_permutations_keep_their_level(shared, restriction):
    assert_level(correlation_ps(shared, restriction))


@pytest.mark.parametrize(
    "shared, restriction",
    [("category", "free"), ("topic", "within category"), ("prompt", "within category and topic")],
)
def test_restricted_permutations_find_what_lies_beyond_their_blocks(shared, restriction):
    assert (correlation_ps(shared, restriction) <= 0.05).mean() > 0.5


@pytest.mark.parametrize("tail", ["greater", "less"])
def test_max_t_keeps_the_level_of_the_best_of_many(tail):
    rng, members = np.random.default_rng(2), 12
    scale = np.geomspace(0.1, 30, members)
    alone, together = [], []
    for _ in range(DRAWS):
        values = scale * (0.7 * rng.normal(size=(100, 1)) + rng.normal(size=(100, members)))
        family = resampling.max_t(values[0], values[1:], tail)
        alone.append(family.p.min())
        together.append(family.adjusted.min())
        assert family.adjusted[family.best] == family.adjusted.min()
    assert_level(together)
    assert (np.array(alone) <= 0.05).mean() > 0.15


def test_max_t_finds_the_layer_where_something_was_planted_whatever_its_scale():
    rng = np.random.default_rng(3)
    null = rng.normal(size=(999, 2, 3)) * [[1, 10, 100], [1, 10, 100]]
    observed = np.zeros((2, 3))
    observed[1, 0] = 6.0
    family = resampling.max_t(observed, null)
    assert (
        family.best == (1, 0) and family.adjusted[1, 0] < 0.005 and family.adjusted.shape == (2, 3)
    )
    assert family.adjusted[0, 2] > 0.5


def paired_ps(gain, seed=4):
    rng, found = np.random.default_rng(seed), []
    for draw in range(DRAWS):
        left, right = rng.random((2, 90)) < [[0.6 + gain], [0.6]]
        found.append(resampling.paired(left, right, resamples=199, seed=draw))
    return found


def test_paired_differences_keep_their_level_and_have_power():
    none, some = paired_ps(0.0), paired_ps(0.2)
    assert_level([item.p for item in none])
    assert np.mean([item.p <= 0.05 for item in some]) > 0.7
    covered = sum(item.ci_low <= 0.2 <= item.ci_high for item in some)
    assert covered >= binom.ppf(0.001, DRAWS, 0.93)


def test_grouped_intervals_keep_the_rows_of_a_prompt_together():
    rng, grouped, rows = np.random.default_rng(6), 0, 0
    groups = np.repeat(np.arange(30), 8)
    for draw in range(DRAWS):
        values = rng.normal(size=30)[groups] + 0.3 * rng.normal(size=240)
        found = resampling.grouped(values, groups, resamples=200, seed=draw)
        grouped += found.ci_low <= 0 <= found.ci_high
        alone = statistics.bootstrap(values, resamples=200, seed=draw)
        rows += alone.ci_low <= 0 <= alone.ci_high
    assert found.n == 30 and grouped / DRAWS > 0.89 and rows / DRAWS < 0.75
