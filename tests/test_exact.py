"""Exact distributions over faces, and the range a similarity to counts can lie on."""

import numpy as np
import pandas as pd
import pytest
from kaomoji_lib.show import claude, compared
from test_resampling import assert_level

from kaomoji_lib import stats as statistics
from kaomoji_lib import tables
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import ceilings, exact
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.missing import Missing
from kaomoji_lib.models import organisms
from kaomoji_lib.models.score import scoring
from kaomoji_lib.stimuli import load_prompts
from tests.small_models import engine

CODES = ("A", "B", "C")


def scores(chances, prompts=None):
    """A table of scores from P(begins with spelling): dict spelling -> probability, the same for every prompt."""
    prompts = prompts or {"p1": chances}
    rows = [
        (prompt, word, scoring.canonical_face(word), np.log(p), np.log(p), 3)
        for prompt, given in prompts.items()
        for word, p in given.items()
    ]
    return pd.DataFrame(rows, columns=list(scoring.COLUMNS))


def simulated(sharp, prompts=60, faces=12, seed=0):
    """Exact distributions of prompts of three categories, and 8 samples each. ``sharp`` 0: the category plays no part."""
    rng = np.random.default_rng(seed)
    own = rng.dirichlet(np.ones(faces), size=3)
    label = np.arange(prompts) % 3
    chances = sharp * own[label] + (1 - sharp) * own.mean(axis=0)
    chances = 0.95 * (0.8 * chances + 0.2 * rng.dirichlet(np.ones(faces), size=prompts))
    ids, names = (
        [f"p{row}" for row in range(prompts)],
        [f"(^{chr(97 + row)}^)" for row in range(faces)],
    )
    table = pd.DataFrame(chances, ids, names)
    drawn = rng.multinomial(8, chances / chances.sum(axis=1, keepdims=True))
    rows = [
        (ids[row], CODES[label[row]], names[face])
        for row in range(prompts)
        for face in range(faces)
        for _ in range(drawn[row, face])
    ]
    asked = pd.DataFrame({"id": ids, "category": [CODES[one] for one in label]})
    return (
        exact.Exact(table, 1 - table.sum(axis=1)),
        asked,
        pd.DataFrame(rows, columns=["prompt_id", "category", "face"]),
    )


def test_nested_spellings_count_once():
    found = exact.distribution(scores({"(^_^)": 0.5, "(^_^)/": 0.2, "(^_^)/~": 0.05, "(;_;)": 0.1}))
    assert found.table.loc["p1", "(^_^)"] == pytest.approx(0.5)
    assert found.table.to_numpy().sum() + found.other["p1"] == pytest.approx(1)
    assert found.other["p1"] == pytest.approx(0.4)
    wide = pd.DataFrame([[0.5, 0.2, 0.05]], columns=["(^_^)", "(^_^)/", "(^_^)/~"])
    assert exact.exclusive(wide).to_numpy() == pytest.approx(np.array([[0.3, 0.15, 0.05]]))


def test_probabilities_that_exceed_one_are_refused():
    with pytest.raises(KaomojiError, match="add up"):
        exact.distribution(scores({"(^_^)": 0.8, "(;_;)": 0.4}))


def test_an_organism_types_its_planted_table_exactly():
    organism, table = engine("organism-gemma"), organisms.planted("organism-gemma")
    prompts = load_prompts().groupby("category").head(2)
    found = exact.distribution(
        scoring.score(
            organism, list(organisms.pool()["spelling"]), prompts, check={"algorithm": "packed"}
        )
    )
    assert found.table.sum(axis=1).to_numpy() + found.other.to_numpy() == pytest.approx(
        np.ones(len(prompts))
    )
    planted = table.pivot_table(
        index="category", columns="face", values="probability", aggfunc="sum", fill_value=0.0
    )
    planted = planted.loc[prompts["category"]].reindex(columns=found.table.columns, fill_value=0.0)
    alike = statistics.js_similarity(planted.to_numpy(), found.conditional.to_numpy())
    others = statistics.js_similarity(
        np.roll(planted.to_numpy(), 2, axis=0), found.conditional.to_numpy()
    )
    assert np.median(alike) > 0.85 > 0.5 > np.median(others)
    assert found.other.mean() == pytest.approx(0.02, abs=0.03)


