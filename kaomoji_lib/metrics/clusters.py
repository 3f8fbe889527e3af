"""Clusters of faces, by their mean states or their words: how many (one, where nothing is found), how stable, and their names.

Silhouettes: Rousseeuw 1987; adjustment over numbers of clusters: Westfall & Young 1993; stability: Hennig 2007,
doi:10.1016/j.csda.2006.11.025.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from kaomoji_lib import results, stats
from kaomoji_lib.metrics.states import one_thread

MOST_CLUSTERS = 15
CLEAR, SECOND = 0.6, 0.2


@dataclass(frozen=True)
class Clustering:
    """A tree of average linkage over faces, and its cuts.

    ``linkage``: as scipy gives it, leaves ordered; ``order``: faces in the order of the leaves. ``cuts``: dict number ->
    Series face -> cluster (1 ..., in the order of the leaves). ``criterion``: tidy table, measure ``silhouette``, one row per
    number, with ``clusters`` and ``p_adjusted`` (max-T over all numbers of clusters). ``chosen``: of the numbers with
    p_adjusted <= 0.05 the one whose silhouette is farthest above its null mean; 1 where there is none. ``stability``:
    Series cluster of the chosen cut -> mean Jaccard, 0..1.
    """

    linkage: np.ndarray
    order: tuple
    cuts: dict
    criterion: pd.DataFrame
    chosen: int
    stability: pd.Series

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
    bootstrap makes of the same faces.
    """
    linkage = tree(distances)
    labelled = cuts(linkage)
    own = {k: stats.silhouettes(distances, labels) for k, labels in labelled.items() if k > 1}
    null = pd.DataFrame(nulls, columns=list(own))
    null = null.fillna(null.mean())
    adjusted = stats.max_t([values.mean() for values in own.values()], null)
    rows, options = [], {"unit": "kaomoji", "seed": seed, "resamples": 500}
    for (number, values), p in zip(own.items(), adjusted):
        value = stats.bootstrap(values, null=null[number], **options)
        rows.append(results.frame({"silhouette": value}, clusters=number, p_adjusted=float(p)))
    rows = pd.concat(rows, ignore_index=True)
    excess = (rows["value"] - rows["null_mean"])[rows["p_adjusted"] <= stats.ALPHA]
    chosen = int(rows["clusters"][excess.idxmax()]) if len(excess) else 1
    return Clustering(
        linkage=linkage,
        order=tuple(faces[leaf] for leaf in hierarchy.leaves_list(linkage)),
        cuts={k: pd.Series(labels, list(faces), name="cluster") for k, labels in labelled.items()},
        criterion=rows,
        chosen=chosen,
        stability=jaccard(labelled[chosen], resampled),
    )


def cluster_vectors(vectors, null=None, *, permutations=stats.PERMUTATIONS, resamples=100, seed=0):
    """Return the :class:`Clustering` of a table face x category (or face x word) by cosine.

    ``null``: permuted arrays like the table; default: each column permuted over the faces, which suits distributions over
    categories, not words (use :func:`.synthesis.permuted_vectors`). Stability: faces resampled with replacement, under
    which clusters of two or three faces look stable whatever they are; compare at the same number only.
    """
    X, rng = vectors.to_numpy(float), np.random.default_rng(seed)
    null = (rng.permuted(X, axis=0) for _ in range(permutations)) if null is None else null
    nulls = [null_silhouettes(cosine_distances(part)) for part in null]
    distances = cosine_distances(X)
    drawn = [np.unique(rng.integers(len(X), size=len(X))) for _ in range(resamples)]
    resampled = ((rows, distances[np.ix_(rows, rows)]) for rows in drawn)
    return cluster(tuple(vectors.index), distances, nulls, resampled, seed)


