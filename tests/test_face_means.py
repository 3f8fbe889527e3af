"""Mean states of faces and their clusters, and clusters of words: planted ones are found, stable and named."""

import numpy as np
import pandas as pd
import pytest
from worlds import BABBLE, CODES, IDS, SCHEME, SPOKEN, STATES

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters, synthesis
from kaomoji_lib.metrics.states import stack
from kaomoji_lib.stimuli import load_lexicon

LEXICON = load_lexicon()
ANCHORS = {code: list(part["word"]) for code, part in LEXICON[LEXICON["category"] != ""].groupby("category")}  # fmt: skip
OTHERS = list(LEXICON.loc[LEXICON["category"] == "", "word"])
COLUMNS = ["face", "count", "primary", "others", "lexicon_version"]


def test_planted_clusters_are_found_stable_and_named_and_faces_that_mean_nothing_are_one():
    X = stack(STATES)
    uses, babble = (clusters.usage(table, IDS) for table in (SPOKEN, BABBLE))
    assert list(uses.sum(axis=1)) == sorted(SPOKEN["face"].value_counts(), reverse=True)
    tree = clusters.cluster_means(uses, X, permutations=60, resamples=30)
    assert sorted(tree.order) == sorted(uses.index) and tree.chosen == len(CODES)
    home = pd.Series([face[1:-2] for face in uses.index], uses.index)
    groups = tree.clusters.groupby(home).agg(["nunique", "first"])
    assert (groups["nunique"] == 1).all() and groups["first"].nunique() == len(CODES)
    named = clusters.names(tree.clusters, pd.get_dummies(home), SCHEME.table["gloss"])
    assert sorted(named.values()) == sorted(SCHEME.table["gloss"])
    best = tree.criterion.set_index("clusters").loc[tree.chosen]
    assert best["p_adjusted"] < 0.05 and tree.stability.mean() > 0.85
    for labels in tree.cuts.values():
        in_order = [labels[face] for face in tree.order]
        assert in_order == sorted(in_order) and in_order[0] == 1
    nothing = clusters.cluster_means(babble, X, permutations=60, resamples=2)
    assert nothing.chosen == 1 and set(nothing.clusters) == {1}


def test_distances_are_cosines_of_centred_means_and_jaccard_finds_the_same_data_again():
    uses, X = clusters.usage(SPOKEN, IDS), stack(STATES)
    rows = SPOKEN["prompt_id"].map({name: row for row, name in enumerate(IDS)})
    direct = np.array([X[rows[SPOKEN["face"] == face]].mean(axis=0) for face in uses.index])
    own = clusters.cosine_distances(direct - direct.mean(axis=0))
    _, found = clusters.mean_distances(uses.to_numpy(float), X @ X.T)
    assert found == pytest.approx(own, abs=1e-4)
    labels, every = clusters.cuts(clusters.tree(own))[9], np.arange(len(own))
    assert np.allclose(clusters.jaccard(labels, [(every, own)]), 1)
    rng = np.random.default_rng(0)
    noise = [(every, clusters.cosine_distances(rng.random((27, 4)))) for _ in range(20)]
    assert clusters.jaccard(labels, noise).mean() < 0.6


def test_equal_names_also_show_a_face_and_mixed_clusters_name_two():
    labels = pd.Series([1, 1, 2, 3], ["(a)", "(b)", "(c)", "(d)"])
    masses = pd.DataFrame([[9, 0], [1, 0], [5, 1], [3, 3]], index=labels.index, columns=["x", "y"])
    words = {"x": "sad", "y": "glad"}
    assert clusters.names(labels, masses, words) == {1: "sad (a)", 2: "sad (c)", 3: "sad, glad"}


def test_words_give_clusters_and_a_first_component_and_permuted_words_do_not():
    rng, groups = np.random.default_rng(1), dict(list(ANCHORS.items())[:4])
    rows = [
        (f"({name}{number})", 3, list(rng.choice(words, 2, replace=False)), [], 2)
        for name, words in groups.items()
        for number in range(6)
        for _ in range(5)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    space = synthesis.word_space(table, LEXICON, resamples=50, permutations=40)
    tree = space.clustering
    assert tree.chosen == 4 and (tree.stability > 0.75).all()
    assert tree.clusters.groupby(tree.clusters.index.str[1:-2]).nunique().max() == 1
    assert space.variance[0].value > 0.25 and space.variance[0].p < 0.05
    np.testing.assert_allclose(space.vectors.sum(axis=1), 1)
    every = [word for words in groups.values() for word in words]
    table["primary"] = [list(rng.choice(every, 2, replace=False)) for _ in range(len(table))]
    none = synthesis.word_space(table, LEXICON, resamples=20, permutations=40)
    assert none.clustering.chosen == 1 and none.variance[0].p > 0.02


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
