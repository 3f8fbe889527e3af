"""Readings of faces: exact and counted, compared, pooled, judged; planted agreement is found, and none where none is."""

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import agreement, distributions, exact, judges, likelihoods, verdicts
from kaomoji_lib.metrics.distributions import Reading
from kaomoji_lib.models.score import scoring
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


def test_comparison_ranks_sources_on_one_face_set_beside_guesses():
    near, far, shuffled = planted(0.2, 1), planted(0.6, 2), planted(0.0, 3, shuffled=True)
    sources = {"near": near, "far": far, "shuffled": shuffled}
    table = agreement.compare(REFERENCE, sources, pairs=True)
    rows = table.set_index(["source", "compared_with", "weights"])
    value = rows["value"]
    uniform = [value[name, "elicited", "uniform"] for name in ("near", "far", "uniform guess")]
    assert uniform == sorted(uniform, reverse=True) and len(set(table["n"])) == 1
    for weights in ("uniform", "counts"):
        assert rows.loc[("near", "elicited", weights), "p_holm"] <= 0.003
        assert rows.loc[("shuffled", "elicited", weights), "p"] > 0.05
    by_hand = stats.js_similarity(REFERENCE.table.to_numpy(), near.table.to_numpy())
    assert uniform[0] == pytest.approx(by_hand.mean())
    weighted = np.average(by_hand, weights=REFERENCE.weight)
    assert value["near", "elicited", "counts"] == pytest.approx(weighted)
    two = stats.js_similarity(near.table.to_numpy(), far.table.to_numpy())
    assert value["near", "far", "counts"] == pytest.approx(
        np.average(two, weights=REFERENCE.weight)
    )
    marginal = distributions.baseline(REFERENCE, "marginal")
    assert np.ptp(marginal.table.to_numpy(), axis=0).max() == 0
    assert value["marginal guess", "elicited", "uniform"] == pytest.approx(
        distributions.per_face(REFERENCE, marginal, REFERENCE.table.index).mean()
    )
    with pytest.raises(KaomojiError, match="uniform or marginal"):
        distributions.baseline(REFERENCE, "clever")


def test_similarity_by_category_sees_where_a_source_fails():
    source = planted(0.1, 1)
    table = source.table.copy()
    own = REFERENCE.table.idxmax(axis=1) == "A"
    table.loc[own] = table.loc[own, ["B", "C", "D", "E", "A"]].to_numpy()
    found = distributions.similarity(REFERENCE, Reading(table, source.weight), by="category")
    assert found["A"].value < min(found[code].value for code in "BCDE") - 0.2
    assert found["A"].p > 0.05 and all(found[code].p < 0.01 for code in "BCDE")
    assert sum(item.n for item in found.values()) == N


def test_differences_are_paired_and_two_sided():
    near, far = planted(0.2, 1), planted(0.6, 2)
    better = distributions.difference(REFERENCE, near, far)
    worse = distributions.difference(REFERENCE, far, near)
    assert better.ci_low > 0 and better.p < 0.01
    assert worse.value == pytest.approx(-better.value) and worse.p == better.p


def test_most_divergent_faces_come_first():
    source = planted(0.05, 1)
    table = source.table.copy()
    table.loc["(7)"] = 1 - REFERENCE.table.loc["(7)"].round()
    table.loc["(7)"] /= table.loc["(7)"].sum()
    rows = agreement.divergent(REFERENCE, {"s": Reading(table, source.weight)}, most=5)
    assert rows["face"].iloc[0] == "(7)" and len(rows) == 5 and rows["s"].is_monotonic_increasing


def test_patterns_of_agreement():
    sources = {"near": planted(0.1, 1), "shuffled": planted(0.0, 3, shuffled=True)}
    table, counts = agreement.patterns(REFERENCE, sources)
    near, shuffled, both = (results.estimate(row) for _, row in table.iterrows())
    assert near.value > 0.8 and near.p < 0.002 and shuffled.p > 0.05 and both.value < near.value
    assert counts["faces"].sum() == N and counts["weight"].sum() == pytest.approx(1)
    assert "near" in set(counts["sources that agree"])


