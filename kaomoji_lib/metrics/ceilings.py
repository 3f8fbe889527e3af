"""How good a similarity to counts could be at worst and at best, so that a score is read on the range it can lie on.

A face that was typed three times has a distribution over categories that even a reader who knows the truth does not match:
the counts are three draws from it. And a reader that ignores the face altogether gets more than 0. A similarity of 0.68
says something only between these two (the noise ceiling of Nili et al. 2014, doi:10.1371/journal.pcbi.1003553, and its
floor).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings

DRAWS = 400
CONCENTRATIONS = np.logspace(-1.5, 3, 181)
NARROWEST = 0.02
FEWEST_FACES = 5


@dataclass(frozen=True)
class Range:
    """One source's similarity to counts on the range it can lie on.

    ``score``; ``floor``: the counts' own marginal as the answer to every face; ``ceiling``: a perfect reader given the same
    counts; ``share``: (score - floor) / (ceiling - floor), 0 = ignores the face, 1 = as good as can be; not defined where the
    two lie closer than ``NARROWEST``: such counts cannot tell a reader from a guess. All over faces; the null of score and
    share deals the source's rows to other faces.
    """

    score: statistics.Estimate
    floor: statistics.Estimate
    ceiling: statistics.Estimate
    share: statistics.Estimate


def concentration(counts):
    """How far the faces' true distributions lie from the marginal: the Dirichlet concentration that makes the counts likeliest.

    ``counts``: int array (faces, categories). Small: every face has a category of its own; large: all are the marginal.
    Minka 2000, "Estimating a Dirichlet distribution", on a grid of ``CONCENTRATIONS``.
    """
    from scipy.special import gammaln

    counts = np.asarray(counts, dtype=float)
    base = _marginal(counts)
    size = counts.sum(axis=1)
    prior = CONCENTRATIONS[:, None, None] * base
    likelihood = (
        gammaln(CONCENTRATIONS)[:, None]
        - gammaln(CONCENTRATIONS[:, None] + size)
        + (gammaln(prior + counts) - gammaln(prior)).sum(axis=-1)
    ).sum(axis=1)
    return float(CONCENTRATIONS[likelihood.argmax()])


def _marginal(counts):
    # Half a count in each cell: a category that never occurred has a chance all the same.
    total = counts.sum(axis=0) + 0.5
    return total / total.sum()


def perfect(counts, *, draws=DRAWS, seed=0):
    """Expected similarity of each face's counts to its true distribution: float array (faces,).

    The truth is unknown, but given the counts it has a posterior: Dirichlet with the fitted :func:`concentration` around the
    marginal. The similarity of the counts to draws from it is what a reader who knew the truth would score.
    """
    counts = np.asarray(counts, dtype=float)
    posterior = concentration(counts) * _marginal(counts) + counts
    gammas = np.random.default_rng(seed).standard_gamma(posterior, size=(draws, *counts.shape))
    # Where all of a row's tiny shapes underflow, adding next to nothing keeps it a distribution.
    return statistics.js_similarity(counts, gammas + 1e-300).mean(axis=0)


def ranged(reference, source, weighted=False, *, faces=None, permutations=2000, seed=0):
    """The :class:`Range` of one source.

    Parameters
    ----------
    reference : Reading of counts (:func:`.readings.elicited`). source : Reading to be judged.
    weighted : weigh faces by their counts. faces : which ones; default those that :func:`.readings.shared_faces` gives.

    Raises
    ------
    KaomojiError
        If the reference's weights are no counts, or there are fewer than ``FEWEST_FACES`` faces.
    """
    faces = readings.shared_faces(reference, source) if faces is None else faces
    if len(faces) < FEWEST_FACES:
        raise KaomojiError(
            f"only {len(faces)} faces to judge by; expected at least {FEWEST_FACES} to estimate a ceiling from; collect more generations"
        )
    size = reference.weight[faces].to_numpy(float)
    shares = reference.table.loc[faces].to_numpy(float)
    counts = shares * size[:, None]
    if np.abs(counts - counts.round()).max() > 1e-6:
        raise KaomojiError(
            "the reference is no table of counts; expected an elicited reading; a ceiling needs the counts it is made of"
        )
    counts = counts.round()
    answer = source.table.loc[faces, reference.table.columns].to_numpy(float)
    weights = size if weighted else np.ones(len(faces))
    marginal = counts.sum(axis=0) / counts.sum()
    pairs = statistics.js_similarity(counts[:, None], answer[None])
    low, high, own = (
        statistics.js_similarity(counts, marginal),
        perfect(counts, seed=seed),
        pairs.diagonal(),
    )
    rng, rows = np.random.default_rng(seed), np.arange(len(faces))
    null = (
        np.array([pairs[rows, rng.permutation(rows)] @ weights for _ in range(permutations)])
        / weights.sum()
    )
    score, floor, ceiling = (
        statistics.bootstrap(values, weights=weights, unit="faces", seed=seed, null=dealt)
        for values, dealt in ((own, null), (low, None), (high, None))
    )
    return Range(score, floor, ceiling, _share(own, low, high, weights, null, seed))


def _share(own, low, high, weights, null, seed):
    floor, span = low @ weights / weights.sum(), (high - low) @ weights / weights.sum()
    if span < NARROWEST:
        return statistics.Estimate(np.nan, np.nan, np.nan, len(own), "faces")
    resampled = statistics.resampling_counts(len(own), seed=seed) * weights
    spans = resampled @ (high - low)
    replicates = resampled @ (own - low) / np.where(spans > 0, spans, np.nan)
    value = (own - low) @ weights / weights.sum() / span
    return statistics.estimate(value, replicates, len(own), "faces", null=(null - floor) / span)


def table(reference, sources, *, faces=None, seed=0):
    """Every source on the range it can lie on: DataFrame [source, weighting, floor, score, ceiling, share] of Estimates.

    ``sources``: dict name -> Reading; all rows stand on the same faces.
    """
    faces = readings.shared_faces(reference, *sources.values()) if faces is None else faces
    rows = []
    for weighted in (False, True):
        for name, source in sources.items():
            found = ranged(reference, source, weighted, faces=faces, seed=seed)
            rows.append(
                (
                    name,
                    "by counts" if weighted else "uniform",
                    found.floor,
                    found.score,
                    found.ceiling,
                    found.share,
                )
            )
    return pd.DataFrame(rows, columns=["source", "weighting", "floor", "score", "ceiling", "share"])
