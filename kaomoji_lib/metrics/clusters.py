"""Clusters of faces, by their mean states or their words: how many (one, where nothing is found), how stable, and their names."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.states import one_thread, stack

MOST_CLUSTERS = 15
CLEAR, SECOND = 0.6, 0.2


@dataclass(frozen=True)
class Clustering:
    """A tree of average linkage over faces, and its cuts.

    ``linkage``: as scipy gives it, leaves ordered; ``order``: faces in the order of the leaves. ``cuts``: dict number ->
    Series face -> cluster (1 ..., in the order of the leaves). ``criterion``: tidy table, measure ``silhouette``, one row per
    number, with ``clusters``, ``stability`` (mean Jaccard, 0..1) and ``p_adjusted`` (max-T over all numbers of clusters).
    ``stability``: dict number -> Series cluster -> mean Jaccard. ``chosen``: of the numbers with p_adjusted <= 0.05 the one
    whose silhouette is farthest above its null mean; 1 where there is none.
    """

    linkage: np.ndarray
    order: tuple
    cuts: dict
    criterion: pd.DataFrame
    stability: dict
    chosen: int

    @property
    def clusters(self):
        """The chosen cut: Series face -> cluster."""
        return self.cuts[self.chosen]


def tree(distances):
    """Return average linkage of a distance matrix, leaves ordered so that neighbours are near (Bar-Joseph 2001)."""
    condensed = squareform(distances, checks=False)
    return hierarchy.optimal_leaf_ordering(hierarchy.linkage(condensed, "average"), condensed)


def cosine_distances(X):
    """Return cosine distances (n, n) of the rows of ``X``; a row of zeros is equally far from all."""
    return squareform(np.clip(pdist(np.asarray(X, dtype=float) + 1e-12, "cosine"), 0, None))


def cuts(linkage, most=MOST_CLUSTERS):
    """Return the labels of each cut: dict number -> int array (n,), clusters numbered from 1 in the order of the leaves."""
    order, labelled = hierarchy.leaves_list(linkage), {}
    for number in range(1, min(most, len(order) - 1) + 1):
        labels = hierarchy.fcluster(linkage, number, "maxclust")
        ranks = {label: rank for rank, label in enumerate(dict.fromkeys(labels[order]), start=1)}
        labelled[number] = np.array([ranks[label] for label in labels])
    return labelled


def null_silhouettes(distances):
    """Return the mean silhouette of each cut of data without clusters, clustered in the same way: dict number -> float."""
    linkage = hierarchy.linkage(squareform(distances, checks=False), "average")
    cut = cuts(linkage).items()
    return {k: stats.silhouettes(distances, labels).mean() for k, labels in cut if k > 1}


def cluster(faces, distances, nulls, resampled, seed=0):
    """Return the :class:`Clustering` of ``faces`` by ``distances`` (n, n).

    ``nulls``: list of :func:`null_silhouettes`. ``resampled``: iterable of (rows, distances among these rows), what a
    bootstrap makes of the same faces. Silhouettes: Rousseeuw 1987; adjustment over numbers: Westfall & Young 1993.
    """
    linkage = tree(distances)
    labelled = cuts(linkage)
    stability = jaccard(labelled, resampled)
    own = {k: stats.silhouettes(distances, labels) for k, labels in labelled.items() if k > 1}
    null = pd.DataFrame(nulls, columns=list(own))
    null = null.fillna(null.mean())
    adjusted = stats.max_t([values.mean() for values in own.values()], null)
    rows = []
    for (number, values), p in zip(own.items(), adjusted):
        options = {"unit": "kaomoji", "seed": seed, "resamples": 500}
        value = stats.bootstrap(values, null=null[number], **options)
        labels = {"clusters": number, "stability": float(stability[number].mean())}
        rows.append(results.frame({"silhouette": value}, **labels, p_adjusted=float(p)))
    rows = pd.concat(rows, ignore_index=True)
    excess = (rows["value"] - rows["null_mean"])[rows["p_adjusted"] <= stats.ALPHA]
    return Clustering(
        linkage=linkage,
        order=tuple(faces[leaf] for leaf in hierarchy.leaves_list(linkage)),
        cuts={k: pd.Series(labels, list(faces), name="cluster") for k, labels in labelled.items()},
        criterion=rows,
        stability=stability,
        chosen=int(rows["clusters"][excess.idxmax()]) if len(excess) else 1,
    )


def cluster_vectors(vectors, null=None, *, permutations=stats.PERMUTATIONS, resamples=100, seed=0):
    """Return the :class:`Clustering` of a table face x category (or face x word) by cosine.

    ``null``: permuted arrays like the table; default: each column permuted over the faces, which suits distributions over
    categories, not words (use :func:`.synthesis.permuted_vectors`). Stability: faces resampled with replacement, under
    which clusters of two or three faces look stable whatever they are; compare at the same number only (Hennig 2007).
    """
    X, rng = vectors.to_numpy(float), np.random.default_rng(seed)
    null = (rng.permuted(X, axis=0) for _ in range(permutations)) if null is None else null
    nulls = [null_silhouettes(cosine_distances(part)) for part in null]
    distances = cosine_distances(X)
    drawn = [np.unique(rng.integers(len(X), size=len(X))) for _ in range(resamples)]
    resampled = ((rows, distances[np.ix_(rows, rows)]) for rows in drawn)
    return cluster(tuple(vectors.index), distances, nulls, resampled, seed)


def jaccard(labelled, resampled):
    """Return how well a bootstrap finds each cluster of each cut again: dict number -> Series cluster -> mean Jaccard, 0..1.

    For each resample the same cut is made and each cluster compared with the most similar new one. Above 0.75 a
    cluster is stable, below 0.6 it should not be interpreted. Hennig 2007, doi:10.1016/j.csda.2006.11.025.
    """
    found = {number: [] for number in labelled}
    for rows, distances in resampled:
        if len(rows) < 3:
            continue
        linkage = hierarchy.linkage(squareform(distances, checks=False), "average")
        for number in [number for number in labelled if number < len(rows)]:
            old = np.eye(labelled[number].max())[labelled[number][rows] - 1]
            again = hierarchy.fcluster(linkage, number, "maxclust")
            new = np.eye(again.max())[again - 1]
            both = old.T @ new
            union = old.sum(axis=0)[:, None] + new.sum(axis=0)[None] - both
            best = (both / np.maximum(union, 1)).max(axis=1)
            found[number].append(np.where(old.any(axis=0), best, np.nan))
    return {
        number: pd.DataFrame(found[number], columns=range(1, labels.max() + 1)).mean()
        for number, labels in labelled.items()
    }


def names(labels, masses, words):
    """Return what to call each cluster: dict cluster -> str such as ``sad`` or ``fearful, frustrated``.

    ``labels``: Series face -> cluster. ``masses``: DataFrame face x column, how much each face counts toward a column.
    ``words``: mapping column -> word. The leading column names a cluster when it has 60% of its mass; otherwise the second
    is added, when it has 20%. Clusters of one name also show their most frequent face.
    """
    masses = masses.reindex(labels.index).fillna(0.0)
    named, lead = {}, {}
    for number, part in masses.groupby(labels):
        total = part.sum().sort_values(ascending=False, kind="stable")
        shares = total / max(total.sum(), 1e-12)
        least = CLEAR if shares.iloc[0] >= CLEAR else SECOND
        first = [words[column] for column in shares.index[:2][shares.iloc[:2] >= least]]
        named[number] = ", ".join(first) or words[shares.index[0]]
        if not total.any():
            named[number] = "no category"
        lead[number] = part.sum(axis=1).idxmax()
    given = list(named.values())
    return {
        number: f"{name} {lead[number]}" if given.count(name) > 1 else name
        for number, name in named.items()
    }


@dataclass(frozen=True)
class FaceMeans:
    """Which states each face has, most frequent face first.

    ``counts``: Series face -> emissions. ``gram``: (rows, rows), inner products of the states. ``uses``: (faces, rows), how
    often each face has each state. ``prompts``: ints, the state rows of the prompts that have replies.
    """

    counts: pd.Series
    gram: np.ndarray
    uses: np.ndarray
    prompts: np.ndarray

    def distances(self, uses):
        """Return the faces that occur in ``uses`` (faces, rows), and cosine distances (0..2) of their centred means."""
        present = np.flatnonzero(uses.sum(axis=1))
        shares = uses[present] / uses[present].sum(axis=1, keepdims=True)
        products = shares @ (shares @ self.gram).T
        products = products - products.mean(axis=0)
        products = products - products.mean(axis=1, keepdims=True)
        norms = np.sqrt(np.maximum(np.diagonal(products), 1e-24))
        distances = 1 - np.clip(products / np.outer(norms, norms), -1, 1).astype(float)
        np.fill_diagonal(distances, 0)
        return present, (distances + distances.T) / 2


def face_means(states, emissions, min_emissions=3, min_prompts=2):
    """Join faces with the (layer-scaled, stacked) states of their emissions: :class:`FaceMeans`.

    ``states``: the run's states, one per prompt, with ``index`` (DataFrame[prompt_id]) and ``array`` (n, layers, d); a face
    generated twice for a prompt counts its state twice. Included are faces with at least ``min_emissions`` emissions from
    at least ``min_prompts`` prompts.

    Raises
    ------
    KaomojiError
        If fewer than three faces qualify.
    """
    index = states.index[["prompt_id"]].assign(row=np.arange(len(states.index)))
    replies = emissions.merge(index, on="prompt_id")
    usage = replies.groupby("face").agg(count=("row", "size"), prompts=("row", "nunique"))
    usage = usage[(usage["count"] >= min_emissions) & (usage["prompts"] >= min_prompts)]
    usage = usage.sort_index().sort_values("count", ascending=False, kind="stable")["count"]
    if len(usage) < 3:
        raise KaomojiError(
            f"{len(usage)} faces have {min_emissions} emissions from {min_prompts} prompts; expected at least 3; "
            "collect more generations or lower the limits"
        )
    kept = replies[replies["face"].isin(usage.index)]
    uses, X = np.zeros((len(usage), len(index))), stack(states.array)
    np.add.at(uses, (usage.index.get_indexer(kept["face"]), kept["row"]), 1)
    return FaceMeans(usage, X @ X.T, uses, replies["row"].unique())


@one_thread
def cluster_means(means, *, permutations=stats.PERMUTATIONS, resamples=100, seed=0):
    """Cluster faces by the cosine similarity of their mean states, centred over faces: :class:`Clustering`.

    The null moves whole prompts: all faces of a prompt go to the state of another prompt. A face that two prompts prefer
    has a mean near these two, whether or not faces mean anything; moving single replies would miss that. Stability:
    prompts resampled. Silhouettes: Rousseeuw 1987.
    """
    rows, nulls = means.prompts, []
    for order in stats.orders(np.zeros(len(rows)), permutations, seed):
        moved = np.zeros_like(means.uses)
        moved[:, rows] = means.uses[:, rows[order]]
        nulls.append(null_silhouettes(means.distances(moved)[1]))
    weights = np.zeros((resamples, len(means.gram)))
    weights[:, rows] = stats.resampling_counts(len(rows), resamples, seed)
    resampled = (means.distances(means.uses * weight) for weight in weights)
    distances = means.distances(means.uses)[1]
    return cluster(tuple(means.counts.index), distances, nulls, resampled, seed)
