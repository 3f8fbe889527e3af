"""Whether sources arrange the same prompts alike, over all pairs of their layers, and whether more than text and category explains it.

A source's arrangement becomes a vector over pairs of prompts of unit length (a *signature*); a measure is the inner
product of two signatures. Relabelling the prompts of one source moves the entries of its signature and nothing else, so
that a permutation costs one gather and one matrix product for all layers of all sources together.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify
from kaomoji_lib.metrics.threads import one_thread

MEASURES = ("CKA", "RSA", "mutual kNN")
NEIGHBOURS, HALVES = 10, 100
TEXT = "given text and category"
# What a test against each null allows to say that two sources share.
NULLS = {
    "free": "an arrangement, for which telling the categories apart is enough",
    "within category": "more than the categories",
    "within category and topic": "more than category and topic",
    TEXT: "more than the categories and what a ridge regression on the text explains",
}
PENALTIES = np.geomspace(1e-5, 1e4, 61)


@dataclass(frozen=True)
class Comparison:
    """``table``: tidy, one row per pair of sources and null (labels ``left``, ``right``, ``left_layer``, ``right_layer``, ``null``).

    ``layers``: dict (left, right) -> array (layers of left, layers of right) of the measure.
    """

    table: pd.DataFrame
    layers: dict


@one_thread
def compare(
    sources,
    prompts,
    *,
    measure="CKA",
    residualise=False,
    text=None,
    permutations=stats.PERMUTATIONS,
    halves=HALVES,
    seed=0,
):
    """Compare every two of ``sources``: a :class:`Comparison`.

    The value is the largest over pairs of layers, and so is every value of its null (Westfall & Young 1993). The
    interval comes from half samples of the prompts at the best pair. Platonic claim and measures: Huh et al. 2024,
    arXiv:2405.07987.

    Parameters
    ----------
    sources : dict title -> states (n, layers, d) or vectors (n, d), rows in the order of ``prompts``.
    prompts : DataFrame[category, topic].
    measure : ``CKA`` (debiased, linear), ``RSA`` (Spearman of distances) or ``mutual kNN`` (10 neighbours of 180).
    residualise : take the category means out of all states first, so that the value is the likeness inside categories.
    text : (n, m), vectors of the prompts' text; with ``residualise`` adds the null ``given text and category``: each
        source's states are drawn from its ridge regression on the text (:class:`TextModel`), with residuals permuted
        within categories independently of the other source (after Freedman & Lane 1983, doi:10.2307/1391660).

    Raises
    ------
    KaomojiError
        If rows and prompts differ in number, the measure is unknown, or ``text`` is given without ``residualise``.
    """
    _require(sources, prompts, measure, residualise, text)
    codes, n = prompts["category"].factorize()[0], len(prompts)
    layers = {
        title: _layers(states, codes if residualise else None) for title, states in sources.items()
    }
    grams = {title: _grams(part) for title, part in layers.items()}
    own = np.hstack([signatures(part, measure) for part in grams.values()])
    block = _blocks(layers)
    rows, columns, place = _places(n, measure)
    names = ["within category"] if residualise else ["free", "within category"]
    names += ["within category and topic"] if (prompts["topic"] != "").any() else []
    nulls = {}
    for number, name in enumerate(names):
        orders = resampling.orders(resampling.blocks(prompts, name), permutations, [seed, number])
        moved = (own[place[order[rows], order[columns]]] for order in orders)
        nulls[name] = [_maxima(own.T @ part, block) for part in moved]
    if text is not None:
        models = [[TextModel.fit(X, text, codes) for X in part] for part in layers.values()]
        every = [resampling.orders(codes, permutations, [seed, 9, i]) for i in range(len(models))]
        rng, nulls[TEXT] = np.random.default_rng([seed, 8]), []
        for orders in zip(*every):
            drawn = [[model.draw(o, rng) for model in part] for part, o in zip(models, orders)]
            made = np.hstack([signatures(_grams(part), measure) for part in drawn])
            nulls[TEXT].append(_maxima(made.T @ made, block))
    product, frames, values = own.T @ own, [], {}
    for pair, part in block.items():
        values[pair] = product[part]
        best = np.unravel_index(values[pair].argmax(), values[pair].shape)
        left, right = (grams[title][layer] for title, layer in zip(pair, best))
        spread = [
            _likeness(left[np.ix_(half, half)], right[np.ix_(half, half)], measure)
            for half in stats.half_samples(n, halves, seed)
        ]
        for name, null in nulls.items():
            found = stats.estimate(
                values[pair].max(),
                spread,
                n,
                "prompts",
                null=[maxima[pair] for maxima in null],
                interval="normal",
                bounds=(-1, 1),
            )
            labels = {"left": pair[0], "right": pair[1], "null": name}
            labels |= {"left_layer": int(best[0]), "right_layer": int(best[1])}
            title = measure + (" inside categories" if residualise else "")
            frames.append(results.frame({(" – ".join(pair), title): found}, **labels))
    return Comparison(pd.concat(frames, ignore_index=True), values)


def supported(table):
    """Return what the rows of one pair (of a :class:`Comparison`'s table) allow to say that the two share, in words.

    The strictest null of which p is at most .05 after Holm's correction over all rows given.
    """
    passed = table["null"][stats.holm(table["p"]) <= 0.05]
    return next(
        (words for name, words in reversed(NULLS.items()) if name in set(passed)), "nothing"
    )


def linear_cka(X, Y, labels, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return the debiased linear CKA of ``X`` (n, d) and ``Y`` (n, e), about 0 (unrelated) to 1, with two nulls.

    Two Estimates of one value: the null of the first permutes prompts freely, that of the second within their category.
    Kornblith et al. 2019, arXiv:1905.00414; Murphy et al. 2024, arXiv:2405.01012.
    """
    prompts = pd.DataFrame({"category": np.asarray(labels), "topic": ""})
    table = compare({"X": X, "Y": Y}, prompts, permutations=permutations, seed=seed).table
    return tuple(results.estimate(row) for _, row in table.iterrows())


def _require(sources, prompts, measure, residualise, text):
    if measure not in MEASURES:
        raise KaomojiError(f"unknown measure {measure!r}; expected one of {', '.join(MEASURES)}")
    if text is not None and not residualise:
        raise KaomojiError(
            "text is given but category means are not taken out; expected both; pass residualise=True"
        )
    for title, states in {**sources, **({} if text is None else {"text": text})}.items():
        if len(states) != len(prompts):
            raise KaomojiError(
                f"{title} has {len(states)} rows for {len(prompts)} prompts; expected the same prompts "
                "in the same order; collect both runs with one prompt table"
            )


def _layers(states, codes=None):
    """Return the centred layers as a list of (n, <= n); with ``codes`` without the categories' means."""
    states = np.asarray(states)
    states = states[:, None] if states.ndim == 2 else states
    layers = [classify.compact(states[:, layer]) for layer in range(states.shape[1])]
    return layers if codes is None else [X - _means(X, codes) for X in layers]


def _means(X, codes):
    member = np.eye(codes.max() + 1)[codes]
    return member @ ((member.T @ X) / member.sum(axis=0)[:, None])


def _grams(layers):
    return np.stack([X @ X.T / max((X**2).sum(), 1e-300) for X in layers]).astype(np.float32)


def _blocks(layers):
    """Return the place of every pair of sources in a matrix over all layers of all sources."""
    ends = np.cumsum([len(part) for part in layers.values()])
    place = {title: slice(end - len(layers[title]), end) for title, end in zip(layers, ends)}
    return {pair: (place[pair[0]], place[pair[1]]) for pair in itertools.combinations(layers, 2)}


def _maxima(product, block):
    return {pair: float(product[part].max()) for pair, part in block.items()}


def _likeness(left, right, measure):
    return float((signatures(left[None], measure) * signatures(right[None], measure)).sum())


def signatures(grams, measure):
    """Return the signatures of Gram matrices (layers, n, n): float32 (entries, layers), columns of unit length or 0.

    CKA: U-centred entries (Szekely & Rizzo 2014, doi:10.1214/14-AOS1255). RSA: ranks of the Euclidean distances
    (Kriegeskorte et al. 2008, doi:10.3389/neuro.06.004.2008). Mutual kNN: who is among whose nearest.
    """
    rows, columns, _ = _places(grams.shape[-1], measure)
    if measure == "CKA":
        entries = u_centred(grams)[:, rows, columns]
    else:
        norms = np.diagonal(grams, axis1=1, axis2=2)
        distances = norms[:, :, None] + norms[:, None] - 2 * grams
        differ = norms.any(axis=1)[:, None]
        if measure == "RSA":
            entries = (distances[:, rows, columns].argsort(axis=1).argsort(axis=1) * 1.0) * differ
            entries -= entries.mean(axis=1, keepdims=True)
        else:
            entries = _nearest(distances)[:, rows, columns] * differ
    # States that are alike for all prompts (the embedding of a template's last token) resemble nothing.
    length = np.linalg.norm(entries, axis=1, keepdims=True)
    return np.where(length > 0, entries / np.where(length > 0, length, 1), 0).T.astype(np.float32)


def u_centred(gram):
    """Return Gram matrices (..., n, n) U-centred: inner products of two of them are unbiased HSIC, up to a constant."""
    n = gram.shape[-1]
    gram = gram * ~np.eye(n, dtype=bool)
    means = gram.sum(axis=-1) / (n - 2)
    whole = gram.sum(axis=(-2, -1), keepdims=True) / ((n - 1) * (n - 2))
    return (gram - means[..., :, None] - means[..., None, :] + whole) * ~np.eye(n, dtype=bool)


def _nearest(distances):
    n = distances.shape[-1]
    count = min(max(1, round(NEIGHBOURS * n / 180)), n - 1)
    distances = np.where(np.eye(n, dtype=bool), np.inf, distances)
    near = np.argpartition(distances, count - 1, axis=-1)[..., :count]
    mask = np.zeros(distances.shape)
    np.put_along_axis(mask, near, 1.0, axis=-1)
    return mask


def _places(n, measure):
    """Return row and column of each entry of a signature, and the entry of each cell; symmetric measures keep one triangle."""
    if measure == "mutual kNN":
        rows, columns = np.nonzero(~np.eye(n, dtype=bool))
    else:
        rows, columns = np.triu_indices(n, 1)
    place = np.zeros((n, n), dtype=np.int32)
    place[rows, columns] = np.arange(len(rows))
    if measure != "mutual kNN":
        place[columns, rows] = place[rows, columns]
    return rows, columns, place


@dataclass(frozen=True)
class TextModel:
    """A ridge regression of states on the text of their prompts, as a model from which states can be drawn.

    States are ``fitted`` (n, d) plus uncertainty of the fit along ``basis`` (n, k) plus residuals; all without category
    means. Permuting residuals of the fit alone would understate what the text explains, since a penalised fit leaves
    part of it in them. ``spread``: (d,), standard deviation of the residuals.
    """

    states: np.ndarray
    fitted: np.ndarray
    basis: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, X, text, codes):
        """Fit ``X`` (n, d) by ``text`` (n, m), categories ``codes`` (n,) taken out of both; all dimensions of the text count.

        The penalty maximises the restricted likelihood (Patterson & Thompson 1971, doi:10.1093/biomet/58.3.545).
        """
        X, text = (part - _means(part, codes) for part in (X, classify.compact(text)))
        U, singular, _ = np.linalg.svd(text, full_matrices=False)
        U, singular = U[:, singular > 1e-8 * singular[0]], singular[singular > 1e-8 * singular[0]]
        onto, free, best = U.T @ X, len(X) - codes.max() - 1, (np.inf,)
        varied = (X**2).sum(axis=0) > 1e-12 * max((X**2).sum(), 1e-300)
        for penalty in PENALTIES * singular[0] ** 2:
            kept = singular**2 / (singular**2 + penalty)
            variance = ((X**2).sum(axis=0) - kept @ onto**2) / free
            loss = free * np.log(np.maximum(variance[varied], 1e-300)).sum()
            loss -= varied.sum() * np.log(1 - kept).sum()
            best = min(best, (loss, penalty, kept, variance), key=lambda item: item[0])
        if not varied.any():
            return cls(X, X, U[:, :0], np.zeros(X.shape[1]))
        _, _, kept, variance = best
        spread = np.sqrt(np.maximum(variance, 0))
        return cls(X, U @ (kept[:, None] * onto), U * np.sqrt(kept), spread)

    def draw(self, order, rng):
        """Return states (n, d) with the same text, whose residuals come from other prompts in ``order`` (n,)."""
        noise = rng.standard_normal((self.basis.shape[1], len(self.spread))) * self.spread
        fitted = self.fitted + self.basis @ noise
        return fitted + (self.states - fitted)[order]
