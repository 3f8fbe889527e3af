"""What a probe's accuracy is worth: against the text alone, by layer, on unseen topics and on other wordings.

A state is a function of its text: that it "predicts the category" says nothing until the words of the prompt are put
through the same probe. All share folds, classifier and intervals; the headline is the gain over the *strongest* probe of
the text alone (the choice favours the text). Nulls permute categories within folds or topics (Winkler et al. 2015).
"""

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import predict
from kaomoji_lib.metrics.states import compact, one_thread, stack

SURFACE, WORDS = "length and punctuation", "words and characters (tf-idf)"
SENTENCES, EMIT = "sentence encoder", "hidden state"
STRONGEST = "strongest text probe"
TEXT = (SURFACE, WORDS, SENTENCES)
MEAN = "mean over sets"


def text_probes(prompts, sentences, *, permutations=stats.REFITS, seed=0):
    """Return the probes of the text: dict name -> Prediction. ``sentences``: vectors of the prompts (n, d).

    Tf-idf: Salton & Buckley 1988; sentence vectors: Reimers & Gurevych 2019, arXiv:1908.10084.
    """
    settings = {"permutations": permutations, "seed": seed}
    labels = prompts["category"], prompts["id"]
    return {
        SURFACE: predict.from_text(prompts, "surface", **settings),
        WORDS: predict.from_text(prompts, "tfidf", **settings),
        SENTENCES: predict.from_states(sentences, *labels, **settings),
    }


def against_text(states, prompts, sentences, *, permutations=stats.REFITS, seed=0):
    """Compare the emission state with every baseline: tidy table.

    ``states``: emission states (n, layers, d), rows in the order of ``prompts``. Measures: ``accuracy`` of every probe
    (source), and ``gain of the state``, emission state minus that probe, paired over prompts, also over the
    ``strongest text probe``. Hewitt & Liang 2019, arXiv:1909.03368; Belinkov 2022, doi:10.1162/coli_a_00422.
    """
    settings = {"permutations": permutations, "seed": seed}
    text = text_probes(prompts, sentences, **settings)
    state = predict.from_states(stack(states), prompts["category"], prompts["id"], **settings)
    gain = "gain of the state"
    rows = {(name, "accuracy"): probe.accuracy for name, probe in {**text, EMIT: state}.items()}
    rows |= {(name, gain): predict.difference(state, probe, seed) for name, probe in text.items()}
    strongest = max(text, key=lambda name: text[name].accuracy.value)
    return results.frame({**rows, (STRONGEST, gain): rows[strongest, gain]})


def by_layer(states, labels, groups, names, *, permutations=stats.REFITS, seed=0):
    """Return the cross-validated accuracy of a probe on each layer: tidy table with ``layer`` (its number, 0 the embedding).

    ``states``: (n, layers, d); ``names``: one per layer, ``embed`` or a number. All layers are tested on the same
    permutations, and ``p`` compares each layer with the best of all permuted layers (Nichols & Holmes 2002).
    """
    settings = {"repeats": 1, "permutations": permutations, "seed": seed}
    probes = [
        predict.from_states(states[:, layer], labels, groups, **settings)
        for layer in range(states.shape[1])
    ]
    null = np.stack([probe.null for probe in probes], axis=1)
    adjusted = stats.max_t([probe.accuracy.value for probe in probes], null)
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
    few sets that interval covers too rarely.
    """
    parts = {name: _by_topic(*one, permutations, seed) for name, one in sets.items()}
    found = {
        name: stats.grouped(hits[0], topics, unit="topics", seed=seed, null=hits[1:].mean(axis=1))
        for name, (hits, topics) in parts.items()
    }
    hits = np.concatenate([hits for hits, _ in parts.values()], axis=1)
    options = {"unit": "sets", "seed": seed, "null": hits[1:].mean(axis=1)}
    return {**found, MEAN: stats.grouped(hits[0], _number(sets), **options)}


@one_thread
def gain_over_sets(sets, baseline, *, seed=0):
    """Return the mean gain in accuracy of ``sets`` over ``baseline``, the same sets with other features: Estimate.

    As :func:`over_sets`, paired over messages, without a null.
    """
    ours, theirs = (
        np.concatenate([_by_topic(*one, 0, seed)[0][0] for one in part.values()])
        for part in (sets, baseline)
    )
    return stats.grouped(ours - theirs, _number(sets), unit="sets", seed=seed)


def _number(sets):
    return np.repeat(np.arange(len(sets)), [len(labels) for _, labels, _ in sets.values()])


def _by_topic(X, labels, topics, permutations, seed):
    """Hits on held-out topics, (1 + permutations, n), the first row observed; topics as numbers."""
    labels, topics = (pd.factorize(np.asarray(part))[0] for part in (labels, topics))
    labellings = np.vstack([labels, labels[stats.orders(topics, permutations, seed)]])
    X = compact(X)
    hits = predict.held_out(lambda train: X, labellings, topics) == labellings
    return hits.astype(float), topics


@one_thread
def transfer(train, test, labels, *, permutations=stats.REFITS, seed=0):
    """Return the accuracy of a probe trained on one wording of the messages and tested on another.

    ``train``, ``test``: (n, d), rows are the same messages in the same order; ``labels``: (n,). A message's own other wording
    is never in training: folds are drawn over messages.
    """
    codes = pd.factorize(np.asarray(labels))[0]
    fold, n = predict.folds(codes, seed), len(codes)
    labellings = np.vstack([codes, codes[stats.orders(fold, permutations, seed)]])
    both = compact(np.vstack([train, test]))
    answers = predict.held_out(lambda train: both[:n], labellings, fold, both[n:])
    hits = (answers == labellings).astype(float)
    return stats.bootstrap(hits[0], seed=seed, null=hits[1:].mean(axis=1))
