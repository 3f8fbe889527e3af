"""Intervals, nulls and the few measures that every analysis shares, and the rules by which results are called findings.

One rule of multiplicity: where only the best of many is looked at (layers, scales, numbers of clusters), p is for the
best of all under the same permutations (:func:`kaomoji_lib.resampling.max_t`); where several tests are each reported
(models, pairs of sources), p-values are adjusted over all of them (:func:`holm`). One rule of relevance
(:func:`relevant`): a finding has p <= .05 after that *and* lies at least ``RELEVANT`` above the mean of its null. One
number of permutations, ``PERMUTATIONS``; nulls that refit a probe each time use ``REFITS``. ``n`` counts what the null
or the resampling exchanges: prompts, faces, categories.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

LEVEL = 95
RESAMPLES = 2000
# The level of every test.
ALPHA = 0.05
# Permutations of every null; and of nulls that refit a probe each time, where a thousand would take minutes.
PERMUTATIONS, REFITS = 1000, 200
RELEVANT = 0.01
FLOORS = tuple(1 / (1 + number) for number in (PERMUTATIONS, REFITS))
CORRECTION_ERROR = 0.5


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
        largest = max(
            (abs(item) for item in (self.value, self.ci_low, self.ci_high) if np.isfinite(item)),
            default=0,
        )
        return 2 if largest == 0 or largest >= 0.02 else 3 if largest >= 0.002 else 4

    def __str__(self):
        if np.isnan(self.value):
            return f"not defined (n = {self.n} {self.unit})"
        form = f"z.{self.digits}f"
        dash = " to " if self.ci_low < 0 else "-"
        parts = [f"{LEVEL}% CI {self.ci_low:{form}}{dash}{self.ci_high:{form}}"]
        null = [] if self.null_mean is None else [f"null {self.null_mean:{form}}"]
        null += [] if self.p is None else [format_p(self.p)]
        parts += [", ".join(null)] if null else []
        return f"{self.value:{form}} ({'; '.join([*parts, f'n = {self.n} {self.unit}'])})"


def relevant(estimate):
    """Whether an estimate is a finding: p at most :data:`ALPHA`, and at least :data:`RELEVANT` above the mean of its null."""
    null = estimate.null_mean or 0.0
    return bool(
        estimate.p is not None and estimate.p <= ALPHA and estimate.value - null >= RELEVANT
    )


def format_p(p):
    """Return ``p = 0.012`` or ``p = 0.34``; a bound (``p ≤ 0.001``) where no permutation reached the value."""
    if p <= 0.001:
        return "p ≤ 0.001"
    if any(abs(p - floor) < 1e-9 for floor in FLOORS):
        return f"p ≤ {p:.3f}"
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
    value,
    replicates,
    n,
    unit,
    *,
    null=None,
    tail="greater",
    interval="percentile",
    bounds=(-np.inf, np.inf),
):
    """Assemble an :class:`Estimate` from resampled values and permuted values.

    ``interval`` is ``percentile``, or ``normal`` (value +- 1.96 standard deviations of the
    replicates) for statistics that resampling shifts, such as shares of variance. ``bounds`` clips it.
    Replicates that all equal a share of exactly 0 or 1 would claim certainty: the exact binomial
    bound of ``n`` hits or misses takes their place (Clopper & Pearson 1934).
    """
    replicates = np.asarray(replicates, dtype=float)
    replicates = replicates[np.isfinite(replicates)]
    if replicates.size < 2:
        low = high = np.nan
    elif interval == "normal":
        low, high = value + np.array([-1.96, 1.96]) * replicates.std(ddof=1)
    else:
        low, high = np.percentile(replicates, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    if low == high == value and value in (0, 1):
        slack = 1 - ((100 - LEVEL) / 200) ** (1 / n)
        low, high = (0, slack) if value == 0 else (1 - slack, 1)
    null = None if null is None else np.asarray(null, dtype=float)
    low, high = np.clip([low, high], *bounds)
    return Estimate(
        float(value),
        float(low),
        float(high),
        int(n),
        unit,
        None if null is None else float(null.mean()),
        None if null is None else permutation_p(value, null, tail),
    )


@lru_cache(maxsize=32)
def resampling_counts(n, resamples=RESAMPLES, seed=0):
    """How often each of ``n`` units occurs in each bootstrap resample: int array (resamples, n), read-only.

    ``seed``: an int or a tuple of ints. Bootstrap: Efron 1979.
    """
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    counts.flags.writeable = False
    return counts


def half_samples(n, resamples=200, seed=0):
    """Random halves without replacement: int array (resamples, n // 2).

    The spread of a statistic over halves is its standard error (delete-half jackknife, Shao & Wu
    1989). For statistics of pairs of units, to which a bootstrap's duplicates would look alike.
    """
    return np.random.default_rng(seed).random((resamples, n)).argsort(axis=1)[:, : n // 2]


def bootstrap(
    values, *, weights=None, unit="prompts", resamples=RESAMPLES, seed=0, null=None, tail="greater"
):
    """The (weighted) mean of ``values``, shape (n,), with its bootstrap interval over the n units.

    Bootstrap: Efron 1979.
    """
    values = np.asarray(values, dtype=float)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    if weights.sum() == 0:
        return Estimate(np.nan, np.nan, np.nan, len(values), unit)
    counts = resampling_counts(len(values), resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = counts @ (values * weights) / (counts @ weights)
    return estimate(
        values @ weights / weights.sum(), replicates, len(values), unit, null=null, tail=tail
    )


def normal(value, error, n, unit):
    """Return an :class:`Estimate` from a standard error: value +- 1.96 errors, null 0, p one-sided (normal)."""
    from scipy.stats import norm

    p = float(norm.sf(value / error)) if error > 0 else float("nan")
    return Estimate(
        float(value), value - 1.96 * error, value + 1.96 * error, int(n), unit, 0.0, max(p, 1e-12)
    )


def unbiased(whole, without):
    """Return the delete-one jackknife value of a biased statistic, n I - (n - 1) mean(I without one).

    ``without``: (..., n), the statistic without each unit. Quenouille 1956, doi:10.1093/biomet/43.3-4.353.
    """
    n = np.shape(without)[-1]
    return n * np.asarray(whole) - (n - 1) * np.mean(without, axis=-1)


def jackknife(whole, without, *, unit="prompts", null=None):
    """Return the jackknife :class:`Estimate` of a biased statistic whose units are nested (replies in prompts).

    ``whole``: the statistic of all n units; ``without``: (n,), the same without each of them; ``null``: jackknifed values
    under permutation. The interval adds to the jackknife's standard error half of the correction itself: where the bias
    is large, what is left of it is of that size (simulated in tests/calibration).
    """
    without = np.asarray(without, dtype=float)
    n, value = len(without), float(unbiased(whole, without))
    spread = (n - 1) / n * ((without - without.mean()) ** 2).sum()
    error = np.sqrt(spread + (CORRECTION_ERROR * (whole - value)) ** 2)
    mean = None if null is None else float(np.mean(null))
    p = None if null is None else permutation_p(value, null)
    return Estimate(value, value - 1.96 * error, value + 1.96 * error, n, unit, mean, p)


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
