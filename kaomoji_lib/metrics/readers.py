"""Readers by emitters: who reads whose faces best, and does a model read its own better than the others do?

Some models read well and some are easy to read. Both are taken out (double centring: row, column and grand mean); what is then
left on the diagonal is the self-advantage, the part of a score that belongs to reading oneself. Its null deals the readers to
the emitters in every way (Mantel 1967's permutation of one side of a square matrix), exactly where that can be counted.
"""

import itertools
from dataclasses import dataclass
from math import factorial

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings

MOST_EXACT = 7
DRAWS = 10_000
RESAMPLES = 1000
POWER = 0.8


@dataclass(frozen=True)
class Advantage:
    """Self-advantage of a square matrix of scores, or of the best of several (layers, depths).

    ``value``: Estimate of the mean double-centred diagonal, with its permutation p; ``place``: which matrix it comes from;
    ``by_place``: an Estimate for each of them, p by itself; ``detectable``: the smallest advantage that this many models
    would show at p <= 0.05 in 80% of cases, given how these scores scatter (inf where none would); ``smallest_p``: the smallest p
    that this many models can give; ``exact``: whether every assignment was counted.
    """

    value: statistics.Estimate
    place: int
    by_place: tuple
    detectable: float
    smallest_p: float
    exact: bool


@dataclass(frozen=True)
class Matrix:
    """Similarity of what reader (row) says of the faces to how emitter (column) uses them.

    ``scores``: dict (reader, emitter) -> Estimate over faces; ``values``: DataFrame of the same numbers;
    ``advantage``: over those who are both reader and emitter; None where fewer than three are.
    """

    scores: dict
    values: pd.DataFrame
    advantage: Advantage | None


def matrix(readers, emitters, *, min_weight=readings.MIN_WEIGHT, permutations=1000, seed=0):
    """Every reader against every emitter: a :class:`Matrix`.

    Parameters
    ----------
    readers : dict name -> Reading, what each says a face expresses, for the faces of all emitters.
    emitters : dict name -> Reading of counts (:func:`.readings.elicited`). All readers of an emitter are judged on the same
        faces: those that it typed ``min_weight`` times and that every reader reads.

    Raises
    ------
    KaomojiError
        If no emitter typed two such faces.
    """
    pairs = {name: _pairs(readers, emitter, min_weight) for name, emitter in emitters.items()}
    pairs = {name: found for name, found in pairs.items() if found is not None}
    if not pairs:
        raise KaomojiError(
            f"no emitter typed two faces {min_weight} times or more that all readers read; collect more generations"
        )
    rng, scores = np.random.default_rng(seed), {}
    for emitter, found in pairs.items():
        orders = rng.permuted(np.tile(np.arange(found.shape[1]), (permutations, 1)), axis=1)
        for place, reader in enumerate(readers):
            null = found[place, np.arange(found.shape[1])[None], orders].mean(axis=1)
            scores[reader, emitter] = statistics.bootstrap(
                found[place].diagonal(), unit="faces", seed=seed, null=null
            )
    values = pd.DataFrame(
        {emitter: [scores[reader, emitter].value for reader in readers] for emitter in pairs},
        index=list(readers),
    )
    both = [name for name in readers if name in pairs]
    if len(both) < 3:
        return Matrix(scores, values, None)
    own = [list(readers).index(name) for name in both]
    resampled = np.empty((RESAMPLES, 1, len(both), len(both)))
    for column, name in enumerate(both):
        each = pairs[name][own].diagonal(axis1=1, axis2=2)
        counts = statistics.resampling_counts(each.shape[1], RESAMPLES, seed + column)
        resampled[:, 0, :, column] = counts @ each.T / each.shape[1]
    return Matrix(
        scores,
        values,
        advantage(values.loc[both, both].to_numpy()[None], resampled, unit="models", seed=seed),
    )


