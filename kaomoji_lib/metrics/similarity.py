"""Measures of likeness between two arrangements of the same prompts, each written as one inner product.

A source's arrangement becomes a vector over pairs of prompts, of unit length (a *signature*); the measure is the inner
product of two of them. Relabelling the prompts of one source moves the entries of its signature and nothing else, so a
permutation costs one gather and one small matrix product for all pairs of layers together: the cost grows with
permutations x prompts^2 x layers^2 and, once the Gram matrices are made, not with the width of the states.
"""

import numpy as np

from kaomoji_lib import stats as statistics
from kaomoji_lib.metrics import classify as classifier

NEIGHBOURS = 10


def signature(X, measure):
    """The signature of states ``X`` (n, d): float32 (entries,). ``measure``: ``CKA``, ``RSA`` or ``mutual kNN``.

    CKA: the U-centred linear Gram matrix (debiased; Kornblith et al. 2019, arXiv:1905.00414; Murphy et al. 2024,
    arXiv:2405.01012; Szekely & Rizzo 2014). RSA: ranks of the Euclidean distances (Kriegeskorte et al. 2008).
    Mutual kNN: who is among whose 10 nearest of 180, or the same share of another number (Huh et al. 2024, arXiv:2405.07987).
    """
    return _entries(MEASURES[measure](np.asarray(X, dtype=np.float64)), measure)


def signatures(states, measure):
    """Signatures of every layer of ``states`` (n, layers, d): float32 (entries, layers)."""
    return np.column_stack(
        [signature(states[:, layer], measure) for layer in range(states.shape[1])]
    )


def permuted(left, right, orders, measure):
    """Likeness of every layer of ``left`` with every layer of ``right`` under each relabelling of ``right``.

    ``left``: (entries, a), ``right``: (entries, b) signatures; ``orders``: ints (permutations, n). Returns float32 (permutations, a, b).
    """
    rows, columns, place = _places(orders.shape[1], measure)
    found = np.empty((len(orders), left.shape[1], right.shape[1]), dtype=np.float32)
    turned = np.ascontiguousarray(left.T)
    for number, order in enumerate(orders):
        np.matmul(turned, right[place[order[rows], order[columns]]], out=found[number])
    return found


def _places(n, measure):
    """Row and column of each entry, and the entry of each cell; symmetric measures keep one triangle."""
    if measure == "mutual kNN":
        rows, columns = np.nonzero(~np.eye(n, dtype=bool))
    else:
        rows, columns = np.triu_indices(n, 1)
    place = np.zeros((n, n), dtype=np.int32)
    place[rows, columns] = np.arange(len(rows))
    if measure != "mutual kNN":
        place[columns, rows] = place[rows, columns]
    return rows, columns, place


def _entries(matrix, measure):
    rows, columns, _ = _places(len(matrix), measure)
    vector = matrix[rows, columns]
    length = np.linalg.norm(vector)
    # States that are alike for all prompts (the embedding of a template's last token) are like nothing.
    return (vector / length if length > 0 else np.zeros_like(vector)).astype(np.float32)


def u_centred(gram):
    """U-centring (Szekely & Rizzo 2014, doi:10.1214/14-AOS1255): inner products of the result are unbiased HSIC, up to a constant.

    ``gram``: (..., n, n), symmetric; what is added to whole rows and columns alike drops out.
    """
    n = gram.shape[-1]
    off = ~np.eye(n, dtype=bool)
    gram = gram * off
    means = gram.sum(axis=-1) / (n - 2)
    whole = gram.sum(axis=(-2, -1), keepdims=True) / ((n - 1) * (n - 2))
    return (gram - means[..., :, None] - means[..., None, :] + whole) * off


def signatures_of_grams(grams, measure):
    """Signatures (``CKA`` or ``RSA``) of Gram matrices (layers, n, n): float32 (entries, layers); equal distances are ranked in their order."""
    rows, columns, _ = _places(grams.shape[-1], measure)
    if measure == "CKA":
        entries = u_centred(grams)[:, rows, columns]
    else:
        own = np.diagonal(grams, axis1=1, axis2=2)
        distances = own[:, rows] + own[:, columns] - 2 * grams[:, rows, columns]
        entries = np.empty_like(distances)
        np.put_along_axis(
            entries,
            distances.argsort(axis=1),
            np.arange(len(rows), dtype=distances.dtype)[None] - (len(rows) - 1) / 2,
            axis=1,
        )
        entries *= own.any(axis=1, keepdims=True)
    length = np.linalg.norm(entries, axis=1, keepdims=True)
    return np.where(length > 0, entries / np.where(length > 0, length, 1), 0).T.astype(np.float32)


def _cka(X):
    X = classifier.compact(X)
    return u_centred(X @ X.T) if X.any() else np.zeros((len(X), len(X)))


def _rsa(X):
    from scipy.stats import rankdata

    distances = statistics.pairwise_distances(classifier.compact(X))
    upper = np.triu_indices(len(distances), 1)
    matrix = np.zeros_like(distances)
    ranks = rankdata(distances[upper])
    matrix[upper] = ranks - ranks.mean()
    return matrix


def _neighbours(X):
    X = classifier.compact(X)
    n, mask = len(X), np.zeros((len(X), len(X)))
    if not X.any():
        return mask
    nearest = min(max(1, round(NEIGHBOURS * n / 180)), n - 1)
    distances = statistics.pairwise_distances(X) + np.diag(np.full(n, np.inf))
    np.put_along_axis(
        mask, np.argpartition(distances, nearest - 1, axis=1)[:, :nearest], 1.0, axis=1
    )
    return mask


MEASURES = {"CKA": _cka, "RSA": _rsa, "mutual kNN": _neighbours}
