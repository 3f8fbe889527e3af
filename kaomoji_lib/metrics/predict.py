"""How well something predicts the category of a prompt it was not fitted on.

All readings of the category (states, faces, text) share one protocol: folds are drawn over prompts,
stratified by category; intervals resample prompts; the null deals the categories to other prompts
of the same fold, so that each fold keeps its class counts and all rows of a prompt stay together.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics.threads import one_thread

FOLDS = 5


@dataclass(frozen=True)
class Prediction:
    """Cross-validated prediction of the category.

    ``confusion``: prompts, true category x predicted category, mean over repeats (and over the rows of a prompt). ``recall``: Series
    per category. ``majority``: accuracy of always guessing the most frequent category. ``hits``: Series, share of
    right answers for each prompt, by its id, for paired comparisons. Only a prediction from faces has ``bayes_bound`` (in-sample accuracy of the best rule) and
    ``mutual_information`` (bits).
    """

    name: str
    accuracy: statistics.Estimate
    macro_f1: statistics.Estimate
    recall: pd.Series
    confusion: pd.DataFrame
    majority: float
    hits: pd.Series
    bayes_bound: float | None = None
    mutual_information: statistics.Estimate | None = None


@dataclass(frozen=True)
class _Design:
    """Rows belong to groups (prompts), groups to categories: integer codes and their names."""

    group: np.ndarray
    label: np.ndarray
    codes: list
    names: list

    @property
    def row_label(self):
        return self.label[self.group]


def _design(labels, groups):
    labels, groups = pd.Series(np.asarray(labels)), pd.Series(np.asarray(groups))
    group, names = pd.factorize(groups)
    label, codes = pd.factorize(labels)
    by_group = pd.Series(label).groupby(group)
    if (by_group.nunique() > 1).any():
        mixed = names[int(by_group.nunique().idxmax())]
        raise KaomojiError(
            f"prompt {mixed!r} has more than one category; expected one; correct the labels"
        )
    if len(codes) < 2:
        raise KaomojiError(
            f"only {len(codes)} category occurs; expected at least 2; add prompts of another"
        )
    return _Design(group, by_group.first().to_numpy(), list(codes), list(names))


def folds(design_label, seed):
    """Fold number of each prompt: at most ``FOLDS``, stratified by category, at least one prompt of each in training.

    ``design_label``: ints (prompts,).
    """
    from sklearn.model_selection import StratifiedGroupKFold

    label = np.asarray(design_label)
    smallest = np.bincount(label).min()
    if smallest < 2:
        raise KaomojiError(
            "a category has fewer than 2 prompts to read it from; expected at least 2, to hold one out; add prompts"
        )
    number = np.empty(len(label), dtype=int)
    splitter = StratifiedGroupKFold(min(FOLDS, smallest), shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(label, label, np.arange(len(label)))):
        number[test] = fold
    return number


@one_thread
def from_states(X, labels, groups, *, name="states", repeats=5, permutations=200, seed=0):
    """Category from hidden states (or any features): PCA(50), standardise, logistic regression in each fold.

    ``X``: (n, d), or a tuple of such arrays, versions of one representation (random weights under several seeds)
    whose answers are averaged; ``labels``, ``groups``: (n,), category and prompt id of each row. The null refits the
    first repeat alone with permuted categories (``permutations`` times), so it is a little wider
    than the observed mean over ``repeats``: the p-value errs on the safe side.
    Linear probes: Alain & Bengio 2017, arXiv:1610.01644.
    """
    versions = [classifier.compact(part) for part in (X if isinstance(X, tuple) else (X,))]
    for part in versions:
        if len(part) != len(labels):
            raise KaomojiError(
                f"{name}: {len(part)} rows of states but {len(labels)} labels; expected one label a row"
            )
    return _probe(
        name,
        _design(labels, groups),
        [lambda train, X=part: X for part in versions],
        repeats,
        permutations,
        seed,
    )


@one_thread
def from_text(prompts, kind="tfidf", *, name=None, repeats=5, permutations=200, seed=0):
    """Category from the text of the prompt alone, through the same classifier.

    ``prompts``: DataFrame[id, category, text]. ``kind``: ``tfidf`` (words, word pairs and runs of 2 to 5 characters,
    fitted inside the fold; Salton & Buckley 1988) or ``surface`` (lengths and punctuation).
    """
    texts = prompts["text"].tolist()
    if kind == "surface":
        surface = _surface(texts)
        features = lambda train: surface  # noqa: E731
    elif kind == "tfidf":
        features = lambda train: _tfidf(texts, train)  # noqa: E731
    else:
        raise KaomojiError(f"unknown kind of text features {kind!r}; expected 'tfidf' or 'surface'")
    design = _design(prompts["category"], prompts["id"])
    return _probe(name or f"text ({kind})", design, [features], repeats, permutations, seed)


def _surface(texts):
    counted = [",", ".", "!", "?", "'", "-", "…", "...", ";", ":"]
    rows = []
    for text in texts:
        words = text.split()
        lengths = [len(word) for word in words] or [0]
        capitals = sum(letter.isupper() for letter in text)
        rows.append(
            [
                len(text),
                len(words),
                np.mean(lengths),
                max(lengths),
                len(set(words)) / max(len(words), 1),
                capitals,
                sum(letter.isdigit() for letter in text),
                *(text.count(mark) for mark in counted),
            ]
        )
    return np.array(rows, dtype=float)


def _tfidf(texts, train):
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    characters = TfidfVectorizer(ngram_range=(2, 5), sublinear_tf=True, analyzer="char_wb")
    known = [text for text, kept in zip(texts, train, strict=True) if kept]
    return classifier.compact(
        np.hstack([part.fit(known).transform(texts).toarray() for part in (words, characters)])
    )


def _probe(name, design, features, repeats, permutations, seed):
    label, predicted, null_hits = design.row_label, [], np.zeros(permutations)
    for repeat, version in itertools.product(range(repeats), features):
        fold = folds(design.label, seed + repeat)
        guess = np.empty(len(label), dtype=int)
        labellings = label[None]
        if repeat == 0:
            shuffled = _permuted(design.label, fold, permutations, seed)
            labellings = np.vstack([labellings, shuffled[:, design.group]])
        for number in range(fold.max() + 1):
            test = fold[design.group] == number
            scores = classifier.project(version(~test), ~test)
            weights = classifier.fit(scores[~test], labellings[:, ~test], len(design.codes))
            answers = classifier.predict(scores[test], weights)
            guess[test] = answers[0]
            if repeat == 0:
                null_hits += (answers[1:] == labellings[1:, test]).sum(axis=1)
        predicted.append(guess)
    return _summary(name, design, predicted, null_hits / (len(label) * len(features)), seed)


def _permuted(label, fold, permutations, seed):
    rng = np.random.default_rng(seed)
    draws = [label[statistics.permute_within(fold, rng)] for _ in range(permutations)]
    return np.array(draws, dtype=int).reshape(permutations, len(label))


def _summary(name, design, predicted, null, seed, **extra):
    k, n = len(design.codes), len(design.label)
    tables = np.zeros((n, k, k))
    for guess in predicted:
        np.add.at(
            tables,
            (design.group, design.row_label, guess),
            1 / (len(predicted) * np.bincount(design.group)[design.group]),
        )
    confusion = tables.sum(axis=0)
    resampled = (statistics.resampling_counts(n, seed=seed) @ tables.reshape(n, -1)).reshape(
        -1, k, k
    )
    null = null if len(null) else None
    return Prediction(
        name=name,
        accuracy=statistics.estimate(
            _accuracy(confusion), _accuracy(resampled), n, "prompts", null=null
        ),
        macro_f1=statistics.estimate(
            _macro_f1(confusion),
            _macro_f1(resampled),
            n,
            "prompts",
            interval="normal",
            bounds=(0, 1),
        ),
        recall=pd.Series(
            confusion.diagonal() / np.maximum(confusion.sum(axis=1), 1e-12),
            design.codes,
            name="recall",
        ),
        confusion=pd.DataFrame(confusion, index=design.codes, columns=design.codes),
        majority=float(confusion.sum(axis=1).max() / confusion.sum()),
        hits=pd.Series(
            np.trace(tables, axis1=1, axis2=2) / np.maximum(tables.sum(axis=(1, 2)), 1e-12),
            design.names,
            name="hits",
        ),
        **extra,
    )


def _accuracy(confusion):
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))


def _macro_f1(confusion):
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return (2 * hits / np.maximum(total, 1e-12)).mean(axis=-1)


@one_thread
def from_faces(emissions, *, name="faces", repeats=5, permutations=200, seed=0):
    """Category from the typed face: the modal category of that face in the training fold.

    A face that training has not seen gets the training majority, ties go to the category that is
    more frequent in training. Rows without a face are left out, and every prompt counts once, however many rows it has: else
    categories that were asked more often would be guessed rightly without a look at the face, which dealing them to other prompts
    would not show. ``mutual_information`` has its own null (categories dealt to other prompts) and interval (over prompts).
    Dealt labels as a null: Fisher 1935; information: Miller 1955.
    """
    typed = emissions[emissions["face"].notna()]
    if typed.empty:
        raise KaomojiError(
            "no emission carries a face; expected at least two categories of faces; see the emission report"
        )
    design = _design(typed["category"], typed["prompt_id"])
    face, faces = pd.factorize(typed["face"])
    counts = np.zeros((len(design.label), len(faces)))
    np.add.at(counts, (design.group, face), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    guesses, null = [], np.zeros(permutations)
    for repeat in range(repeats):
        fold = folds(design.label, seed + repeat)
        guess = _lookup(shares, design.label[None], fold, len(design.codes))[0]
        guesses.append(guess[design.group, face])
        if repeat == 0:
            shuffled = _permuted(design.label, fold, permutations, seed)
            for index, label in enumerate(shuffled):
                answers = _lookup(shares, label[None], fold, len(design.codes))[0]
                null[index] = (shares * (answers == label[:, None])).sum() / len(shares)
    member = np.eye(len(design.codes))[design.label]
    return _summary(
        name,
        design,
        guesses,
        null,
        seed,
        bayes_bound=float((shares.T @ member).max(axis=1).sum() / len(shares)),
        mutual_information=_information(counts, member, permutations, seed),
    )


def _lookup(shares, labels, fold, k):
    """Predicted category of each face wherever a prompt of each fold would type it: ints (m, prompts, faces); ``shares``: (prompts, faces)."""
    answers = np.empty((len(labels), *shares.shape), dtype=int)
    for number in range(fold.max() + 1):
        train = fold != number
        # Rounded, so that what is equal but for the order of adding is a tie.
        seen = np.round(shares[train].T @ np.eye(k)[labels[:, train]], 9)
        prior = seen.sum(axis=1, keepdims=True)
        answers[:, ~train] = (seen + 1e-6 * prior / prior.sum(axis=2, keepdims=True)).argmax(
            axis=2
        )[:, None]
    return answers


def _information(counts, member, permutations, seed):
    rng = np.random.default_rng(seed)
    n = len(counts)
    joint = counts.T @ member
    null = [
        statistics.mutual_information(counts.T @ member[rng.permutation(n)])
        for _ in range(permutations)
    ]
    halves = statistics.half_samples(n, seed=seed)
    replicates = [statistics.mutual_information(counts[half].T @ member[half]) for half in halves]
    return statistics.estimate(
        statistics.mutual_information(joint),
        replicates,
        n,
        "prompts",
        null=null if permutations else None,
        interval="normal",
        bounds=(0, np.inf),
    )


def table(predictions):
    """Predictions as rows: reading, accuracy with its interval, null and p, macro_f1, majority, n (prompts)."""
    rows = []
    for item in predictions:
        accuracy = item.accuracy.fields("accuracy")
        n = accuracy.pop("n")
        rows.append(
            {
                "reading": item.name,
                **accuracy,
                "macro_f1": item.macro_f1.value,
                "majority": item.majority,
                "n": n,
            }
        )
    return pd.DataFrame(rows)
