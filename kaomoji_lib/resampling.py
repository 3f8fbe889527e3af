"""Restricted permutations, families of tests, paired differences and crossed samples."""

import numpy as np
import pandas as pd

from kaomoji_lib import stats


def orders(blocks, permutations, seed=0):
    """Random orders that keep every position inside its block: int array (permutations, n); ``blocks``: ints (n,).

    Restricted permutation keeps exchangeable only what the null says is (Winkler et al. 2015,
    doi:10.1016/j.neuroimage.2015.05.092).
    """
    blocks = np.asarray(blocks)
    codes = np.unique(blocks, return_inverse=True)[1]
    drawn = np.argsort(
        codes + np.random.default_rng(seed).random((permutations, len(blocks))), axis=1
    )
    found = np.empty_like(drawn)
    found[:, np.argsort(codes, kind="stable")] = drawn
    return found


def max_t(observed, null, tail="greater"):
    """Return p-values of tests of which only the best is looked at, each against the best of all: array like ``observed``.

    ``observed``: (...), one statistic per member; ``null``: (permutations, ...), all members under the *same*
    permutations. Members are first put on the scale of their own null (mean and standard deviation over
    permutations and the observed value together), so that a member with a wide null does not drown the others.
    Westfall & Young 1993; the standardised maximum: Nichols & Holmes 2002, doi:10.1002/hbm.1058.
    """
    observed, null = np.asarray(observed, dtype=float), np.asarray(null, dtype=float)
    sign = 1.0 if tail == "greater" else -1.0
    every = sign * np.vstack([observed.reshape(1, -1), null.reshape(len(null), -1)])
    spread = every.std(axis=0)
    every = (every - every.mean(axis=0)) / np.where(spread > 0, spread, 1)
    hits = (every[1:].max(axis=1)[:, None] >= every[0] - 1e-9).sum(axis=0)
    return ((1 + hits) / (1 + len(null))).reshape(observed.shape)


def paired(left, right, *, unit="prompts", resamples=stats.RESAMPLES, seed=0):
    """Mean of ``left - right`` over units that both measured: Estimate; its null flips the sign of each difference.

    ``left``, ``right``: (n,). Interval: bootstrap over the units. p: one-sided, left larger. The sign flip assumes
    that under the null the two measurements of a unit are exchangeable (Fisher 1935).
    """
    difference = np.asarray(left, dtype=float) - np.asarray(right, dtype=float)
    signs = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], size=(resamples, len(difference)))
    null = signs @ difference / len(difference)
    return stats.bootstrap(difference, unit=unit, resamples=resamples, seed=seed, null=null)


def grouped(values, groups, *, unit="prompts", resamples=stats.RESAMPLES, seed=0, null=None):
    """Mean of ``values`` (n,) with an interval over the groups (prompts, faces) they belong to: Estimate.

    All values of a group stay together (cluster bootstrap, Davison & Hinkley 1997).
    """
    group = pd.factorize(np.asarray(groups))[0]
    total, size = np.bincount(group, np.asarray(values, dtype=float)), np.bincount(group)
    return stats.bootstrap(
        total / size, weights=size, unit=unit, resamples=resamples, seed=seed, null=null
    )


def two_way(values, rows, columns, *, unit, resamples=stats.RESAMPLES, seed=0):
    """Return the mean of ``values`` (n,) with an interval over their ``rows`` *and* ``columns`` (n,), each resampled.

    For directions, or models, that are a sample as prompts are. ``n`` counts the columns, of which there are fewer; with
    very few the interval covers too rarely (about 85% of the time with three, 92% with eight). Pigeonhole bootstrap:
    Owen 2007, doi:10.1214/07-AOAS122.
    """
    values = np.asarray(values, dtype=float)
    codes = [pd.factorize(np.asarray(part))[0] for part in (rows, columns)]
    drawn = [
        stats.resampling_counts(part.max() + 1, resamples, seed + place)[:, part]
        for place, part in enumerate(codes)
    ]
    weight = drawn[0] * drawn[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = weight @ values / weight.sum(axis=1)
    return stats.estimate(values.mean(), replicates, codes[1].max() + 1, unit)


def ratio(numerator, denominator, *, unit="prompts", resamples=stats.RESAMPLES, seed=0):
    """Return the sum of ``numerator`` over that of ``denominator`` (n,) with an interval over the n units.

    Bootstrap: Efron 1979.
    """
    parts = np.column_stack([numerator, denominator]).astype(float)
    top, bottom = (stats.resampling_counts(len(parts), resamples, seed) @ parts).T
    with np.errstate(invalid="ignore", divide="ignore"):
        value = parts[:, 0].sum() / parts[:, 1].sum() if len(parts) else np.nan
        return stats.estimate(value, top / bottom, len(parts), unit)
