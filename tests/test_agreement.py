"""Agreement of readings: planted agreement is found, and none where none was planted."""

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import agreement, synthesis
from kaomoji_lib.metrics.distributions import Reading
from kaomoji_lib.stats import js_similarity
from kaomoji_lib.stimuli import load_lexicon

CODES = list("ABCDE")
N = 60


def planted(noise, seed=0, shuffled=False):
    """A reading of N faces around a common truth; ``noise`` 0 is the truth itself."""
    truth = np.random.default_rng(0).dirichlet(np.full(len(CODES), 0.3), N)
    rng = np.random.default_rng(seed + 1)
    values = (1 - noise) * truth + noise * rng.dirichlet(np.full(len(CODES), 0.3), N)
    faces = pd.Index([f"({number})" for number in range(N)], name="face")
    table = pd.DataFrame(
        values[rng.permutation(N)] if shuffled else values, index=faces, columns=CODES
    )
    return Reading(
        table, pd.Series(np.random.default_rng(5).integers(3, 40, N).astype(float), index=faces)
    )


@pytest.fixture(scope="module")
def reference():
    return planted(0.0)


def test_similarity_table_ranks_sources_and_has_reference_rows(reference):
    found = agreement.table(
        reference,
        {
            "near": planted(0.2, 1),
            "far": planted(0.6, 2),
            "shuffled": planted(0.0, 3, shuffled=True),
        },
    )
    rows = found.set_index(["source", "compared with"])
    uniform = {key: value.value for key, value in rows["uniform"].items()}
    assert (
        uniform["near", "elicited"]
        > uniform["far", "elicited"]
        > uniform["uniform guess", "elicited"]
    )
    assert (
        rows.loc[("near", "elicited"), "uniform"].p < 0.001
        and rows.loc[("shuffled", "elicited"), "uniform"].p > 0.05
    )
    assert rows.loc[("shuffled", "elicited"), "weighted"].p > 0.05
    assert len({value.n for column in ("uniform", "weighted") for value in found[column]}) == 1, (
        "one face set for all rows"
    )
    assert {
        ("near", "far"),
        ("near", "shuffled"),
        ("far", "shuffled"),
        ("marginal guess", "elicited"),
    } <= set(rows.index)
    near = rows.loc[("near", "elicited")]
    by_hand = js_similarity(reference.table.to_numpy(), planted(0.2, 1).table.to_numpy())
    assert near["uniform"].value == pytest.approx(by_hand.mean()) and near[
        "weighted"
    ].value == pytest.approx(np.average(by_hand, weights=reference.weight))


def test_two_sources_are_weighted_by_the_reference(reference):
    a, b = planted(0.2, 1), planted(0.5, 2)
    a = Reading(a.table, a.weight * 0 + 1)
    found = agreement.table(reference, {"a": a, "b": b}).set_index(["source", "compared with"])
    by_hand = js_similarity(a.table.to_numpy(), b.table.to_numpy())
    assert found.loc[("a", "b"), "weighted"].value == pytest.approx(
        np.average(by_hand, weights=reference.weight)
    )


def test_by_category_sees_where_a_source_fails(reference):
    source = planted(0.1, 1)
    table = source.table.copy()
    own = reference.table.idxmax(axis=1) == "A"
    table.loc[own] = table.loc[own, ["B", "C", "D", "E", "A"]].to_numpy()
    found = agreement.by_category(reference, {"s": Reading(table, source.weight)}).set_index(
        "category"
    )["similarity"]
    assert found["A"].value < min(found[code].value for code in "BCDE") - 0.2
    assert found["A"].p > 0.05 and all(found[code].p < 0.01 for code in "BCDE")
    assert sum(item.n for item in found) == N


def test_most_divergent_faces_come_first(reference):
    source = planted(0.05, 1)
    table = source.table.copy()
    table.loc["(7)"] = 1 - reference.table.loc["(7)"].round()
    table.loc["(7)"] /= table.loc["(7)"].sum()
    found = agreement.divergent(reference, {"s": Reading(table, source.weight)}, most=5)
    assert found["face"].iloc[0] == "(7)" and len(found) == 5 and found["s"].is_monotonic_increasing


def test_patterns_of_agreement(reference):
    found = agreement.patterns(
        reference, {"near": planted(0.1, 1), "shuffled": planted(0.0, 3, shuffled=True)}
    )
    assert (
        found.agreement["near"].value > 0.8
        and found.agreement["near"].p < 0.001
        and found.agreement["shuffled"].p > 0.05
    )
    assert found.counts["faces"].sum() == N and found.counts["weight"].sum() == pytest.approx(1)
    assert (
        "near" in set(found.counts["sources that agree"])
        and found.all_agree.value < found.agreement["near"].value
    )