def test_pooling_finds_sources_that_complete_each_other_and_gains_nothing_from_noise():
    sources = {"a": planted(0.5, 1), "b": planted(0.5, 2), "noise": planted(1.0, 4)}
    found = agreement.pooling(REFERENCE, sources, permutations=60)
    assert found.held_out.p < 0.02 and found.gain.ci_low > 0
    assert found.single.value < found.held_out.value
    assert found.chosen.set_index("source")["chosen"]["a + b"] > 0.5
    noise = {f"n{number}": planted(0.0, number, shuffled=True) for number in range(10, 14)}
    none = agreement.pooling(REFERENCE, noise, permutations=60)
    assert none.held_out.p > 0.05 and none.in_sample >= none.held_out.value, (
        "what was chosen on the faces it is scored on looks better"
    )
    same = {"a": planted(0.3, 1), "b": planted(0.3, 1)}
    assert agreement.pooling(REFERENCE, same, permutations=9).gain.value == pytest.approx(
        0, abs=1e-9
    )
    few = Reading(REFERENCE.table.head(5), REFERENCE.weight.head(5))
    with pytest.raises(KaomojiError, match="at least 6"):
        agreement.pooling(REFERENCE, {"a": few})


def test_pools_are_means_over_shared_faces_and_judgements_sum_to_one():
    other = planted(0.4, 1)
    other = Reading(other.table.tail(50), other.weight.tail(50))
    pool = agreement.pool([REFERENCE, other])
    assert list(pool.table.index) == list(other.table.index)
    np.testing.assert_allclose(pool.table, (REFERENCE.table.tail(50) + other.table) / 2)
    table = pd.DataFrame({"face": ["x", "y", "z"], "A": [0.9, 0.1, 0.0], "B": [0.3, 0.1, 0.0]})
    judged = agreement.judged(table, ["A", "B"])
    assert judged.table.loc["x", "A"] == pytest.approx(0.75) and "z" not in judged.table.index


def test_faces_with_arms_are_told_apart_and_looked_up_without_them_where_a_source_has_none():
    rows = [("p1", "A", "(´∀`)", "(´∀`)")] * 3 + [("p2", "B", "(´∀`)", "ヽ(´∀`)ﾉ")] * 3
    rows += [("p3", "A", "(^_^)", "(^_^)")] * 3
    emissions = pd.DataFrame(rows, columns=["prompt_id", "category", "face", "raw_face"])
    joined = distributions.elicited(emissions, ["A", "B"])
    apart = distributions.elicited(emissions, ["A", "B"], level="with_arms")
    assert joined.table.loc["(´∀`)", "A"] == 0.5 and len(apart.table) == 3
    assert set(apart.table.to_numpy().ravel()) == {0.0, 1.0}
    matched = distributions.match(joined, apart.table.index)
    assert sorted(matched["level"]) == ["canonical", "with_arms", "with_arms"]
    found = distributions.look_up(joined, apart)
    assert list(found.table.loc["ヽ(´∀`)ﾉ"]) == [0.5, 0.5]
    assert len(distributions.shared_faces(apart, found)) == 3
    with pytest.raises(KaomojiError, match="only 0 faces"):
        distributions.shared_faces(apart, joined, min_weight=4)


def test_scores_are_read_between_marginal_and_ceiling():
    rng = np.random.default_rng(0)
    counted, truth = designs._reference(rng, designs.STUDY, 8.0)
    faces = distributions.shared_faces(counted, truth)
    table = agreement.compare(
        counted, {"truth": truth, "blind": distributions.baseline(counted, "marginal")}, faces=faces
    )
    rows = table[table["weights"] == "uniform"].set_index(["source", "measure"])
    score, ceiling = (rows.loc[("truth", name), "value"] for name in ("similarity", "ceiling"))
    assert rows.loc[("marginal guess", "similarity"), "value"] < score < ceiling + 0.05
    share = rows.loc[("truth", "share of range")]
    assert share["value"] == pytest.approx(1, abs=0.2) and share["p"] < 0.01
    assert abs(rows.loc[("blind", "share of range"), "value"]) < 0.1
    flat = pd.DataFrame(rng.multinomial(400, [0.3, 0.3, 0.4], size=20), list(map(str, range(20))), list("ABC"))  # fmt: skip
    prompts = [(f"p{row}{code}{k % 40}", code, str(row)) for row in range(20) for code in "ABC" for k in range(flat.at[str(row), code])]  # fmt: skip
    replies = pd.DataFrame(prompts, columns=["prompt_id", "category", "face"])
    even = distributions.elicited(replies, list("ABC"))
    assert np.isnan(distributions.similarity(even, even, normalise=True).value)
    with pytest.raises(KaomojiError, match="only 2 faces"):
        distributions.ceiling(even, even.table.index[:2])
    with pytest.raises(KaomojiError, match="a ceiling needs"):
        distributions.similarity(REFERENCE, planted(0.1, 1), normalise=True)


