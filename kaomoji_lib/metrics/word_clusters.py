"""How many clusters a vocabulary of faces has, judged by the words it was described with."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters, synthesis
from kaomoji_lib.metrics import distributions as readings

WORDS_SHOWN = 6
SECOND_WORD = 0.05


@dataclass(frozen=True)
class Vocabulary(clusters.Clustered):
    """Faces in the space of the words they were described with.

    ``scores``: (faces, 3) coordinates on the components of the column-centred vectors, faces unweighted.
    ``variance``: Estimates of the components' shares of variance. ``count``: Series, uses of each face.
    ``reading``: anchor mass per category (faces without an anchor are not in it). ``words``: Series, the
    heaviest words of each face with their shares. ``clustering``: average linkage by cosine, null: each word dealt to
    the faces anew, then clustered in the same way; ``names``: dict cluster -> its leading words, at the chosen cut.
    """

    faces: tuple
    scores: np.ndarray
    variance: tuple
    count: pd.Series
    reading: readings.Reading
    words: pd.Series
    clustering: clusters.Clustering
    names: dict


def vocabulary(words, lexicon, codes, *, resamples=500, permutations=100, seed=0):
    """The :class:`Vocabulary` that synthesized rows describe.

    ``words``: DataFrame[face, count, primary, others, lexicon_version]; rows of another lexicon version are left out.
    Clusters: average linkage of cosine distances, cut into 2 to 15.

    Components against data dealt anew: Horn 1965, doi:10.1007/BF02289447; silhouettes: Rousseeuw 1987.

    Raises
    ------
    KaomojiError
        If no row is of the lexicon's version, or fewer than five faces have words.
    """
    vectors = synthesis.word_vectors(words, lexicon)
    if len(vectors) < 5:
        raise KaomojiError(
            f"only {len(vectors)} faces have words; expected at least 5 to look for clusters; synthesize more"
        )
    X = vectors.to_numpy()
    rng = np.random.default_rng(seed)
    U, singular, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    draws = np.array([_shares(X[rng.integers(len(X), size=len(X))]) for _ in range(resamples)])
    nulls = np.array(
        [
            _shares(part)
            for part in synthesis.dealt_vectors(words, lexicon, vectors.index, permutations, seed)
        ]
    )
    dealt = [rng.permuted(X, axis=0) for _ in range(permutations)]
    variance = tuple(
        statistics.estimate(
            share,
            draws[:, index],
            len(X),
            "faces",
            null=nulls[:, index],
            interval="normal",
            bounds=(0, 1),
        )
        for index, share in enumerate(_shares(X))
    )
    clustering = clusters.of_vectors(vectors, dealt, resamples=min(resamples, 100), seed=seed)
    kept = synthesis.one_version(words, lexicon)
    return Vocabulary(
        faces=tuple(vectors.index),
        scores=(U * singular)[:, :3],
        variance=variance,
        count=kept.groupby("face")["count"].sum().reindex(vectors.index),
        reading=synthesis.synthesized(words, lexicon, codes),
        words=pd.Series([_profile(row) for _, row in vectors.iterrows()], vectors.index),
        clustering=clustering,
        names=clusters.names(
            clustering.clusters,
            vectors,
            {word: word for word in vectors.columns},
            second=SECOND_WORD,
        ),
    )


def _shares(X):
    squared = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    return np.pad(squared / max(squared.sum(), 1e-300), (0, 3))[:3]


def _profile(row):
    top = row[row > 0].sort_values(ascending=False, kind="stable").head(WORDS_SHOWN)
    return ", ".join(f"{word} {share:.0%}" for word, share in top.items())
