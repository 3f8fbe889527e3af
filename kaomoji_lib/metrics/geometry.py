"""The shape of the states: principal components, how far categories stand apart, and where in the layers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify
from kaomoji_lib.metrics.alignment import Alignment, procrustes
from kaomoji_lib.metrics.similarity import linear_cka
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.metrics.threads import one_thread

__all__ = ["Alignment", "Components", "linear_cka", "pca", "procrustes", "signs", "silhouette"]
__all__ += ["stack"]
NULL_COLUMNS = 512


@dataclass(frozen=True)
class Components:
    """Principal components of one row per prompt.

    ``scores``: (n, k). ``labels``: (n,). ``variance``: Estimates of the first components' shares of variance (0..1);
    null: columns permuted independently. ``participation_ratio``: (sum of variances)^2 / sum of squares, 1..n-1.
    ``valence`` / ``arousal``: |correlation| of PC1 / PC2 with the scheme's coordinate. Their null gives the coordinates
    to other categories, so that clustering by itself does not pass, and their n is the number of categories.
    """

    scores: np.ndarray
    labels: np.ndarray
    variance: tuple
    participation_ratio: stats.Estimate
    valence: stats.Estimate
    arousal: stats.Estimate

    def table(self):
        """Return the estimates as a tidy table."""
        named = {f"PC{i}, share of variance": item for i, item in enumerate(self.variance, start=1)}
        named |= {"participation ratio": self.participation_ratio}
        return results.frame(
            {**named, "PC1 and valence": self.valence, "PC2 and arousal": self.arousal}
        )


@one_thread
def pca(X, prompts, scheme, *, components=10, shown=3, permutations=stats.PERMUTATIONS, seed=0):
    """Compute principal components: column-centred, unscaled, signs fixed by the scheme.

    ``X``: (n, d), rows in the order of ``prompts`` (DataFrame with category). PC1 grows with valence, PC2 with arousal,
    PC3 with dominance (D over S), so that pictures of different models compare. All intervals come from half samples of
    prompts, in which the components are computed again. Parallel analysis: Horn 1965, doi:10.1007/BF02289447.
    """
    if len(X) != len(prompts):
        raise KaomojiError(
            f"{len(X)} states for {len(prompts)} prompts; expected one row a prompt; average or select rows first"
        )
    labels, n = prompts["category"].to_numpy(dtype=object), len(X)
    coordinates = _coordinates(labels, scheme)
    compact = classify.compact(X)
    scores, shares = _decompose(compact)
    scores = scores[:, :components] * signs(scores[:, :components], coordinates)
    halves, close = [], []
    for half in stats.half_samples(n, seed=seed):
        part, part_shares = _decompose(compact[half])
        halves.append(part_shares)
        close.append(np.abs(_correlations(part, coordinates[half])))
    rng = np.random.default_rng(seed)
    nulls = _column_null(X, permutations, rng)
    pick = lambda parts, i: [part[i] for part in parts]  # noqa: E731
    normal = {"interval": "normal", "bounds": (0, 1)}
    variance = tuple(
        stats.estimate(shares[i], pick(halves, i), n, "prompts", null=pick(nulls, i), **normal)
        for i in range(min(shown, scores.shape[1]))
    )
    ratio = stats.estimate(
        _ratio(shares),
        list(map(_ratio, halves)),
        n,
        "prompts",
        null=list(map(_ratio, nulls)),
        tail="less",
        interval="normal",
        bounds=(1, np.inf),
    )
    codes, names = pd.factorize(labels)
    moved = rng.permuted(np.tile(np.arange(len(names)), (permutations, 1)), axis=1)
    observed, places = np.abs(_correlations(scores, coordinates)), []
    for i in range(2):
        of = scheme.table.loc[list(names), ("valence", "arousal")[i]].to_numpy(float)
        null = [
            abs(_correlation(scores[:, min(i, scores.shape[1] - 1)], of[o][codes])) for o in moved
        ]
        places.append(
            stats.estimate(
                observed[i], pick(close, i), len(names), "categories", null=null, **normal
            )
        )
    return Components(scores, labels, variance, ratio, *places)


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
    """Return the sign (k,) of each component with which it grows with its column of ``coordinates`` (n, <= k).

    Components without a column, or uncorrelated with it, get the sign that makes their largest score positive.
    """
    guides = np.zeros(scores.shape)
    width = min(guides.shape[1], coordinates.shape[1])
    guides[:, :width] = (coordinates - coordinates.mean(axis=0))[:, :width]
    product = (scores * guides).sum(axis=0)
    largest = scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])]
    return np.where(np.where(np.abs(product) < 1e-12, largest, product) < 0, -1.0, 1.0)


def _decompose(X):
    """Return component scores (n, rank) and shares of variance, padded with zeros."""
    U, singular, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return U * singular, np.pad(singular**2 / max((singular**2).sum(), 1e-300), (0, 8))


def _ratio(shares):
    return 1 / max((shares**2).sum(), 1e-300)


def _correlations(scores, coordinates):
    """Return the correlation of PC1 with valence and of PC2 with arousal."""
    last = scores.shape[1] - 1
    return np.array([_correlation(scores[:, min(i, last)], coordinates[:, i]) for i in range(2)])


def _correlation(x, y):
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / max(np.linalg.norm(x) * np.linalg.norm(y), 1e-300))


def _column_null(X, permutations, rng):
    """Spectra with each column permuted by itself; of 512 random columns where there are more."""
    X = np.asarray(X)
    if X.shape[1] > NULL_COLUMNS:
        X = X[:, rng.choice(X.shape[1], NULL_COLUMNS, replace=False)]
    X = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    spectra = []
    for _ in range(permutations):
        moved = rng.permuted(X, axis=0)
        gram = moved @ moved.T if len(X) <= X.shape[1] else moved.T @ moved
        values = np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)
        spectra.append(np.pad(values / max(values.sum(), 1e-300), (0, 8)))
    return spectra


@one_thread
def silhouette(X, labels, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure how far the categories ``labels`` (n,) stand apart among the rows of ``X`` (n, d): Estimate over prompts, -1..1.

    Null: the labels of other prompts (Fisher 1935). Interval: half samples; it is for studies of as many prompts,
    since the nearest other category looks nearer where means are noisy. Silhouette: Rousseeuw 1987.
    """
    X, codes = classify.compact(X), pd.factorize(np.asarray(labels))[0]
    distances = cdist(X, X)
    mean = lambda labels, rows=slice(None): (  # noqa: E731
        stats.silhouettes(distances[rows][:, rows], labels[rows]).mean()
    )
    rng = np.random.default_rng(seed)
    null = [mean(rng.permutation(codes)) for _ in range(permutations)]
    halves = [mean(codes, half) for half in stats.half_samples(len(codes), 100, seed)]
    return stats.estimate(
        mean(codes), halves, len(codes), "prompts", null=null, interval="normal", bounds=(-1, 1)
    )