def test_pooling_finds_sources_that_complete_each_other(reference):
    found = agreement.pooling(
        reference, {"a": planted(0.5, 1), "b": planted(0.5, 2), "noise": planted(1.0, 4)}
    )
    assert (
        found.held_out.p < 0.02
        and found.gain.ci_low > 0
        and found.single.value < found.held_out.value
    )
    assert found.chosen.set_index("pool")["chosen"]["a + b"] > 0.5


def test_pooling_of_nothing_gains_nothing(reference):
    noise = {f"n{number}": planted(0.0, number, shuffled=True) for number in range(10, 16)}
    found = agreement.pooling(reference, noise, permutations=100)
    assert found.held_out.p > 0.05
    assert found.in_sample >= found.held_out.value, (
        "what was chosen on the faces it is scored on looks better"
    )
    same = agreement.pooling(
        reference, {"a": planted(0.3, 1), "b": planted(0.3, 1)}, permutations=20
    )
    assert same.gain.value == pytest.approx(0, abs=1e-9)


def test_pooling_needs_faces(reference):
    few = Reading(reference.table.head(5), reference.weight.head(5))
    with pytest.raises(KaomojiError, match="at least 6"):
        agreement.pooling(reference, {"a": few})


def test_pool_is_the_mean_over_shared_faces(reference):
    other = planted(0.4, 1)
    other = Reading(other.table.tail(50), other.weight.tail(50))
    found = agreement.pool([reference, other])
    assert list(found.table.index) == list(other.table.index)
    np.testing.assert_allclose(found.table.sum(axis=1), 1)
    np.testing.assert_allclose(found.table, (reference.table.tail(50) + other.table) / 2)


def test_judgements_are_divided_by_their_sum():
    table = pd.DataFrame({"face": ["x", "y", "z"], "A": [0.9, 0.1, 0.0], "B": [0.3, 0.1, 0.0]})
    found = agreement.judged(table, ["A", "B"])
    assert found.table.loc["x", "A"] == pytest.approx(0.75) and "z" not in found.table.index, (
        "no likelihood at all is no reading"
    )


@pytest.fixture(scope="module")
def words():
    lexicon, rng = load_lexicon(), np.random.default_rng(0)
    anchors = {
        code: list(part["word"])
        for code, part in lexicon[lexicon["category"] != ""].groupby("category")
    }
    others = list(lexicon.loc[lexicon["category"] == "", "word"])
    codes = list(anchors)
    rows = [
        {
            "face": f"({number})",
            "count": 3,
            "primary": anchors[codes[number % len(codes)]][:2],
            "others": list(rng.choice(others, 3, replace=False)),
            "lexicon_version": 2,
        }
        for number in range(90)
    ]
    return pd.DataFrame(rows), lexicon, codes


def test_synthesis_reads_anchors_alone(words):
    table, lexicon, codes = words
    found = synthesis.synthesized(table, lexicon, codes)
    assert (
        all(found.table.loc[f"({number})", codes[number % len(codes)]] == 1 for number in range(20))
        and found.weight.iloc[0] == 3
    )
    masses = synthesis.word_masses(table.head(1), lexicon).iloc[0]
    assert sorted(masses[masses > 0].unique()) == [1.5, 3.0]


def test_lexicon_versions_never_mix(words):
    table, lexicon, codes = words
    mixed = pd.concat([table, table.assign(lexicon_version=1, primary=[["sad"]] * len(table))])
    pd.testing.assert_frame_equal(
        synthesis.synthesized(mixed, lexicon, codes).table,
        synthesis.synthesized(table, lexicon, codes).table,
    )
    with pytest.raises(KaomojiError, match="version"):
        synthesis.synthesized(table.assign(lexicon_version=1), lexicon, codes)


def test_word_space_finds_structure_and_no_more(words):
    table, lexicon, _ = words
    sad, glad = table.copy(), table.copy()
    sad["primary"], glad["primary"] = (
        [["sad", "weary"]] * len(table),
        [["cheery", "excited"]] * len(table),
    )
    two = pd.concat([sad.head(45), glad.tail(45)])
    found = synthesis.word_space(two, lexicon, resamples=100, permutations=100)
    assert (
        found.variance[0].p < 0.02
        and found.variance[0].value > 0.5
        and set(found.loadings["PC1"].abs().nlargest(4).index)
        == {"sad", "weary", "cheery", "excited"}
    )
    np.testing.assert_allclose(found.vectors.sum(axis=1), 1)
    rng = np.random.default_rng(1)
    every = list(lexicon["word"])
    random = [
        {
            "face": f"({number})",
            "count": 1,
            "primary": list(rng.choice(every, 4, replace=False)),
            "others": [],
            "lexicon_version": 2,
        }
        for number in range(80)
    ]
    nothing = synthesis.word_space(pd.DataFrame(random), lexicon, resamples=50, permutations=100)
    assert nothing.variance[0].p > 0.01
