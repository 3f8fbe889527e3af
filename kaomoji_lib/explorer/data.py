"""What the explorer shows of each source: kaomoji with their categories, places on three components and clusters."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.metrics import clusters, distributions, geometry
from kaomoji_lib.metrics.states import one_thread

MIN_COUNT, MIN_PROMPTS, AXES = distributions.MIN_WEIGHT, 2, 3


@dataclass(frozen=True)
class FaceSource:
    """One source of kaomoji.

    ``what``: one line about it. ``typed``: True for a model that typed the kaomoji, False for a source that only says what
    they mean. ``reading``: P(category | face), weights are replies; ``low`` / ``high``: DataFrames like its table, 95%
    intervals over prompts, or None. ``prompts``: Series, number of prompts that drew a face. ``layouts``: dict name ->
    :class:`Layout`, faces in the order of the reading. ``clustering``: None below five faces.
    ``spellings``: dict face -> tuple of (raw, count), ``words``: of (word, share), ``examples``: of (prompt, category, reply).
    """

    id: str
    title: str
    what: str
    typed: bool
    reading: distributions.Reading
    layouts: dict
    low: pd.DataFrame | None = None
    high: pd.DataFrame | None = None
    prompts: pd.Series | None = None
    clustering: clusters.Clustering | None = None
    spellings: dict = field(default_factory=dict)
    examples: dict = field(default_factory=dict)
    words: dict = field(default_factory=dict)

    @property
    def faces(self):
        return tuple(self.reading.table.index)


@dataclass(frozen=True)
class Bundle:
    """All sources with what they share. ``disagreement``: Series face -> 0..1."""

    scheme: object
    sources: tuple
    disagreement: pd.Series

    @property
    def faces(self):
        """Every kaomoji of every source, most typed first."""
        counts = typed(self.sources)
        faces = {face for source in self.sources for face in source.faces}
        return tuple(sorted(faces, key=lambda face: (-counts[face], face)))


def typed(sources):
    """Return how often the models among ``sources`` typed each kaomoji: Counter."""
    return sum((Counter(s.reading.weight.to_dict()) for s in sources if s.typed), Counter())


def disagreement(sources):
    """Return 1 - mean Jensen-Shannon similarity over all pairs of sources that know a face: Series face -> 0..1.

    Faces that a source weighs below three do not count for it; faces that one source knows are absent.
    """
    tables = [s.reading.table[s.reading.weight >= MIN_COUNT] for s in sources]
    total, pairs = Counter(), Counter()
    for left, right in combinations(tables, 2):
        faces = left.index.intersection(right.index)
        if len(faces):
            rows = left.loc[faces].to_numpy(), right.loc[faces, left.columns].to_numpy()
            total.update(dict(zip(faces, stats.js_similarity(*rows), strict=True)))
            pairs.update(faces)
    return pd.Series({face: 1 - total[face] / count for face, count in pairs.items()}, dtype=float)


def intervals(uses, prompt_ids, emissions, table, resamples=400, seed=0):
    """Return 95% intervals of each face's shares when prompts are resampled: two DataFrames like ``table``.

    ``uses``: (faces, prompts), how often each prompt drew each face. Bootstrap: Efron 1979.
    """
    categories = emissions.drop_duplicates("prompt_id").set_index("prompt_id")["category"]
    category = categories.reindex(prompt_ids).to_numpy()
    weights = stats.resampling_counts(uses.shape[1], resamples, seed)
    mass, prompts = weights @ uses.T, (uses > 0).sum(axis=1)
    bounds = np.empty((2, *table.shape))
    for place, value in np.ndenumerate(table.to_numpy()):
        face, own = place[0], category == table.columns[place[1]]
        part = weights[:, own] @ uses[face, own]
        shares = (part / np.maximum(mass[:, face], 1e-9))[mass[:, face] > 0]
        found = stats.estimate(value, shares, int(prompts[face]), "prompts", bounds=(0, 1))
        bounds[:, *place] = found.ci_low, found.ci_high
    return tuple(pd.DataFrame(bound, table.index, table.columns) for bound in bounds)


@dataclass(frozen=True)
class Layout:
    """Faces on three components.

    ``scores``: (faces, 3). ``variance``: (3,) shares of the variance between the fitted faces. ``spread``: (faces, 6),
    covariance xx, xy, xz, yy, yz, zz of a face's place over resampled prompts; NaN for a face from one prompt, None where
    nothing was resampled. ``cosine``: (faces, faces), between vectors centred over fitted faces.
    """

    scores: np.ndarray
    variance: np.ndarray
    spread: np.ndarray | None
    cosine: np.ndarray


@one_thread
def lay(uses, vectors, guide, *, fitted=None, resamples=200, seed=0):
    """Return the :class:`Layout` of faces, each at the mean of its vectors.

    ``uses`` (faces, n): how often each face has each vector. ``vectors`` (n, d): the states of prompts, or one vector per
    face. ``guide`` (faces, 3): valence, arousal and dominance; fixes the signs of the components. ``fitted``: bool (faces,),
    three faces or more that the components are computed from, the others are projected. ``resamples``: bootstrap resamples
    of the vectors for ``spread``; 0 for none.
    """
    uses, X = np.asarray(uses, float), np.asarray(vectors, float)
    fitted = np.ones(len(uses), bool) if fitted is None else np.asarray(fitted, bool)
    means = uses @ X / uses.sum(axis=1, keepdims=True)
    centre = means[fitted].mean(axis=0)
    _, values, axes = np.linalg.svd(means[fitted] - centre, full_matrices=False)
    axes = axes[:AXES].T * (values[:AXES] > 1e-6 * max(values[0], 1e-12))
    scores = (means - centre) @ axes
    signs = geometry.signs(scores[fitted], np.asarray(guide, float)[fitted])
    spread = _spread(uses, (X - centre) @ axes * signs, resamples, seed) if resamples else None
    variance = values[:AXES] ** 2 / max((values**2).sum(), 1e-300)
    return Layout(scores * signs, variance, spread, 1 - clusters.cosine_distances(means - centre))


def _spread(uses, places, resamples, seed):
    weights = stats.resampling_counts(uses.shape[1], resamples, seed).astype(float)
    mass = (weights @ uses.T)[:, :, None]
    sums = np.stack([(weights * place) @ uses.T for place in places.T], axis=2)
    scores = np.divide(sums, mass, out=np.zeros_like(sums), where=mass > 0)
    count = np.maximum((mass > 0).sum(axis=0), 2)
    deviation = np.where(mass > 0, scores - scores.sum(axis=0) / count, 0)
    covariance = np.einsum("bfi,bfj->fij", deviation, deviation) / (count[:, :, None] - 1)
    spread = covariance[:, *np.triu_indices(AXES)]
    spread[(uses > 0).sum(axis=1) < 2] = np.nan
    return spread
