"""Text-only baselines of category decoding, and the gain of the emission state over each.

A state is a function of its text: that it "predicts the category" says nothing until the words of the prompt are put
through the same probe. All share folds, classifier and intervals; the headline is the gain over the *strongest* probe of
the text alone (the choice favours the text).
"""

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import predict
from kaomoji_lib.metrics.stacking import stack

SURFACE, WORDS = "length and punctuation", "words and characters (tf-idf)"
SENTENCES, EMIT = "sentence encoder", "hidden state"
STRONGEST = "strongest text probe"
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


def compare(states, prompts, sentences=None, *, text=None, permutations=stats.REFITS, seed=0):
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
