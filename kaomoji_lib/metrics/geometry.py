"""The shape of the states: components, how far categories stand apart, and whether sources arrange the same prompts alike."""

import itertools

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.states import compact, one_thread

COMPONENTS, SHOWN, NULL_COLUMNS = 10, 3, 512
HALVES = 100


@one_thread
def pca(X, prompts, scheme, *, permutations=stats.PERMUTATIONS, seed=0):
    """Compute principal components: column-centred, unscaled, signs fixed by the scheme.

    ``X``: (n, d), rows in the order of ``prompts`` (DataFrame with category). PC1 grows with valence, PC2 with arousal,
    PC3 with dominance (D over S), so that pictures of different models compare. Returns the scores (n, k) and a dict of
    Estimates: ``PC1, share of variance`` and so on (0..1; null: columns permuted independently); ``participation ratio``
    ((sum of variances)^2 / sum of squares, 1..n-1); ``PC1 and valence`` and ``PC2 and arousal`` (|correlation| with the
    scheme's coordinate; their null gives the coordinates to other categories, so that clustering by itself does not pass,
    and their n is the number of categories). All intervals come from half samples of prompts, in which the components are
    computed again. Parallel analysis: Horn 1965, doi:10.1007/BF02289447.
    """
    codes, names = pd.factorize(prompts["category"])
    own, compacted = scheme_coordinates(names, scheme), compact(X)
    coordinates = own[codes]
    scores, shares = _decompose(compacted)
    scores = scores[:, :COMPONENTS] * signs(scores[:, :COMPONENTS], coordinates)
    halves, close = [], []
    for half in stats.half_samples(len(X), seed=seed):
        part, part_shares = _decompose(compacted[half])
        halves.append(part_shares)
        close.append(_correlations(part, coordinates[half]))
    rng = np.random.default_rng(seed)
    halves, close, nulls = np.array(halves), np.array(close), _column_null(X, permutations, rng)

    def share(value, replicates, null, n, unit="prompts", **options):
        options = {"normal": True, "bounds": (0, 1), **options}
        return stats.estimate(value, replicates, n, unit, null=null, **options)

    found = {
        f"PC{i + 1}, share of variance": share(shares[i], halves[:, i], nulls[:, i], len(X))
        for i in range(min(SHOWN, scores.shape[1]))
    }
    ratios = [1 / np.maximum((part**2).sum(axis=-1), 1e-300) for part in (shares, halves, nulls)]
    found["participation ratio"] = share(*ratios, len(X), tail="less", bounds=(1, np.inf))
    moved = rng.permuted(np.tile(np.arange(len(names)), (permutations, 1)), axis=1)
    null = np.array([_correlations(scores, own[order][codes]) for order in moved])
    observed = _correlations(scores, coordinates)
    for i, measure in enumerate(("PC1 and valence", "PC2 and arousal")):
        found[measure] = share(observed[i], close[:, i], null[:, i], len(names), "categories")
    return scores, found


def scheme_coordinates(labels, scheme):
    """Valence, arousal and dominance of each prompt's category: (n, 3)."""
    table = scheme.table.loc[labels]
    dominance = table["dominance"].map({"D": 1.0, "S": -1.0}).fillna(0.0)
    return np.column_stack([table["valence"], table["arousal"], dominance]).astype(float)


def signs(scores, coordinates):
    """Return the sign (k,) of each component with which it grows with its column of ``coordinates`` (n, <= k).

    Components without a column, or uncorrelated with it, get the sign that makes their largest score positive.
    """
    guides = (coordinates - coordinates.mean(axis=0))[:, : scores.shape[1]]
    product = np.zeros(scores.shape[1])
    product[: guides.shape[1]] = (scores[:, : guides.shape[1]] * guides).sum(axis=0)
    largest = scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])]
    return np.where(np.where(np.abs(product) < 1e-12, largest, product) < 0, -1.0, 1.0)


def _decompose(X):
    """Return component scores (n, rank) and shares of variance, padded with zeros."""
    U, singular, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    shares = singular**2 / max((singular**2).sum(), 1e-300)
    return U * singular, np.pad(shares, (0, 8))


