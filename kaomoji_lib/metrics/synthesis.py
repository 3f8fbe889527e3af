"""Synthesized words as vectors and as readings: anchors count 1, other words one half."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings

ANCHOR, OTHER = 1.0, 0.5
LISTS = ("primary", "others")


@dataclass(frozen=True)
class WordSpace:
    """Faces in the space of words.

    ``vectors``: DataFrame face x word, rows sum to 1. ``scores``: (faces, 2) coordinates on the first two
    components of the column-centred vectors. ``variance``: their shares of variance (Estimates; null:
    :func:`dealt_vectors`). ``loadings``: DataFrame word x component, largest first.
    """

    vectors: pd.DataFrame
    scores: np.ndarray
    variance: tuple
    loadings: pd.DataFrame


def one_version(table, lexicon):
    """The rows whose lexicon version is that of ``lexicon``: versions never mix."""
    version = int(lexicon["version"].iloc[0])
    return table[table["lexicon_version"] == version]


def word_masses(table, lexicon):
    """Weighted counts of words per face: DataFrame face x word, anchors first.

    ``table``: DataFrame[face, count, primary, others, lexicon_version], primary and others being lists of
    words. Raises KaomojiError when no row is of the lexicon's version.
    """
    table = one_version(table, lexicon)
    if table.empty:
        raise KaomojiError(
            "no synthesis of this lexicon version; expected at least one; synthesize again, or use its own lexicon"
        )
    faces = list(dict.fromkeys(table["face"]))
    rows, counts, said = _said(table, lexicon, faces)
    masses = _masses(rows, counts, np.concatenate(said), lexicon, len(faces))
    return pd.DataFrame(masses, index=pd.Index(faces, name="face"), columns=list(lexicon["word"]))


def _said(table, lexicon, faces):
    """Every word that was said: row of its face (one more for faces not asked for), count of its description, and by list its place in the lexicon."""
    place = {word: index for index, word in enumerate(lexicon["word"])}
    row_of = {face: index for index, face in enumerate(faces)}
    described = np.array([row_of.get(face, len(faces)) for face in table["face"]], dtype=int)
    sizes = [table[column].map(len).to_numpy(int) for column in LISTS]
    rows, counts = (
        np.concatenate([np.repeat(values, size) for size in sizes])
        for values in (described, table["count"].to_numpy(float))
    )
    said = [
        np.array(
            [place.get(word, len(lexicon)) for words in table[column] for word in words], dtype=int
        )
        for column in LISTS
    ]
    return rows, counts, said


def _masses(rows, counts, codes, lexicon, faces):
    """Weighted counts (faces, words); words of no lexicon and faces beyond the last are left out."""
    worth = np.append(np.where(lexicon["category"] != "", ANCHOR, OTHER), 0.0)
    width = len(lexicon) + 1
    return np.bincount(rows * width + codes, counts * worth[codes], (faces + 1) * width).reshape(
        faces + 1, width
    )[:-1, :-1]


def synthesized(table, lexicon, codes):
    """The reading that synthesis gives: mass on the anchors of each category. Weight: exchanges per face."""
    masses = word_masses(table, lexicon)
    anchors = lexicon[lexicon["category"] != ""]
    owner = anchors.set_index("word")["category"]
    by_code = (
        masses[list(owner.index)]
        .T.groupby(owner)
        .sum()
        .T.reindex(columns=list(codes), fill_value=0.0)
    )
    return readings.reading(
        by_code, one_version(table, lexicon).groupby("face")["count"].sum().astype(float)
    )


def word_vectors(table, lexicon):
    """Word masses of the faces that have any, each row divided by its sum: DataFrame face x word."""
    masses = word_masses(table, lexicon)
    masses = masses[masses.sum(axis=1) > 0]
    return masses.div(masses.sum(axis=1), axis=0)


def dealt_vectors(table, lexicon, faces, permutations, seed=0):
    """The vectors of ``faces`` after every word was dealt to another description: arrays (faces, words), one a permutation.

    Every description keeps its number of words, so that a face of few words stays as uneven as it is. Random permutations: Fisher 1935.
    """
    rng = np.random.default_rng(seed)
    rows, counts, said = _said(one_version(table, lexicon), lexicon, faces)
    for _ in range(permutations):
        masses = _masses(
            rows,
            counts,
            np.concatenate([rng.permutation(codes) for codes in said]),
            lexicon,
            len(faces),
        )
        yield masses / np.maximum(masses.sum(axis=1, keepdims=True), 1e-300)


def word_space(table, lexicon, *, resamples=500, permutations=200, seed=0):
    """Principal components of the faces' word vectors, faces unweighted, as :class:`WordSpace`.

    Components against data dealt anew: Horn 1965, doi:10.1007/BF02289447.
    """
    vectors = word_vectors(table, lexicon)
    X = vectors.to_numpy()
    if len(X) < 3:
        raise KaomojiError(
            f"only {len(X)} faces have words; expected at least 3 for components; synthesize more"
        )
    centred = X - X.mean(axis=0)
    U, S, V = np.linalg.svd(centred, full_matrices=False)
    rng = np.random.default_rng(seed)
    replicates = np.array([_shares(X[rng.integers(len(X), size=len(X))]) for _ in range(resamples)])
    null = np.array(
        [_shares(part) for part in dealt_vectors(table, lexicon, vectors.index, permutations, seed)]
    )
    shares = _shares(X)
    variance = tuple(
        statistics.estimate(
            shares[index],
            replicates[:, index],
            len(X),
            "faces",
            null=null[:, index],
            interval="normal",
            bounds=(0, 1),
        )
        for index in range(2)
    )
    loadings = pd.DataFrame(V[:2].T, index=vectors.columns, columns=["PC1", "PC2"])
    return WordSpace(
        vectors,
        U[:, :2] * S[:2],
        variance,
        loadings.loc[loadings.abs().max(axis=1).sort_values(ascending=False).index],
    )


def _shares(X):
    squared = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    total = squared.sum()
    return squared[:2] / total if total > 0 else np.zeros(2)
