"""The mean state of each face, how alike these are, and whether they form blocks by category."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.sparse import csr_matrix
from scipy.spatial.distance import squareform

from kaomoji_lib import resampling, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.metrics.threads import one_thread


@dataclass(frozen=True)
class FaceMeans:
    """Mean state of each face, most frequent face first.

    ``means``: (faces, layers * d), centred over faces. ``counts``: emissions; ``primary``: modal category; ``shares``:
    DataFrame face x category, rows sum to 1; all indexed by face. ``gram``: (rows, rows), inner products of the states.
    ``faced``: int array (prompts, generations), position of the face of each reply, -1 for none; ``rows``: the same shape,
    its state row, -1 for none; ``category``: ints (prompts,), a column of ``shares``.
    """

    faces: tuple
    means: np.ndarray
    counts: pd.Series
    primary: pd.Series
    shares: pd.DataFrame
    gram: np.ndarray
    faced: np.ndarray
    rows: np.ndarray
    category: np.ndarray

    @property
    def uses(self):
        """How often each face has each state: float array (faces, state rows)."""
        return _uses(self, self.faced)[0].toarray()


@dataclass(frozen=True)
class Heatmap:
    """Cosine similarity of face means.

    ``matrix``: DataFrame face x face, -1..1. ``cophenetic``: correlation of the tree's distances with the real ones;
    ``silhouette``: mean over faces, grouped by primary category (Estimate). ``clustering``: the cuts of the tree.
    ``names``: dict cluster -> what it is called, at the chosen cut.
    """

    matrix: pd.DataFrame
    cophenetic: float
    silhouette: stats.Estimate
    clustering: clusters.Clustering
    names: dict


def face_means(states, emissions, min_emissions=3, min_prompts=2):
    """Average the (layer-scaled, stacked) states over the emissions of each face: :class:`FaceMeans`.

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
    typed = replies[replies["face"].notna()]
    usage = typed.groupby("face").agg(count=("row", "size"), prompts=("prompt_id", "nunique"))
    usage = usage[(usage["count"] >= min_emissions) & (usage["prompts"] >= min_prompts)]
    usage = usage.reset_index().sort_values(["count", "face"], ascending=[False, True])
    usage = usage.set_index("face")["count"]
    if len(usage) < 3:
        raise KaomojiError(
            f"{len(usage)} faces have {min_emissions} emissions from {min_prompts} prompts; expected at least 3; "
            "collect more generations or lower the limits"
        )
    prompt, prompts = pd.factorize(replies["prompt_id"])
    categories = list(pd.unique(emissions["category"]))
    shape = (len(prompts), int(replies["generation"].max()) + 1)
    faced, rows = np.full(shape, -1), np.full(shape, -1)
    faced[prompt, replies["generation"]] = usage.index.get_indexer(replies["face"])
    rows[prompt, replies["generation"]] = replies["row"]
    if "generation" not in keys:
        rows[:] = rows.max(axis=1, keepdims=True)
    category = replies.groupby("prompt_id")["category"].first().reindex(prompts)
    X = stack(states.array)
    typed = typed[typed["face"].isin(usage.index)]
    counts = pd.crosstab(typed["face"], typed["category"]).reindex(
        index=usage.index, columns=categories, fill_value=0
    )
    member = csr_matrix(
        (np.ones(len(typed)), (usage.index.get_indexer(typed["face"]), typed["row"])),
        shape=(len(usage), len(X)),
    )
    means = member @ X / usage.to_numpy()[:, None]
    return FaceMeans(
        faces=tuple(usage.index),
        means=means - means.mean(axis=0),
        counts=usage,
        primary=counts.idxmax(axis=1),
        shares=counts.div(counts.sum(axis=1), axis=0),
        gram=X @ X.T,
        faced=faced,
        rows=rows,
        category=pd.Index(categories).get_indexer(category),
    )


