"""How well something predicts the category of a prompt that it was not fitted on.

States, faces and text share one protocol: folds are drawn over prompts, stratified by category; intervals resample
prompts; the null gives categories to other prompts of the same fold, so that each fold keeps its class counts and all
rows of a prompt stay together. A probe, a table of faces too, varies with its training prompts, which a bootstrap of
held-out hits does not show: the interval is widened by Nadeau and Bengio's factor (2003, doi:10.1023/A:1024068626366).
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify, information
from kaomoji_lib.metrics.threads import one_thread

FOLDS = 5
WIDENED = np.sqrt(1 + FOLDS / (FOLDS - 1))


@dataclass(frozen=True)
class Prediction:
    """Cross-validated prediction of the category.

    ``confusion``: prompts, true category x predicted category, mean over repeats and over the rows of a prompt.
    ``recall``: Series per category. ``majority``: accuracy of always guessing the most frequent category. ``hits``:
    Series by prompt id, share of right answers, for paired comparisons. ``null``: accuracies with
    permuted categories. A prediction from faces has ``mutual_information`` (bits).
    """

    name: str
    accuracy: stats.Estimate
    macro_f1: stats.Estimate
    recall: pd.Series
    confusion: pd.DataFrame
    majority: float
    hits: pd.Series
    null: np.ndarray | None = None
    mutual_information: stats.Estimate | None = None


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
def from_states(X, labels, groups, *, name="states", repeats=5, permutations=stats.REFITS, seed=0):
    """Predict the category from states (or any features): PCA(50), standardise, logistic regression in each fold.

    ``X``: (n, d), or a tuple of such arrays, versions of one representation (random weights under several seeds)
    whose answers are averaged; ``labels``, ``groups``: (n,), category and prompt id of each row. The null refits the
    first repeat alone, so it is a little wider than the observed mean over ``repeats``.
    Linear probes: Alain & Bengio 2017, arXiv:1610.01644.
    """
    versions = [classify.compact(part) for part in (X if isinstance(X, tuple) else (X,))]
    for part in versions:
        if len(part) != len(labels):
            raise KaomojiError(
                f"{name}: {len(part)} rows of states but {len(labels)} labels; expected one label per row"
            )
    features = [lambda train, X=part: X for part in versions]
    return _probe(name, _design(labels, groups), features, repeats, permutations, seed)


@one_thread
def from_text(prompts, kind="tfidf", *, name=None, repeats=5, permutations=stats.REFITS, seed=0):
    """Predict the category from the text of the prompt alone, through the same classifier.

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
    training = [text for text, kept in zip(texts, train, strict=True) if kept]
    return classify.compact(
        np.hstack([part.fit(training).transform(texts).toarray() for part in (words, characters)])
    )


def _probe(name, design, features, repeats, permutations, seed):
    label, group = design.row_label, design.group
    predicted, null = np.zeros((len(design.label), len(design.codes))), np.zeros(permutations)
    weight = 1 / (np.bincount(group)[group] * repeats * len(features))
    for repeat, version in itertools.product(range(repeats), features):
        fold = folds(design.label, seed + repeat)
        guess = np.empty(len(label), dtype=int)
        labellings = label[None]
        if repeat == 0:
            shuffled = _permuted(design.label, fold, permutations, seed)
            labellings = np.vstack([labellings, shuffled[:, group]])
        for number in range(fold.max() + 1):
            test = fold[group] == number
            scores = classify.project(version(~test), ~test)
            weights = classify.fit(scores[~test], labellings[:, ~test], len(design.codes))
            answers = classify.predict(scores[test], weights)
            guess[test] = answers[0]
            if repeat == 0:
                null += (answers[1:] == labellings[1:, test]).sum(axis=1)
        np.add.at(predicted, (group, guess), weight)
    null /= len(label) * len(features)
    return _summary(name, design, predicted, null, seed)


def _permuted(label, fold, permutations, seed):
    return label[resampling.orders(fold, permutations, seed)]


