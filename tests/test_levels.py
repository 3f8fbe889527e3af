"""Every test of the study keeps its level: 200 data sets in which nothing is planted, no more alarms than the level allows."""

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib import categories
<<<<<<< HEAD
from kaomoji_lib.metrics import agreement, ceilings, likelihoods, synthesis
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import faces as faces_geometry
from kaomoji_lib.metrics import predict as prediction
=======
from kaomoji_lib.metrics import alignment, geometry
>>>>>>> eb1a89e (Simulate nested replies for every statistic of faces and readings)
from kaomoji_lib.published import scorer_audit

DRAWS = 200
SCHEME = categories.load_scheme()
CODES = list(SCHEME.codes)[:5]
LABELS = np.repeat(CODES, 6)
IDS = np.array([f"p{row}" for row in range(len(LABELS))])


<<<<<<< HEAD
def replies(rng, faces=6, generations=3):
    rows = [
        (name, g, label, f"({rng.integers(faces)})")
        for name, label in zip(IDS, LABELS, strict=True)
        for g in range(generations)
    ]
    return pd.DataFrame(rows, columns=["prompt_id", "generation", "category", "face"])


def states_to_category(rng):
    return prediction.from_states(
        rng.normal(size=(len(LABELS), 8)), LABELS, IDS, repeats=1, permutations=19
    ).accuracy.p


def faces_to_category(rng):
    found = prediction.from_faces(replies(rng), repeats=1, permutations=19)
    return found.accuracy.p, found.mutual_information.p


def face_blocks(rng):
    emissions = replies(rng, faces=8)
    states = SimpleNamespace(
        index=pd.DataFrame({"prompt_id": IDS}),
        array=rng.normal(size=(len(IDS), 1, 6)).astype(np.float32),
    )
    return faces_geometry.cosine(
        faces_geometry.face_means(states, emissions), permutations=19, resamples=2
    ).silhouette.p


def reading_similarity(rng):
    tables = [
        readings.Reading(
            pd.DataFrame(rng.dirichlet(np.ones(5), 12), [f"({face})" for face in range(12)], CODES),
            pd.Series(5.0, [f"({face})" for face in range(12)]),
        )
        for _ in range(2)
    ]
    return readings.similarity(*tables, permutations=19).p


def of_faces(rng, faces=12, spread=1.0):
    """A reading of counts and one that has nothing to do with it."""
    names = [f"({face})" for face in range(faces)]
    counted = readings.reading(
        pd.DataFrame(rng.multinomial(8, rng.dirichlet(np.full(5, spread), faces)), names, CODES)
    )
    return counted, readings.Reading(
        pd.DataFrame(rng.dirichlet(np.ones(5), faces), names, CODES), pd.Series(5.0, names)
    )


def pools(rng):
    counted, first = of_faces(rng)
    found = agreement.pooling(
        counted, {"a": first, "b": of_faces(rng)[1]}, halves=8, permutations=19
    )
    return found.held_out.p, found.single.p, found.gain.p


def shared_first_category(rng):
    counted, source = of_faces(rng)
    return agreement.patterns(counted, {"a": source}, permutations=19).all_agree.p


def share_of_the_range(rng):
    counted, source = of_faces(rng, spread=0.3)
    return ceilings.ranged(counted, source, permutations=19).share.p


def difference_of_readers(rng):
    counted, source = of_faces(rng)
    return readings.difference(counted, source, of_faces(rng)[1]).p


def word_components(rng):
    words = load_lexicon()["word"].to_numpy()
    # Some faces are described once, others often: what differs in number alone is no structure.
    table = pd.DataFrame(
        [
            (f"({face})", 1, list(rng.choice(words, 2)), list(rng.choice(words, 3)), 2)
            for face in range(14)
            for _ in range(rng.integers(1, 6))
        ],
        columns=["face", "count", "primary", "others", "lexicon_version"],
    )
    return synthesis.word_space(table, load_lexicon(), resamples=2, permutations=19).variance[0].p


def own_prompt(rng):
    scores = pd.DataFrame(rng.normal(size=(len(IDS), 6)), IDS, [f"({face})" for face in range(6)])
    return likelihoods.own_prompt_advantage(scores, replies(rng)).p


def readings_by_category(rng):
    names = [f"({face})" for face in range(15)]
    own = readings.Reading(
        pd.DataFrame(
            np.repeat(np.eye(5), 3, axis=0) + 0.1 * rng.dirichlet(np.ones(5), 15), names, CODES
        ),
        pd.Series(5.0, names),
    )
    other = readings.reading(pd.DataFrame(rng.dirichlet(np.ones(5), 15), names, CODES))
    return [
        item.p for item in agreement.by_category(own, {"a": other}, permutations=19)["similarity"]
    ]
=======
def centroids(rng):
    scores = (
        rng.normal(size=(2, len(LABELS), 3))
        + 2 * rng.normal(size=(2, len(CODES), 3))[:, np.repeat(np.arange(len(CODES)), 6)]
    )
    return alignment.procrustes(*scores, LABELS, CODES).residual.p


def valence(rng):
    clustered = rng.normal(size=len(CODES))[np.repeat(np.arange(len(CODES)), 6)] + 0.3 * rng.normal(
        size=len(LABELS)
    )
    return geometry._circumplex(clustered, LABELS, SCHEME.table["valence"], 0, permutations=99).p


def matched_geometry(rng):
    free, within = alignment.linear_cka(
        rng.normal(size=(len(LABELS), 6)),
        rng.normal(size=(len(LABELS), 6)),
        LABELS,
        permutations=19,
    )
    return free.p, within.p
>>>>>>> eb1a89e (Simulate nested replies for every statistic of faces and readings)


def audited_scorer(rng):
    scores = pd.DataFrame(rng.normal(size=(len(IDS), 6)), IDS, [f"(^{sign}^)" for sign in "_.-ow~"])
    emissions = pd.DataFrame(
        {"prompt_id": np.repeat(IDS, 3), "generation": np.tile(range(3), len(IDS))}
    )
    emissions["category"] = np.repeat(LABELS, 3)
    emissions["face"] = rng.choice(scores.columns, 3 * len(IDS))
    return scorer_audit.audit(scores, emissions, typed_as="face", permutations=19).better.p


<<<<<<< HEAD
TESTS = [
    states_to_category,
    faces_to_category,
    face_blocks,
    reading_similarity,
    pools,
    shared_first_category,
    share_of_the_range,
    difference_of_readers,
    word_components,
    own_prompt,
    readings_by_category,
    audited_scorer,
]
=======
def published_components(rng):
    return geometry.silhouette(rng.normal(size=(len(LABELS), 3)), LABELS, permutations=19).p


TESTS = [centroids, valence, matched_geometry, audited_scorer, published_components]
>>>>>>> eb1a89e (Simulate nested replies for every statistic of faces and readings)


@pytest.mark.parametrize("test", TESTS)
def test_false_alarms_stay_within_the_level(test):
    rng = np.random.default_rng(20)
    for ps in np.array([test(rng) for _ in range(DRAWS)]).reshape(DRAWS, -1).T:
        assert_level(ps)