def test_samples_agree_with_their_own_distribution_and_not_with_that_of_other_prompts():
    found, _, emissions = simulated(0.9)
    assert exact.agreement(found, emissions).p > 0.05
    lost = exact.Exact(
        pd.DataFrame(np.roll(found.table, 1, axis=0), found.table.index, found.table.columns),
        found.other,
    )
    assert exact.agreement(lost, emissions).p < 0.01


def test_information_and_accuracy_find_the_category_and_nothing_where_it_plays_no_part():
    found, asked, _ = simulated(0.9)
    nothing, others, _ = simulated(0.0, seed=1)
    assert (
        exact.information(found, asked, CODES).p < 0.01
        and exact.accuracy(found, asked, CODES).p < 0.01
    )
    assert (
        exact.information(nothing, others, CODES).p > 0.05
        and exact.accuracy(nothing, others, CODES).p > 0.05
    )
    assert (
        exact.accuracy(found, asked, CODES).value
        > 0.5
        > exact.accuracy(nothing, others, CODES).value
    )


def test_information_has_the_level_it_claims():
    assert_level(
        [
            exact.information(
                *simulated(0.0, prompts=24, faces=6, seed=seed)[:2], CODES, permutations=39
            ).p
            for seed in range(200)
        ]
    )


@pytest.mark.parametrize("spread", [0.3, 3.0, 100.0])
def test_the_ceiling_is_what_knowing_the_truth_scores(spread):
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.full(9, spread / 9), 80)
    counts = np.array(
        [
            rng.multinomial(size, row)
            for size, row in zip(rng.integers(3, 30, 80), truth, strict=True)
        ]
    )
    assert ceilings.perfect(counts).mean() == pytest.approx(
        statistics.js_similarity(counts, truth).mean(), abs=0.03
    )


def test_scores_are_read_on_their_range():
    found, asked, emissions = simulated(0.95, prompts=120)
    reference, truth = readings.elicited(emissions, CODES), exact.reading(found, asked, CODES)
    best = ceilings.ranged(reference, truth)
    marginal = reference.table.mul(reference.weight, axis=0).sum() / reference.weight.sum()
    blind = readings.Reading(
        pd.DataFrame([marginal] * len(truth.table), truth.table.index), truth.weight
    )
    worst = ceilings.ranged(reference, blind)
    assert best.floor.value < best.score.value <= best.ceiling.value + 0.05
    assert best.share.value > 0.7 and best.share.p < 0.01
    assert abs(worst.share.value) < 0.1 and worst.score.p > 0.5
    rows = compared.on_range(
        reference, {"truth": truth, "blind": blind, "absent": Missing("not asked")}
    )
    assert list(rows["source"]) == ["truth", "blind"] * 2
    assert compared.share(rows, "truth").value == best.share.value
    shown = claude.range_table(rows)
    assert [row[2] for row in shown.rows] == [
        "floor",
        "score",
        "ceiling",
        "share of the range",
    ] * 4 and shown.caption.endswith("faces")
    assert shown.rows[0][3] == f"{best.floor.value:.2f}" and all(
        row[4] != tables.ABSENT for row in shown.rows
    ), "each with its interval"


def test_counts_that_cannot_tell_a_reader_from_a_guess_give_no_share():
    rng = np.random.default_rng(0)
    counts = pd.DataFrame(
        rng.multinomial(400, [0.3, 0.3, 0.4], size=20), [f"f{row}" for row in range(20)], CODES
    )
    flat = ceilings.ranged(readings.reading(counts), readings.reading(counts + 1.0))
    assert np.isnan(flat.share.value) and flat.score.value > 0.95
    with pytest.raises(KaomojiError, match="only 2 faces"):
        ceilings.ranged(readings.reading(counts), readings.reading(counts), faces=counts.index[:2])
    with pytest.raises(KaomojiError, match="counts"):
        ceilings.ranged(
            readings.reading(counts, pd.Series(5.5, counts.index)), readings.reading(counts)
        )
