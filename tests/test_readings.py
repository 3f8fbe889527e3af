"""Readings of faces compared and pooled: planted agreement is found, and none where none is."""

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions
from kaomoji_lib.metrics.distributions import Reading
from tests.calibration import designs

CODES = list("ABCDE")
N = 60


def planted(noise, seed=0, shuffled=False):
    """A reading of N faces around a common truth; ``noise`` 0 is the truth itself."""
    truth = np.random.default_rng(0).dirichlet(np.full(len(CODES), 0.3), N)
    rng = np.random.default_rng(seed + 1)
    values = (1 - noise) * truth + noise * rng.dirichlet(np.full(len(CODES), 0.3), N)
    faces = pd.Index([f"({number})" for number in range(N)], name="face")
    values = values[rng.permutation(N)] if shuffled else values
    weight = np.random.default_rng(5).integers(3, 40, N).astype(float)
    return Reading(pd.DataFrame(values, faces, CODES), pd.Series(weight, faces))


REFERENCE = planted(0.0)


def test_sources_are_ranked_on_one_face_set_beside_guesses_and_compared_in_pairs():
    near, far, shuffled = planted(0.2, 1), planted(0.6, 2), planted(0.0, 3, shuffled=True)
    sources, faces = {"near": near, "far": far, "shuffled": shuffled}, REFERENCE.table.index
    table = distributions.compare(REFERENCE, sources, faces)
    rows = table.set_index(["source", "weights"])
    value, p = rows["value"], rows["p"]
    uniform = [value[name, "uniform"] for name in ("near", "far", "uniform guess")]
    assert uniform == sorted(uniform, reverse=True) and len(set(table["n"])) == 1
    for weights in ("uniform", "counts"):
        assert p["near", weights] <= 0.001 and p["shuffled", weights] > 0.05
    by_hand = stats.js_similarity(REFERENCE.table.to_numpy(), near.table.to_numpy())
    assert uniform[0] == pytest.approx(by_hand.mean())
    assert value["near", "counts"] == pytest.approx(np.average(by_hand, weights=REFERENCE.weight))
    marginal = distributions.baseline(REFERENCE, "marginal", faces)
    guess = distributions.per_face(REFERENCE, marginal, faces).mean()
    assert value["marginal guess", "uniform"] == pytest.approx(guess)
    better = distributions.difference(REFERENCE, near, far)
    worse = distributions.difference(REFERENCE, far, near)
    assert better.ci_low > 0 and better.p < 0.01 and worse.p == better.p
    assert worse.value == pytest.approx(-better.value)


def test_pooling_finds_sources_that_complete_each_other_and_nothing_in_noise():
    sources = {"a": planted(0.5, 1), "b": planted(0.5, 2), "noise": planted(1.0, 4)}
    found = distributions.pooling(REFERENCE, sources, permutations=60)
    assert found["held out"].p < 0.02 and found["gain"].ci_low > 0
    noise = {f"n{number}": planted(0.0, number, shuffled=True) for number in range(10, 14)}
    assert distributions.pooling(REFERENCE, noise, permutations=60)["held out"].p > 0.05


def test_pools_are_means_over_shared_faces_and_judgements_sum_to_one():
    other = planted(0.4, 1)
    other = Reading(other.table.tail(50), other.weight.tail(50))
    pool = distributions.pool([REFERENCE, other])
    assert list(pool.table.index) == list(other.table.index)
    np.testing.assert_allclose(pool.table, (REFERENCE.table.tail(50) + other.table) / 2)
    table = pd.DataFrame({"face": ["x", "y", "z"], "A": [0.9, 0.1, 0.0], "B": [0.3, 0.1, 0.0]})
    judged = distributions.judged(table, ["A", "B"])
    assert judged.table.loc["x", "A"] == pytest.approx(0.75) and "z" not in judged.table.index


def test_faces_with_arms_stay_apart_and_are_looked_up_without_them_where_a_source_has_none():
    rows = [("p1", "A", "(´∀`)", "(´∀`)")] * 3 + [("p2", "B", "(´∀`)", "ヽ(´∀`)ﾉ")] * 3
    rows += [("p3", "A", "(^_^)", "(^_^)")] * 3
    emissions = pd.DataFrame(rows, columns=["prompt_id", "category", "face", "raw_face"])
    joined = distributions.elicited(emissions, ["A", "B"])
    apart = distributions.elicited(emissions, ["A", "B"], arms=True)
    assert joined.table.loc["(´∀`)", "A"] == 0.5 and len(apart.table) == 3
    assert set(apart.table.to_numpy().ravel()) == {0.0, 1.0}
    found = distributions.look_up(joined, apart.table.index)
    assert list(found.table.loc["ヽ(´∀`)ﾉ"]) == [0.5, 0.5]
    assert len(distributions.shared_faces(apart, found)) == 3
    with pytest.raises(KaomojiError, match="only 0 faces"):
        distributions.shared_faces(apart, REFERENCE)


@pytest.mark.parametrize("alpha", [1.0, 8.0])
def test_a_reader_who_knows_the_truth_is_near_the_ceiling_and_was_far_below(alpha):
    gaps = []
    for row in range(8):
        counted, truth, _ = designs._reference(
            np.random.default_rng(row), designs.STUDY, alpha, 1.6
        )
        faces = distributions.shared_faces(counted, truth)
        table = distributions.compare(counted, {"truth": truth}, faces, permutations=9)
        best = table.loc[table["measure"] == "ceiling", "value"].iloc[0]
        # The former rule took all replies for independent: one prompt for each.
        single = counted.replies.assign(prompt_id=np.arange(len(counted.replies)).astype(str))
        independent = Reading(counted.table, counted.weight, single)
        old = distributions.ceiling(independent, faces).mean()
        gaps.append(np.array([best, old]) - table["value"].iloc[0])
    new, old = np.mean(gaps, axis=0)
    assert abs(new) < 0.04 and old > new + 0.02


def test_likelihoods_read_faces_as_counts_do_and_the_published_rule_less_well():
    study = designs.Size(categories=3, prompts=20, faces=12, replies=40)
    rng = np.random.default_rng(0)
    chances = designs.nested(rng, designs.usage(rng, study, 1.5), study.label, 8.0)
    table = pd.DataFrame(chances, study.ids, [f"({face})" for face in range(study.faces)])
    asked = pd.DataFrame({"id": study.ids, "category": study.labels})
    counted = distributions.elicited(designs.emissions(rng, chances, study), study.codes)
    mean, log = (
        distributions.similarity(
            counted, distributions.by_category(np.log(table), asked, study.codes, rule)
        )
        for rule in ("mean probability", "mean log")
    )
    assert mean.value > 0.95 and mean.p < 0.01 and log.value < mean.value - 0.01
