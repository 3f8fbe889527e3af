"""Cutting a tree of faces: into how many clusters, how stable each is, and what to call it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from kaomoji_lib import stats as statistics

MOST_CLUSTERS = 15
STABLE = 0.75
CLEAR, SECOND = 0.6, 0.2


@dataclass(frozen=True)
class Clustering:
    """A tree of average linkage over faces, and all its cuts.

    ``linkage``: as scipy gives it, leaves ordered; ``order``: faces in the order of the leaves.
    ``cuts``: dict number -> Series face -> cluster (1 ..., in the order of the leaves). ``criterion``: DataFrame
    [clusters, silhouette (Estimate with its null), stability (mean Jaccard, 0..1)]. ``stability``: dict number ->
    Series cluster -> mean Jaccard. ``chosen``: the number whose silhouette is farthest above its null.
    """

    linkage: np.ndarray
    order: tuple
    cuts: dict
    criterion: pd.DataFrame
    stability: dict
    chosen: int

    @property
    def clusters(self):
        return self.cuts[self.chosen]


class Clustered:
    """What has a ``clustering``, and is asked for its chosen cut."""

    @property
    def clusters(self):
        return self.clustering.clusters

    @property
    def criterion(self):
        return self.clustering.criterion

    @property
    def chosen(self):
        return self.clustering.chosen


def tree(distances):
    """Average linkage of a distance matrix, leaves ordered so that neighbours are near (Bar-Joseph 2001)."""
    condensed = squareform(distances, checks=False)
    return hierarchy.optimal_leaf_ordering(hierarchy.linkage(condensed, "average"), condensed)


def cosine_distances(X):
    """Cosine distances (n, n) of the rows of ``X``; a row of zeros is equally far from all."""
    return squareform(np.clip(pdist(np.asarray(X, dtype=float) + 1e-12, "cosine"), 0, None))


def cuts(linkage, most=MOST_CLUSTERS):
    """Labels of each cut: dict number -> int array (n,), clusters numbered from 1 in the order of the leaves."""
    order = hierarchy.leaves_list(linkage)
    found = {}
    for number in range(2, min(most, len(order) - 1) + 1):
        labels = hierarchy.fcluster(linkage, number, "maxclust")
        ranks = {label: rank for rank, label in enumerate(dict.fromkeys(labels[order]), start=1)}
        found[number] = np.array([ranks[label] for label in labels])
    return found


def silhouettes(distances, labelled):
    """Mean silhouette of each cut: dict number -> float."""
    return {
        number: statistics.silhouettes(distances, labels).mean()
        for number, labels in labelled.items()
    }


def null_silhouettes(distances):
    """The same for data without clusters, clustered in the same way; its leaves need no order."""
    linkage = hierarchy.linkage(squareform(distances, checks=False), "average")
    return silhouettes(distances, cuts(linkage))


def cluster(faces, distances, nulls, resampled, seed=0):
    """The :class:`Clustering` of ``faces`` by ``distances`` (n, n).

    ``nulls``: list of :func:`null_silhouettes`. ``resampled``: iterable of (rows, distances among these rows), what a
    bootstrap makes of the same faces; a face that a resample lacks is left out of the comparison.
    """
    linkage = tree(distances)
    labelled = cuts(linkage)
    stability = jaccard(labelled, resampled)
    rows = []
    for number, labels in labelled.items():
        null = [item[number] for item in nulls if number in item]
        found = statistics.bootstrap(
            statistics.silhouettes(distances, labels),
            unit="faces",
            seed=seed,
            null=null or None,
            resamples=500,
        )
        rows.append(
            (
                number,
                found,
                float(np.nanmean(stability[number])) if len(stability[number]) else np.nan,
            )
        )
    criterion = pd.DataFrame(rows, columns=["clusters", "silhouette", "stability"])
    excess = [item.value - (item.null_mean or 0) for item in criterion["silhouette"]]
    return Clustering(
        linkage=linkage,
        order=tuple(faces[leaf] for leaf in hierarchy.leaves_list(linkage)),
        cuts={
            number: pd.Series(labels, list(faces), name="cluster")
            for number, labels in labelled.items()
        },
        criterion=criterion,
        stability=stability,
        chosen=int(criterion["clusters"].iloc[int(np.argmax(excess))]),
    )


def of_vectors(vectors, dealt=None, *, permutations=100, resamples=100, seed=0):
    """The :class:`Clustering` of a table face x word or face x category by cosine; null: each column dealt to the faces anew.

    ``dealt``: arrays like the table that are dealt already. Stability: faces resampled with replacement,
    under which clusters of two or three faces look stable whatever they are; compare it at the same number only.
    Silhouettes: Rousseeuw 1987; stability: Hennig 2007, doi:10.1016/j.csda.2006.11.025.
    """
    X, rng = vectors.to_numpy(float), np.random.default_rng(seed)
    dealt = (rng.permuted(X, axis=0) for _ in range(permutations)) if dealt is None else dealt
    nulls = [null_silhouettes(cosine_distances(part)) for part in dealt]
    distances = cosine_distances(X)
    kept = [np.unique(rng.integers(len(X), size=len(X))) for _ in range(resamples)]
    return cluster(
        tuple(vectors.index),
        distances,
        nulls,
        ((rows, distances[np.ix_(rows, rows)]) for rows in kept),
        seed,
    )


def jaccard(labelled, resampled):
    """How well a bootstrap finds each cluster of each cut again: dict number -> Series cluster -> mean Jaccard, 0..1.

    For each resample the same cut is made and each cluster compared with the most similar new one. Above 0.75 a
    cluster is stable, below 0.6 it should not be read into. Hennig 2007, doi:10.1016/j.csda.2006.11.025.
    """
    sums = {number: np.zeros(labels.max()) for number, labels in labelled.items()}
    seen = {number: np.zeros(labels.max()) for number, labels in labelled.items()}
    for rows, distances in resampled:
        if len(rows) < 3:
            continue
        linkage = hierarchy.linkage(squareform(distances, checks=False), "average")
        for number, labels in labelled.items():
            if number >= len(rows):
                continue
            old = np.eye(labels.max())[labels[rows] - 1]
            again = hierarchy.fcluster(linkage, number, "maxclust")
            new = np.eye(again.max())[again - 1]
            both = old.T @ new
            union = old.sum(axis=0)[:, None] + new.sum(axis=0)[None] - both
            present = old.sum(axis=0) > 0
            sums[number][present] += (both / np.maximum(union, 1)).max(axis=1)[present]
            seen[number][present] += 1
    return {
        number: pd.Series(
            np.where(seen[number] > 0, sums[number] / np.maximum(seen[number], 1), np.nan),
            index=range(1, len(sums[number]) + 1),
        )
        for number in sums
    }


def names(labels, masses, words, second=SECOND):
    """What to call each cluster: dict cluster -> str such as ``sad`` or ``fearful, frustrated``.

    ``labels``: Series face -> cluster. ``masses``: DataFrame face x column, how much each face counts toward a column.
    ``words``: dict column -> word. The leading column names a cluster when it has 60% of its mass; otherwise the second is added,
    when it has a share of ``second``. Clusters of one name are told apart by the face that is typed most.
    """
    masses = masses.reindex(labels.index).fillna(0.0)
    named, lead = {}, {}
    for number, part in labels.groupby(labels):
        total = masses.loc[part.index].sum().sort_values(ascending=False, kind="stable")
        shares = total / max(total.sum(), 1e-12)
        kept = (
            [shares.index[0]]
            if shares.iloc[0] >= CLEAR or len(shares) < 2 or shares.iloc[1] < second
            else list(shares.index[:2])
        )
        named[number] = (
            ", ".join(words[column] for column in kept) if shares.iloc[0] > 0 else "no category"
        )
        lead[number] = masses.loc[part.index].sum(axis=1).idxmax()
    twice = {name for name in named.values() if list(named.values()).count(name) > 1}
    return {
        number: f"{name} {lead[number]}" if name in twice else name
        for number, name in named.items()
    }
