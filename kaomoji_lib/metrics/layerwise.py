"""Whether sources arrange the same prompts alike, at every pair of their layers, with one null for the best of them all."""

import itertools
from dataclasses import dataclass

import numpy as np

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics import similarity
from kaomoji_lib.metrics.threads import one_thread

MEASURES = ("CKA", "mutual kNN", "RSA", "Procrustes")
LICENCES = {
    "free": "an arrangement, which telling the categories apart is enough for",
    "within category": "more than the nine categories",
    "within category and topic": "more than category and topic",
    "given the text": "more than the text says linearly",
    "given text and category": "more than text and categories say linearly",
}
DIMENSIONS, HALVES = 10, 60


@dataclass(frozen=True)
class Shared:
    """Likeness of two sources by one measure, over all pairs of their layers.

    ``values``: (layers, layers) of the two; ``best``: positions of the most alike pair; ``tests``: dict null -> Estimate of
    that maximum, each with the same permutations' *maxima* over layer pairs as its null (names in ``LICENCES``);
    ``adjusted``: dict null -> (layers, layers) of jointly calibrated p-values.
    """

    measure: str
    values: np.ndarray
    best: tuple
    tests: dict
    adjusted: dict

    @property
    def licence(self):
        """What the tests allow to say that the two share, in words."""
        held = [
            words
            for name, words in LICENCES.items()
            if name in self.tests and self.tests[name].p <= 0.05
        ]
        return held[-1] if held else "nothing: labels at random do as well"


@one_thread
def shared(sources, prompts, *, measure="CKA", permutations=500, halves=HALVES, seed=0):
    """Every two of ``sources`` compared: dict (title, title) -> :class:`Shared`.

    ``sources``: dict title -> states (n, layers, d), rows in the order of ``prompts`` (DataFrame[category, topic]).
    ``measure``: one of ``MEASURES``. All pairs of layers of all sources see the same permutations, so a maximum
    over layers is compared with maxima. Interval: ``halves`` half samples at the best pair of layers.
    The platonic claim and its measures: Huh et al. 2024, arXiv:2405.07987.
    """
    for title, states in sources.items():
        if len(states) != len(prompts):
            raise KaomojiError(
                f"{title} has {len(states)} rows of states for {len(prompts)} prompts; expected the same prompts in the same order"
            )
    tool = (
        _Procrustes(sources, prompts["category"].factorize()[0], seed)
        if measure == "Procrustes"
        else _Matched(sources, measure)
    )
    found = tool.observed()
    names = ["free", "within category"] + (
        ["within category and topic"] if (prompts["topic"] != "").any() else []
    )
    nulls = {
        name: tool.permuted(
            resampling.orders(resampling.blocks(prompts, name), permutations, [seed, number])
        )
        for number, name in enumerate(names)
    }
    return {
        pair: calibrated(
            measure,
            values,
            {name: null[pair] for name, null in nulls.items()},
            tool.halves(pair, values, halves, seed),
            len(prompts),
        )
        for pair, values in found.items()
    }


def calibrated(measure, values, nulls, halves, n):
    """A :class:`Shared` from ``values`` (layers, layers), dict null -> (permutations, layers, layers), and replicates of the best value.

    A maximum against maxima: Westfall & Young 1993.
    """
    best = tuple(int(place) for place in np.unravel_index(values.argmax(), values.shape))
    tests = {
        name: statistics.estimate(
            values.max(),
            halves,
            n,
            "prompts",
            null=null.reshape(len(null), -1).max(axis=1),
            interval="normal",
            bounds=(-1, 1),
        )
        for name, null in nulls.items()
    }
    adjusted = {name: resampling.max_t(values, null).adjusted for name, null in nulls.items()}
    return Shared(measure, values, best, tests, adjusted)


class _Matched:
    """Measures that are inner products of signatures: all layers of all sources in one matrix product a permutation."""

    def __init__(self, sources, measure):
        self.measure, self.sources = measure, sources
        self.signatures = np.hstack(
            [similarity.signatures(narrow(states), measure) for states in sources.values()]
        )
        ends = np.cumsum([states.shape[1] for states in sources.values()])
        self.place = {
            title: slice(end - states.shape[1], end)
            for (title, states), end in zip(sources.items(), ends, strict=True)
        }

    def observed(self):
        product = self.signatures.T @ self.signatures
        return {
            pair: product[self.place[pair[0]], self.place[pair[1]]]
            for pair in itertools.combinations(self.sources, 2)
        }

    def permuted(self, orders):
        null = similarity.permuted(self.signatures, self.signatures, orders, self.measure)
        return {
            pair: null[:, self.place[pair[0]], self.place[pair[1]]]
            for pair in itertools.combinations(self.sources, 2)
        }

    def halves(self, pair, values, halves, seed):
        layers = np.unravel_index(values.argmax(), values.shape)
        X, Y = (
            classifier.compact(self.sources[title][:, layer])
            for title, layer in zip(pair, layers, strict=True)
        )
        return [
            float(
                similarity.signature(X[half], self.measure)
                @ similarity.signature(Y[half], self.measure)
            )
            for half in statistics.half_samples(len(X), halves, seed)
        ]


