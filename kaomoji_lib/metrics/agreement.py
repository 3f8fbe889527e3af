"""How alike several sources read the same faces, and whether pooling them is better.

All rows of one comparison are on the same faces: those of the reference that every source lists.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions
from kaomoji_lib.metrics.distributions import COUNTS, UNIFORM, Reading, per_face

HALVES = 200
MOST_SOURCES = 8
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


def weighted_as(source, reference):
    """Return ``source`` with the weights of ``reference``, by which similarities of two sources are weighted."""
    return Reading(source.table, reference.weight.reindex(source.table.index).fillna(0.0))


def compare(
    reference,
    sources,
    *,
    name="elicited",
    faces=None,
    pairs=False,
    permutations=stats.PERMUTATIONS,
    seed=0,
):
    """Compare every source with the reference, all on one face set: tidy table.

    ``sources``: mapping name -> Reading. Label columns: ``compared_with`` (``name``, or a source with ``pairs``),
    ``weights`` (``uniform`` or ``counts``) and ``p_holm`` (p adjusted for the number of sources, Holm 1979). Measures:
    ``similarity``, also of the two guesses that ignore the face; where the reference has its replies by prompt,
    ``share of range`` (:func:`.distributions.similarity` with ``normalise``) and ``ceiling``.
    """
    _require(sources)
    faces = distributions.shared_faces(reference, *sources.values()) if faces is None else faces
    settings = {"faces": faces, "seed": seed, "permutations": permutations}
    ranged = reference.replies is not None and len(faces) >= distributions.FEWEST_FACES
    best = distributions.ceiling(reference, faces, seed=seed) if ranged else None
    guesses = {
        title: distributions.baseline(reference, kind, faces) for title, kind in GUESSES.items()
    }
    parts = []
    for weights in (UNIFORM, COUNTS):
        weight = reference.weight[faces] if weights == COUNTS else None
        options = {**settings, "weights": weights}
        rows = {
            (title, "similarity"): distributions.similarity(reference, source, **options)
            for title, source in sources.items()
        }
        table = results.frame(rows, compared_with=name, weights=weights)
        parts.append(table.assign(p_holm=stats.holm(table["p"])))
        rows = {
            (title, "similarity"): stats.bootstrap(
                per_face(reference, guess, faces), weights=weight, unit="faces", seed=seed
            )
            for title, guess in guesses.items()
        }
        if ranged:
            top = stats.bootstrap(best, weights=weight, unit="faces", seed=seed)
            for title, source in sources.items():
                rows[title, "ceiling"] = top
                rows[title, "share of range"] = distributions.similarity(
                    reference, source, normalise=True, **options
                )
        parts.append(results.frame(rows, compared_with=name, weights=weights))
        for (left, first), (right, second) in itertools.combinations(
            sources.items() if pairs else (), 2
        ):
            value = distributions.similarity(weighted_as(first, reference), second, **options)
            parts.append(
                results.frame({(left, "similarity"): value}, compared_with=right, weights=weights)
            )
    return pd.concat(parts, ignore_index=True)


def divergent(reference, sources, most=15):
    """Return the faces that the sources read most differently from the reference, the worst first.

    DataFrame [face, n, elicited as, <source> reads (category), <source> (similarity) ...]; n is the face's weight in the
    reference; faces are ranked by their mean similarity over the sources.
    """
    faces = distributions.shared_faces(reference, *sources.values())
    rows = pd.DataFrame(
        {
            "n": reference.weight[faces].astype(int),
            "elicited as": reference.table.loc[faces].idxmax(axis=1),
        }
    )
    for title, source in sources.items():
        rows[f"{title} reads"] = source.table.loc[faces].idxmax(axis=1).to_numpy()
        rows[title] = per_face(reference, source, faces)
    order = rows[list(sources)].mean(axis=1).sort_values(kind="stable").index
    return rows.loc[order].head(most).rename_axis("face").reset_index()


def patterns(reference, sources, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return which sources find the reference's most frequent category: (tidy table, patterns).

    The tidy table has the share of faces where each source does, and all of them (source ``all``); its null gives the
    sources' faces to other faces, all in the same way. ``patterns``: DataFrame [sources that agree, faces, weight (share of
    the reference's), examples], most frequent first. Permutation: Fisher 1935.
    """
    faces = distributions.shared_faces(reference, *sources.values())
    truth = reference.table.loc[faces].idxmax(axis=1).to_numpy()
    read = np.array(
        [source.table.loc[faces].idxmax(axis=1).to_numpy() for source in sources.values()]
    )
    orders = resampling.orders(np.zeros(len(faces)), permutations, seed)

    def share(rows):
        null = [(rows[:, order] == truth).all(axis=0).mean() for order in orders]
        return stats.bootstrap((rows == truth).all(axis=0), unit="faces", seed=seed, null=null)

    estimates = {(name, "agreement"): share(read[[row]]) for row, name in enumerate(sources)}
    estimates["all", "agreement"] = share(read)
    names = np.array(list(sources))
    labels = [" · ".join(names[column]) or "none" for column in (read == truth).T]
    weight = reference.weight[faces]
    rows = [
        (label, len(part), part.sum() / weight.sum(), "   ".join(part.nlargest(4).index))
        for label, part in weight.groupby(pd.Series(labels, index=faces))
    ]
    counts = pd.DataFrame(rows, columns=["sources that agree", "faces", "weight", "examples"])
    counts = counts.sort_values("faces", ascending=False, kind="stable", ignore_index=True)
    return results.frame(estimates), counts


