"""The mean state of each face, and clusters of faces whose states are alike."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kaomoji_lib import resampling, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.metrics.threads import one_thread


@dataclass(frozen=True)
class FaceMeans:
    """Which states each face has, most frequent face first.

    ``counts``: Series face -> emissions. ``gram``: (rows, rows), inner products of the states. ``faced``: int array
    (prompts, generations), position of the face of each reply, -1 for none; ``rows``: the same shape, its state row, -1 for
    none.
    """

    counts: pd.Series
    gram: np.ndarray
    faced: np.ndarray
    rows: np.ndarray

    @property
    def faces(self):
        return tuple(self.counts.index)

    @property
    def uses(self):
        """How often each face has each state: float array (faces, state rows)."""
        return self.used(self.faced).toarray()

    def used(self, faced):
        """How often each face has each state row if replies had the faces ``faced``: sparse (faces, rows)."""
        reply = (faced >= 0) & (self.rows >= 0)
        shape = (len(self.counts), len(self.gram))
        return csr_matrix((np.ones(reply.sum()), (faced[reply], self.rows[reply])), shape=shape)

    def distances(self, uses):
        """Return the faces that occur in ``uses`` (faces, rows), and cosine distances (0..2) of their centred means."""
        present = np.flatnonzero(uses.sum(axis=1))
        uses = csr_matrix(uses)[present]
        shares = csr_matrix(uses.multiply(1 / uses.sum(axis=1)))
        products = shares @ (shares @ self.gram).T
        products = products - products.mean(axis=0)
        products = products - products.mean(axis=1, keepdims=True)
        norms = np.sqrt(np.maximum(np.diagonal(products), 1e-24))
        distances = 1 - np.clip(products / np.outer(norms, norms), -1, 1).astype(float)
        np.fill_diagonal(distances, 0)
        return present, (distances + distances.T) / 2


def face_means(states, emissions, min_emissions=3, min_prompts=2):
    """Join faces with the (layer-scaled, stacked) states of their emissions: :class:`FaceMeans`.

    ``states``: the run's states with ``index`` (prompt_id, and generation where the state depends on it) and ``array``
    (n, layers, d); a face generated twice for a prompt counts its state twice. Included are faces with at least
    ``min_emissions`` emissions from at least ``min_prompts`` prompts.

    Raises
    ------
    KaomojiError
        If fewer than three faces qualify.
    """
    keys = [key for key in ("prompt_id", "generation") if key in states.index.columns]
    index = states.index[keys].assign(row=np.arange(len(states.index)))
    replies = emissions.merge(index, on=keys, how="inner")
    usage = replies.groupby("face").agg(count=("row", "size"), prompts=("prompt_id", "nunique"))
    usage = usage[(usage["count"] >= min_emissions) & (usage["prompts"] >= min_prompts)]
    usage = usage.sort_index().sort_values("count", ascending=False, kind="stable")["count"]
    if len(usage) < 3:
        raise KaomojiError(
            f"{len(usage)} faces have {min_emissions} emissions from {min_prompts} prompts; expected at least 3; "
            "collect more generations or lower the limits"
        )
    prompt, prompts = pd.factorize(replies["prompt_id"])
    faced, rows = np.full((2, len(prompts), int(replies["generation"].max()) + 1), -1)
    faced[prompt, replies["generation"]] = usage.index.get_indexer(replies["face"])
    rows[prompt, replies["generation"]] = replies["row"]
    if "generation" not in keys:
        rows[:] = rows.max(axis=1, keepdims=True)
    X = stack(states.array)
    return FaceMeans(usage, X @ X.T, faced, rows)


@one_thread
def cosine(means, *, permutations=stats.PERMUTATIONS, resamples=100, seed=0):
    """Cluster faces by the cosine similarity of their mean states, centred over faces: :class:`.clusters.Clustering`.

    The null moves whole prompts: all faces of a prompt go to the states of another prompt, reply by reply. A face that two
    prompts prefer has a mean near these two, whether or not faces mean anything; moving single replies would miss that.
    Stability: prompts resampled. Silhouettes: Rousseeuw 1987.
    """
    orders = resampling.orders(np.zeros(len(means.faced)), permutations, seed)
    permuted = (means.distances(means.used(means.faced[order]))[1] for order in orders)
    nulls = [clusters.null_silhouettes(distances) for distances in permuted]
    uses = means.used(means.faced)
    prompt = np.zeros(len(means.gram), dtype=int)
    prompt[means.rows[means.rows >= 0]] = np.nonzero(means.rows >= 0)[0]
    drawn = stats.resampling_counts(len(means.rows), resamples, seed)
    resampled = (means.distances(uses.multiply(weights[prompt])) for weights in drawn)
    return clusters.cluster(means.faces, means.distances(uses)[1], nulls, resampled, seed)