def _correlations(scores, coordinates):
    """Return |correlation| of PC1 with valence and of PC2 with arousal."""
    x, y = scores[:, [0, min(1, scores.shape[1] - 1)]], coordinates[:, :2]
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
    return np.abs((x * y).sum(axis=0)) / np.maximum(scale, 1e-300)


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
    return np.array(spectra)


@one_thread
def silhouette(X, labels, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure how far the categories ``labels`` (n,) stand apart among the rows of ``X`` (n, d): Estimate over prompts, -1..1.

    Null: the labels of other prompts (Fisher 1935). Interval: half samples; it is for studies of as many prompts,
    since the nearest other category looks nearer where means are noisy. Silhouette: Rousseeuw 1987.
    """
    X, codes = compact(X), pd.factorize(np.asarray(labels))[0]
    distances, rng = cdist(X, X), np.random.default_rng(seed)

    def mean(rows, codes):
        return stats.silhouettes(distances[np.ix_(rows, rows)], codes).mean()

    every = np.arange(len(codes))
    null = [mean(every, rng.permutation(codes)) for _ in range(permutations)]
    halves = [mean(half, codes[half]) for half in stats.half_samples(len(codes), 100, seed)]
    options = {"null": null, "normal": True, "bounds": (-1, 1)}
    return stats.estimate(mean(every, codes), halves, len(codes), "prompts", **options)


@one_thread
def procrustes(reference, scores, labels, codes, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return how badly category centroids fit a reference after rotation, reflection and isotropic scale: Estimate, 0..1.

    Relative residual |A - B R s| / |A| (Frobenius), A the reference's centroids, over categories; 0: the same shape. Null:
    the categories of B in another order. Interval: prompts resampled within category (Efron 1979), corrected for the
    bias that noise in the centroids adds and widened by it. Schoenemann 1966, doi:10.1007/BF02289451.

    ``reference``, ``scores``: component scores (n, >= 1) of the same prompts in the same order; three are used.
    ``labels``: (n,), categories; ``codes``: their order; those without a prompt are left out.
    """
    sides = [np.asarray(part, dtype=float)[:, :SHOWN] for part in (reference, scores)]
    members = [np.flatnonzero(np.asarray(labels) == code) for code in codes]
    members = [rows for rows in members if len(rows)]
    rng, count = np.random.default_rng(seed), len(members)
    A, B = (_centroids(side, members) for side in sides)
    orders = rng.permuted(np.tile(np.arange(count), (permutations, 1)), axis=1)
    drawn = [rng.choice(rows, size=(1000, len(rows))) for rows in members]
    value = float(residual(A, B))
    again = residual(*(_centroids(side, drawn) for side in sides))
    bias, spread = again.mean() - value, max(again.std(), 1e-12)
    # Few prompts understate the spread, and what is left of the bias is of its own size (tests/calibration).
    each = len(labels) / count
    widened = np.sqrt(each / (each - 1) * (1 + (bias / spread) ** 2)) if each > 1 else 1.0
    replicates = value - bias + (again - again.mean()) * widened
    options = {"null": residual(A, B[orders]), "tail": "less", "bounds": (0, 1)}
    return stats.estimate(value, replicates, count, "categories", **options)


def _centroids(scores, members):
    """Means of the rows ``members`` (a list of (..., rows) per category): (..., categories, k)."""
    return np.stack([scores[rows].mean(axis=-2) for rows in members], axis=-2)


def residual(A, B):
    """Relative residual of the best similarity map of ``B`` onto ``A``, shapes (..., categories, k)."""
    A, B = A - A.mean(axis=-2, keepdims=True), B - B.mean(axis=-2, keepdims=True)
    nuclear = np.linalg.svd(np.swapaxes(B, -1, -2) @ A, compute_uv=False).sum(axis=-1)
    energy = (A**2).sum(axis=(-2, -1)) * (B**2).sum(axis=(-2, -1))
    return np.sqrt(np.clip(1 - nuclear**2 / np.maximum(energy, 1e-300), 0, 1))


@one_thread
def similarity(sources, prompts, *, permutations=stats.PERMUTATIONS, halves=HALVES, seed=0):
    """Return the debiased linear CKA of every two of ``sources``, about 0 (unrelated) to 1: tidy table, one row per pair.

    The value is the largest over pairs of layers, and so is every value of its null (Westfall & Young 1993), which
    permutes prompts within their category: exceeding it says that more than the categories is shared. The interval comes
    from half samples of the prompts at the best pair. Label columns: ``left``, ``right``, ``left_layer``, ``right_layer``.
    CKA: Kornblith et al. 2019, arXiv:1905.00414; debiased: Murphy et al. 2024, arXiv:2405.01012; between language models:
    Huh et al. 2024, arXiv:2405.07987.

    ``sources``: dict title -> states (n, layers, d) or vectors (n, d), rows in the order of ``prompts``
    (DataFrame[category]).

    Raises
    ------
    KaomojiError
        If rows and prompts differ in number.
    """
    for title, states in sources.items():
        if len(states) != len(prompts):
            raise KaomojiError(
                f"{title} has {len(states)} rows for {len(prompts)} prompts; expected the same prompts "
                "in the same order; collect both runs with one prompt table"
            )
    grams = {title: _grams(states) for title, states in sources.items()}
    own, n = {title: signatures(part) for title, part in grams.items()}, len(prompts)
    rows, columns = np.triu_indices(n, 1)
    place = np.zeros((n, n), dtype=np.int32)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    orders = stats.orders(prompts["category"].factorize()[0], permutations, [seed, 1])
    frames = []
    for left, right in itertools.combinations(sources, 2):
        one, other = own[left], own[right]
        product = one.T @ other
        null = [(one.T @ other[place[order[rows], order[columns]]]).max() for order in orders]
        best = np.unravel_index(product.argmax(), product.shape)
        pair = grams[left][best[0]], grams[right][best[1]]
        spread = [
            np.prod(signatures(np.stack([gram[np.ix_(half, half)] for gram in pair])), axis=1).sum()
            for half in stats.half_samples(n, halves, seed)
        ]
        options = {"null": null, "normal": True, "bounds": (-1, 1)}
        found = stats.estimate(product.max(), spread, n, "prompts", **options)
        labels = {"left": left, "right": right, "left_layer": best[0], "right_layer": best[1]}
        frames.append(results.frame({(f"{left} – {right}", "CKA"): found}, **labels))
    return pd.concat(frames, ignore_index=True)


def _grams(states):
    """Return the Gram matrix of each layer, centred and of unit trace: float32 (layers, n, n)."""
    states = np.asarray(states)
    layers = states[:, None] if states.ndim == 2 else states
    parts = (compact(layers[:, layer]) for layer in range(layers.shape[1]))
    return np.stack([X @ X.T / max((X**2).sum(), 1e-300) for X in parts]).astype(np.float32)


def signatures(grams):
    """Return the signatures of Gram matrices (layers, n, n): float32 (pairs, layers), columns of unit length or 0.

    A signature is a source's arrangement of the prompts as a vector over pairs of them. Entries are U-centred, so that the
    inner product of two is debiased linear CKA (Szekely & Rizzo 2014, doi:10.1214/14-AOS1255). Relabelling the prompts of
    one source only moves the entries: a permutation costs one matrix product for all layers of all sources together.
    """
    n = grams.shape[-1]
    grams = grams * ~np.eye(n, dtype=bool)
    means = grams.sum(axis=-1) / (n - 2)
    whole = grams.sum(axis=(-2, -1), keepdims=True) / ((n - 1) * (n - 2))
    rows, columns = np.triu_indices(n, 1)
    entries = (grams - means[..., :, None] - means[..., None, :] + whole)[:, rows, columns]
    # States that are alike for all prompts (the embedding of a template's last token) resemble nothing.
    length = np.linalg.norm(entries, axis=1, keepdims=True)
    return np.where(length > 0, entries / np.where(length > 0, length, 1), 0).T.astype(np.float32)
