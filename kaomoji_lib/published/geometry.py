"""The shape of the five models' states as far as it was published: three component scores per prompt."""

from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import clusters, geometry
from kaomoji_lib.published import tables

# What the article says of its third component: positive for these, negative for HP-S, nothing of the others.
THIRD = {"NB": 1, "HB": 1, "HP-D": 1, "HP-S": -1}


@cache
def cloud(name, published=False):
    """Return the prompts of a local model in the space of its first three components: DataFrame (id, category) x PC1..PC3.

    ``published``: the scores in the article's figure, centred; else their principal components with each prompt counted
    once (gemma's published axes correlate by .39). Both are signed so that they grow with :func:`coordinates`.
    """
    scores = tables.components(name).set_index(["id", "category"])
    scores = scores - scores.mean()
    if not published:
        U, singular, _ = np.linalg.svd(scores, full_matrices=False)
        scores = pd.DataFrame(U * singular, scores.index, scores.columns)
    guides = coordinates().loc[labels(scores)].to_numpy(float)
    return scores * np.where((scores * (guides - guides.mean(axis=0))).sum() < 0, -1, 1)


def labels(scores):
    """Return the category of each prompt of a :func:`cloud`, (n,)."""
    return scores.index.get_level_values("category").to_numpy(object)


def coordinates():
    """Return what each component is said to follow: DataFrame category x (valence, arousal, third)."""
    known = tables.scheme().table[["valence", "arousal"]]
    return known.assign(third=pd.Series(THIRD)).fillna({"third": 0.0})


