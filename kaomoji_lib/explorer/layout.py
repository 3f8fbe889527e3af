"""Where faces lie: principal components of their mean vectors, with how far a bootstrap moves each of them."""

from dataclasses import dataclass

import numpy as np

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import geometry
from kaomoji_lib.metrics.faces import cosine_distances
from kaomoji_lib.metrics.threads import one_thread

AXES = 3


@dataclass(frozen=True)
class Layout:
    """Faces on three components.

    ``scores``: (faces, 3). ``variance``: (3,) shares of the variance between the faces that were fitted. ``spread``:
    (faces, 6), covariance xx, xy, xz, yy, yz, zz of a face's place when prompts are resampled; NaN where a face comes
    from one prompt, None where nothing was resampled. ``cosine``: (faces, faces), between vectors centred over fitted faces.
    """

    scores: np.ndarray
    variance: np.ndarray
    spread: np.ndarray | None
    cosine: np.ndarray


@one_thread
def lay(uses, gram, guide, *, fitted=None, resampled=True, resamples=200, seed=0):
    """The :class:`Layout` of faces whose vectors are means of ``rows``.

    Turned onto each other: Schoenemann 1966, doi:10.1007/BF02289451.

    Parameters
    ----------
    uses : (faces, rows), how often each face has each row (a prompt's state, or a vector of its own).
    gram : (rows, rows), inner products of the rows: all that is needed of vectors however long.
    guide : (faces, 3), valence, arousal and dominance; fixes the signs of the components.
    fitted : bool (faces,), the faces that the components are made from; the others are projected.
    resampled : whether rows may be resampled (they are prompts or replies, not faces).

    Raises
    ------
    KaomojiError
        If fewer than three faces are fitted.
    """
    uses, gram = np.asarray(uses, float), np.asarray(gram, float)
    fitted = np.ones(len(uses), bool) if fitted is None else np.asarray(fitted, bool)
    if fitted.sum() < AXES:
        raise KaomojiError(
            f"{fitted.sum()} faces to lay out; expected at least {AXES}; collect more, or lower the limits"
        )
    shares = uses / uses.sum(axis=1, keepdims=True)
    centre = shares[fitted].mean(axis=0)
    centred = shares - centre
    products = centred @ gram @ centred.T
    values, vectors = np.linalg.eigh(products[np.ix_(fitted, fitted)])
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1][:, :AXES]
    # A row's place on a component: its inner products with the component's direction, itself a sum of fitted faces.
    onto = gram @ centred[fitted].T @ vectors / np.sqrt(np.maximum(values[:AXES], 1e-12))
    onto[:, values[:AXES] < 1e-9 * max(values[0], 1e-12)] = 0
    scores = centred @ onto
    signs = geometry.signs(scores[fitted], np.asarray(guide, float)[fitted])
    spread = _spread(uses, centre, onto * signs, resamples, seed) if resampled else None
    return Layout(
        scores * signs,
        values[:AXES] / max(values.sum(), 1e-300),
        spread,
        1 - cosine_distances(products),
    )


def _spread(uses, centre, onto, resamples, seed):
    places = onto - centre @ onto
    weights = statistics.resampling_counts(uses.shape[1], resamples, seed).astype(float)
    mass = weights @ uses.T
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (
            np.stack([(weights * places[:, axis]) @ uses.T for axis in range(AXES)], axis=2)
            / mass[:, :, None]
        )
    present = mass > 0
    drawn = np.where(present[:, :, None], drawn, 0)
    count = np.maximum(present.sum(axis=0), 1)
    deviation = np.where(present[:, :, None], drawn - drawn.sum(axis=0) / count[:, None], 0)
    covariance = (
        np.einsum("bfi,bfj->fij", deviation, deviation) / np.maximum(count - 1, 1)[:, None, None]
    )
    flat = covariance[:, *np.triu_indices(AXES)]
    flat[(uses > 0).sum(axis=1) < 2] = np.nan
    return flat
