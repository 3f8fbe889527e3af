"""What a probe's accuracy is worth: against the text alone, by layer, on unseen topics and on other wordings.

A state is a function of its text: that it "predicts the category" says nothing until the words of the prompt are put
through the same probe. All share folds, classifier and intervals; the headline is the gain over the *strongest* probe of
the text alone (the choice favours the text).
"""

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.metrics import predict
from kaomoji_lib.metrics.states import compact, one_thread, stack

SURFACE, WORDS = "length and punctuation", "words and characters (tf-idf)"
SENTENCES, EMIT = "sentence encoder", "hidden state"
STRONGEST = "strongest text probe"
TEXT = (SURFACE, WORDS, SENTENCES)
MEAN = "mean over sets"


def text_probes(prompts, sentences=None, *, permutations=stats.REFITS, seed=0):
    """Return the probes of the text: list of Prediction. ``sentences``: vectors of the prompts (n, d), if there is an encoder.

    Tf-idf: Salton & Buckley 1988; sentence vectors: Reimers & Gurevych 2019, arXiv:1908.10084.
    """
    settings = {"permutations": permutations, "seed": seed}
    probes = [
        predict.from_text(prompts, "surface", name=SURFACE, **settings),
        predict.from_text(prompts, "tfidf", name=WORDS, **settings),
    ]
    if sentences is not None:
        labels = prompts["category"], prompts["id"]
        probes.append(predict.from_states(sentences, *labels, name=SENTENCES, **settings))
    return probes


def against_text(states, prompts, sentences=None, *, text=None, permutations=stats.REFITS, seed=0):
    """Compare the emission state with every baseline: tidy table.

    ``states``: emission states (n, layers, d), rows in the order of ``prompts``; ``text``: the probes of the text, where
    they were fitted already. Measures: ``accuracy`` of every probe (source), and ``gain of the state``, emission state
    minus that probe, paired over prompts, also over the ``strongest text probe``. Hewitt & Liang 2019, arXiv:1909.03368;
    Belinkov 2022, doi:10.1162/coli_a_00422.
    """
    settings = {"permutations": permutations, "seed": seed}
    text = text or text_probes(prompts, sentences, **settings)
    labels = prompts["category"], prompts["id"]
    state = predict.from_states(stack(states), *labels, name=EMIT, **settings)
    rows = {(probe.name, "accuracy"): probe.accuracy for probe in [*text, state]}
    gains = {probe.name: predict.difference(state, probe, seed) for probe in text}
    rows |= {(name, "gain of the state"): gain for name, gain in gains.items()}
    strongest = max(text, key=lambda probe: probe.accuracy.value)
    return results.frame({**rows, (STRONGEST, "gain of the state"): gains[strongest.name]})


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
    X, labellings = (
        compact(X),
        labels[np.vstack([np.arange(len(labels)), resampling.orders(topics, permutations, seed)])],
    )
    hits = predict.held_out(lambda _: X, labellings, topics) == labellings
    return hits.astype(float), topics


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
    both, n = compact(np.vstack([train, test])), len(codes)
    hits = np.zeros(labellings.shape)
    for number in range(fold.max() + 1):
        tested = fold == number
        scores = predict.project(both, np.concatenate([~tested, np.zeros(n, bool)]))
        weights = predict.fit_probes(scores[:n][~tested], labellings[:, ~tested], codes.max() + 1)
        hits[:, tested] = predict.answers_of(scores[n:][tested], weights) == labellings[:, tested]
    return stats.bootstrap(hits[0], seed=seed, null=hits[1:].mean(axis=1))
