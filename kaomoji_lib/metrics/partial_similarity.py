"""Whether sources share more than the text of the prompts, and more than text and categories.

What is known is regressed out of the states before they are compared, not out of their distances: two linear readers of one text
weigh it differently, and what they share then is nothing that the text's own distances could account for. For all pairs of layers
together, as in :mod:`.layerwise`.
"""

import itertools

import numpy as np

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics import layerwise, similarity
from kaomoji_lib.metrics.threads import one_thread

MEASURES = ("CKA", "RSA")
TEXT, BOTH = "given the text", "given text and category"
SWEEPS = 6
RESTRICTION = {TEXT: "free", BOTH: "within category"}


@one_thread
def beyond_text(
    sources, prompts, text, *, measure="CKA", permutations=500, halves=layerwise.HALVES, seed=0
):
    """Likeness of every two sources beyond the text of the prompts: dict (title, title) -> :class:`.layerwise.Shared`.

    ``sources``: as in :func:`.layerwise.shared`; ``text``: (n, m), vectors of the prompts' text, whose first 40 components are removed
    linearly from all states, and for the null *given text and category* the categories too. ``measure``: debiased CKA, or
    RSA (partial in the states). Beyond the text, prompts are permuted freely, beyond text and category within categories; a
    maximum over layers is compared with maxima. Partial comparison of distances: Smouse, Long & Sokal 1986, doi:10.2307/2413122; why
    residuals are permuted: Legendre 2000, doi:10.1080/00949650008812035.
    """
    if measure not in MEASURES:
        raise KaomojiError(
            f"unknown measure {measure!r} beyond the text; expected one of {', '.join(MEASURES)}"
        )
    codes = prompts["category"].factorize()[0]
    known, found = _components(text), {}
    for number, (name, restriction) in enumerate(RESTRICTION.items()):
        tool = _Residuals(sources, known, codes if name == BOTH else None, measure)
        null = tool.permuted(
            resampling.orders(resampling.blocks(prompts, restriction), permutations, [seed, number])
        )
        for pair, values in tool.observed().items():
            spread = tool.halves(pair, values, halves, seed)
            found.setdefault(pair, {})[name] = layerwise.calibrated(
                measure, values, {name: null[pair]}, spread, len(prompts)
            )
    return {pair: _joined(parts) for pair, parts in found.items()}


def _joined(parts):
    first = parts[TEXT]
    return layerwise.Shared(
        first.measure,
        first.values,
        first.best,
        {name: item.tests[name] for name, item in parts.items()},
        {name: item.adjusted[name] for name, item in parts.items()},
    )


def _pairs(sources, product):
    """The blocks of a matrix (..., layers, layers) over all layers of all sources, by pair of sources."""
    ends = np.cumsum([states.shape[1] for states in sources.values()])
    place = {
        title: slice(end - states.shape[1], end)
        for (title, states), end in zip(sources.items(), ends, strict=True)
    }
    return {
        (left, right): product[..., place[left], place[right]]
        for left, right in itertools.combinations(sources, 2)
    }


class _Residuals:
    """What is known leaves of the states. It is permuted, and what is known regressed out of it anew, so that it stays in the space that it
    leaves (Freedman & Lane 1983, doi:10.2307/1391660, within blocks: Winkler et al. 2014, doi:10.1016/j.neuroimage.2014.01.060). Where the
    categories are known, all messages of one are weighted by how widely they are spread (weighted least squares, Aitken 1936): else
    wide categories leak into the residuals of narrow ones, in all sources alike, and seem shared. And a message that the text tells much of
    leaves little, in all sources alike too: residuals are set to one length (MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7).
    """

    def __init__(self, sources, known, codes, measure):
        self.measure, self.sources = (
            measure,
            {title: layerwise.narrow(states) for title, states in sources.items()},
        )
        self.rest = {
            title: [_fitted(states[:, layer], known, codes) for layer in range(states.shape[1])]
            for title, states in self.sources.items()
        }
        every = [item for layers in self.rest.values() for item in layers]
        width = max(basis.shape[1] for _, basis in every)
        self.bases = np.stack(
            [np.pad(basis, ((0, 0), (0, width - basis.shape[1]))) for _, basis in every]
        ).astype(np.float32)
        self.scales = np.stack([_evened(basis) for _, basis in every]).astype(np.float32)[
            :, :, None
        ]
        self.grams = np.stack(
            [rest @ rest.T / max(np.square(rest).sum(), 1e-300) for rest, _ in every]
        ).astype(np.float32)
        # What is observed goes the way of what is permuted: it is the permutation that leaves all in place.
        self.signatures = similarity.signatures_of_grams(
            self._moved(np.arange(self.grams.shape[-1])), measure
        )

    def observed(self):
        return _pairs(self.sources, self.signatures.T @ self.signatures)

    def permuted(self, orders):
        turned = np.ascontiguousarray(self.signatures.T)
        return _pairs(
            self.sources,
            np.array(
                [
                    turned @ similarity.signatures_of_grams(self._moved(order), self.measure)
                    for order in orders
                ]
            ),
        )

    def _moved(self, order):
        """Gram matrices of permuted residuals without what the bases span, (I - UU') K (I - UU'), for all layers."""
        grams = self.grams[:, order[:, None], order]
        along = self.bases.transpose(0, 2, 1) @ grams
        taken = self.bases @ (along - (along @ self.bases) @ self.bases.transpose(0, 2, 1) / 2)
        return (
            (grams - taken - taken.transpose(0, 2, 1))
            * self.scales
            * self.scales.transpose(0, 2, 1)
        )

    def halves(self, pair, values, halves, seed):
        X, Y = (
            self.rest[title][layer][0]
            for title, layer in zip(
                pair, np.unravel_index(values.argmax(), values.shape), strict=True
            )
        )
        return [
            float(
                similarity.signature(X[half], self.measure)
                @ similarity.signature(Y[half], self.measure)
            )
            for half in statistics.half_samples(len(X), halves, seed)
        ]


def _fitted(X, known, codes):
    """What ``known`` (n, k), a constant and the categories ``codes`` (None: not known) leave of ``X`` (n, d), and the basis (n, k) that was taken out."""
    nuisance = np.column_stack(
        [np.ones(len(X)), known] + ([] if codes is None else [np.eye(codes.max() + 1)[codes]])
    )
    spread = np.ones((len(X), 1))
    for _ in range(1 if codes is None else SWEEPS):
        basis = _orthonormal(nuisance / spread)
        rest = (X / spread - basis @ (basis.T @ (X / spread))) * _evened(basis)[:, None]
        if codes is None or not rest.any():
            break
        square = np.bincount(codes, np.square(rest).sum(axis=1)) / np.bincount(codes)
        spread = spread * np.sqrt(np.maximum(square / square.max(), 1e-12))[codes][:, None]
    return rest, basis


def _evened(basis):
    """What makes residuals as long as if nothing had been taken out: (n,), 1 / sqrt(1 - leverage); 0 for a message that is known altogether."""
    left = 1 - np.square(basis).sum(axis=1)
    return np.where(left > 1e-6, 1 / np.sqrt(np.maximum(left, 1e-6)), 0.0)


def _orthonormal(columns):
    U, singular, _ = np.linalg.svd(columns, full_matrices=False)
    return U[:, singular > 1e-8 * singular.max()]


def _components(text, components=40):
    text = classifier.compact(text)
    U, singular, _ = np.linalg.svd(text, full_matrices=False)
    return (U * singular)[:, :components]