@one_thread
def cosine(face_means, words=None, *, permutations=stats.PERMUTATIONS, resamples=100, seed=0):
    """Return cosine similarities of face means, a test of their blocks, and their clusters: :class:`Heatmap`.

    ``words``: category -> word (dict or Series) that names a cluster; default the codes. The null moves whole prompts: all
    faces of a prompt go to the states of another prompt, reply by reply, and means and primary categories are computed
    again. A face that two prompts prefer has a mean near these two and takes its category from them, whether or not
    faces mean anything; moving single replies would miss that. Silhouettes: Rousseeuw 1987.
    """
    distances = cosine_distances(face_means.means @ face_means.means.T)
    faces = list(face_means.faces)
    null, cut_null = [], []
    orders = resampling.orders(np.zeros(len(face_means.faced)), permutations, seed)
    for order in orders:
        present, under, primary = _permuted(face_means, face_means.faced[order])
        null.append(stats.silhouettes(under, primary).mean())
        cut_null.append(clusters.null_silhouettes(under))
    clustering = clusters.cluster(
        face_means.faces, distances, cut_null, _resampled(face_means, resamples, seed), seed
    )
    masses = face_means.shares.mul(face_means.counts, axis=0)
    words = {code: code for code in masses.columns} if words is None else words
    primary = pd.factorize(face_means.primary)[0]
    condensed = squareform(distances, checks=False)
    return Heatmap(
        matrix=pd.DataFrame(1 - distances, faces, faces),
        cophenetic=float(hierarchy.cophenet(clustering.linkage, condensed)[0]),
        silhouette=stats.bootstrap(
            stats.silhouettes(distances, primary), unit="faces", seed=seed, null=null
        ),
        clustering=clustering,
        names=clusters.names(clustering.clusters, masses, words),
    )


def cosine_distances(products):
    """Return cosine distances (0..2) from inner products."""
    norms = np.sqrt(np.maximum(np.diagonal(products), 1e-24))
    distances = 1 - np.clip(products / np.outer(norms, norms), -1, 1).astype(float)
    np.fill_diagonal(distances, 0)
    return (distances + distances.T) / 2


def _uses(face_means, faced):
    """How often each face has each state row (sparse: faces, rows) and each category (faces, categories)."""
    prompt, generation = np.nonzero((faced >= 0) & (face_means.rows >= 0))
    face, row = faced[prompt, generation], face_means.rows[prompt, generation]
    shape = (len(face_means.faces), len(face_means.gram))
    uses = csr_matrix((np.ones(len(face)), (face, row)), shape=shape)
    counts = np.zeros(face_means.shares.shape)
    np.add.at(counts, (face, face_means.category[prompt]), 1)
    return uses, counts


def _permuted(face_means, faced):
    """Faces that occur, distances of their means and primary categories, with other faces on the same states."""
    uses, counts = _uses(face_means, faced)
    present = np.flatnonzero(counts.sum(axis=1))
    primary = pd.factorize(counts[present].argmax(axis=1))[0]
    return present, _distances_of(uses[present], face_means.gram), primary


def _resampled(face_means, resamples, seed):
    """What the faces' distances become when prompts are resampled: (faces that occur, distances)."""
    uses, _ = _uses(face_means, face_means.faced)
    rows = face_means.rows
    prompt = np.zeros(len(face_means.gram), dtype=int)
    prompt[rows[rows >= 0]] = np.nonzero(rows >= 0)[0]
    for weights in stats.resampling_counts(len(rows), resamples, seed):
        drawn = uses.multiply(weights[prompt]).tocsr()
        present = np.flatnonzero(drawn.sum(axis=1))
        yield present, _distances_of(drawn[present], face_means.gram)


def _distances_of(uses, gram):
    """Cosine distances of the faces' means, centred over faces, from sparse counts (faces, rows)."""
    shares = csr_matrix(uses.multiply(1 / uses.sum(axis=1)))
    products = shares @ (shares @ gram).T
    products = (
        products - products.mean(axis=0) - products.mean(axis=1, keepdims=True) + products.mean()
    )
    return cosine_distances(products)
