"""Every test statistic of faces and readings keeps its level with nested replies; each mended one fails by its old rule."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from test_statistics import assert_level

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import clusters, information, predict, synthesis
from kaomoji_lib.published import geometry
from tests.calibration import designs, designs_published, harness
from tests.calibration.designs import HALF, STUDY, TINY

LIVE = {f"{item.simulate.__name__}-{number}": item for number, item in enumerate(harness.collect())
        if item.simulate.__module__ == designs.__name__ or item.statistic.startswith("resampling")}  # fmt: skip
DRAWS = {"perspective_contrast": 4, **dict.fromkeys(("word_components", "word_clusters"), 8)}
DRAWS |= dict.fromkeys(("vector_clusters", "face_clusters", "probe_difference"), 10)


@pytest.mark.parametrize("name", LIVE)
def test_false_positives_stay_within_the_level(name):
    """A few draws each, of a small study: what errs often is seen at once. The rates are in data/calibration.csv."""
    case, ps, covered = LIVE[name], [], []
    options = {**case.options, **({"study": TINY} if "study" in case.options else {})}
    for row in range(DRAWS.get(case.simulate.__name__, 24)):
        made = case.simulate(np.random.default_rng([0, row]), 0.0, **options)
        found, truth = made if isinstance(made, tuple) else (made, None)
        ps += [] if found.p is None else [found.p]
        if truth is not None and not np.isnan(found.value):
            covered.append(found.ci_low <= truth <= found.ci_high)
    assert_level(ps)
    assert not covered or sum(covered) >= binom.ppf(0.001, len(covered), 0.85)


def miller_madow(counts):
    """Plug-in information of face and category in bits, corrected for all replies as if independent (Miller 1955)."""
    shares = counts / counts.sum()
    margins = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0)
    plug_in = (shares * np.log(np.where(shares > 0, shares / np.maximum(margins, 1e-300), 1))).sum()
    occupied = counts.any(axis=1).sum() + counts.any(axis=0).sum() - (counts > 0).sum() - 1
    return (plug_in + occupied / (2 * counts.sum())) / np.log(2)


def old_interval(counts, label):
    """The former interval of information: Miller-Madow on all replies, half samples for its width."""
    joint = counts.T @ np.eye(label.max() + 1)[label]
    value = miller_madow(joint)
    halves = [
        miller_madow(counts[half].T @ np.eye(label.max() + 1)[label[half]])
        for half in stats.half_samples(len(label), 40)
    ]
    return value, 1.96 * np.std(halves)


@pytest.mark.parametrize("alpha", [2.4, 8.0])
def test_information_of_nested_replies_is_covered_by_its_interval_and_was_not(alpha):
    new, old, number = 0, 0, 30
    for row in range(number):
        rng = np.random.default_rng(row)
        own = designs.usage(rng, STUDY, 1.6)
        chances = designs.nested(rng, own, STUDY.label, alpha)
        counts = np.array([rng.multinomial(STUDY.replies, chance) for chance in chances])
        truth = designs.bits(own)
        value = information.from_counts(counts, STUDY.label, permutations=0)
        new += value.ci_low <= truth <= value.ci_high
        value, width = old_interval(counts, STUDY.label)
        old += abs(value - truth) <= width
    assert new >= 0.9 * number and old < 0.5 * number


def test_jackknife_equals_leaving_each_prompt_out():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 4)
    counts = rng.multinomial(5, rng.dirichlet(np.ones(6), 12).mean(axis=0), size=12)
    prompt, face = np.nonzero(counts)
    whole, without = information._counted(prompt, face, counts[prompt, face], label)

    def sampled(rows):
        return miller_madow(counts[rows].T @ np.eye(3)[label[rows]])

    everyone = np.arange(12)
    assert whole == pytest.approx(sampled(everyone))
    for row in everyone:
        rest = np.delete(everyone, row)
        assert without[row] == pytest.approx(sampled(rest))
    assert stats.jackknife(whole, without).value == pytest.approx(12 * whole - 11 * without.mean())


def test_favourites_of_prompts_make_no_blocks_of_faces():
    """The null moves whole prompts; the former one moved single replies (concentration 1)."""
    new, old = [], []
    for row in range(6):
        rng = np.random.default_rng(row)
        replies = designs_published.replies(rng, 1 / 60, 0.0, stream=False, kinds=60)
        cloud = designs_published.cloud(rng)
        found = geometry.face_blocks(cloud, replies, permutations=19)
        new.append(found.p)
        moved = [replies.assign(face=rng.permutation(replies["face"]).copy()) for _ in range(19)]
        null = [geometry.face_blocks(cloud, table, permutations=1).value for table in moved]
        old.append(stats.permutation_p(found.value, null))
    assert_level(new)
    assert (np.array(old) <= 0.05).mean() > 0.3


def test_a_perspective_with_few_faces_does_not_make_self_look_specific():
    new, old = [], []
    study = designs.Size(9, 9, 30)
    for row in range(6):
        rng = np.random.default_rng(row)
        parts = {}
        for name, width in (("self", study), ("user", designs.Size(9, 9, 4))):
            own = designs.usage(rng, width, 1.0)
            parts[name] = designs.emissions(rng, own[study.label], width, prefix=name)
        table = information.contrast(parts, permutations=19, halves=12)
        where = {"perspective": "user", "given": "category", "measure": "repeats more reliably"}
        new.append(results.one(table, **where))
        faces_of = pd.Index(pd.concat(parts.values())["face"].unique())
        A, O = (information._slots(parts[name], study.ids, faces_of, name) for name in parts)  # noqa: E741
        A, B, O = A[:, ::2], A[:, 1::2], O[:, 1::2]  # noqa: E741
        old.append(
            information.information(A, B, study.label) - information.information(A, O, study.label)
        )
    assert_level([item.p for item in new])
    assert np.mean(old) > 0.3 > 0.1 > abs(np.mean([item.value for item in new]))


def test_what_only_self_repeats_is_found_and_what_every_perspective_shares_is_shared():
    def world(shared):
        rng = np.random.default_rng(0)
        own = designs.usage(rng, HALF, 1.0)
        first = designs.nested(rng, own, HALF.label, 2.0)
        other = 0.8 * (first if shared else own[HALF.label]) + 0.2 * own.mean(axis=0)
        parts = {"self": first, "user": other, "symbol": other}
        parts = {name: designs.emissions(rng, part, HALF) for name, part in parts.items()}
        table = information.contrast(parts, permutations=39, halves=20)
        return table[table["given"] == "category"].set_index(["perspective", "measure"])["p"]

    alone = world(False)
    assert alone["self", "repeats"] < 0.05 < alone["user", "repeats"]
    assert alone["every other", "repeats more reliably"] < 0.01
    assert world(True)["user", "shared with self"] < 0.05


def test_words_at_random_make_one_cluster_and_columns_at_random_did_not():
    new, old = [], []
    lexicon = designs.load_lexicon()
    words = lexicon["word"].to_numpy()
    for row in range(7):
        rng = np.random.default_rng(row)
        rows = [
            (f"({face})", 1, list(rng.choice(words, 2)), list(rng.choice(words, 3)), 2)
            for face in range(24)
            for _ in range(rng.integers(1, 6))
        ]
        columns = ["face", "count", "primary", "others", "lexicon_version"]
        table = pd.DataFrame(rows, columns=columns)
        vectors = synthesis.word_vectors(table, lexicon)
        null = synthesis.permuted_vectors(table, lexicon, vectors.index, 39, row)
        new.append(clusters.cluster_vectors(vectors, null, resamples=3))
        by_column = clusters.cluster_vectors(vectors, permutations=39, resamples=3)
        old.append(by_column.criterion["p"].min())
    assert_level([item.criterion["p_adjusted"].min() for item in new])
    assert sum(item.chosen == 1 for item in new) >= 5
    assert np.mean(old) < 0.2


def test_intervals_of_probes_are_as_wide_as_accuracies_scatter():
    rng, values, widths = np.random.default_rng(3), [], []
    labels = np.repeat(list("ABCDEF"), 12)
    centres = rng.normal(size=(6, 20))
    ids = np.arange(len(labels))
    for _ in range(50):
        X = 0.8 * centres[np.repeat(np.arange(6), 12)] + rng.normal(size=(72, 20))
        found = predict.from_states(X, labels, ids, repeats=2, permutations=0).accuracy
        values.append(found.value)
        widths.append((found.ci_high - found.ci_low) / 3.92)
    scatter = np.std(values, ddof=1)
    assert 0.95 * scatter < np.mean(widths) and np.mean(widths) / predict.WIDENED < 0.95 * scatter
