"""Intervals, nulls and the few measures that every analysis shares, and the rules by which results are called findings.

One rule of multiplicity: where only the best of many is looked at (layers, scales, numbers of clusters), p is for the
best of all under the same permutations (:func:`max_t`); where findings are counted over several tests (models,
claims), p-values are adjusted over all of them (:func:`holm`). One rule of relevance (:func:`relevant`): a finding has
p <= .05 after that *and* lies at least ``RELEVANT`` above the mean of its null. One number of permutations,
``PERMUTATIONS``; nulls that refit a probe each time use ``REFITS``. ``n`` counts what the null or the resampling
exchanges: prompts, faces, categories. Bootstrap: Efron 1979; permutation: Fisher 1935. ``seed``: an int or a tuple.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

# Of every interval, in percent; and its bootstrap resamples.
LEVEL, RESAMPLES = 95, 2000
# The level of every test, and how far above the mean of its null a finding lies.
ALPHA, RELEVANT = 0.05, 0.01
# Permutations of every null; and of nulls that refit a probe each time, where a thousand would take minutes.
PERMUTATIONS, REFITS = 1000, 200


@dataclass(frozen=True)
class Estimate:
    """A number with what is needed to believe it.

    ``ci_low`` and ``ci_high`` bound its 95% interval, ``n`` counts the ``unit`` that was resampled,
    ``null_mean`` and ``p`` come from a permutation null and are None where there is none.
    """

    value: float
    ci_low: float
    ci_high: float
    n: int
    unit: str
    null_mean: float | None = None
    p: float | None = None

    @property
    def digits(self):
        """Decimals that show it: two, and up to four where value and interval are so small that two would say 0.00."""
        largest = np.nanmax(np.abs([self.value, self.ci_low, self.ci_high, 0]))
        return 2 if largest == 0 or largest >= 0.02 else 3 if largest >= 0.002 else 4


def relevant(estimate):
    """Whether an estimate is a finding: p at most :data:`ALPHA`, and at least :data:`RELEVANT` above the mean of its null."""
    above = estimate.value - (estimate.null_mean or 0.0) >= RELEVANT
    return bool(estimate.p is not None and estimate.p <= ALPHA and above)


def format_p(p):
    """Return ``p = 0.012`` or ``p = 0.34``; a bound (``p ≤ 0.001``) where no permutation reached the value."""
    least = [1 / (1 + number) for number in (PERMUTATIONS, REFITS)]
    if p <= 0.001 or np.isclose(p, least, rtol=0, atol=1e-9).any():
        return f"p ≤ {max(p, 0.001):.3f}"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def permutation_p(observed, null, tail="greater"):
    """P of a null value at least as extreme as ``observed``: (1 + hits) / (1 + permutations).

    ``tail`` is ``greater`` or ``less``. Never 0 (Phipson & Smyth 2010). Values that differ by rounding
    alone count as hits.
    """
    null = np.asarray(null, dtype=float)
    slack = 1e-9 * max(1.0, abs(observed))
    hits = null >= observed - slack if tail == "greater" else null <= observed + slack
    return float((1 + hits.sum()) / (1 + null.size))


def estimate(
    value, replicates, n, unit, *, null=None, tail="greater", normal=False, bounds=(-np.inf, np.inf)
):
    """Assemble an :class:`Estimate` from resampled values and permuted values.

    The interval holds the middle 95% of the replicates, or with ``normal`` is value +- 1.96 of their standard
    deviations: for statistics that resampling shifts, such as shares of variance. ``bounds`` clips it.
    Replicates that all equal a share of exactly 0 or 1 would claim certainty: the exact binomial
    bound of ``n`` hits or misses takes their place (Clopper & Pearson 1934).
    """
    replicates = np.asarray(replicates, dtype=float)
    replicates = replicates[np.isfinite(replicates)]
    if replicates.size < 2:
        low = high = np.nan
    elif normal:
        low, high = value + np.array([-1.96, 1.96]) * replicates.std(ddof=1)
    else:
        low, high = np.percentile(replicates, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    if low == high == value and value in (0, 1):
        slack = 1 - ((100 - LEVEL) / 200) ** (1 / n)
        low, high = (0, slack) if value == 0 else (1 - slack, 1)
    low, high = np.clip([low, high], *bounds)
    tested = () if null is None else (float(np.mean(null)), permutation_p(value, null, tail))
    return Estimate(float(value), float(low), float(high), int(n), unit, *tested)


@lru_cache(maxsize=32)
def resampling_counts(n, resamples=RESAMPLES, seed=0):
    """How often each of ``n`` units occurs in each bootstrap resample: int array (resamples, n), read-only."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    counts.flags.writeable = False
    return counts


