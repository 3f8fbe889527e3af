"""Faces laid flat so that near ones stay near: t-SNE, and UMAP where it is installed. Only nearness can be read from them."""

from importlib.util import find_spec

import numpy as np

from kaomoji_lib.metrics.threads import one_thread

LEAST = 8
PERPLEXITY, NEIGHBOURS = 30, 15
START = 1e-4


@one_thread
def lay(layout, seed=0):
    """Places of the faces of a :class:`face_layout.Layout` by their cosines: dict name -> (faces, 2).

    Both begin at the first two components, so that the same data gives the same map, and one that resembles the map of
    components (Kobak and Berens 2019). Empty below eight faces, which have no neighbourhoods to speak of. ``UMAP`` is
    there when the package umap-learn is.
    """
    distances = np.clip(1 - layout.cosine, 0, None)
    np.fill_diagonal(distances, 0)
    if len(distances) < LEAST:
        return {}
    first = layout.scores[:, :2] / max(layout.scores[:, 0].std(), 1e-12)
    found = {"t-SNE": _tsne(distances, first, seed)}
    if find_spec("umap"):
        found["UMAP"] = _umap(distances, first, seed)
    return {name: xy - xy.mean(axis=0) for name, xy in found.items()}


def _tsne(distances, first, seed):
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(distances) - 1) / 3)
    method = "exact" if len(distances) <= 200 else "barnes_hut"
    model = TSNE(
        metric="precomputed",
        init=(START * first).astype(np.float32),
        perplexity=perplexity,
        method=method,
        random_state=seed,
        n_jobs=1,
    )
    return model.fit_transform(distances.copy()).astype(
        float
    )  # it squares what it is given, in place


def _umap(distances, first, seed):
    from umap import UMAP

    # A tie of two faces would stay one: UMAP moves a start that has width only.
    start = (10 * first + 1e-3 * np.random.default_rng(seed).normal(size=first.shape)).astype(
        np.float32
    )
    model = UMAP(
        metric="precomputed",
        n_neighbors=min(NEIGHBOURS, len(distances) - 1),
        init=start,
        random_state=seed,
        n_jobs=1,
    )
    return model.fit_transform(distances).astype(float)