def _summary(name, design, predicted, null, seed, **extra):
    """``predicted``: (prompts, categories), how often each category is the answer; rows sum to 1."""
    k, n = len(design.codes), len(design.label)
    tables = np.eye(k)[design.label][:, :, None] * predicted[:, None]
    confusion = tables.sum(axis=0)
    resampled = stats.resampling_counts(n, seed=seed) @ tables.reshape(n, -1)
    scores = {}
    for measure in (_accuracy, _macro_f1):
        value, replicates = measure(confusion), measure(resampled.reshape(-1, k, k))
        scores[measure] = stats.estimate(
            value,
            value + (replicates - value) * WIDENED,
            n,
            "prompts",
            null=null if measure is _accuracy and len(null) else None,
            interval="percentile" if measure is _accuracy else "normal",
            bounds=(0, 1),
        )
    size = np.maximum(confusion.sum(axis=1), 1e-12)
    return Prediction(
        name=name,
        accuracy=scores[_accuracy],
        macro_f1=scores[_macro_f1],
        recall=pd.Series(confusion.diagonal() / size, design.codes, name="recall"),
        confusion=pd.DataFrame(confusion, index=design.codes, columns=design.codes),
        majority=float(size.max() / confusion.sum()),
        hits=pd.Series(predicted[np.arange(n), design.label], design.names, name="hits"),
        null=null,
        **extra,
    )


def _accuracy(confusion):
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))


def _macro_f1(confusion):
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return (2 * hits / np.maximum(total, 1e-12)).mean(axis=-1)


@one_thread
def from_faces(emissions, *, name="faces", repeats=5, permutations=stats.PERMUTATIONS, seed=0):
    """Predict the category from the generated face: the face's modal category among the training prompts.

    ``emissions``: DataFrame[prompt_id, category, face]; rows without a face are left out, and every prompt counts once,
    however many rows it has. Categories that tie share the answer; for a face that training lacks all categories tie.
    """
    typed = emissions[emissions["face"].notna()]
    if typed.empty:
        raise KaomojiError(
            "no emission has a face; expected faces of at least two categories; see the emission report"
        )
    design = _design(typed["category"], typed["prompt_id"])
    face, faces = pd.factorize(typed["face"])
    counts = np.zeros((len(design.label), len(faces)))
    np.add.at(counts, (design.group, face), 1)
    bits = information.from_counts(counts, design.label, permutations=permutations, seed=seed)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return _looked_up(name, design, shares, repeats, permutations, seed, bits)


@one_thread
def from_probabilities(
    table, labels, *, name="faces, exact", repeats=5, permutations=stats.PERMUTATIONS, seed=0
):
    """Predict the category from one face drawn from each prompt's exact distribution: expected values, no sampling noise.

    ``table``: DataFrame prompt x face, rows sum to 1; ``labels``: category of each prompt, in the order of the rows.
    """
    design, shares = _design(labels, table.index), table.to_numpy(float)
    bits = information.from_probabilities(
        shares, design.label, permutations=permutations, seed=seed
    )
    return _looked_up(name, design, shares, repeats, permutations, seed, bits)


def _looked_up(name, design, shares, repeats, permutations, seed, bits):
    k, predicted = len(design.codes), 0.0
    for repeat in range(repeats):
        fold = folds(design.label, seed + repeat)
        predicted = predicted + _lookup(shares, design.label, fold, k) / repeats
    fold, prompts = folds(design.label, seed), np.arange(len(shares))
    null = [
        _lookup(shares, label, fold, k)[prompts, label].mean()
        for label in _permuted(design.label, fold, permutations, seed)
    ]
    return _summary(name, design, predicted, null, seed, mutual_information=bits)


def _lookup(shares, label, fold, k):
    """Return how often each category is the answer for each held-out prompt: (prompts, k); ``shares``: (prompts, faces)."""
    predicted = np.empty((len(label), k))
    for number in range(fold.max() + 1):
        train = fold != number
        # Rounded, so that what is equal but for the order of adding is a tie.
        seen = np.round(shares[train].T @ np.eye(k)[label[train]], 9)
        best = seen == seen.max(axis=1, keepdims=True)
        predicted[~train] = shares[~train] @ (best / best.sum(axis=1, keepdims=True))
    return predicted


def table(predictions):
    """Return predictions as a tidy table: source (what it is predicted from), measure ``accuracy`` or ``macro F1``, majority."""
    parts = [
        results.frame(
            {(item.name, "accuracy"): item.accuracy, (item.name, "macro F1"): item.macro_f1},
            majority=item.majority,
        )
        for item in predictions
    ]
    return pd.concat(parts, ignore_index=True)


def difference(left, right, seed=0):
    """Return the accuracy of ``left`` minus that of ``right`` (Predictions of the same prompts): Estimate over prompts.

    Paired by prompt; p by sign flips (Fisher 1935), the interval is widened as that of the accuracies.
    """
    gap = resampling.paired(left.hits, right.hits[left.hits.index], seed=seed)
    low, high = (gap.value + (end - gap.value) * WIDENED for end in (gap.ci_low, gap.ci_high))
    return replace(gap, ci_low=float(low), ci_high=float(high))
