"""The states behind each face: their means, how alike they are, and whether they form blocks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.metrics.threads import one_thread

DEALT_CUTS = 100


@dataclass(frozen=True)
class FaceMeans:
    """Mean state of each face, most frequent face first.

    ``means``: (faces, layers * d), centred over faces. ``counts``: emissions; ``primary``: modal
    category; ``shares``: DataFrame face x category, rows sum to 1; all indexed by face. ``uses``: int array
    (emissions, 3) of face, state row and category of each emission; ``gram``: (rows, rows), inner
    products of the states; the two are what a null with faces dealt to other emissions needs.
    """

    faces: tuple
    means: np.ndarray
    counts: pd.Series
    primary: pd.Series
    shares: pd.DataFrame
    uses: np.ndarray
    gram: np.ndarray


@dataclass(frozen=True)
class Heatmap(clusters.Clustered):
    """Cosine similarity of face means.

    ``matrix``: DataFrame face x face, -1..1. ``order``: faces as average linkage lays them out;
    ``cophenetic``: correlation of the tree's distances with the real ones; ``silhouette``: mean over
    faces, grouped by primary category, null: faces dealt to other emissions, means and primary categories made
    anew (a face's mean lies near the prompts that made its primary category, even when faces mean nothing).
    ``clustering``: the cuts of the tree with their criterion and stability, null: faces dealt likewise, resampled:
    prompts. ``names``: dict cluster -> what it is called, at the chosen cut.
    """

    matrix: pd.DataFrame
    order: tuple
    linkage: np.ndarray
    cophenetic: float
    silhouette: statistics.Estimate
    clustering: clusters.Clustering
    names: dict


def face_means(states, emissions, min_emissions=3, min_prompts=2):
    """Average the (layer-scaled, stacked) states over the emissions of each face.

    ``states``: the run's states with ``index`` (prompt_id, and generation where the state depends on it)
    and ``array`` (n, layers, d); a face typed twice for a prompt counts its state twice. Kept are faces
    with at least ``min_emissions`` emissions from at least ``min_prompts`` prompts.

    Raises
    ------
    KaomojiError
        If fewer than three faces qualify.
    """
    typed = emissions[emissions["face"].notna()]
    keys = [key for key in ("prompt_id", "generation") if key in states.index.columns]
    rows = states.index[keys].assign(row=np.arange(len(states.index)))
    typed = typed.merge(rows, on=keys, how="inner")
    usage = typed.groupby("face").agg(count=("row", "size"), prompts=("prompt_id", "nunique"))
    usage = usage[(usage["count"] >= min_emissions) & (usage["prompts"] >= min_prompts)]
    usage = (
        usage.reset_index()
        .sort_values(["count", "face"], ascending=[False, True])
        .set_index("face")
    )
    if len(usage) < 3:
        raise KaomojiError(
            f"{len(usage)} faces have {min_emissions} emissions from {min_prompts} prompts; expected at least 3; "
            "collect more generations or lower the limits"
        )
    typed = typed[typed["face"].isin(usage.index)]
    X = stack(states.array)
    face, row = usage.index.get_indexer(typed["face"]), typed["row"].to_numpy()
    means = _shares(face, row, len(usage), len(X)) @ X
    categories = list(pd.unique(emissions["category"]))
    counts = pd.crosstab(typed["face"], typed["category"]).reindex(
        index=usage.index, columns=categories, fill_value=0
    )
    return FaceMeans(
        faces=tuple(usage.index),
        means=means - means.mean(axis=0),
        counts=usage["count"],
        primary=counts.idxmax(axis=1),
        shares=counts.div(counts.sum(axis=1), axis=0),
        uses=np.column_stack([face, row, pd.Index(categories).get_indexer(typed["category"])]),
        gram=X @ X.T,
    )


def _shares(face, row, faces, rows):
    """Which share of each face's emissions has each state: (faces, rows), rows sum to 1."""
    counts = (
        np.bincount(face * rows + row, minlength=faces * rows)
        .reshape(faces, rows)
        .astype(np.float32)
    )
    return counts / counts.sum(axis=1, keepdims=True)


@one_thread
def cosine(face_means, words=None, *, permutations=500, resamples=100, seed=0):
    """Cosine similarities of face means, their average-linkage order, a test of their blocks, and their clusters.

    ``words``: category -> word (dict or Series) that names a cluster; without it the codes do.
    Silhouettes: Rousseeuw 1987.
    """
    distances = cosine_distances(face_means.means @ face_means.means.T)
    faces = list(face_means.faces)
    primary = pd.factorize(face_means.primary)[0]
    null, cut_null = _dealt(face_means, permutations, seed)
    clustering = clusters.cluster(
        face_means.faces, distances, cut_null, _resampled(face_means, resamples, seed), seed
    )
    condensed = squareform(distances, checks=False)
    masses = face_means.shares.mul(face_means.counts, axis=0)
    return Heatmap(
        matrix=pd.DataFrame(1 - distances, faces, faces),
        order=clustering.order,
        linkage=clustering.linkage,
        cophenetic=float(hierarchy.cophenet(clustering.linkage, condensed)[0]),
        silhouette=statistics.bootstrap(
            statistics.silhouettes(distances, primary), unit="faces", seed=seed, null=null
        ),
        clustering=clustering,
        names=clusters.names(
            clustering.clusters,
            masses,
            {code: code for code in masses.columns} if words is None else words,
        ),
    )


def cosine_distances(products):
    """Cosine distances (0..2) from inner products."""
    norms = np.sqrt(np.maximum(np.diagonal(products), 1e-24))
    distances = 1 - np.clip(products / np.outer(norms, norms), -1, 1).astype(float)
    np.fill_diagonal(distances, 0)
    return (distances + distances.T) / 2


def _dealt(face_means, permutations, seed):
    """Silhouettes of primary categories, and of the cuts, when faces are dealt to other emissions."""
    random, (face, row, category) = np.random.default_rng(seed), face_means.uses.T
    faces, rows, categories = (
        len(face_means.faces),
        len(face_means.gram),
        face_means.shares.shape[1],
    )
    null, cut_null = [], []
    for number in range(permutations):
        dealt = random.permutation(face)
        distances = _distances_of(_shares(dealt, row, faces, rows), face_means.gram)
        counts = np.bincount(dealt * categories + category, minlength=faces * categories).reshape(
            faces, categories
        )
        primary = pd.factorize(counts.argmax(axis=1))[0]
        null.append(statistics.silhouettes(distances, primary).mean())
        if number < DEALT_CUTS:
            cut_null.append(clusters.null_silhouettes(distances))
    return null, cut_null


def _resampled(face_means, resamples, seed):
    """What the faces' distances become when state rows (prompts, or generations) are resampled."""
    face, row, _ = face_means.uses.T
    faces, rows = len(face_means.faces), len(face_means.gram)
    counts = (
        np.bincount(face * rows + row, minlength=faces * rows)
        .reshape(faces, rows)
        .astype(np.float32)
    )
    for weights in statistics.resampling_counts(rows, resamples, seed):
        drawn = counts * weights
        kept = np.flatnonzero(drawn.sum(axis=1))
        yield (
            kept,
            _distances_of(drawn[kept] / drawn[kept].sum(axis=1, keepdims=True), face_means.gram),
        )


def _distances_of(shares, gram):
    shares = shares - shares.mean(axis=0)
    return cosine_distances(shares @ gram @ shares.T)