def test_design_effect_is_that_of_dirichlet_favourites():
    rng, study = np.random.default_rng(1), designs.STUDY
    for alpha in (1.0, 8.0):
        own = designs.usage(rng, study, 1.2)
        used = [rng.multinomial(8, row) for row in designs.nested(rng, own, study.label, alpha)]
        effect = distributions.design_effect(np.array(used, float), study.label)
        assert effect == pytest.approx(1 + 7 / (1 + alpha), rel=0.15)


def spelling_scores(chances):
    """Scores of one prompt from P(begins with spelling): dict spelling -> probability."""
    rows = [
        ("p1", word, scoring.canonical_face(word), np.log(p), np.log(p), 3)
        for word, p in chances.items()
    ]
    return pd.DataFrame(rows, columns=list(scoring.COLUMNS))


def test_nested_spellings_count_once():
    table = spelling_scores({"(^_^)": 0.5, "(^_^)/": 0.2, "(^_^)/~": 0.05, "(;_;)": 0.1})
    found = exact.distribution(table)
    assert found.table.loc["p1", "(^_^)"] == pytest.approx(0.5)
    assert found.other["p1"] == pytest.approx(0.4)
    wide = pd.DataFrame([[0.5, 0.2, 0.05]], columns=["(^_^)", "(^_^)/", "(^_^)/~"])
    assert exact.exclusive(wide).to_numpy() == pytest.approx(np.array([[0.3, 0.15, 0.05]]))
    assert np.exp(likelihoods.by_face(table)).loc["p1", "(^_^)"] == pytest.approx(0.5)
    with pytest.raises(KaomojiError, match="add up"):
        exact.distribution(spelling_scores({"(^_^)": 0.8, "(;_;)": 0.4}))


@pytest.fixture(scope="module")
def world():
    """Prompts, exact distributions and 40 replies per prompt drawn from them."""
    study = designs.Size(categories=3, prompts=20, faces=12, replies=40)
    rng = np.random.default_rng(0)
    chances = designs.nested(rng, designs.usage(rng, study, 1.5), study.label, 8.0)
    table = pd.DataFrame(chances, study.ids, [f"({face})" for face in range(study.faces)])
    codes = [study.codes[code] for code in study.label]
    prompts = pd.DataFrame({"id": study.ids, "category": codes})
    return study.codes, prompts, table, designs.emissions(rng, chances, study)


def test_exact_readings_and_both_rules_agree_with_what_was_drawn(world):
    codes, prompts, table, emissions = world
    distribution = exact.Exact(0.9 * table, pd.Series(0.1, table.index))
    counted = distributions.elicited(emissions, codes)
    rules = {rule: likelihoods.by_category(np.log(table), prompts, codes, rule) for rule in likelihoods.RULES}  # fmt: skip
    rules["exact"] = exact.reading(distribution, prompts, codes)
    likeness = {name: distributions.similarity(counted, item) for name, item in rules.items()}
    assert likeness["exact"].value > 0.95 and likeness["exact"].p < 0.01
    assert likeness["mean probability"].value == pytest.approx(likeness["exact"].value)
    assert likeness["mean log"].value < likeness["exact"].value - 0.01
    assert exact.agreement(distribution, emissions).p > 0.01
    moved = exact.Exact(table.iloc[::-1].set_axis(table.index), distribution.other)
    assert exact.agreement(moved, emissions).p < 0.01
    found = exact.prediction(distribution, prompts, codes, permutations=99)
    assert found.accuracy.p <= 0.01 and found.mutual_information.p <= 0.01
    with pytest.raises(KaomojiError, match="no scored prompt is of category"):
        exact.reading(distribution, prompts, [*codes, "none"])


def test_faces_are_likelier_under_their_own_prompt_unless_scores_lost_it(world):
    _, _, table, emissions = world
    log_probs = np.log(table)
    assert likelihoods.own_prompt_advantage(log_probs, emissions).p < 0.01
    lost = log_probs * 0 + log_probs.mean()
    assert likelihoods.own_prompt_advantage(lost, emissions).value == pytest.approx(0)