def jaccard(labels, resampled):
    """Return how well a bootstrap finds each cluster of a cut again: Series cluster -> mean Jaccard, 0..1.

    ``labels``: ints (n,) from 1. For each resample the same cut is made and each cluster compared with the most similar
    new one. Above 0.75 a cluster is stable, below 0.6 it should not be interpreted.
    """
    number, found = labels.max(), []
    for rows, distances in resampled:
        if len(rows) <= max(number, 2):
            continue
        condensed = squareform(distances, checks=False)
        again = hierarchy.fcluster(hierarchy.linkage(condensed, "average"), number, "maxclust")
        old, new = np.eye(number)[labels[rows] - 1], np.eye(again.max())[again - 1]
        both = old.T @ new
        union = old.sum(axis=0)[:, None] + new.sum(axis=0)[None] - both
        best = (both / np.maximum(union, 1)).max(axis=1)
        found.append(np.where(old.any(axis=0), best, np.nan))
    return pd.DataFrame(found, columns=range(1, number + 1)).mean()


def names(labels, masses, words):
    """Return what to call each cluster: dict cluster -> str such as ``sad`` or ``fearful, frustrated``.

    ``labels``: Series face -> cluster. ``masses``: DataFrame face x column, how much each face counts toward a column.
    ``words``: mapping column -> word. The leading column names a cluster when it has 60% of its mass; otherwise the second
    is added, when it has 20%. Clusters of one name also show their most frequent face.
    """
    named, lead = {}, {}
    for number, part in masses.loc[labels.index].groupby(labels):
        total = part.sum().sort_values(ascending=False, kind="stable")
        first, second = total.index[:2]
        mixed = total[first] < CLEAR * total.sum() and total[second] >= SECOND * total.sum()
        named[number] = f"{words[first]}, {words[second]}" if mixed else words[first]
        lead[number] = part.sum(axis=1).idxmax()
    given = list(named.values())
    return {k: f"{name} {lead[k]}" if given.count(name) > 1 else name for k, name in named.items()}


def usage(emissions, prompt_ids):
    """Return how often each prompt drew each face: DataFrame face x prompt, most frequent face first.

    ``emissions``: DataFrame[prompt_id, face]; of prompts that are not among ``prompt_ids`` nothing is counted.
    """
    prompts = emissions["prompt_id"].unique()
    counts = pd.crosstab(emissions["face"], emissions["prompt_id"])
    counts = counts[prompts[np.isin(prompts, prompt_ids)]]
    order = counts.sum(axis=1).sort_values(ascending=False, kind="stable")
    return counts.loc[order.index[order > 0]]


def mean_distances(uses, gram):
    """Return the faces that occur in ``uses``, and cosine distances (0..2) of their centred means.

    ``uses``: (faces, n), how often each face has each state; ``gram``: (n, n), inner products of the states.
    """
    present = np.flatnonzero(uses.sum(axis=1))
    shares = uses[present] / uses[present].sum(axis=1, keepdims=True)
    products = shares @ (shares @ gram).T
    products = products - products.mean(axis=0)
    products = products - products.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.maximum(np.diagonal(products), 1e-24))
    distances = 1 - np.clip(products / np.outer(norms, norms), -1, 1).astype(float)
    np.fill_diagonal(distances, 0)
    return present, (distances + distances.T) / 2


@one_thread
def cluster_means(uses, X, *, permutations=stats.PERMUTATIONS, resamples=100, seed=0):
    """Cluster faces by the cosine similarity of their mean states, centred over faces: :class:`Clustering`.

    ``uses``: DataFrame face x prompt of :func:`usage`; ``X``: (prompts, d), their states. The null moves whole prompts: all
    faces of a prompt go to the state of another prompt. A face that two prompts prefer has a mean near these two, whether
    or not faces mean anything; moving single replies would miss that. Stability: prompts resampled.
    """
    counts, gram = uses.to_numpy(float), X @ X.T
    orders = stats.orders(np.zeros(len(X)), permutations, seed)
    nulls = [null_silhouettes(mean_distances(counts[:, order], gram)[1]) for order in orders]
    weights = stats.resampling_counts(len(X), resamples, seed)
    resampled = (mean_distances(counts * weight, gram) for weight in weights)
    return cluster(tuple(uses.index), mean_distances(counts, gram)[1], nulls, resampled, seed)
