"""How alike several sources read the same faces, and whether pooling them is better.

All rows of one comparison are on the same faces: those of the reference that every source lists.
"""

import itertools

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
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


def compare(reference, sources, *, faces=None, permutations=stats.PERMUTATIONS, seed=0):
    """Compare every source with the reference, all on one face set: tidy table.

    ``sources``: mapping name -> Reading. Label column: ``weights`` (``uniform`` or ``counts``). Measures: ``similarity``,
    also of the two guesses that ignore the face; where the reference has its replies by prompt, ``ceiling``
    (:func:`.distributions.ceiling`). Permutation: Fisher 1935; intervals: Efron 1979.
    """
    faces = distributions.shared_faces(reference, *sources.values()) if faces is None else faces
    values = {
        (title, "similarity"): per_face(
            reference, distributions.baseline(reference, kind, faces), faces
        )
        for title, kind in GUESSES.items()
    }
    if reference.replies is not None and len(faces) >= distributions.FEWEST_FACES:
        values["someone who knows the truth", "ceiling"] = distributions.ceiling(
            reference, faces, seed=seed
        )
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


def divergent(reference, sources, most=15):
    """Return the faces that the sources read most differently from the reference, the worst first.

    DataFrame [face, n, elicited as, <source> says (category), <source> similarity ...]; n is the face's weight in the
    reference; faces are ranked by their mean similarity over the sources.
    """
    faces = distributions.shared_faces(reference, *sources.values())
    rows = pd.DataFrame({"n": reference.weight[faces].astype(int)})
    rows["elicited as"] = reference.table.loc[faces].idxmax(axis=1)
    for title, source in sources.items():
        rows[f"{title} says"] = source.table.loc[faces].idxmax(axis=1)
        rows[f"{title} similarity"] = per_face(reference, source, faces)
    order = (
        rows[[f"{title} similarity" for title in sources]]
        .mean(axis=1)
        .sort_values(kind="stable")
        .index
    )
    return rows.loc[order].head(most).rename_axis("face").reset_index()


def patterns(reference, sources, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return which sources find the reference's most frequent category: (tidy table, patterns).

    The tidy table has the share of faces where each source does, and all of them (source ``all``); its null gives the
    sources' faces to other faces, all in the same way. ``patterns``: DataFrame [sources that agree, faces, weight (share of
    the reference's), examples], most frequent first. Permutation: Fisher 1935.
    """
    faces = distributions.shared_faces(reference, *sources.values())
    truth, *read = (
        source.table.loc[faces].idxmax(axis=1).to_numpy()
        for source in (reference, *sources.values())
    )
    read = np.array(read)
    orders = resampling.orders(np.zeros(len(faces)), permutations, seed)

    def share(rows):
        null = [(rows[:, order] == truth).all(axis=0).mean() for order in orders]
        return stats.bootstrap((rows == truth).all(axis=0), unit="kaomoji", seed=seed, null=null)

    estimates = {(name, "agreement"): share(read[[row]]) for row, name in enumerate(sources)}
    estimates["all", "agreement"] = share(read)
    names, weight = np.array(list(sources)), reference.weight[faces]
    labels = [" · ".join(names[column]) or "none" for column in (read == truth).T]
    rows = [
        (label, len(part), part.sum() / weight.sum(), "   ".join(part.nlargest(4).index))
        for label, part in weight.groupby(pd.Series(labels, index=faces))
    ]
    counts = pd.DataFrame(rows, columns=["sources that agree", "kaomoji", "weight", "examples"])
    counts = counts.sort_values("kaomoji", ascending=False, kind="stable", ignore_index=True)
    return results.frame(estimates), counts


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
    subsets = [
        subset
        for size in range(1, len(tables) + 1)
        for subset in itertools.combinations(tables, size)
    ]
    pools = np.array([np.mean(subset, axis=0) for subset in subsets])
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

    found = run(np.arange(n))
    orders = resampling.orders(np.zeros(n), permutations, seed)
    null = np.array([run(order).mean(axis=1) for order in orders]).reshape(-1, 2)

    def summary(values, under, bounds=(0, 1)):
        return stats.estimate(
            values.mean(), values, n, "kaomoji", null=under, interval="normal", bounds=bounds
        )

    return {
        "held out": summary(found[0], null[:, 0]),
        "single": summary(found[1], null[:, 1]),
        "gain": summary(found[0] - found[1], None, (-1, 1)),
    }