def half_samples(n, resamples=200, seed=0):
    """Random halves without replacement: int array (resamples, n // 2).

    The spread of a statistic over halves is its standard error (delete-half jackknife, Shao & Wu
    1989). For statistics of pairs of units, to which a bootstrap's duplicates would look alike.
    """
    return np.random.default_rng(seed).random((resamples, n)).argsort(axis=1)[:, : n // 2]


def bootstrap(values, *, weights=None, unit="prompts", resamples=RESAMPLES, seed=0, null=None):
    """The (weighted) mean of ``values``, shape (n,), with its bootstrap interval over the n units: :class:`Estimate`."""
    values = np.asarray(values, dtype=float)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    if weights.sum() == 0:
        return Estimate(np.nan, np.nan, np.nan, len(values), unit)
    counts = resampling_counts(len(values), resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = counts @ (values * weights) / (counts @ weights)
    return estimate(values @ weights / weights.sum(), replicates, len(values), unit, null=null)


def permuted_mean(score, n, *, weights=None, unit="kaomoji", permutations=PERMUTATIONS, seed=0):
    """The (weighted) mean of ``score`` of the units in their order, its null that of permuted orders: :class:`Estimate`.

    ``score``: int array (n,), which unit takes the place of each -> float array (m,), over which the interval is.
    """
    rng = np.random.default_rng(seed)
    null = [np.average(score(rng.permutation(n)), weights=weights) for _ in range(permutations)]
    return bootstrap(score(np.arange(n)), weights=weights, unit=unit, seed=seed, null=null)


def paired(left, right, *, seed=0):
    """Mean of ``left - right`` (n,) over prompts that both measured: Estimate; p is one-sided, left larger.

    The null flips the sign of each difference: the two measurements of a prompt are exchangeable (Fisher 1935).
    """
    difference = np.asarray(left, dtype=float) - np.asarray(right, dtype=float)
    signs = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], (RESAMPLES, len(difference)))
    return bootstrap(difference, seed=seed, null=signs @ difference / len(difference))


def grouped(values, groups, *, unit, seed=0, null=None):
    """Mean of ``values`` (n,) with an interval over the ``groups`` (n,) they belong to, which stay together: Estimate.

    Cluster bootstrap: Davison & Hinkley 1997.
    """
    group = pd.factorize(np.asarray(groups))[0]
    total, size = np.bincount(group, np.asarray(values, dtype=float)), np.bincount(group)
    return bootstrap(total / size, weights=size, unit=unit, seed=seed, null=null)