def _pairs(readers, emitter, min_weight):
    """Similarity of each reader's row for one face to the emitter's row for another: (readers, faces, faces), or None."""
    try:
        faces = readings.shared_faces(emitter, *readers.values(), min_weight=min_weight)
    except KaomojiError:
        return None
    used = emitter.table.loc[faces].to_numpy()
    columns = emitter.table.columns
    return np.array(
        [
            statistics.js_similarity(
                used[:, None], reader.table.loc[faces, columns].to_numpy()[None]
            )
            for reader in readers.values()
        ]
    )


def advantage(scores, resampled=None, *, unit="models", seed=0):
    """The :class:`Advantage` of square score matrices.

    Parameters
    ----------
    scores : (places, n, n), rows readers, columns emitters, in the same order; larger is better. Of several places the best
        counts, against the best of all places under each assignment.
    resampled : (resamples, places, n, n), the same from resampled data, for the interval; None: no interval.

    Raises
    ------
    KaomojiError
        If there are fewer than three models.
    """
    scores = np.asarray(scores, dtype=float)
    n = scores.shape[-1]
    if n < 3:
        raise KaomojiError(
            f"{n} models are both reader and emitter; expected at least 3 to tell self-reading from good reading"
        )
    orders, is_exact = _assignments(n, seed)
    centred = double_centred(scores)
    under = centred[:, np.arange(n)[None], orders].mean(axis=-1)
    observed = centred.diagonal(axis1=1, axis2=2).mean(axis=1)
    place = int(observed.argmax())
    spread = (
        []
        if resampled is None
        else double_centred(np.asarray(resampled)).diagonal(axis1=2, axis2=3).mean(axis=2)
    )
    others = under[:, 1:]

    def found(value, replicates, null):
        return statistics.estimate(value, replicates, n, unit, null=null)

    by_place = tuple(
        found(value, spread[:, row] if len(spread) else [], others[row])
        for row, value in enumerate(observed)
    )
    best = found(observed[place], spread[:, place] if len(spread) else [], others.max(axis=0))
    return Advantage(
        best, place, by_place, detectable(scores[place], seed=seed), 1 / len(orders), is_exact
    )


def double_centred(scores):
    """Scores without row, column and grand mean; works on the last two axes."""
    scores = np.asarray(scores, dtype=float)
    rows, columns = scores.mean(axis=-1, keepdims=True), scores.mean(axis=-2, keepdims=True)
    return scores - rows - columns + scores.mean(axis=(-2, -1), keepdims=True)


def _assignments(n, seed):
    """Orders (m, n), the identity first: all where there are few, else random ones; and whether they are all."""
    if n <= MOST_EXACT:
        return np.array(list(itertools.permutations(range(n)))), True
    drawn = np.random.default_rng(seed).permuted(np.tile(np.arange(n), (DRAWS, 1)), axis=1)
    return np.vstack([np.arange(n), drawn]), False


def detectable(scores, *, level=0.05, draws=200, seed=0):
    """The smallest self-advantage found at ``level`` with probability ``POWER``: float, inf where 1 / n! exceeds the level.

    What is left of the matrix after taking out rows, columns and the advantage that it shows is dealt to the models anew,
    an advantage is added to the diagonal, and the test is run, for a grid of advantages.
    """
    n = len(scores)
    orders, _ = _assignments(n, seed)
    centred = double_centred(scores)
    rest = centred - centred.diagonal().mean() * n / (n - 1) * (np.eye(n) - 1 / n)
    under = rest[np.arange(n)[None], orders].mean(axis=1)
    size = max(np.abs(rest).max(), 1e-6)
    rng = np.random.default_rng(seed)
    tried = (
        orders[rng.integers(len(orders), size=draws)] if factorial(min(n, 10)) > draws else orders
    )
    fixed = np.array([(orders == one).sum(axis=1) for one in tried])
    own = under[[int(np.flatnonzero((orders == one).all(axis=1))[0]) for one in tried]]
    for added in size * np.geomspace(0.02, 50, 60):
        null = under[None] + added * (fixed - 1) / (n - 1)
        p = (null >= (own + added)[:, None] - 1e-12).mean(axis=1)
        if (p <= level).mean() >= POWER:
            return float(added)
    return float("inf")
