"""Whether sources arrange the same prompts alike, over all pairs of their layers, and whether in more than the categories.

A source's arrangement becomes a vector over pairs of prompts of unit length (a *signature*); debiased linear CKA is the
inner product of two signatures. Relabelling the prompts of one source moves the entries of its signature and nothing
else, so that a permutation costs one gather and one matrix product for all layers of all sources together.
"""

import itertools

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify
from kaomoji_lib.metrics.threads import one_thread

HALVES = 100
FREE, WITHIN = "free", "within category"


@one_thread
def compare(sources, prompts, *, permutations=stats.PERMUTATIONS, halves=HALVES, seed=0):
    """Return the debiased linear CKA of every two of ``sources``: tidy table, one row per pair and null.

    The value is the largest over pairs of layers, and so is every value of its null (Westfall & Young 1993). The null
    ``free`` gives the states to other prompts, for which telling the categories apart is enough; ``within category`` to
    other prompts of the same category. The interval comes from half samples of the prompts at the best pair. Label
    columns: ``left``, ``right``, ``left_layer``, ``right_layer``, ``null``. CKA: Kornblith et al. 2019, arXiv:1905.00414;
    debiased: Murphy et al. 2024, arXiv:2405.01012; between language models: Huh et al. 2024, arXiv:2405.07987.

    Parameters
    ----------
    sources : dict title -> states (n, layers, d) or vectors (n, d), rows in the order of ``prompts``.
    prompts : DataFrame[category].

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
    ends = np.cumsum([len(part) for part in grams.values()])
    block = {title: slice(end - len(grams[title]), end) for title, end in zip(grams, ends)}
    own, n = np.hstack([signatures(part) for part in grams.values()]), len(prompts)
    rows, columns = np.triu_indices(n, 1)
    place = np.zeros((n, n), dtype=np.int32)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    products, codes = {}, prompts["category"].factorize()[0]
    for number, (null, among) in enumerate({FREE: np.zeros(n), WITHIN: codes}.items()):
        orders = resampling.orders(among, permutations, [seed, number])
        products[null] = [own.T @ own[place[order[rows], order[columns]]] for order in orders]
    frames, product = [], own.T @ own
    for left, right in itertools.combinations(sources, 2):
        cell = block[left], block[right]
        best = np.unravel_index(product[cell].argmax(), product[cell].shape)
        pair = grams[left][best[0]], grams[right][best[1]]
        spread = [
            np.prod(signatures(np.stack([gram[np.ix_(half, half)] for gram in pair])), axis=1).sum()
            for half in stats.half_samples(n, halves, seed)
        ]
        labels = {"left": left, "right": right, "left_layer": best[0], "right_layer": best[1]}
        for name, moved in products.items():
            found = stats.estimate(
                product[cell].max(),
                spread,
                n,
                "prompts",
                null=[part[cell].max() for part in moved],
                interval="normal",
                bounds=(-1, 1),
            )
            frames.append(results.frame({(f"{left} – {right}", "CKA"): found}, **labels, null=name))
    return pd.concat(frames, ignore_index=True)


def linear_cka(X, Y, labels, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return the debiased linear CKA of ``X`` (n, d) and ``Y`` (n, e), about 0 (unrelated) to 1, with two nulls.

    Two Estimates of one value: the null of the first permutes prompts freely, that of the second within their category.
    As :func:`compare`; Kornblith et al. 2019, arXiv:1905.00414.
    """
    prompts = pd.DataFrame({"category": np.asarray(labels)})
    table = compare({"X": X, "Y": Y}, prompts, permutations=permutations, seed=seed)
    return tuple(results.estimate(row) for _, row in table.iterrows())


def _grams(states):
    """Return the Gram matrix of each layer, centred and of unit trace: float32 (layers, n, n)."""
    states = np.asarray(states)
    layers = states[:, None] if states.ndim == 2 else states
    parts = (classify.compact(layers[:, layer]) for layer in range(layers.shape[1]))
    return np.stack([X @ X.T / max((X**2).sum(), 1e-300) for X in parts]).astype(np.float32)


def signatures(grams):
    """Return the signatures of Gram matrices (layers, n, n): float32 (pairs, layers), columns of unit length or 0.

    Entries are U-centred, so that the inner product of two is unbiased HSIC up to a constant (Szekely & Rizzo 2014,
    doi:10.1214/14-AOS1255).
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