def two_way(values, rows, columns, *, unit, seed=0):
    """Return the mean of ``values`` (n,) with an interval over their ``rows`` *and* ``columns`` (n,), each resampled.

    For directions, or models, that are a sample as prompts are. ``n`` counts the columns, of which there are fewer; with
    very few the interval covers too rarely (about 85% of the time with three, 92% with eight). Pigeonhole bootstrap:
    Owen 2007, doi:10.1214/07-AOAS122.
    """
    codes = [pd.factorize(np.asarray(part))[0] for part in (rows, columns)]
    drawn = [
        resampling_counts(part.max() + 1, seed=seed + place)[:, part]
        for place, part in enumerate(codes)
    ]
    weight = drawn[0] * drawn[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = weight @ values / weight.sum(axis=1)
    return estimate(values.mean(), replicates, codes[1].max() + 1, unit)


def orders(blocks, permutations, seed=0):
    """Random orders that keep every position inside its block: int array (permutations, n); ``blocks``: ints (n,).

    Restricted permutation keeps exchangeable only what the null says is (Winkler et al. 2015,
    doi:10.1016/j.neuroimage.2015.05.092).
    """
    blocks = np.asarray(blocks)
    codes = np.unique(blocks, return_inverse=True)[1]
    noise = np.random.default_rng(seed).random((permutations, len(blocks)))
    drawn = np.argsort(codes + noise, axis=1)
    found = np.empty_like(drawn)
    found[:, np.argsort(codes, kind="stable")] = drawn
    return found


def max_t(observed, null):
    """Return p-values of tests of which only the best is looked at, each against the best of all: array like ``observed``.

    ``observed``: (...), one statistic per member; ``null``: (permutations, ...), all members under the *same*
    permutations. Members are first put on the scale of their own null (mean and standard deviation over
    permutations and the observed value together), so that a member with a wide null does not drown the others.
    Westfall & Young 1993; the standardised maximum: Nichols & Holmes 2002, doi:10.1002/hbm.1058.
    """
    observed, null = np.asarray(observed, dtype=float), np.asarray(null, dtype=float)
    every = np.vstack([observed.reshape(1, -1), null.reshape(len(null), -1)])
    spread = every.std(axis=0)
    every = (every - every.mean(axis=0)) / np.where(spread > 0, spread, 1)
    hits = (every[1:].max(axis=1)[:, None] >= every[0] - 1e-9).sum(axis=0)
    return ((1 + hits) / (1 + len(null))).reshape(observed.shape)


def holm(p):
    """Return p-values adjusted for how many there are (Holm 1979): array like ``p``; NaN stays NaN and is not counted."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)[: np.isfinite(p).sum()]
    adjusted = np.full(p.shape, np.nan)
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(order) else steps
    return adjusted


def js_similarity(P, Q, epsilon=1e-6):
    """1 - (Jensen-Shannon divergence / ln 2) along the last axis; 1 = equal, 0 = disjoint.

    ``P`` and ``Q``: non-negative arrays (..., categories), broadcast against each other. ``epsilon``
    is added to each cell, and the rows are divided by their sums. Lin 1991, doi:10.1109/18.61115.
    """
    P, Q = (_normalised(np.asarray(table, dtype=float), epsilon) for table in (P, Q))
    middle = (P + Q) / 2
    divergence = (P * np.log(P / middle) + Q * np.log(Q / middle)).sum(axis=-1) / 2
    return np.clip(1 - divergence / np.log(2), 0, 1)


def _normalised(table, epsilon):
    table = table / table.sum(axis=-1, keepdims=True) + epsilon
    return table / table.sum(axis=-1, keepdims=True)


def silhouettes(distances, labels):
    """Silhouette of each item, -1..1, from a distance matrix (n, n) and integer labels (n,).

    The only member of a class gets 0; one class alone gives all 0. Rousseeuw 1987.
    """
    present, labels = np.unique(np.asarray(labels), return_inverse=True)
    if len(present) < 2:
        return np.zeros(len(labels))
    member = np.eye(len(present))[labels]
    size = member.sum(axis=0)
    sums, items = distances @ member, np.arange(len(labels))
    inside = sums[items, labels] / np.maximum(size[labels] - 1, 1)
    means = sums / size
    means[items, labels] = np.inf
    outside = means.min(axis=1)
    scale = np.maximum(np.maximum(inside, outside), 1e-300)
    return np.where(size[labels] > 1, (outside - inside) / scale, 0.0)
