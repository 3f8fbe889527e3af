"""Which face a model chooses under a message, from its replies or from exact scores of a closed set, and how often it types one.

The closed set lets a model that never types a kaomoji be measured. Three scores of a kaomoji f under a message i, from the
exact log P(f | i): ``raw`` is the behaviour, softmax of log P over the set; ``pmi`` takes off the mean probability of each
kaomoji; ``standardised`` also divides by its spread. The last two are sensitivity analyses: they amplify traces that
nobody would see in the model's replies. Means and spreads come from training folds only.
"""

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.predict import folds

KINDS = ("raw", "pmi", "standardised")
PENALTIES = np.logspace(-1, 4, 11)


def _scores(log_prob, train, labels, kind):
    """Scores (prompts, faces) with the constants of each face taken from the rows ``train``."""
    if kind == "pmi":
        # The mean over categories of the mean over prompts, so that unequal categories do not shift it.
        means = [np.exp(log_prob[train & (labels == code)]).mean(axis=0) for code in set(labels)]
        return log_prob - np.log(np.mean(means, axis=0))
    if kind == "standardised":
        known = log_prob[train]
        return (log_prob - known.mean(axis=0)) / np.maximum(known.std(axis=0), 1e-9)
    return log_prob


def choice(log_prob, labels, kind="raw", seed=0):
    """P(face | prompt, one of the set): DataFrame prompt x face, rows sum to 1.

    ``log_prob``: DataFrame prompt x face of natural logs of exclusive events; ``labels``: category of each prompt;
    ``kind``: one of :data:`KINDS`. For each test fold the constants come from the other folds.

    Raises
    ------
    KaomojiError
        If a probability is zero or missing.
    """
    values, labels = log_prob.to_numpy(float), np.asarray(labels)
    if not np.isfinite(values).all():
        raise KaomojiError(
            "a kaomoji of the set has probability 0 under some message; expected finite log-probabilities; "
            "score in float32, or drop that kaomoji"
        )
    table, fold = np.empty_like(values), _folds(labels, seed)
    for number in np.unique(fold):
        test = fold == number
        table[test] = softmax(_scores(values, ~test, labels, kind)[test], axis=1)
    return pd.DataFrame(table, log_prob.index, log_prob.columns)


def text_choice(chosen, vectors, labels, seed=0):
    """What a regression on the text alone predicts that this model chooses: DataFrame like ``chosen``.

    Cross-validated ridge regression from ``vectors`` (prompts, d) to the square roots of the probabilities, whose distance
    is the Hellinger distance; squared and normalised.
    """
    given = np.asarray(vectors, float), np.sqrt(chosen.to_numpy())
    held_out = PredefinedSplit(_folds(labels, seed))
    roots = cross_val_predict(RidgeCV(PENALTIES), *given, cv=held_out)
    table = np.clip(roots, 1e-6, None) ** 2
    return pd.DataFrame(table, chosen.index, chosen.columns).div(table.sum(axis=1), axis=0)


def _folds(labels, seed):
    return folds(tuple(np.unique(labels, return_inverse=True)[1]), seed)


def standardised(log_prob):
    """Return log P (prompts, faces) with each face's mean over prompts 0 and standard deviation 1."""
    return (log_prob - log_prob.mean()) / log_prob.std(ddof=0).clip(lower=1e-9)


def gains(log_prob, labels, categories):
    """Mean standardised score of each category's kaomoji under each category of messages, relative to all kaomoji.

    Returns DataFrame kaomoji category x message category, in standard deviations over messages. What a message does to
    all kaomoji alike is taken off, since only the choice among them can follow the category.
    """
    z = standardised(log_prob)
    z = z.sub(z.mean(axis=1), axis=0)
    return z[list(categories.index)].groupby(np.asarray(labels)).mean().T.groupby(categories).mean()


def from_replies(emissions):
    """Share of each face among a prompt's replies: DataFrame prompt x face (rows sum to at most 1)."""
    counts = pd.crosstab(emissions["prompt_id"], emissions["face"])
    replies = emissions.groupby("prompt_id", sort=False).size()
    return counts.reindex(replies.index, fill_value=0).div(replies, axis=0)


def rate(emissions, seed=0):
    """Return the share of generations that start with a kaomoji, 0..1: Estimate over prompts."""
    typed = emissions["outcome"].eq("kaomoji").groupby(emissions["prompt_id"]).agg(["mean", "size"])
    return stats.bootstrap(typed["mean"], weights=typed["size"], seed=seed)
