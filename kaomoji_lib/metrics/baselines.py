"""Text-only and partial baselines of category decoding, and the gain of the emission state over each.

A state is a function of its text: that it "predicts the category" says nothing until the words of the prompt are put
through the same probe. Baselines, from the surface of the text to the state at the message's last token, share folds, classifier
and intervals; the headline is the gain over the *strongest* probe of the text alone (the choice favours the text).
"""

import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import predict
from kaomoji_lib.metrics.stacking import stack

SURFACE, WORDS = "length and punctuation", "words and characters (tf-idf)"
SENTENCES, INPUTS = "sentence encoder", "input embeddings, averaged"
RANDOM, USER = "random weights, three seeds", "state at the message's last token"
EMIT, STRONGEST = "emission state", "strongest text probe"
TEXT = (SURFACE, WORDS, SENTENCES)


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


def compare(
    states, prompts, sentences=None, controls=None, *, text=None, permutations=stats.REFITS, seed=0
):
    """Compare the emission state with every baseline: tidy table.

    Parameters
    ----------
    states : emission states (n, layers, d), rows in the order of ``prompts``. controls : the model's control states, with
        ``inputs`` (n, d), ``random_init`` (arrays like ``states``) and ``user`` (like ``states``, or None). text : its probes, where
        they were fitted already.

    Returns
    -------
    Measures ``accuracy``, of every probe (source), with ``majority``; and ``gain of the state``, emission state minus that probe,
    paired over prompts, also over the ``strongest text probe``. Hewitt & Liang 2019, arXiv:1909.03368; Belinkov 2022,
    doi:10.1162/coli_a_00422.
    """
    settings = {"permutations": permutations, "seed": seed}
    probes = list(text or text_probes(prompts, sentences, **settings))
    features = {}
    if controls is not None:
        features[INPUTS] = controls.inputs
        features[RANDOM] = tuple(stack(part) for part in controls.random_init)
        if controls.user is not None:
            features[USER] = stack(controls.user)
    for name, X in {**features, EMIT: stack(states)}.items():
        labels = prompts["category"], prompts["id"]
        probes.append(predict.from_states(X, *labels, name=name, **settings))
    top = probes[-1]
    gains = {
        (probe.name, "gain of the state"): predict.difference(top, probe, seed)
        for probe in probes[:-1]
    }
    strongest = max(
        (probe for probe in probes if probe.name in TEXT), key=lambda probe: probe.accuracy.value
    )
    gains[STRONGEST, "gain of the state"] = gains[strongest.name, "gain of the state"]
    accuracies = predict.table(probes)
    return pd.concat(
        [accuracies[accuracies["measure"] == "accuracy"], results.frame(gains)], ignore_index=True
    )
