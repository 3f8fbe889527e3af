"""One source's categories laid onto another's."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.threads import one_thread


@dataclass(frozen=True)
class Alignment:
    """Category centroids after a rotation, reflection and isotropic scale.

    ``residual``: relative residual, 0 (same shape) to 1, over categories. ``aligned``: all prompts of the moved source
    in the reference's coordinates (n, k). ``centroids`` and ``reference``: DataFrames category x component, moved and
    reference. ``reflected``: whether the map mirrors (its angle then means nothing).
    """

    residual: stats.Estimate
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
    permutations=stats.PERMUTATIONS,
    seed=0,
):
    """Align category centroids with a reference by orthogonal Procrustes (reflection and isotropic scale allowed).

    Residual = |A - B R s| / |A| (Frobenius), A the reference. Null: the categories of B in another order. Interval:
    prompts resampled within category, corrected for the bias that noise in the centroids adds (basic bootstrap).
    Schoenemann 1966, doi:10.1007/BF02289451.

    Parameters
    ----------
    reference_scores, scores : component scores (n, >= 1) of the same prompts in the same order; the first
        ``dimensions`` are used.
    labels : (n,), categories. own_labels : those of ``scores``, where its prompts are others; only centroids are compared.
    codes : the order of the categories; those without a prompt in either source are left out.

    Raises
    ------
    KaomojiError
        If the sources have different numbers of prompts and no ``own_labels``.
    """
    if own_labels is None and not len(reference_scores) == len(scores) == len(labels):
        raise KaomojiError(
            f"cannot align {len(reference_scores)} with {len(scores)} prompts and {len(labels)} labels; "
            "expected the same prompts in the same order; collect both runs with one prompt table"
        )
    k = min(dimensions, np.shape(reference_scores)[1], np.shape(scores)[1])
    left, right = (np.asarray(part, dtype=float)[:, :k] for part in (reference_scores, scores))
    sides = (np.asarray(labels), np.asarray(labels if own_labels is None else own_labels))
    codes = [code for code in codes if all((side == code).any() for side in sides)]
    members = [[np.flatnonzero(side == code) for code in codes] for side in sides]
    A, B = (_centroids(X, rows) for X, rows in zip((left, right), members))
    origin, middle, count = A.mean(axis=0), B.mean(axis=0), len(codes)
    U, singular, Vt = np.linalg.svd((B - middle).T @ (A - origin))
    rotation, scale = U @ Vt, singular.sum() / max(((B - middle) ** 2).sum(), 1e-300)

    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(count), (permutations, 1)), axis=1)
    drawn = [[rng.choice(rows, size=(1000, len(rows))) for rows in side] for side in members]
    if own_labels is None:
        drawn[1] = drawn[0]
    value = float(_residual(A, B))
    again = _residual(*(_centroids(X, rows) for X, rows in zip((left, right), drawn)))
    residual = stats.estimate(
        value,
        2 * value - again,
        count,
        "categories",
        null=_residual(A, B[orders]),
        tail="less",
        bounds=(0, 1),
    )
    columns = [f"PC{index + 1}" for index in range(k)]
    move = lambda points: (points - middle) @ rotation * scale + origin  # noqa: E731
    moved, fixed = pd.DataFrame(move(B), codes, columns), pd.DataFrame(A, codes, columns)
    return Alignment(
        residual, move(right), moved, fixed, float(scale), bool(np.linalg.det(rotation) < 0)
    )


def _centroids(scores, members):
    """Means of the rows ``members`` (a list of (..., rows) per category): (..., categories, k)."""
    return np.stack([scores[rows].mean(axis=-2) for rows in members], axis=-2)


def _residual(A, B):
    """Relative residual of the best similarity map, shapes (..., categories, k)."""
    A, B = A - A.mean(axis=-2, keepdims=True), B - B.mean(axis=-2, keepdims=True)
    nuclear = np.linalg.svd(np.swapaxes(B, -1, -2) @ A, compute_uv=False).sum(axis=-1)
    energy = (A**2).sum(axis=(-2, -1)) * (B**2).sum(axis=(-2, -1))
    return np.sqrt(np.clip(1 - nuclear**2 / np.maximum(energy, 1e-300), 0, 1))
