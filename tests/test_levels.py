"""Every test of the study keeps its level: 200 data sets in which nothing is planted, no more alarms than the level allows."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib.analysis import alignment, faces_geometry, geometry, prediction, readings
from kaomoji_lib.study import categories

DRAWS = 200
SCHEME = categories.load_scheme()
CODES = list(SCHEME.codes)[:5]
LABELS = np.repeat(CODES, 6)
IDS = np.array([f"p{row}" for row in range(len(LABELS))])


def replies(rng, faces=6, generations=3):
    rows = [(name, g, label, f"({rng.integers(faces)})") for name, label in zip(IDS, LABELS, strict=True) for g in range(generations)]
    return pd.DataFrame(rows, columns=["prompt_id", "generation", "category", "face"])


def states_to_category(rng):
    return prediction.from_states(rng.normal(size=(len(LABELS), 8)), LABELS, IDS, repeats=1, permutations=19).accuracy.p


def faces_to_category(rng):
    found = prediction.from_faces(replies(rng), repeats=1, permutations=19)
    return found.accuracy.p, found.mutual_information.p


def centroids(rng):
    scores = rng.normal(size=(2, len(LABELS), 3)) + 2 * rng.normal(size=(2, len(CODES), 3))[:, np.repeat(np.arange(len(CODES)), 6)]
    return alignment.procrustes(*scores, LABELS, CODES).residual.p


def valence(rng):
    clustered = rng.normal(size=len(CODES))[np.repeat(np.arange(len(CODES)), 6)] + 0.3 * rng.normal(size=len(LABELS))
    return geometry._circumplex(clustered, LABELS, SCHEME.table["valence"], 0, permutations=99).p


def face_blocks(rng):
    emissions = replies(rng, faces=8)
    states = SimpleNamespace(index=pd.DataFrame({"prompt_id": IDS}), array=rng.normal(size=(len(IDS), 1, 6)).astype(np.float32))
    return faces_geometry.cosine(faces_geometry.face_means(states, emissions), permutations=19).silhouette.p


def reading_similarity(rng):
    tables = [readings.Reading(pd.DataFrame(rng.dirichlet(np.ones(5), 12), [f"({face})" for face in range(12)], CODES),
                               pd.Series(5.0, [f"({face})" for face in range(12)])) for _ in range(2)]
    return readings.similarity(*tables, permutations=19).p


@pytest.mark.parametrize("test", [states_to_category, faces_to_category, centroids, valence, face_blocks, reading_similarity])
def test_false_alarms_stay_within_the_level(test):
    rng = np.random.default_rng(20)
    for ps in np.array([test(rng) for _ in range(DRAWS)]).reshape(DRAWS, -1).T:
        assert_level(ps)
