"""Mean states of faces, their blocks and clusters, and clusters of words: planted ones are found, stable and named."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from worlds import BABBLE, CODES, IDS, SCHEME, SPOKEN, STATES, run_states

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters, faces, synthesis
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.stimuli import load_lexicon

GLOSSES = SCHEME.table["gloss"]
LEXICON = load_lexicon()
ANCHORS = {code: list(part["word"]) for code, part in LEXICON[LEXICON["category"] != ""].groupby("category")}  # fmt: skip
OTHERS = list(LEXICON.loc[LEXICON["category"] == "", "word"])
COLUMNS = ["face", "count", "primary", "others", "lexicon_version"]


@pytest.fixture(scope="module")
def found():
    means = faces.face_means(run_states(STATES), SPOKEN)
    return means, faces.cosine(means, GLOSSES, permutations=60, resamples=30)


def test_face_means_average_emissions(found):
    means, heat = found
    assert means.means.sum(axis=0) == pytest.approx(0, abs=1e-3)
    assert np.allclose(means.shares.sum(axis=1), 1) and np.allclose(np.diag(heat.matrix), 1)
    assert list(means.counts) == sorted(means.counts, reverse=True)
    place = {name: row for row, name in enumerate(IDS)}
    first, second = (
        stack(STATES)[SPOKEN[SPOKEN["face"] == face]["prompt_id"].map(place)].mean(axis=0)
        for face in means.faces[:2]
    )
    assert means.means[0] - means.means[1] == pytest.approx(first - second, abs=1e-4)
    assert (means.uses.sum(axis=1) == means.counts).all()
    direct = means.uses @ means.gram @ means.uses.T / np.outer(means.counts, means.counts)
    direct = direct - direct.mean(axis=0) - direct.mean(axis=1, keepdims=True) + direct.mean()
    assert heat.matrix.to_numpy() == pytest.approx(1 - faces.cosine_distances(direct), abs=1e-4)


def test_face_means_join_states_of_generations():
    keys = SPOKEN[["prompt_id", "generation"]].iloc[::-1].reset_index(drop=True)
    states = SimpleNamespace(index=keys, array=np.repeat(STATES, 8, axis=0)[::-1])
    one, other = faces.face_means(states, SPOKEN), faces.face_means(run_states(STATES), SPOKEN)
    assert one.means == pytest.approx(other.means, abs=1e-4)
    with pytest.raises(KaomojiError, match="expected at least 3"):
        faces.face_means(states, SPOKEN, min_emissions=10**6)


def test_planted_blocks_are_found_stable_and_named(found):
    means, heat = found
    assert all(f"({code}" in face for face, code in means.primary.items())
    assert heat.silhouette.value > 0.3 and heat.silhouette.p < 0.02 and 0.5 < heat.cophenetic <= 1
    tree = heat.clustering
    assert sorted(tree.order) == sorted(means.faces) and tree.chosen == len(CODES)
    groups = tree.clusters.groupby(means.primary).agg(["nunique", "first"])
    assert (groups["nunique"] == 1).all() and groups["first"].nunique() == len(CODES)
    assert sorted(heat.names.values()) == sorted(GLOSSES)
    best = tree.criterion.set_index("clusters").loc[tree.chosen]
    assert best["p_adjusted"] < 0.05 and best["stability"] > 0.85
    assert (tree.stability[tree.chosen] > clusters.STABLE).all()
    for labels in tree.cuts.values():
        in_order = [labels[face] for face in tree.order]
        assert in_order == sorted(in_order) and in_order[0] == 1


def test_faces_that_mean_nothing_form_one_cluster():
    means = faces.face_means(run_states(STATES), BABBLE)
    heat = faces.cosine(means, permutations=60, resamples=20)
    assert heat.silhouette.p > 0.02 and heat.clustering.chosen == 1
    assert set(heat.clustering.clusters) == {1} and len(heat.names) == 1
    assert heat.clustering.criterion["stability"].max() < 0.6


def test_jaccard_is_one_for_the_same_data_and_less_for_other_data():
    rng = np.random.default_rng(0)
    X = np.repeat(np.eye(4), 5, axis=0) + 0.05 * rng.random((20, 4))
    own = clusters.cosine_distances(X)
    labelled, rows = clusters.cuts(clusters.tree(own)), np.arange(20)
    same = clusters.jaccard(labelled, [(rows, own)] * 3)
    assert all(np.allclose(part, 1) for part in same.values())
    noise = [(rows, clusters.cosine_distances(rng.random((20, 4)))) for _ in range(20)]
    assert clusters.jaccard(labelled, noise)[4].mean() < 0.6
    few = clusters.jaccard(labelled, [(rows[:3], clusters.cosine_distances(X[:3]))])
    assert np.isnan(few[4]).sum() == 4, "too few faces for this cut"


def test_equal_names_are_told_apart_and_mixed_clusters_name_two():
    labels = pd.Series([1, 1, 2, 3], ["(a)", "(b)", "(c)", "(d)"])
    masses = pd.DataFrame([[9, 0], [1, 0], [5, 1], [3, 3]], index=labels.index, columns=["x", "y"])
    words = {"x": "sad", "y": "glad"}
    assert clusters.names(labels, masses, words) == {1: "sad (a)", 2: "sad (c)", 3: "sad, glad"}
    assert clusters.names(labels, masses * 0, words)[2].startswith("no category")


def described(groups, rng, faces=6):
    """Faces described five times each by words of their group: (face, count, primary, others, version)."""
    rows = [
        (f"({name}{number})", 3, list(rng.choice(words, 2, replace=False)), [], 2)
        for name, words in groups.items()
        for number in range(faces)
        for _ in range(5)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_words_give_clusters_with_leading_words_and_permuted_words_do_not():
    rng = np.random.default_rng(1)
    groups = dict(list(ANCHORS.items())[:4])
    table = described(groups, rng)
    space = synthesis.word_space(table, LEXICON, CODES, resamples=50, permutations=40)
    tree = space.clustering
    assert tree.chosen == 4 and (tree.stability[4] > clusters.STABLE).all()
    assert tree.clusters.groupby(tree.clusters.index.str[1:-2]).nunique().max() == 1
    assert all(set(name.split(", ")) <= set(LEXICON["word"]) for name in space.names.values())
    assert space.variance[0].p < 0.05 and space.scores.shape == (24, 3)
    every = [word for words in groups.values() for word in words]
    table["primary"] = [list(rng.choice(every, 2, replace=False)) for _ in range(len(table))]
    none = synthesis.word_space(table, LEXICON, CODES, resamples=20, permutations=40)
    assert none.clustering.chosen == 1 and none.variance[0].p > 0.02


def test_loadings_name_the_words_that_divide_the_faces():
    rows = [(f"({row})", 3, ["sad", "weary"] if row < 20 else ["cheery", "excited"], list(np.random.default_rng(row).choice(OTHERS, 3)), 2) for row in range(40)]  # fmt: skip
    space = synthesis.word_space(
        pd.DataFrame(rows, columns=COLUMNS), LEXICON, CODES, resamples=20, permutations=40
    )
    assert space.variance[0].value > 0.5 and space.variance[0].p < 0.05
    largest = set(space.loadings["PC1"].abs().nlargest(4).index)
    assert largest == {"sad", "weary", "cheery", "excited"}
    np.testing.assert_allclose(space.vectors.sum(axis=1), 1)


def test_synthesis_reads_anchors_alone_and_lexicon_versions_never_mix():
    codes = list(ANCHORS)
    rows = [(f"({row})", 3, ANCHORS[codes[row % 9]][:2], OTHERS[:3], 2) for row in range(18)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    reading = synthesis.synthesized(table, LEXICON, codes)
    assert all(reading.table.loc[f"({row})", codes[row % 9]] == 1 for row in range(18))
    masses = synthesis.word_masses(table.head(1), LEXICON).iloc[0]
    assert sorted(masses[masses > 0].unique()) == [1.5, 3.0] and reading.weight.iloc[0] == 3
    old = table.assign(lexicon_version=1, primary=[["sad"]] * len(table))
    mixed = synthesis.synthesized(pd.concat([table, old]), LEXICON, codes)
    pd.testing.assert_frame_equal(mixed.table, reading.table)
    with pytest.raises(KaomojiError, match="version"):
        synthesis.synthesized(old, LEXICON, codes)


def test_permuted_words_keep_their_numbers():
    words = list(LEXICON["word"][:6])
    rows = [("(a)", 2, words[:2], ["no word of the list"], 2), ("(b)", 1, words[2:3], words[3:5], 2), ("(b)", 1, words[:1], words[5:6], 2)]  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS)
    own = synthesis.word_vectors(table, LEXICON)
    for permuted in synthesis.permuted_vectors(table, LEXICON, own.index, 20):
        assert permuted.shape == own.shape and permuted.sum(axis=1) == pytest.approx(1)
        assert set(np.flatnonzero(permuted.any(axis=0))) <= set(range(6))
        assert 1 <= (permuted[0] > 0).sum() <= 3, (
            "two words that count, and one of no list or of it"
        )