def score_matrix(own, n=6, seed=0):
    rng = np.random.default_rng(seed)
    return 0.1 * (rng.normal(size=(n, 1)) + rng.normal(size=(1, n))) + 0.05 * rng.normal(size=(n, n)) + own * np.eye(n)  # fmt: skip


def test_self_advantage_is_found_and_good_judges_or_families_alone_are_not():
    found = results.one(judges.advantage(score_matrix(0.3)))
    assert found.p == pytest.approx(1 / 720) and found.value == pytest.approx(0.25, abs=0.05)
    one_good_judge = 0.01 * score_matrix(0.0, 5)
    one_good_judge[2] += 0.3
    assert abs(results.one(judges.advantage(one_good_judge)).value) < 0.01
    family = np.repeat([0, 1, 2], 2)
    related = score_matrix(0.0) + 0.3 * (family[:, None] == family)
    table = judges.advantage(related, families=family).set_index("measure")
    assert table.at["advantage over others", "p"] < 0.05 <= table.at["advantage over family", "p"]
    family = np.repeat([0, 1], 3)
    own = judges.advantage(score_matrix(0.4), families=family).set_index("measure")
    assert own.at["advantage over family", "p"] <= 1 / 36 + 1e-9
    with pytest.raises(KaomojiError, match="at least 3"):
        judges.advantage(score_matrix(0.1, 2))


def models(own, number=5, faces=24, seed=0):
    """Judges and sources. ``own``: how much of a model's use of faces is its own, and known to itself."""
    rng = np.random.default_rng(seed)
    words, codes = [f"f{row}" for row in range(faces)], list("ABCD")
    shared, said, sources = rng.dirichlet(np.full(4, 0.5), faces), {}, {}
    for name in [f"m{row}" for row in range(number)]:
        use = (1 - own) * shared + own * rng.dirichlet(np.full(4, 0.3), faces)
        counts = [rng.multinomial(20, row) for row in use]
        sources[name] = distributions.reading(pd.DataFrame(counts, words, codes))
        noisy = 0.8 * use + 0.2 * rng.dirichlet(np.ones(4), faces)
        said[name] = distributions.reading(pd.DataFrame(noisy, words, codes))
    return said, sources


def test_judges_by_sources_find_models_that_know_their_own_faces():
    said, sources = models(0.7)
    families = {name: "one" for name in said}
    table = judges.compare(said, sources, families=families, permutations=99)
    pairs = table[table["measure"] == "similarity"]
    assert len(pairs) == 25 and pairs["own"].sum() == 5
    assert pairs[pairs["own"].astype(bool)]["value"].min() > pairs[~pairs["own"].astype(bool)]["value"].max()  # fmt: skip
    for measure in ("advantage over others", "advantage over family"):
        item = results.one(table, measure=measure)
        assert item.p < 0.02 and item.ci_low > 0
    few = distributions.reading(pd.DataFrame([[1, 0, 0, 0]], ["f0"], list("ABCD")))
    said, sources = models(0.5, 3)
    less = judges.compare(said, {**sources, "m2": few}, permutations=9)
    assert set(less["source"]) == {"m0", "m1"} and set(less["measure"]) == {"similarity"}
    with pytest.raises(KaomojiError, match="no source used two faces"):
        judges.compare(said, {"m2": few})


def test_verdicts_need_a_small_p_and_an_effect_that_matters():
    def estimate(value, p):
        return stats.Estimate(value, value - 0.01, value + 0.01, 180, "prompts", 0.0, p)

    words = [verdicts.verdict(estimate(value, p), 0.05) for value, p in ((0.3, 0.001), (0.02, 0.001), (0.3, 0.4), (-0.3, 0.001), (0.3, np.nan))]  # fmt: skip
    assert words == [verdicts.FOUND, verdicts.SMALL, *[verdicts.NOT_FOUND] * 3]
    assert list(stats.holm([0.01, np.nan, 0.04, 0.02])[[0, 2, 3]]) == [0.03, 0.04, 0.04]
    assert stats.format_p(1 / 1001) == "p ≤ 0.001" and stats.format_p(1 / 201) == "p ≤ 0.005"