@dataclass(frozen=True)
class Pooling:
    """Pools chosen on one half of the faces and scored on the other, many times.

    ``held_out``: similarity of the chosen pool on the unseen half; ``single``: of the best single source; ``gain``: their
    paired difference; ``in_sample``: the best pool on all faces, which is too good. ``chosen``: tidy table, source the
    pool, measure ``similarity`` (all faces), column ``chosen`` (share of halves).
    """

    held_out: stats.Estimate
    single: stats.Estimate
    gain: stats.Estimate
    in_sample: float
    chosen: pd.DataFrame


def pooling(
    reference, sources, *, weights=UNIFORM, halves=HALVES, permutations=stats.REFITS, seed=0
):
    """Choose the best pool of ``sources`` (name -> Reading) on random halves of the faces, score it on the rest: :class:`Pooling`.

    Intervals: the spread over complementary halves is the standard error of the whole (Shao & Wu 1989). Null: the same
    procedure with the sources' faces shuffled, for a mean of readings is nearer to anything than one reading is.
    """
    _require(sources)
    faces = distributions.shared_faces(reference, *sources.values())
    n = len(faces)
    if n < 6:
        raise KaomojiError(
            f"only {n} faces are listed by all sources; expected at least 6 to hold half of them out; collect more"
        )
    names = [
        subset
        for size in range(1, len(sources) + 1)
        for subset in itertools.combinations(sources, size)
    ]
    tables = {
        title: distributions.aligned(reference, source, faces)[1]
        for title, source in sources.items()
    }
    pools = np.array([np.mean([tables[name] for name in subset], axis=0) for subset in names])
    weight = distributions.face_weights(reference, faces, weights)
    truth = reference.table.loc[faces].to_numpy()
    alone = np.array([len(subset) == 1 for subset in names])
    member = np.zeros((halves, n))
    member[np.arange(halves)[:, None], stats.half_samples(n, halves, seed)] = 1
    each = np.arange(halves)

    def run(order):
        scores = stats.js_similarity(truth[None], pools[:, order])
        train, test = _means(scores, weight * member), _means(scores, weight * (1 - member))
        best, single = train.argmax(axis=0), np.where(alone[:, None], train, -1).argmax(axis=0)
        return test[best, each], test[single, each], scores, best

    pooled_scores, single, scores, best = run(np.arange(n))
    null, shuffled = [], []
    for order in resampling.orders(np.zeros(n), permutations, seed):
        pooled, one, under, _ = run(order)
        null.append((pooled.mean(), one.mean()))
        shuffled.append(_means(under, weight[None])[:, 0])
    null, shuffled = np.array(null).reshape(-1, 2), np.array(shuffled)

    def summary(values, under, bounds=(0, 1)):
        return stats.estimate(
            values.mean(), values, n, "faces", null=under, interval="normal", bounds=bounds
        )

    whole, shares = _means(scores, weight[None])[:, 0], np.bincount(best, minlength=len(names))
    rows = [
        results.frame(
            {
                (" + ".join(names[index]), "similarity"): stats.bootstrap(
                    scores[index], weights=weight, unit="faces", seed=seed, null=shuffled[:, index]
                )
            },
            chosen=shares[index] / halves,
        )
        for index in np.argsort(-whole)
        if shares[index] or alone[index]
    ]
    return Pooling(
        summary(pooled_scores, null[:, 0]),
        summary(single, null[:, 1]),
        summary(pooled_scores - single, null[:, 0] - null[:, 1], (-1, 1)),
        float(whole.max()),
        pd.concat(rows, ignore_index=True),
    )


def _means(scores, weights):
    """Return the weighted means of ``scores`` (pools, faces) under each row of ``weights`` (halves, faces): (pools, halves)."""
    total = weights.sum(axis=1)
    return scores @ weights.T / np.where(total > 0, total, 1)


def _require(sources):
    if not sources or len(sources) > MOST_SOURCES:
        raise KaomojiError(
            f"{len(sources)} sources to compare; expected 1 to {MOST_SOURCES}; name fewer"
        )
