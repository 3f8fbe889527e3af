"""How many clusters a vocabulary of faces has, judged by the words it was described with."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from kaomoji_lib.analysis import readings, synthesis
from kaomoji_lib.study import statistics
from kaomoji_lib.study.errors import KaomojiError

MOST_CLUSTERS = 15
WORDS_SHOWN = 6


@dataclass(frozen=True)
class Vocabulary:
    """Faces in the space of the words they were described with.

    ``scores``: (faces, 3) coordinates on the components of the column-centred vectors, faces unweighted.
    ``variance``: Estimates of the components' shares of variance. ``count``: Series, uses of each face.
    ``reading``: anchor mass per category (faces without an anchor are not in it). ``words``: Series, the
    heaviest words of each face with their shares. ``criterion``: DataFrame [clusters, silhouette (Estimate; null:
    each word dealt to the faces anew, then clustered in the same way)]. ``clusters``: Series face -> number;
    ``chosen``: the number of clusters whose silhouette is farthest above its null.
    """

    faces: tuple
    scores: np.ndarray
    variance: tuple
    count: pd.Series
    reading: readings.Reading
    words: pd.Series
    criterion: pd.DataFrame
    clusters: pd.Series
    chosen: int


def vocabulary(words, lexicon, codes, *, resamples=500, permutations=100, seed=0):
    """The :class:`Vocabulary` that synthesized rows describe.

    ``words``: DataFrame[face, count, primary, others, lexicon_version]; rows of another lexicon version are left out.
    Clusters: average linkage of cosine distances, cut into 2 to 15.

    Raises
    ------
    KaomojiError
        If no row is of the lexicon's version, or fewer than five faces have words.
    """
    masses = synthesis.word_masses(words, lexicon)
    masses = masses[masses.sum(axis=1) > 0]
    if len(masses) < 5:
        raise KaomojiError(f"only {len(masses)} faces have words; expected at least 5 to look for clusters; synthesize more")
    vectors = masses.div(masses.sum(axis=1), axis=0)
    X = vectors.to_numpy()
    rng = np.random.default_rng(seed)
    U, singular, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    draws = np.array([_shares(X[rng.integers(len(X), size=len(X))]) for _ in range(resamples)])
    dealt = [rng.permuted(X, axis=0) for _ in range(permutations)]
    nulls = np.array([_shares(part) for part in dealt])
    variance = tuple(
        statistics.estimate(share, draws[:, index], len(X), "faces", null=nulls[:, index], interval="normal", bounds=(0, 1))
        for index, share in enumerate(_shares(X)))
    criterion, labels = _criterion(X, dealt, seed)
    excess = [item.value - item.null_mean for item in criterion["silhouette"]]
    chosen = int(criterion["clusters"].iloc[int(np.argmax(excess))])
    kept = synthesis.one_version(words, lexicon)
    return Vocabulary(
        faces=tuple(vectors.index),
        scores=(U * singular)[:, :3],
        variance=variance,
        count=kept.groupby("face")["count"].sum().reindex(vectors.index),
        reading=synthesis.synthesized(words, lexicon, codes),
        words=pd.Series([_profile(row) for _, row in vectors.iterrows()], vectors.index),
        criterion=criterion,
        clusters=pd.Series(labels[chosen], vectors.index, name="cluster"),
        chosen=chosen,
    )


def _shares(X):
    squared = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    return np.pad(squared / max(squared.sum(), 1e-300), (0, 3))[:3]


def _criterion(X, dealt, seed):
    distances, cuts = _cuts(X)
    nulls = [_silhouettes(*_cuts(part)) for part in dealt]
    rows = []
    for number, labels in cuts.items():
        null = [item[number] for item in nulls if number in item]
        rows.append((number, statistics.bootstrap(statistics.silhouettes(distances, labels), unit="faces", seed=seed, null=null, resamples=500)))
    return pd.DataFrame(rows, columns=["clusters", "silhouette"]), cuts


def _cuts(X):
    condensed = np.clip(pdist(X + 1e-12, "cosine"), 0, None)
    tree = hierarchy.linkage(condensed, "average")
    cuts = {number: hierarchy.fcluster(tree, number, "maxclust") for number in range(2, min(MOST_CLUSTERS, len(X) - 1) + 1)}
    return squareform(condensed), cuts


def _silhouettes(distances, cuts):
    return {number: statistics.silhouettes(distances, labels).mean() for number, labels in cuts.items()}


def _profile(row):
    top = row[row > 0].sort_values(ascending=False, kind="stable").head(WORDS_SHOWN)
    return ", ".join(f"{word} {share:.0%}" for word, share in top.items())
