"""Synthesized words as vectors and as readings: anchors count 1, other words one half.

Tables of words are DataFrame[face, count, primary, others, lexicon_version], primary and others being lists of words;
rows of another version than the lexicon's are left out.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters, distributions

ANCHOR, OTHER = 1.0, 0.5
LISTS = ("primary", "others")
COMPONENTS = 3


@dataclass(frozen=True)
class WordSpace:
    """Faces in the space of the words they were described with.

    ``vectors``: DataFrame face x word, rows sum to 1. ``variance``: shares of variance of the first three components of the
    column-centred vectors, faces unweighted (Estimates). ``clustering``: average linkage by cosine.
    """

    vectors: pd.DataFrame
    variance: tuple
    clustering: clusters.Clustering


def _one_version(table, lexicon):
    """The rows of the lexicon's version: versions never mix."""
    own = table[table["lexicon_version"] == int(lexicon["version"].iloc[0])]
    if own.empty:
        raise KaomojiError(
            "no synthesis of this lexicon version; expected at least one; synthesize again, or use its own lexicon"
        )
    return own


def _words(table, lexicon):
    """One row per word: face, count of its description, list, and place in the lexicon (-1 for none)."""
    long = _one_version(table, lexicon).melt(["face", "count"], list(LISTS), "list", "word")
    long = long.explode("word").dropna(subset="word")
    return long.assign(place=pd.Index(lexicon["word"]).get_indexer(long["word"]))


def _masses(long, places, faces, lexicon):
    """Weighted counts (faces, words); words outside the lexicon and other faces fall into a last column and row."""
    worth = np.append(np.where(lexicon["category"] != "", ANCHOR, OTHER), 0.0)
    masses = np.zeros((len(faces) + 1, len(worth)))
    rows, counts = faces.get_indexer(long["face"]), long["count"].to_numpy(float)
    np.add.at(masses, (rows, places), counts * worth[places])
    return masses[:-1, :-1]


def word_masses(table, lexicon):
    """Return weighted counts of words per face: DataFrame face x word, anchors first.

    Raises
    ------
    KaomojiError
        If no row is of the lexicon's version.
    """
    long = _words(table, lexicon)
    faces = pd.Index(_one_version(table, lexicon)["face"].unique(), name="face")
    masses = _masses(long, long["place"].to_numpy(), faces, lexicon)
    return pd.DataFrame(masses, faces, list(lexicon["word"]))


def synthesized(table, lexicon, codes):
    """Return the reading that synthesis gives: mass on the anchors of each category. Weight: exchanges per face."""
    masses = word_masses(table, lexicon)
    owner = lexicon[lexicon["category"] != ""].set_index("word")["category"]
    by_code = masses[list(owner.index)].T.groupby(owner).sum().T
    count = _one_version(table, lexicon).groupby("face")["count"].sum().astype(float)
    return distributions.reading(by_code.reindex(columns=list(codes), fill_value=0.0), count)


def word_vectors(table, lexicon):
    """Return the word masses of the faces that have any, each row divided by its sum: DataFrame face x word."""
    masses = word_masses(table, lexicon)
    masses = masses[masses.sum(axis=1) > 0]
    return masses.div(masses.sum(axis=1), axis=0)


def permuted_vectors(table, lexicon, faces, permutations, seed=0):
    """Yield the vectors of ``faces`` after every word was given to another description: arrays (faces, words).

    Every description keeps its number of words, so that a face of few words stays as uneven as it is (Fisher 1935).
    """
    long, rng = _words(table, lexicon), np.random.default_rng(seed)
    lists = [part.to_numpy() for _, part in long.groupby("list", sort=False)["place"]]
    for _ in range(permutations):
        permuted = np.concatenate([rng.permutation(places) for places in lists])
        masses = _masses(long, permuted, faces, lexicon)
        yield masses / np.maximum(masses.sum(axis=1, keepdims=True), 1e-300)


def word_space(table, lexicon, *, resamples=500, permutations=stats.PERMUTATIONS, seed=0):
    """Return the components and clusters of the faces' word vectors: :class:`WordSpace`.

    The null of both is :func:`permuted_vectors`. Parallel analysis: Horn 1965, doi:10.1007/BF02289447.

    Raises
    ------
    KaomojiError
        If no row is of the lexicon's version, or fewer than five faces have words.
    """
    vectors = word_vectors(table, lexicon)
    if len(vectors) < 5:
        raise KaomojiError(
            f"only {len(vectors)} faces have words; expected at least 5 for components and clusters; synthesize more"
        )
    X, rng = vectors.to_numpy(), np.random.default_rng(seed)
    drawn = np.array([_shares(X[rng.integers(len(X), size=len(X))]) for _ in range(resamples)])
    permuted = list(permuted_vectors(table, lexicon, vectors.index, permutations, seed))
    null = np.array([_shares(part) for part in permuted])
    options = {"normal": True, "bounds": (0, 1)}
    variance = tuple(
        stats.estimate(share, drawn[:, i], len(X), "kaomoji", null=null[:, i], **options)
        for i, share in enumerate(_shares(X))
    )
    clustering = clusters.cluster_vectors(
        vectors, permuted, resamples=min(resamples, 100), seed=seed
    )
    return WordSpace(vectors, variance, clustering)


def _shares(X):
    squared = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    return np.pad(squared / max(squared.sum(), 1e-300), (0, COMPONENTS))[:COMPONENTS]
