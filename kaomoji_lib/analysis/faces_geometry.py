"""The states behind each face: their means, how alike they are, and whether they form blocks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from kaomoji_lib.analysis.stacking import stack
from kaomoji_lib.analysis.threads import one_thread
from kaomoji_lib.study import statistics
from kaomoji_lib.study.errors import KaomojiError


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
class Heatmap:
    """Cosine similarity of face means.

    ``matrix``: DataFrame face x face, -1..1. ``order``: faces as average linkage lays them out;
    ``cophenetic``: correlation of the tree's distances with the real ones; ``silhouette``: mean over
    faces, grouped by primary category, null: faces dealt to other emissions, means and primary categories made
    anew (a face's mean lies near the prompts that made its primary category, even when faces mean nothing).
    ``criterion``: DataFrame
    [clusters, silhouette] for each cut of the tree; ``clusters``: Series face -> cluster at its maximum.
    """

    matrix: pd.DataFrame
    order: tuple
    linkage: np.ndarray
    cophenetic: float
    silhouette: statistics.Estimate
    criterion: pd.DataFrame
    clusters: pd.Series


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
    usage = usage.reset_index().sort_values(["count", "face"], ascending=[False, True]).set_index("face")
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
    counts = pd.crosstab(typed["face"], typed["category"]).reindex(index=usage.index, columns=categories, fill_value=0)
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
    counts = np.bincount(face * rows + row, minlength=faces * rows).reshape(faces, rows).astype(np.float32)
    return counts / counts.sum(axis=1, keepdims=True)


@one_thread
def cosine(face_means, *, permutations=500, seed=0):
    """Cosine similarities of face means, their average-linkage order and a test of their blocks."""
    distances = _distances(face_means.means @ face_means.means.T)
    condensed = squareform(distances, checks=False)
    linkage = hierarchy.optimal_leaf_ordering(hierarchy.linkage(condensed, "average"), condensed)
    faces = list(face_means.faces)
    primary = pd.factorize(face_means.primary)[0]
    null = _silhouettes_of_dealt_faces(face_means, permutations, seed)
    criterion, clusters = _cut(linkage, distances)
    return Heatmap(
        matrix=pd.DataFrame(1 - distances, faces, faces),
        order=tuple(faces[leaf] for leaf in hierarchy.leaves_list(linkage)),
        linkage=linkage,
        cophenetic=float(hierarchy.cophenet(linkage, condensed)[0]),
        silhouette=statistics.bootstrap(statistics.silhouettes(distances, primary), unit="faces", seed=seed, null=null),
        criterion=criterion,
        clusters=pd.Series(clusters, faces, name="cluster"),
    )


def _distances(products):
    """Cosine distances (0..2) from inner products."""
    norms = np.sqrt(np.maximum(np.diagonal(products), 1e-24))
    distances = 1 - np.clip(products / np.outer(norms, norms), -1, 1).astype(float)
    np.fill_diagonal(distances, 0)
    return (distances + distances.T) / 2


def _silhouettes_of_dealt_faces(face_means, permutations, seed):
    random, (face, row, category) = np.random.default_rng(seed), face_means.uses.T
    faces, rows, categories = len(face_means.faces), len(face_means.gram), face_means.shares.shape[1]
    null = []
    for _ in range(permutations):
        dealt = random.permutation(face)
        shares = _shares(dealt, row, faces, rows)
        shares -= shares.mean(axis=0)
        counts = np.bincount(dealt * categories + category, minlength=faces * categories).reshape(faces, categories)
        primary = pd.factorize(counts.argmax(axis=1))[0]
        null.append(statistics.silhouettes(_distances(shares @ face_means.gram @ shares.T), primary).mean())
    return null


def _cut(linkage, distances, most=15):
    cuts = {k: hierarchy.fcluster(linkage, k, "maxclust") for k in range(2, min(most, len(distances) - 1) + 1)}
    criterion = pd.DataFrame(
        [(k, statistics.silhouettes(distances, labels).mean()) for k, labels in cuts.items()],
        columns=["clusters", "silhouette"],
    )
    return criterion, cuts[int(criterion.loc[criterion["silhouette"].idxmax(), "clusters"])]
