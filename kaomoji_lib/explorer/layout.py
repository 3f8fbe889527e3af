"""Places of kaomoji on three principal components, with how far a bootstrap over prompts moves each of them."""

from dataclasses import dataclass

import numpy as np

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters, geometry
from kaomoji_lib.metrics.states import one_thread

AXES = 3


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

    Parameters
    ----------
    uses : (faces, n), how often each face has each vector.
    vectors : (n, d), the states of prompts, or one vector per face.
    guide : (faces, 3), valence, arousal and dominance; fixes the signs of the components.
    fitted : bool (faces,), faces that the components are computed from; the others are projected.
    resamples : bootstrap resamples of the vectors for ``spread``; 0 for none.

    Raises
    ------
    KaomojiError
        If fewer than three faces are fitted.
    """
    uses, X = np.asarray(uses, float), np.asarray(vectors, float)
    fitted = np.ones(len(uses), bool) if fitted is None else np.asarray(fitted, bool)
    if fitted.sum() < AXES:
        raise KaomojiError(
            f"{fitted.sum()} faces to lay out; expected at least {AXES}; collect more, or lower the limits"
        )
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