def narrow(states):
    """The same inner products of the centred rows in at most n coordinates a layer; a layer without differences is exactly 0."""
    layers = [classifier.compact(states[:, layer]) for layer in range(states.shape[1])]
    width = max(layer.shape[1] for layer in layers)
    return np.stack(
        [np.pad(layer, ((0, 0), (0, width - layer.shape[1]))) for layer in layers], axis=1
    )


class _Procrustes:
    """Share of a source's held-out variance that the other explains after a turn, a mirror and a scale fitted on other prompts.

    Each source's layers are first reduced to their first ten components (which sees no pairing). Fitted on one half of each
    category's prompts and scored on the other half, both ways round.
    Schoenemann 1966; cross-validated as in Haxby et al. 2011, doi:10.1016/j.neuron.2011.08.026.
    """

    def __init__(self, sources, labels, seed):
        self.labels = labels
        self.sources = {
            title: np.stack(
                [_components(states[:, layer]) for layer in range(states.shape[1])], axis=1
            )
            for title, states in sources.items()
        }
        half = _half(labels, np.random.default_rng(seed))
        self.splits = (half, ~half)

    def observed(self):
        return {
            pair: self._scores(*pair, np.arange(len(self.labels))[None])[0]
            for pair in itertools.combinations(self.sources, 2)
        }

    def permuted(self, orders):
        return {
            pair: self._scores(*pair, orders) for pair in itertools.combinations(self.sources, 2)
        }

    def halves(self, pair, values, halves, seed):
        layers = np.unravel_index(values.argmax(), values.shape)
        left, right = (
            self.sources[title][:, [layer]] for title, layer in zip(pair, layers, strict=True)
        )
        rng = np.random.default_rng(seed)
        found = []
        for rows in statistics.half_samples(len(left), halves, seed):
            train = _half(self.labels[rows], rng)
            found.append(float(_held_out(left[rows], right[rows][None], train)[0, 0, 0]))
        return found

    def _scores(self, left, right, orders):
        A, B = self.sources[left], self.sources[right]
        total = np.zeros((len(orders), A.shape[1], B.shape[1]))
        for start in range(0, len(orders), 50):
            part = B[orders[start : start + 50]]
            for train in self.splits:
                total[start : start + 50] += _held_out(A, part, train)
        return total / len(self.splits)


def _half(labels, rng):
    """Every second prompt of each label in a random order: boolean (n,)."""
    half, order = np.zeros(len(labels), dtype=bool), rng.permutation(len(labels))
    half[order[np.argsort(labels[order], kind="stable")][::2]] = True
    return half


def _components(X):
    X = classifier.compact(X)
    U, singular, _ = np.linalg.svd(X, full_matrices=False)
    scores = (U * singular)[:, :DIMENSIONS]
    return np.pad(scores, ((0, 0), (0, DIMENSIONS - scores.shape[1])))


def _held_out(A, B, train):
    """1 - |A - s B R|^2 / |A|^2 on the rows that ``train`` leaves out. ``A``: (n, a, k), ``B``: (m, n, b, k). Returns (m, a, b)."""
    A_fit, A_new = A[train] - A[train].mean(axis=0), A[~train] - A[train].mean(axis=0)
    middle = B[:, train].mean(axis=1, keepdims=True)
    B_fit, B_new = B[:, train] - middle, B[:, ~train] - middle
    U, singular, Vt = np.linalg.svd(_crossed(A_fit, B_fit))
    scale = singular.sum(axis=-1) / np.maximum((B_fit**2).sum(axis=(1, 3))[:, None], 1e-300)
    cross = _crossed(A_new, B_new)
    explained = (
        2 * scale * np.einsum("mabkl,mabkl->mab", cross, U @ Vt)
        - scale**2 * (B_new**2).sum(axis=(1, 3))[:, None]
    )
    # Where a layer is alike for all prompts (an embedding of a template's token) there is nothing to explain.
    energy = (A_new**2).sum(axis=(0, 2))[None, :, None]
    return np.where(energy > 1e-12, explained / np.maximum(energy, 1e-12), 0.0)


def _crossed(A, B):
    """B'A of every pair of layers: (m, a, b, k, k), from ``A`` (n, a, k) and ``B`` (m, n, b, k)."""
    m, n, b, k = B.shape
    product = np.matmul(B.reshape(m, n, b * k).transpose(0, 2, 1), A.reshape(n, -1))
    return product.reshape(m, b, k, -1, k).transpose(0, 3, 1, 2, 4)
