"""Synthesized words as vectors and as readings: anchors count 1, other words one half."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib.analysis import readings
from kaomoji_lib.study import statistics
from kaomoji_lib.study.errors import KaomojiError

ANCHOR, OTHER = 1.0, 0.5


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
        raise KaomojiError("no synthesis of this lexicon version; expected at least one; synthesize again, or use its own lexicon")
    names = list(lexicon["word"])
    place = {word: index for index, word in enumerate(names)}
    worth = np.where(lexicon["category"] != "", ANCHOR, OTHER)
    faces = list(dict.fromkeys(table["face"]))
    row_of = {face: index for index, face in enumerate(faces)}
    masses = np.zeros((len(faces), len(names)))
    for face, count, primary, others in zip(table["face"], table["count"], table["primary"], table["others"], strict=True):
        for word in [*primary, *others]:
            if word in place:
                masses[row_of[face], place[word]] += count * worth[place[word]]
    return pd.DataFrame(masses, index=pd.Index(faces, name="face"), columns=names)


def synthesized(table, lexicon, codes):
    """The reading that synthesis gives: mass on the anchors of each category. Weight: exchanges per face."""
    masses = word_masses(table, lexicon)
    anchors = lexicon[lexicon["category"] != ""]
    owner = anchors.set_index("word")["category"]
    by_code = masses[list(owner.index)].T.groupby(owner).sum().T.reindex(columns=list(codes), fill_value=0.0)
    return readings.reading(by_code, one_version(table, lexicon).groupby("face")["count"].sum().astype(float))


def word_vectors(table, lexicon):
    """Word masses of the faces that have any, each row divided by its sum: DataFrame face x word."""
    masses = word_masses(table, lexicon)
    masses = masses[masses.sum(axis=1) > 0]
    return masses.div(masses.sum(axis=1), axis=0)


def dealt_vectors(table, lexicon, faces, permutations, seed=0):
    """The vectors of ``faces`` after every word was dealt to another description: arrays (faces, words), one a permutation.

    Every description keeps its number of words, so that a face of few words stays as uneven as it is. Random permutations: Fisher 1935.
    """
    table, width, rng = one_version(table, lexicon), len(lexicon), np.random.default_rng(seed)
    place = {word: index for index, word in enumerate(lexicon["word"])}
    row_of = {face: index for index, face in enumerate(faces)}
    worth = np.append(np.where(lexicon["category"] != "", ANCHOR, OTHER), 0.0)
    rows, counts = [], []
    words = {"primary": [], "others": []}
    for column, said in words.items():
        sizes = table[column].map(len)
        said.extend(place.get(word, width) for listed in table[column] for word in listed)
        # Faces without a word of the lexicon are no rows of the vectors: theirs go to one below.
        rows.append(np.repeat([row_of.get(face, len(faces)) for face in table["face"]], sizes))
        counts.append(np.repeat(table["count"].to_numpy(float), sizes))
    rows, counts = np.concatenate(rows), np.concatenate(counts)
    for _ in range(permutations):
        codes = np.concatenate([rng.permutation(said) for said in words.values()]).astype(int)
        masses = np.bincount(rows * (width + 1) + codes, counts * worth[codes], (len(faces) + 1) * (width + 1))
        masses = masses.reshape(len(faces) + 1, width + 1)[:-1, :-1]
        yield masses / np.maximum(masses.sum(axis=1, keepdims=True), 1e-300)


def word_space(table, lexicon, *, resamples=500, permutations=200, seed=0):
    """Principal components of the faces' word vectors, faces unweighted, as :class:`WordSpace`.

    Components against data dealt anew: Horn 1965, doi:10.1007/BF02289447.
    """
    vectors = word_vectors(table, lexicon)
    X = vectors.to_numpy()
    if len(X) < 3:
        raise KaomojiError(f"only {len(X)} faces have words; expected at least 3 for components; synthesize more")
    centred = X - X.mean(axis=0)
    U, S, V = np.linalg.svd(centred, full_matrices=False)
    rng = np.random.default_rng(seed)
    replicates = np.array([_shares(X[rng.integers(len(X), size=len(X))]) for _ in range(resamples)])
    null = np.array([_shares(part) for part in dealt_vectors(table, lexicon, vectors.index, permutations, seed)])
    shares = _shares(X)
    variance = tuple(
        statistics.estimate(shares[index], replicates[:, index], len(X), "faces", null=null[:, index], interval="normal", bounds=(0, 1))
        for index in range(2))
    loadings = pd.DataFrame(V[:2].T, index=vectors.columns, columns=["PC1", "PC2"])
    return WordSpace(vectors, U[:, :2] * S[:2], variance, loadings.loc[loadings.abs().max(axis=1).sort_values(ascending=False).index])


def _shares(X):
    squared = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    total = squared.sum()
    return squared[:2] / total if total > 0 else np.zeros(2)
