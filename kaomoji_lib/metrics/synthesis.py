"""Synthesized words as vectors and as readings: anchors count 1, other words one half."""

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


def one_version(table, lexicon):
    """Return the rows whose lexicon version is that of ``lexicon``: versions never mix."""
    version = int(lexicon["version"].iloc[0])
    return table[table["lexicon_version"] == version]


def word_masses(table, lexicon):
    """Return weighted counts of words per face: DataFrame face x word, anchors first.

    ``table``: DataFrame[face, count, primary, others, lexicon_version], primary and others being lists of words.

    Raises
    ------
    KaomojiError
        If no row is of the lexicon's version.
    """
    table = one_version(table, lexicon)
    if table.empty:
        raise KaomojiError(
            "no synthesis of this lexicon version; expected at least one; synthesize again, or use its own lexicon"
        )
    faces = list(dict.fromkeys(table["face"]))
    rows, counts, words = _words(table, lexicon, faces)
    masses = _masses(rows, counts, np.concatenate(words), lexicon, len(faces))
    return pd.DataFrame(masses, index=pd.Index(faces, name="face"), columns=list(lexicon["word"]))


def _words(table, lexicon, faces):
    """Every word: row of its face (one past the last for other faces), count of its description, and by list its lexicon position."""
    place = {word: index for index, word in enumerate(lexicon["word"])}
    described = pd.Series(range(len(faces)), faces).reindex(table["face"]).fillna(len(faces))
    long = [table.assign(row=described.to_numpy(int)).explode(name) for name in LISTS]
    long = [part[part[name].notna()] for part, name in zip(long, LISTS, strict=True)]
    codes = [
        np.array(part[name].map(place).fillna(len(lexicon)), dtype=int)
        for part, name in zip(long, LISTS, strict=True)
    ]
    joined = pd.concat(long)
    return joined["row"].to_numpy(), joined["count"].to_numpy(float), codes


def _masses(rows, counts, codes, lexicon, faces):
    """Weighted counts (faces, words); words outside the lexicon and faces past the last are left out."""
    worth = np.append(np.where(lexicon["category"] != "", ANCHOR, OTHER), 0.0)
    masses = np.zeros((faces + 1, len(worth)))
    np.add.at(masses, (rows, codes), counts * worth[codes])
    return masses[:-1, :-1]


def synthesized(table, lexicon, codes):
    """Return the reading that synthesis gives: mass on the anchors of each category. Weight: exchanges per face."""
    masses = word_masses(table, lexicon)
    owner = lexicon[lexicon["category"] != ""].set_index("word")["category"]
    by_code = masses[list(owner.index)].T.groupby(owner).sum().T
    count = one_version(table, lexicon).groupby("face")["count"].sum().astype(float)
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
    rng = np.random.default_rng(seed)
    rows, counts, words = _words(one_version(table, lexicon), lexicon, faces)
    for _ in range(permutations):
        permuted = np.concatenate([rng.permutation(codes) for codes in words])
        masses = _masses(rows, counts, permuted, lexicon, len(faces))
        yield masses / np.maximum(masses.sum(axis=1, keepdims=True), 1e-300)


def word_space(table, lexicon, *, resamples=500, permutations=stats.PERMUTATIONS, seed=0):
    """Return the components and clusters of the faces' word vectors: :class:`WordSpace`.

    ``table``: DataFrame[face, count, primary, others, lexicon_version]; rows of another lexicon version are left out. The
    null of both is :func:`permuted_vectors`. Parallel analysis: Horn 1965, doi:10.1007/BF02289447.

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
    X, rng, normal = vectors.to_numpy(), np.random.default_rng(seed), {"interval": "normal"}
    drawn = np.array([_shares(X[rng.integers(len(X), size=len(X))]) for _ in range(resamples)])
    permuted = list(permuted_vectors(table, lexicon, vectors.index, permutations, seed))
    null = np.array([_shares(part) for part in permuted])
    variance = tuple(
        stats.estimate(
            share, drawn[:, i], len(X), "kaomoji", null=null[:, i], bounds=(0, 1), **normal
        )
        for i, share in enumerate(_shares(X))
    )
    clustering = clusters.cluster_vectors(
        vectors, permuted, resamples=min(resamples, 100), seed=seed
    )
    return WordSpace(vectors, variance, clustering)


def _shares(X):
    squared = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    return np.pad(squared / max(squared.sum(), 1e-300), (0, COMPONENTS))[:COMPONENTS]
