"""Every test statistic of faces and readings keeps its level with nested replies; each mended one fails by its old rule."""

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from test_statistics import assert_level

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import clusters, information, predict, synthesis
from kaomoji_lib.published import geometry
from tests.calibration import designs, designs_published, harness
from tests.calibration.designs import STUDY, TINY

LIVE = [
    case
    for case in harness.load().to_dict("records")
    if ".designs." in case["simulate"] or case["statistic"].startswith("stats")
]
DRAWS = {"perspective_contrast": 4, "word_components": 8, "word_clusters": 8}
DRAWS |= dict.fromkeys(("vector_clusters", "face_clusters", "probe_difference"), 10)


@pytest.mark.parametrize("case", LIVE, ids=lambda case: f"{case['statistic']} {case['option']}")
def test_false_positives_stay_within_the_level(case):
    """A few draws each, of a small study: what errs often is seen at once. The rates are in data/calibration.csv."""
    simulate, option = harness.simulator(case)
    small = {"study": TINY} if "study" in inspect.signature(simulate).parameters else {}
    ps, covered = [], []
    for row in range(DRAWS.get(simulate.__name__, 24)):
        made = simulate(np.random.default_rng([0, row]), 0.0, *option, **small)
        found, truth = made if isinstance(made, tuple) else (made, None)
        ps += [] if found.p is None else [found.p]
        if truth is not None and not np.isnan(found.value):
            covered.append(found.ci_low <= truth <= found.ci_high)
    assert_level(ps)
    assert not covered or sum(covered) >= binom.ppf(0.001, len(covered), 0.85)


def counted(table):
    """Replies of each prompt per face, and the category of each prompt as a number."""
    prompts = table.drop_duplicates("prompt_id")
    counts = pd.crosstab(table["prompt_id"], table["face"]).loc[prompts["prompt_id"]]
    return counts.to_numpy(), pd.factorize(prompts["category"])[0]


def miller_madow(counts, label):
    """Plug-in information of face and category in bits, corrected for all replies as if independent (Miller 1955)."""
    joint = counts.T @ np.eye(label.max() + 1)[label]
    shares = joint / joint.sum()
    margins = shares.sum(axis=1, keepdims=True) * shares.sum(axis=0)
    plug_in = (shares * np.log(np.where(shares > 0, shares / np.maximum(margins, 1e-300), 1))).sum()
    occupied = joint.any(axis=1).sum() + joint.any(axis=0).sum() - (joint > 0).sum() - 1
    return (plug_in + occupied / (2 * joint.sum())) / np.log(2)


@pytest.mark.parametrize("alpha", [2.4, 8.0])
def test_information_of_nested_replies_is_covered_by_its_interval_and_was_not(alpha):
    new, old, number = 0, 0, 20
    for row in range(number):
        rng = np.random.default_rng(row)
        own = designs.usage(rng, STUDY, 1.6)
        table = designs.emissions(rng, designs.nested(rng, own, STUDY.label, alpha), STUDY)
        found, truth = information.from_emissions(table, permutations=1), designs.bits(own)
        new += found.ci_low <= truth <= found.ci_high
        # The former interval: all replies as if independent, half samples of prompts for its width.
        counts, label = counted(table)
        samples = stats.half_samples(len(label), 40)
        width = 1.96 * np.std([miller_madow(counts[half], label[half]) for half in samples])
        old += abs(miller_madow(counts, label) - truth) <= width
    assert new >= 0.9 * number and old < 0.5 * number


def test_jackknife_leaves_each_prompt_out():
    rng = np.random.default_rng(0)
    table = designs.replies(rng, designs.Size(categories=3, prompts=4, faces=6), 2.0, 1.0)
    counts, label = counted(table)
    without = [miller_madow(np.delete(counts, i, 0), np.delete(label, i)) for i in range(12)]
    expected = 12 * miller_madow(counts, label) - 11 * np.mean(without)
    assert information.from_emissions(table, permutations=1).value == pytest.approx(expected)


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
        where = {"perspective": "user", "given": "category", "measure": information.MORE}
        new.append(results.one(table, **where))
        faces_of = pd.Index(pd.concat(parts.values())["face"].unique())
        A, other = (information._slots(parts[name], study.ids, faces_of, name) for name in parts)
        own, shared = (
            information.information(A[:, ::2], part[:, 1::2], study.label) for part in (A, other)
        )
        old.append(own - shared)
    assert_level([item.p for item in new])
    assert np.mean(old) > 0.3 > 0.1 > abs(np.mean([item.value for item in new]))


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
    centres = rng.normal(size=(6, 20))[np.repeat(np.arange(6), 12)]
    for _ in range(50):
        X = 0.8 * centres + rng.normal(size=(72, 20))
        options = {"repeats": 2, "permutations": 0}
        found = predict.from_states(X, labels, np.arange(72), **options).accuracy
        values.append(found.value)
        widths.append((found.ci_high - found.ci_low) / 3.92)
    scatter = np.std(values, ddof=1)
    assert 0.95 * scatter < np.mean(widths) and np.mean(widths) / predict.WIDENED < 0.95 * scatter
