"""Judges by sources: who reads whose faces best, and does a model read its own better than the others do?

Some models judge well and some are easy to judge. Both are taken out (double centring: row, column and grand mean); what
is left on the diagonal is the advantage of judging one's own faces. Models of one family judge each other's faces as well as their own,
so an advantage over all others says no more than that families differ: the test of *self* compares a model with its
family alone.
"""

import itertools

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions

MOST_EXACT = 7
RESAMPLES = 1000


def compare(judges, sources, *, families=None, permutations=stats.PERMUTATIONS, seed=0):
    """Compare what every judge says of the faces with how every source uses them: tidy table.

    Parameters
    ----------
    judges : mapping name -> Reading, what each says a face expresses, for the faces of all sources.
    sources : mapping name -> Reading of counts (:func:`.distributions.elicited`). All judges of a source are compared on
        the same faces: those of enough weight that every judge lists.
    families : mapping name -> family, for ``advantage over family``.

    Returns
    -------
    Rows with measure ``similarity`` (Estimate over faces), columns ``judge`` and ``source`` and ``own`` (whether they are one
    model), then, where at least three models are both, the rows of :func:`advantage` with interval over faces.
    Similarity: Lin 1991, doi:10.1109/18.61115.

    Raises
    ------
    KaomojiError
        If no source has two such faces.
    """
    pairs = {name: _pairs(judges, source) for name, source in sources.items()}
    pairs = {name: scores for name, scores in pairs.items() if scores is not None}
    if not pairs:
        raise KaomojiError(
            f"no source used two faces {distributions.MIN_WEIGHT} times or more that all judges list; collect more generations"
        )
    parts = []
    for source, scores in pairs.items():
        faces = np.arange(scores.shape[1])
        orders = resampling.orders(np.zeros(len(faces)), permutations, seed)
        for row, judge in enumerate(judges):
            value = stats.bootstrap(
                scores[row].diagonal(),
                unit="faces",
                seed=seed,
                null=scores[row][faces, orders].mean(axis=1),
            )
            labels = {"judge": judge, "own": judge == source}
            parts.append(results.frame({(source, "similarity"): value}, **labels))
    both = [name for name in judges if name in pairs]
    if len(both) > 2:
        own = [list(judges).index(name) for name in both]
        each = [pairs[name][own].diagonal(axis1=1, axis2=2) for name in both]
        values = np.array([part.mean(axis=1) for part in each]).T
        resampled = np.empty((RESAMPLES, len(both), len(both)))
        for column, part in enumerate(each):
            counts = stats.resampling_counts(part.shape[1], RESAMPLES, seed + column)
            resampled[:, :, column] = counts @ part.T / part.shape[1]
        family = None if families is None else [families.get(name, name) for name in both]
        parts.append(advantage(values, resampled, families=family, seed=seed))
    return pd.concat(parts, ignore_index=True)


def _pairs(judges, source):
    """Similarity of each judge's row for one face to the source's row for another: (judges, faces, faces), or None."""
    try:
        faces = distributions.shared_faces(source, *judges.values())
    except KaomojiError:
        return None
    aligned = [distributions.aligned(source, judge, faces) for judge in judges.values()]
    return np.array([stats.js_similarity(used[:, None], judged[None]) for used, judged in aligned])


def advantage(scores, resampled=None, *, families=None, seed=0):
    """Return how much better models judge their own faces: tidy table over models.

    ``scores``: (n, n), rows judges, columns sources, in the same order; larger is better; ``resampled``: (resamples, n, n),
    the same from resampled data, for intervals. Measures: ``advantage over others``, the mean double-centred diagonal, its
    null giving judges to sources in every way (Mantel 1967), exactly up to seven models; with ``families`` (one label per model)
    ``advantage over family``: the score of the model itself less that of the best other member of its family, over the
    models that have one, null: judges permuted within families.

    Raises
    ------
    KaomojiError
        If there are fewer than three models.
    """
    scores = np.asarray(scores, dtype=float)
    n = len(scores)
    if n < 3:
        raise KaomojiError(
            f"{n} models are both judge and source; expected at least 3 to tell self-advantage from good judgement"
        )
    resampled = np.empty((0, n, n)) if resampled is None else np.asarray(resampled)
    rows = {
        "advantage over others": _tested(
            scores,
            resampled,
            lambda part: double_centred(part).diagonal(axis1=-2, axis2=-1),
            np.zeros(n),
            seed,
        )
    }
    if families is not None:
        family = pd.factorize(np.asarray(families))[0]
        sibling = (family[:, None] == family) & ~np.eye(n, dtype=bool)
        paired = np.flatnonzero(sibling.any(axis=0))
        if len(paired):

            def over_family(part):
                best = np.where(sibling, part, -np.inf).max(axis=-2)
                return (part.diagonal(axis1=-2, axis2=-1) - best)[..., paired]

            rows["advantage over family"] = _tested(scores, resampled, over_family, family, seed)
    return results.frame(rows)


def _tested(scores, resampled, statistic, blocks, seed):
    """The mean of ``statistic`` over models; null: the judges permuted within ``blocks``, the identity left out."""
    n = len(scores)
    if n <= MOST_EXACT:
        orders = np.array(list(itertools.permutations(range(n))))
        orders = orders[(np.asarray(blocks)[orders] == blocks).all(axis=1)][1:]
    else:
        orders = resampling.orders(blocks, 10 * stats.PERMUTATIONS, seed)
    observed = statistic(scores)
    null = statistic(scores[orders]).mean(axis=-1) if len(orders) else [observed.mean()]
    return stats.estimate(
        observed.mean(), statistic(resampled).mean(axis=-1), observed.size, "models", null=null
    )


def double_centred(scores):
    """Return scores without row, column and grand mean; works on the last two axes."""
    rows, columns = scores.mean(axis=-1, keepdims=True), scores.mean(axis=-2, keepdims=True)
    return scores - rows - columns + scores.mean(axis=(-2, -1), keepdims=True)