def follows(scores, coordinate, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return |r| of a component of a cloud with what it is said to follow, a column of :func:`coordinates`: Estimate, 0..1.

    The null permutes the coordinate among the nine categories, so that mere clusters do not pass: ``n`` counts
    categories. The interval resamples prompts (Efron 1979) and takes the components as given.
    """
    rng, guides = np.random.default_rng(seed), coordinates()
    score = scores.iloc[:, guides.columns.get_loc(coordinate)].to_numpy()
    codes, values = guides.index.get_indexer(labels(scores)), guides[coordinate].to_numpy(float)
    permuted = np.vstack([values, rng.permuted(np.tile(values, (permutations, 1)), axis=1)])
    null = np.abs(pearsonr(score[None], permuted[:, codes], axis=1).statistic)
    rows = rng.integers(len(score), size=(1000, len(score)))
    draws = pearsonr(score[rows], values[codes][rows], axis=1).statistic
    grown, unit = draws * (np.sign(draws.mean()) or 1), "categories"
    return stats.estimate(null[0], grown, len(values), unit, null=null[1:], bounds=(0, 1))


def _pair(first, second):
    """Scores of two clouds on the prompts that both have, and their categories: (n, 3), (n, 3), (n,)."""
    both = first.index.intersection(second.index, sort=False)
    return first.loc[both].to_numpy(), second.loc[both].to_numpy(), labels(first.loc[both])


def align(reference, moved, *, seed=0):
    """Return how badly the category centroids of ``moved`` fit those of ``reference``: Estimate (:func:`geometry.procrustes`)."""
    return geometry.procrustes(*_pair(reference, moved), tables.scheme().codes, seed=seed)


def shared(reference, moved, *, seed=0):
    """Return debiased CKA of two clouds; null: prompts permuted within their category (is more than that shared?)."""
    left, right, code = _pair(reference, moved)
    both, prompts = {"left": left, "right": right}, pd.DataFrame({"category": code})
    return results.estimate(geometry.similarity(both, prompts, seed=seed).iloc[0])


def merged(scores, others, codes, *, seed=0):
    """Return how much nearer to each other some categories lie in a cloud than on average in other clouds: Estimate.

    Distances between centroids, divided by their mean over all pairs; negative: nearer. Prompts are resampled within
    their category, the same ones in all clouds.
    """
    among = np.isin(tables.scheme().codes, codes)
    pairs = np.triu_indices(len(among), 1)
    own = among[pairs[0]] & among[pairs[1]]

    def nearness(item, counts):
        centres = _centroids(item, counts)
        distances = np.linalg.norm(centres[:, pairs[0]] - centres[:, pairs[1]], axis=2)
        return distances[:, own].mean(axis=1) / distances.mean(axis=1)

    def gap(counts):
        elsewhere = [nearness(item, counts) for item in others]
        return nearness(scores, counts) - np.mean(elsewhere, axis=0)

    return _over_prompts(gap, seed)


def displaced(reference, moved, codes, *, seed=0):
    """Return how much farther than the other categories some lie from their place in the reference: Estimate.

    After Procrustes, distances between the two centroids of a category, divided by their mean; positive: farther.
    """
    chosen = np.isin(tables.scheme().codes, codes)

    def gap(counts):
        A, B = (_centroids(item, counts) for item in (reference, moved))
        A, B = (part - part.mean(axis=1, keepdims=True) for part in (A, B))
        U, singular, V = np.linalg.svd(B.swapaxes(1, 2) @ A)
        scale = singular.sum(axis=1) / (B**2).sum(axis=(1, 2))
        away = np.linalg.norm(A - B @ (U @ V) * scale[:, None, None], axis=2)
        return (away[:, chosen].mean(axis=1) - away[:, ~chosen].mean(axis=1)) / away.mean(axis=1)

    return _over_prompts(gap, seed)


def _over_prompts(statistic, seed, resamples=1000):
    """A statistic of counts (r, prompts) -> (r,), with an interval over prompts resampled within category: Estimate."""
    prompts, rng = tables.prompts(), np.random.default_rng(seed)
    counts = np.ones((resamples + 1, len(prompts)))
    for rows in prompts.groupby("category", sort=False).indices.values():
        counts[1:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), resamples)
    values = statistic(counts)
    return stats.estimate(values[0], values[1:], len(prompts), "prompts", normal=True)


def _centroids(scores, counts):
    """Centroid of each category when prompt i counts ``counts[r, i]`` times: (r, categories, 3)."""
    rows = pd.Index(tables.prompts()["id"]).get_indexer(scores.index.get_level_values("id"))
    counts, member = counts[:, rows], _member(scores).astype(float)
    sums = np.einsum("rp,pc,pk->rck", counts, member, scores.to_numpy(), optimize=True)
    return sums / np.maximum(counts @ member, 1e-12)[:, :, None]


def _member(scores):
    """Which category each prompt is of: bool (n, categories)."""
    return labels(scores)[:, None] == np.array(tables.scheme().codes)


def face_blocks(scores, emissions, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return how well faces of one category cluster in three components: silhouette, Estimate over faces.

    A face's place is the mean over its replies of their prompt's scores, its category the one it was typed for most;
    faces with 3 replies from 2 prompts or more. All replies of a prompt share one state, so the null permutes whole
    prompts, with the faces that they drew, among the places, and computes means *and* categories again.
    """
    ids = scores.index.get_level_values("id")
    typed = emissions[emissions["face"].notna() & emissions["prompt_id"].isin(ids)]
    counts = pd.crosstab(typed["prompt_id"], typed["face"]).reindex(ids, fill_value=0)
    counts = counts.loc[:, (counts.sum() >= 3) & ((counts > 0).sum() >= 2)].to_numpy(float)
    places, member, rng = scores.to_numpy(), _member(scores), np.random.default_rng(seed)

    def widths(counts):
        means = counts.T @ places / counts.sum(axis=0)[:, None]
        distances = clusters.cosine_distances(means - means.mean(axis=0))
        return stats.silhouettes(distances, (counts.T @ member).argmax(axis=1))

    null = [widths(counts[rng.permutation(len(counts))]).mean() for _ in range(permutations)]
    return stats.bootstrap(widths(counts), unit="kaomoji", seed=seed, null=null)
