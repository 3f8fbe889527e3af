"""The shape of the states: principal components, layers, and (from their own modules) alignment and faces."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.metrics.alignment import Alignment, linear_cka, neighbour_overlap, procrustes, rsa
from kaomoji_lib.metrics.faces import FaceMeans, Heatmap, cosine, face_means
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.metrics.threads import one_thread

__all__ = [
    "Alignment",
    "Components",
    "FaceMeans",
    "Heatmap",
    "cosine",
    "face_means",
    "layer_curve",
    "linear_cka",
    "neighbour_overlap",
    "pca",
    "procrustes",
    "rsa",
    "stack",
]

NULL_COLUMNS = 1024


@dataclass(frozen=True)
class Components:
    """Principal components of one row per prompt.

    ``scores``: (n, k). ``variance``: Estimates of the first components' shares of variance (0..1), null:
    columns shuffled independently. ``participation_ratio``: (sum of variances)^2 / sum of squares,
    1..n-1. ``valence`` / ``arousal``: |correlation| of PC1 / PC2 with the scheme's coordinate; their
    null deals the coordinates to other categories, so clustering by itself does not pass.
    """

    scores: np.ndarray
    labels: np.ndarray
    variance: tuple
    participation_ratio: statistics.Estimate
    valence: statistics.Estimate
    arousal: statistics.Estimate


@one_thread
def pca(X, prompts, scheme, *, components=10, shown=3, seed=0):
    """Column-centred, unscaled PCA with signs fixed by the scheme.

    ``X``: (n, d), rows in the order of ``prompts`` (DataFrame with category). PC1 grows with valence,
    PC2 with arousal, PC3 with dominance (D over S), so that pictures of different models compare.
    The intervals come from half samples of prompts.
    Components against columns dealt anew: Horn 1965, doi:10.1007/BF02289447.
    """
    if len(X) != len(prompts):
        raise KaomojiError(
            f"{len(X)} states for {len(prompts)} prompts; expected one row a prompt; average or select rows first"
        )
    labels = prompts["category"].to_numpy(dtype=object)
    coordinates = _coordinates(labels, scheme)
    compact = classifier.compact(X)
    U, singular, _ = np.linalg.svd(compact - compact.mean(axis=0), full_matrices=False)
    scores = (U * singular)[:, :components]
    scores = scores * signs(scores, coordinates)
    spectrum = _shares(compact)
    halves = [_shares(compact[half]) for half in statistics.half_samples(len(X), seed=seed)]
    nulls = _column_null(X, seed)
    variance = tuple(
        statistics.estimate(
            spectrum[i],
            [half[i] for half in halves],
            len(X),
            "prompts",
            null=[null[i] for null in nulls],
            interval="normal",
            bounds=(0, 1),
        )
        for i in range(min(shown, scores.shape[1]))
    )
    ratio = statistics.estimate(
        _ratio(spectrum),
        [_ratio(half) for half in halves],
        len(X),
        "prompts",
        null=[_ratio(null) for null in nulls],
        tail="less",
        interval="normal",
        bounds=(1, np.inf),
    )
    readings = [
        _circumplex(scores[:, min(i, scores.shape[1] - 1)], labels, scheme.table[name], seed)
        for i, name in enumerate(("valence", "arousal"))
    ]
    return Components(scores, labels, variance, ratio, *readings)


def _coordinates(labels, scheme):
    unknown = sorted(set(labels) - set(scheme.codes))
    if unknown:
        raise KaomojiError(
            f"categories {', '.join(unknown)} are not in the scheme; expected {', '.join(scheme.codes)}; add them"
        )
    table = scheme.table.loc[labels]
    dominance = table["dominance"].map({"D": 1.0, "S": -1.0}).fillna(0.0)
    return np.column_stack([table["valence"], table["arousal"], dominance]).astype(float)


def signs(scores, coordinates):
    signs = np.ones(scores.shape[1])
    for i in range(scores.shape[1]):
        guide = (
            coordinates[:, i] - coordinates[:, i].mean()
            if i < coordinates.shape[1]
            else np.zeros(len(scores))
        )
        product = scores[:, i] @ guide
        if abs(product) < 1e-12:
            product = scores[np.abs(scores[:, i]).argmax(), i]
        signs[i] = -1.0 if product < 0 else 1.0
    return signs


def _shares(X):
    centred = X - X.mean(axis=0)
    gram = centred @ centred.T if len(centred) <= centred.shape[1] else centred.T @ centred
    values = np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)
    return np.pad(values / max(values.sum(), 1e-300), (0, 8))


def _ratio(shares):
    return 1 / max((shares**2).sum(), 1e-300)


def _column_null(X, seed, permutations=100):
    """Spectra with each column shuffled by itself; a random 1,024 columns where there are more."""
    rng = np.random.default_rng(seed)
    X = np.asarray(X)
    if X.shape[1] > NULL_COLUMNS:
        X = X[:, rng.choice(X.shape[1], NULL_COLUMNS, replace=False)]
    X = X.astype(np.float64)
    return [_shares(rng.permuted(X, axis=0)) for _ in range(permutations)]


def _circumplex(score, labels, coordinate, seed, permutations=10_000):
    codes, names = pd.factorize(labels)
    values = coordinate.loc[list(names)].to_numpy(float)
    rng = np.random.default_rng(seed)
    member = np.eye(len(names))[codes]
    counts = statistics.resampling_counts(len(score), 1000, seed)
    observed = _correlation(score, values[codes], np.ones((1, len(score))))[0]
    replicates = _correlation(score, values[codes], counts)
    dealt = rng.permuted(np.tile(values, (permutations, 1)), axis=1) @ member.T
    dealt = dealt - dealt.mean(axis=1, keepdims=True)
    centred = score - score.mean()
    scale = np.linalg.norm(centred) * np.linalg.norm(dealt, axis=1)
    null = np.abs(dealt @ centred) / np.maximum(scale, 1e-300)
    return statistics.estimate(
        abs(observed),
        replicates * np.sign(observed or 1),
        len(score),
        "prompts",
        null=null,
        bounds=(0, 1),
    )


def _correlation(x, y, weights):
    """Weighted Pearson correlation for each row of ``weights`` (m, n)."""
    total = weights.sum(axis=1)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    covariance = weights @ (x * y) / total - mean_x * mean_y
    variances = (weights @ (x * x) / total - mean_x**2) * (weights @ (y * y) / total - mean_y**2)
    return covariance / np.sqrt(np.maximum(variances, 1e-300))


@one_thread
def silhouette(X, labels, *, permutations=100, seed=0, rng=None):
    """How well the categories ``labels`` (n,) stand apart among the rows of ``X`` (n, d): Estimate over prompts.

    Null: the labels dealt to other prompts (Fisher 1935), by ``rng`` where several analyses draw from one. Silhouette: Rousseeuw 1987.
    """
    distances, codes, rng = (
        statistics.pairwise_distances(X),
        pd.factorize(np.asarray(labels))[0],
        rng or np.random.default_rng(seed),
    )
    null = [
        statistics.silhouettes(distances, rng.permutation(codes)).mean()
        for _ in range(permutations)
    ]
    return statistics.bootstrap(statistics.silhouettes(distances, codes), seed=seed, null=null)


@one_thread
def layer_curve(states, labels, *, layers=None, repeats=1, permutations=100, seed=0):
    """Category accuracy and silhouette of each layer alone.

    ``states``: (n, layers, d), one row per prompt. Returns a DataFrame: layer, accuracy (cross-validated
    as in :func:`prediction.from_states`), ci_low, ci_high, null, p, n, majority, and silhouette with
    silhouette_low, _high, _null and _p. Nulls are per layer: for the best layer multiply its p by the
    number of layers.
    Probes by layer: Alain & Bengio 2017, arXiv:1610.01644; silhouettes: Rousseeuw 1987.
    """
    labels = np.asarray(labels)
    names = range(states.shape[1]) if layers is None else layers
    rng = np.random.default_rng(seed)
    rows = []
    for index, layer in enumerate(names):
        X = states[:, index]
        found = prediction.from_states(
            X,
            labels,
            np.arange(len(X)),
            name=str(layer),
            repeats=repeats,
            permutations=permutations,
            seed=seed,
        )
        width = silhouette(
            classifier.compact(X), labels, permutations=permutations, seed=seed, rng=rng
        )
        rows.append(
            {
                "layer": str(layer),
                **found.accuracy.fields("accuracy"),
                "majority": found.majority,
                "silhouette": width.value,
                "silhouette_low": width.ci_low,
                "silhouette_high": width.ci_high,
                "silhouette_null": width.null_mean,
                "silhouette_p": width.p,
            }
        )
    return pd.DataFrame(rows)
