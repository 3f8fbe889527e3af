"""Whether two sources arrange the same prompts in the same way."""

from dataclasses import dataclass
from itertools import permutations as orders
from math import factorial

import numpy as np
import pandas as pd

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics import similarity
from kaomoji_lib.metrics.threads import one_thread

EXACT_LIMIT = 50_000


@dataclass(frozen=True)
class Alignment:
    """One source's category centroids laid onto another's.

    ``residual``: relative residual, 0 (same shape) to 1, with a null over shuffled categories.
    ``aligned``: all prompts of the moved source in the reference's coordinates (n, k).
    ``centroids`` and ``reference``: DataFrames category x component, moved and reference.
    ``reflected``: whether the map mirrors (its angle then means nothing).
    """

    residual: statistics.Estimate
    aligned: np.ndarray
    centroids: pd.DataFrame
    reference: pd.DataFrame
    scale: float
    reflected: bool


@one_thread
def procrustes(
    reference_scores,
    scores,
    labels,
    codes,
    *,
    own_labels=None,
    dimensions=3,
    permutations=10_000,
    seed=0,
):
    """Orthogonal Procrustes of category centroids onto a reference (reflection and isotropic scale allowed).

    ``reference_scores``, ``scores``: component scores (n, >= 1) of the same prompts in the same order,
    of which the first ``dimensions`` are used; ``labels``: (n,). Where the prompts of ``scores`` are others, ``own_labels`` names
    their categories: only centroids are compared. Residual = |A - B R s| / |A| (Frobenius).
    Null: the categories of B in every order, or ``permutations`` random ones where there are more
    than 50,000; p is the share of residuals as small. Interval: prompts resampled within category.
    Schoenemann 1966, doi:10.1007/BF02289451.
    """
    k = min(dimensions, np.shape(reference_scores)[1], np.shape(scores)[1])
    left, right = (np.asarray(part, dtype=float)[:, :k] for part in (reference_scores, scores))
    if own_labels is None:
        _require_pairs(left, right, labels)
    labels = np.asarray(labels)
    own_labels = labels if own_labels is None else np.asarray(own_labels)
    codes = [code for code in codes if (labels == code).any() and (own_labels == code).any()]
    members, own = (
        [np.flatnonzero(part == code) for code in codes] for part in (labels, own_labels)
    )
    A, B = _centroids(left, members), _centroids(right, own)
    origin, middle = A.mean(axis=0), B.mean(axis=0)
    A0, B0 = A - origin, B - middle
    U, singular, Vt = np.linalg.svd(B0.T @ A0)
    rotation, scale = U @ Vt, singular.sum() / (B0**2).sum()

    rng = np.random.default_rng(seed)
    count = len(codes)
    if factorial(count) <= EXACT_LIMIT:
        shuffled = np.array(list(orders(range(count))))[1:]
    else:
        shuffled = rng.permuted(np.tile(np.arange(count), (permutations, 1)), axis=1)
    resampled = [rng.choice(rows, size=(1000, len(rows))) for rows in members]
    moved = (
        resampled
        if own_labels is labels
        else [rng.choice(rows, size=(1000, len(rows))) for rows in own]
    )
    draws = [
        np.stack([part[rows].mean(axis=1) for rows in chosen], axis=1)
        for part, chosen in ((left, resampled), (right, moved))
    ]
    residual = statistics.estimate(
        float(_residual(A0, B0)),
        _residual(*draws),
        count,
        "categories",
        null=_residual(A0, B0[shuffled]),
        tail="less",
        interval="normal",
        bounds=(0, 1),
    )
    columns = [f"PC{index + 1}" for index in range(k)]
    move = lambda points: (points - middle) @ rotation * scale + origin  # noqa: E731
    return Alignment(
        residual,
        move(right),
        pd.DataFrame(move(B), codes, columns),
        pd.DataFrame(A, codes, columns),
        float(scale),
        bool(np.linalg.det(rotation) < 0),
    )


def _centroids(scores, members):
    return np.array([scores[rows].mean(axis=0) for rows in members])


def _residual(A, B):
    """Relative residual of the best similarity map, shapes (..., categories, k)."""
    A, B = A - A.mean(axis=-2, keepdims=True), B - B.mean(axis=-2, keepdims=True)
    nuclear = np.linalg.svd(np.swapaxes(B, -1, -2) @ A, compute_uv=False).sum(axis=-1)
    energy = (A**2).sum(axis=(-2, -1)) * (B**2).sum(axis=(-2, -1))
    return np.sqrt(np.clip(1 - nuclear**2 / np.maximum(energy, 1e-300), 0, 1))


def linear_cka(X, Y, labels, *, permutations=1000, seed=0):
    """Debiased linear CKA of two sets of states of the same prompts, about 0 (unrelated) to 1.

    ``X``: (n, d), ``Y``: (n, e), ``labels``: (n,). Returns two Estimates of the same value: the null of
    the first deals the prompts of Y freely, that of the second only within their category (is more
    shared than the category?). Interval: half samples. Kornblith et al. 2019, arXiv:1905.00414; Murphy
    et al. 2024, arXiv:2405.01012.
    """
    return _alike(X, Y, labels, "CKA", permutations, seed, (-1, 1))


def rsa(X, Y, labels, *, permutations=1000, seed=0):
    """Spearman correlation of the two distance matrices; arguments and result as :func:`linear_cka`.

    Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008.
    """
    return _alike(X, Y, labels, "RSA", permutations, seed, (-1, 1))


def neighbour_overlap(X, Y, labels, *, permutations=1000, seed=0):
    """Share of each prompt's nearest neighbours (10 of 180) that both sources agree on, 0..1; else as :func:`linear_cka`.

    Huh et al. 2024, arXiv:2405.07987.
    """
    return _alike(X, Y, labels, "mutual kNN", permutations, seed, (0, 1))


@one_thread
def _alike(X, Y, labels, measure, permutations, seed, bounds):
    _require_pairs(X, Y, labels)
    X, Y = classifier.compact(X), classifier.compact(Y)
    n = len(X)
    left, right = (similarity.signature(part, measure)[:, None] for part in (X, Y))
    halves = [
        float(similarity.signature(X[half], measure) @ similarity.signature(Y[half], measure))
        for half in statistics.half_samples(n, 100, seed)
    ]
    results = []
    for number, blocks in enumerate((np.zeros(n, dtype=int), pd.factorize(np.asarray(labels))[0])):
        orders = resampling.orders(blocks, permutations, [seed, number])
        null = similarity.permuted(left, right, orders, measure)[:, 0, 0]
        results.append(
            statistics.estimate(
                (left * right).sum(),
                halves,
                n,
                "prompts",
                null=null,
                interval="normal",
                bounds=bounds,
            )
        )
    return tuple(results)


def _require_pairs(left, right, labels):
    if not len(left) == len(right) == len(labels):
        raise KaomojiError(
            f"cannot align {len(left)} with {len(right)} prompts and {len(labels)} labels; "
            "expected the same prompts in the same order; collect both runs with one prompt table"
        )
