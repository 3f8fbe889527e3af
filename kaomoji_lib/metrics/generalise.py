"""Does a probe work by layer, on topics it has not seen, and on other wordings of the same messages?"""

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.metrics import classify, predict
from kaomoji_lib.metrics.threads import one_thread

MEAN = "mean over sets"


def by_layer(states, labels, groups, names, *, repeats=1, permutations=stats.REFITS, seed=0):
    """Return the cross-validated accuracy of a probe on each layer: tidy table with ``layer`` (its number, 0 the embedding).

    ``states``: (n, layers, d); ``names``: one per layer, ``embed`` or a number. All layers are tested on the same permutations, and ``p`` compares
    each layer with the best of all permuted layers (Nichols & Holmes 2002).
    """
    probes = [
        predict.from_states(
            states[:, layer], labels, groups, repeats=repeats, permutations=permutations, seed=seed
        )
        for layer in range(states.shape[1])
    ]
    adjusted = resampling.max_t(
        [probe.accuracy.value for probe in probes], np.stack([probe.null for probe in probes], 1)
    )
    rows = [
        results.frame({"accuracy": probe.accuracy}, layer=0 if name == "embed" else int(name))
        for name, probe in zip(names, probes, strict=True)
    ]
    return pd.concat(rows, ignore_index=True).assign(p=adjusted)


@one_thread
def over_sets(sets, *, permutations=stats.REFITS, seed=0):
    """Return the accuracy of a probe on unseen topics in each set of messages, and their mean as ``MEAN``: dict of Estimate.

    Each topic is held out in turn. ``sets``: dict name -> (X (n, d), labels (n,), topics (n,)), one row per message.
    Intervals: topics are resampled; of the mean, whose random effect is the set, whole sets (Davison & Hinkley 1997). With
    few sets that interval covers too rarely. Null: categories permuted within topics (Winkler et al. 2015).
    """
    parts = {name: _by_topic(*one, permutations, seed) for name, one in sets.items()}
    found = {
        name: resampling.grouped(
            hits[0], topics, unit="topics", seed=seed, null=hits[1:].mean(axis=1)
        )
        for name, (hits, topics) in parts.items()
    }
    hits = np.concatenate([hits for hits, _ in parts.values()], axis=1)
    options = {"unit": "sets", "seed": seed, "null": hits[1:].mean(axis=1)}
    return {**found, MEAN: resampling.grouped(hits[0], _number(sets), **options)}


@one_thread
def gain_over_sets(sets, baseline, *, seed=0):
    """Return the mean gain in accuracy of ``sets`` over ``baseline``, the same sets with other features: Estimate.

    As :func:`over_sets`, paired over messages, without a null.
    """
    ours, theirs = (
        np.concatenate([_by_topic(*one, 0, seed)[0][0] for one in part.values()])
        for part in (sets, baseline)
    )
    return resampling.grouped(ours - theirs, _number(sets), unit="sets", seed=seed)


def _number(sets):
    return np.repeat(np.arange(len(sets)), [len(labels) for _, labels, _ in sets.values()])


def _by_topic(X, labels, topics, permutations, seed):
    """Hits on held-out topics, (1 + permutations, n), the first row observed; topics as numbers."""
    labels, topics = pd.factorize(np.asarray(labels))[0], pd.factorize(np.asarray(topics))[0]
    X, classes = classify.compact(X), labels.max() + 1
    orders = resampling.orders(topics, permutations, seed)
    labellings = np.vstack([labels[None], labels[orders]])
    hits = np.zeros(labellings.shape)
    for topic in range(topics.max() + 1):
        test = topics == topic
        scores = classify.project(X, ~test)
        weights = classify.fit(scores[~test], labellings[:, ~test], classes)
        hits[:, test] = classify.predict(scores[test], weights) == labellings[:, test]
    return hits, topics


@one_thread
def transfer(train, test, labels, *, permutations=stats.REFITS, seed=0):
    """Return the accuracy of a probe trained on one wording of the messages and tested on another.

    ``train``, ``test``: (n, d), rows are the same messages in the same order; ``labels``: (n,). A message's own other wording
    is never in training: folds are drawn over messages. Null: categories permuted within folds (Winkler et al. 2015).
    """
    codes = pd.factorize(np.asarray(labels))[0]
    fold = predict.folds(codes, seed)
    orders = resampling.orders(fold, permutations, seed)
    labellings = np.vstack([codes[None], codes[orders]])
    both = np.vstack([train, test])
    n, hits = len(codes), np.zeros(labellings.shape)
    for number in range(fold.max() + 1):
        held_out = fold == number
        fitted = np.concatenate([~held_out, np.zeros(n, bool)])
        scores = classify.project(classify.compact(both), fitted)
        weights = classify.fit(scores[fitted], labellings[:, ~held_out], codes.max() + 1)
        answers = classify.predict(scores[n:][held_out], weights)
        hits[:, held_out] = answers == labellings[:, held_out]
    return stats.bootstrap(hits[0], seed=seed, null=hits[1:].mean(axis=1))
