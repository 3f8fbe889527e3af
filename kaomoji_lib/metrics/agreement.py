"""How alike several sources read the same faces, and whether pooling them is better.

All rows of one comparison are on the same faces: those of the reference that every source lists. Permutation: Fisher 1935.
"""

import itertools

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import distributions
from kaomoji_lib.metrics.distributions import COUNTS, UNIFORM, Reading, per_face

HALVES = 200
GUESSES = {"uniform guess": "uniform", "marginal guess": "marginal"}


def judged(table, codes):
    """Return the reading of independent likelihoods, divided by their sum; ``table``: face and one column per code."""
    return distributions.reading(
        table.drop_duplicates("face").set_index("face")[list(codes)].astype(float)
    )


def pool(sources):
    """Return the arithmetic mean of several readings (list), over the faces that all of them have."""
    faces = sources[0].table.index
    for source in sources[1:]:
        faces = faces[faces.isin(source.table.index)]
    columns = sources[0].table.columns
    table = sum(source.table.loc[faces, columns] for source in sources) / len(sources)
    return Reading(table, sources[0].weight.reindex(faces))


def compare(reference, sources, faces, *, permutations=stats.PERMUTATIONS, seed=0):
    """Compare every source with the reference, all on the same ``faces``: tidy table.

    ``sources``: mapping name -> Reading. Label column: ``weights`` (``uniform`` or ``counts``). Measures: ``similarity``,
    also of the two guesses that ignore the face; where the reference has its replies by prompt, ``ceiling``
    (:func:`.distributions.ceiling`).
    """
    values = {}
    for title, kind in GUESSES.items():
        guess = distributions.baseline(reference, kind, faces)
        values[title, "similarity"] = per_face(reference, guess, faces)
    if reference.replies is not None and len(faces) >= distributions.FEWEST_FACES:
        truth = distributions.ceiling(reference, faces, seed=seed)
        values["someone who knows the truth", "ceiling"] = truth
    parts = []
    for weights in (UNIFORM, COUNTS):
        options = {"weights": weights, "faces": faces, "permutations": permutations, "seed": seed}
        rows = {
            (title, "similarity"): distributions.similarity(reference, source, **options)
            for title, source in sources.items()
        }
        weight = distributions.face_weights(reference, faces, weights)
        for key, value in values.items():
            rows[key] = stats.bootstrap(value, weights=weight, unit="kaomoji", seed=seed)
        parts.append(results.frame(rows, weights=weights))
    return pd.concat(parts, ignore_index=True)


def pooling(
    reference, sources, *, weights=UNIFORM, halves=HALVES, permutations=stats.REFITS, seed=0
):
    """Choose the best pool of ``sources`` (name -> Reading) on random halves of the faces and score it on the rest.

    Returns dict of Estimates: ``held out`` (similarity of the chosen pool on the unseen half), ``single`` (of the best
    single source) and ``gain`` (their paired difference).

    Intervals: the spread over complementary halves is the standard error of the whole (Shao & Wu 1989). Null: the same
    procedure with the sources' faces shuffled, for a mean of readings is nearer to anything than one reading is. The gain
    over the best single source has an interval and no null: shuffled sources gain as much, so a test would have no power.
    """
    faces = distributions.shared_faces(reference, *sources.values())
    n = len(faces)
    tables = [distributions.aligned(reference, source, faces)[1] for source in sources.values()]
    pools = np.array(
        [
            np.mean(subset, axis=0)
            for size in range(1, len(tables) + 1)
            for subset in itertools.combinations(tables, size)
        ]
    )
    weight = distributions.face_weights(reference, faces, weights)
    truth = reference.table.loc[faces].to_numpy()
    member, each = np.zeros((halves, n)), np.arange(halves)
    member[each[:, None], stats.half_samples(n, halves, seed)] = 1

    def run(order):
        """Return the test scores of the best pool and of the best single source in each half: (2, halves)."""
        scores = stats.js_similarity(truth[None], pools[:, order])
        train, test = (
            scores @ part.T / np.maximum(part.sum(axis=1), 1e-300)
            for part in (weight * member, weight * (1 - member))
        )
        best, single = train.argmax(axis=0), train[: len(tables)].argmax(axis=0)
        return np.array([test[best, each], test[single, each]])

    pooled, single = run(np.arange(n))
    orders = stats.orders(np.zeros(n), permutations, seed)
    null = np.array([run(order).mean(axis=1) for order in orders]).T
    return {
        name: stats.estimate(
            values.mean(), values, n, "kaomoji", null=under, normal=True, bounds=(least, 1)
        )
        for name, values, under, least in (
            ("held out", pooled, null[0], 0),
            ("single", single, null[1], 0),
            ("gain", pooled - single, None, -1),
        )
    }
