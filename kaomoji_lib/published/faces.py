"""Category from the typed face in the published replies: by the article's rule, and with prompt *and* stream left out.

The article took one seed per index for all prompts, so that replies of one index share random numbers and a fold over
prompts leaks them. Here a reply shares neither prompt nor index with what it is judged by, and intervals resample both.
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.metrics import predict


def is_kaomoji(face):
    """Return whether a stored span counts: 2 to 32 characters, not only brackets, ASCII letters and digits.

    ``()``, which is what is left of an emoji that was suppressed in parts, ``OwO`` and a lone heart do not.
    """
    long = isinstance(face, str) and 2 <= len(face) <= 32
    return long and re.fullmatch("[()a-zA-Z0-9]*", face) is None


def lookup_accuracy(emissions):
    """Return the category accuracy from faces as it was published: share of rows that are right, 0..1.

    ``emissions``: DataFrame[prompt_id, category, face], rows in file order; those count whose face :func:`is_kaomoji`.
    One split into five folds of rows, stratified, grouped by prompt; a face's category is the commonest one in training,
    on a tie the one met first; an unseen face gets the training majority.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    typed = emissions[emissions["face"].map(is_kaomoji).astype(bool)]
    splitter, hits = StratifiedGroupKFold(5, shuffle=True, random_state=0), 0
    for train, test in splitter.split(typed, typed["category"], typed["prompt_id"]):
        train, test = typed.iloc[train], typed.iloc[test]
        modal = train.groupby("face")["category"].agg(_commonest)
        guess = test["face"].map(modal).fillna(_commonest(train["category"]))
        hits += (guess == test["category"]).sum()
    return hits / len(typed)


def _commonest(values):
    return Counter(values).most_common(1)[0][0]


@dataclass(frozen=True)
class Accuracy:
    """Right answers of a lookup from face to category.

    ``hits``: (prompts, indices), 0..1, NaN where no face was typed; ``null``: accuracies under permuted categories.
    """

    hits: np.ndarray
    null: np.ndarray

    def estimate(self, minus=None, seed=0):
        """Return the accuracy, or its difference to another one of the same replies, as an Estimate.

        Every prompt counts once. Interval: prompts and indices resampled independently (Owen 2007). ``n``: prompts.
        """
        hits = self.hits if minus is None else self.hits - minus.hits
        typed = np.isfinite(hits)
        prompts, streams = (
            np.vstack([np.ones(n), stats.resampling_counts(n, seed=seed + axis)])
            for axis, n in enumerate(hits.shape)
        )
        sizes = streams @ typed.T
        means = streams @ np.where(typed, hits, 0.0).T / np.maximum(sizes, 1)
        drawn = (means * prompts).sum(axis=1) / ((sizes > 0) * prompts).sum(axis=1)
        null = self.null if minus is None and len(self.null) else None
        return stats.estimate(drawn[0], drawn[1:], typed.any(axis=1).sum(), "prompts", null=null)


def accuracy(emissions, *, own_index=False, repeats=5, permutations=stats.REFITS, seed=0):
    """Return the category :class:`Accuracy` of a lookup trained on other prompts' other indices.

    ``emissions``: DataFrame[prompt_id, generation, category, face]. Five folds of prompts, stratified. A face's category
    is the one with most training mass, each prompt counting once; ties are shared, an unseen face is a tie of all.
    ``own_index``: leave out another index instead, so that the shared random stream leaks in: with equally many training
    replies it shows what the leak is worth. The null permutes categories among the prompts of a fold.
    """
    typed = emissions[emissions["face"].notna()]
    prompt, ids = pd.factorize(typed["prompt_id"])
    face, index = (pd.factorize(typed[name])[0] for name in ("face", "generation"))
    label, codes = pd.factorize(typed.drop_duplicates("prompt_id")["category"])
    counts = np.zeros((index.max() + 1, len(ids), face.max() + 1))
    np.add.at(counts, (index, prompt, face), 1)
    total, member, rng = counts.sum(axis=0), np.eye(len(codes)), np.random.default_rng(seed)
    score, null = np.zeros(len(typed)), np.zeros(permutations)
    weight = 1 / np.bincount(prompt)[prompt] / len(ids)
    for repeat in range(repeats):
        fold = predict.folds(tuple(label), seed + repeat)
        draws = permutations if repeat == 0 else 0
        labels = np.array([label, *(label[stats.orders(fold, 1, rng)[0]] for _ in range(draws))])
        for number in range(len(counts)):
            training = total - counts[(number + own_index) % len(counts)]
            shares = training / np.maximum(training.sum(axis=1, keepdims=True), 1)
            for part in range(fold.max() + 1):
                train, test = fold != part, (index == number) & (fold[prompt] == part)
                seen = np.round(shares[train].T @ member[labels[:, train]], 9)
                best = seen == seen.max(axis=2, keepdims=True)
                best = best / best.sum(axis=2, keepdims=True)
                rows = np.arange(len(labels))[:, None]
                right = best[rows, face[test], labels[:, prompt[test]]]
                score[test] += right[0] / repeats
                if draws:
                    null += right[1:] @ weight[test]
    hits = np.full((len(ids), len(counts)), np.nan)
    hits[prompt, index] = score
    return Accuracy(hits, null)


def same_face(emissions, *, permutations=stats.REFITS, seed=0):
    """Return how often two prompts of a category draw the same face at one index: Estimate over indices, 0..1.

    The null permutes the indices of each prompt, after which two prompts share a stream only by chance.
    """
    typed, rng = emissions[emissions["face"].notna()], np.random.default_rng(seed)
    index, category, face, prompt = (
        pd.factorize(typed[name])[0] for name in ("generation", "category", "face", "prompt_id")
    )
    shape = (index.max() + 1, category.max() + 1, face.max() + 1)

    def rates(index):
        counts = np.zeros(shape)
        np.add.at(counts, (index, category, face), 1)
        size = counts.sum(axis=2)
        return (counts * (counts - 1)).sum(axis=(1, 2)) / (size * (size - 1)).sum(axis=1)

    null = [rates(index[stats.orders(prompt, 1, rng)[0]]).mean() for _ in range(permutations)]
    return stats.bootstrap(rates(index), unit="indices", seed=seed, null=null)
