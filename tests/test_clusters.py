"""Clusters: planted ones are found, stable and named; where there are none, nothing stable is claimed."""

import numpy as np
import pandas as pd
import pytest
from kaomoji_lib.show import clusters as shown
from kaomoji_lib.show import heatmaps
from test_analysis import BABBLE, CODES, SPOKEN, STATES, geometry, run_states

from kaomoji_lib import categories, figures, tables
from kaomoji_lib.metrics import clusters, word_clusters
from kaomoji_lib.stimuli import load_lexicon

SCHEME = categories.load_scheme()
GLOSSES = SCHEME.table["gloss"]


@pytest.fixture(scope="module")
def found():
    means = geometry.face_means(run_states(STATES), SPOKEN)
    return means, geometry.cosine(means, GLOSSES, permutations=100, resamples=30)


def test_planted_groups_are_found_stable_and_named(found):
    means, heat = found
    assert heat.chosen == len(CODES)
    groups = heat.clusters.groupby(means.primary).agg(["nunique", "first"])
    assert (groups["nunique"] == 1).all() and groups["first"].nunique() == len(CODES)
    assert sorted(heat.names.values()) == sorted(GLOSSES)
    best = heat.criterion.set_index("clusters").loc[heat.chosen]
    assert best["silhouette"].p < 0.05 and best["stability"] > 0.85
    assert (heat.clustering.stability[heat.chosen] > clusters.STABLE).all()


def test_faces_that_mean_nothing_give_no_stable_groups():
    heat = geometry.cosine(
        geometry.face_means(run_states(STATES), BABBLE), permutations=100, resamples=30
    )
    table = heat.criterion.set_index("clusters")
    assert table["stability"].max() < 0.6
    assert (
        table.loc[heat.chosen, "silhouette"].value - table.loc[heat.chosen, "silhouette"].null_mean
        < 0.15
    )


def test_jaccard_is_one_for_the_same_data_and_less_for_other_data():
    rng = np.random.default_rng(0)
    X = np.repeat(np.eye(4), 5, axis=0) + 0.05 * rng.random((20, 4))
    labelled = clusters.cuts(clusters.tree(clusters.cosine_distances(X)))
    rows = np.arange(20)
    same = clusters.jaccard(labelled, [(rows, clusters.cosine_distances(X))] * 3)
    assert all(np.allclose(part, 1) for part in same.values())
    other = clusters.jaccard(
        labelled, [(rows, clusters.cosine_distances(rng.random((20, 4)))) for _ in range(20)]
    )
    assert other[4].mean() < 0.6
    half = clusters.jaccard(labelled, [(rows[:3], clusters.cosine_distances(X[:3]))])
    assert np.isnan(half[4]).sum() == 4, "too few faces for this cut"


def test_labels_follow_the_leaves(found):
    _, heat = found
    for labels in heat.clustering.cuts.values():
        in_order = [labels[face] for face in heat.order]
        assert in_order == sorted(in_order) and in_order[0] == 1


def test_equal_names_are_told_apart_and_mixed_clusters_name_two():
    labels = pd.Series([1, 1, 2, 3], ["(a)", "(b)", "(c)", "(d)"])
    masses = pd.DataFrame([[9, 0], [1, 0], [5, 1], [3, 3]], index=labels.index, columns=["x", "y"])
    assert clusters.names(labels, masses, {"x": "sad", "y": "glad"}) == {
        1: "sad (a)",
        2: "sad (c)",
        3: "sad, glad",
    }
    assert clusters.names(labels, masses * 0, {"x": "sad", "y": "glad"})[2].startswith(
        "no category"
    )


def test_words_give_clusters_with_leading_words_and_dealt_words_do_not():
    lexicon = load_lexicon()
    version = int(lexicon["version"].iloc[0])
    rng = np.random.default_rng(1)
    anchors = {
        code: list(part["word"])
        for code, part in lexicon[lexicon["category"] != ""].groupby("category")
    }
    rows = [
        (f"({code}{number})", 3, list(rng.choice(words, 2, replace=False)), [], version)
        for code, words in list(anchors.items())[:4]
        for number in range(6)
        for _ in range(5)
    ]
    table = pd.DataFrame(rows, columns=["face", "count", "primary", "others", "lexicon_version"])
    space = word_clusters.vocabulary(table, lexicon, CODES, resamples=50, permutations=40)
    assert (
        space.chosen == 4
        and space.clusters.groupby(space.clusters.index.str[1:-2]).nunique().max() == 1
    )
    assert (space.clustering.stability[4] > clusters.STABLE).all()
    assert all(set(name.split(", ")) <= set(lexicon["word"]) for name in space.names.values())
    every = [word for words in list(anchors.values())[:4] for word in words]
    table["primary"] = [list(rng.choice(every, 2, replace=False)) for _ in range(len(table))]
    none = word_clusters.vocabulary(table, lexicon, CODES, resamples=50, permutations=40)
    assert none.clustering.stability[4].mean() < 0.7
    best = none.criterion.set_index("clusters")["silhouette"][none.chosen]
    assert best.value - best.null_mean < 0.15


def test_tree_stands_beside_the_matrix_on_the_same_rows(found):
    means, heat = found
    fig = heatmaps.face_similarity(heat, means, SCHEME, "source")
    branches = [trace for trace in fig.data if trace.xaxis == "x2"]
    forks = sum(sum(value is None for value in trace.x) for trace in branches)
    assert forks == len(heat.order) - 1 and all(trace.yaxis in (None, "y") for trace in branches)
    assert any("stability" in (trace.text or [""])[0] for trace in branches)
    assert len(fig.layout.shapes) == 2 * (heat.chosen - 1)
    assert fig.layout.xaxis.domain[1] < fig.layout.xaxis2.domain[0]


def test_pruned_tree_keeps_one_fork_less_than_rows(found):
    _, heat = found
    some = [face for number, face in enumerate(heat.order) if number % 3]
    assert len(list(shown._branches(heat, some))) == len(some) - 1


def test_criterion_and_table_say_what_was_chosen(found):
    means, heat = found
    fig = figures.criterion(heat, "source")
    assert str(heat.chosen) in fig.layout.title.text and len(fig.data) == 3
    table = tables.clusters(heat, means)
    assert {row[0] for row in table.rows} == set(heat.names.values()) and all(
        float(row[2]) > 0.6 for row in table.rows
    )
