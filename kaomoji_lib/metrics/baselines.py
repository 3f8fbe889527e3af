"""Readers of the category that know less and less of the model, and what the state adds to each of them.

A state that "predicts the category" has done nothing yet that the words of the prompt would not do. The rungs, from
the bare surface of the text to the emission state, share folds, classifier and intervals; the headline is the
difference between the emission state and the *strongest* reader of the text alone (the choice favours the text).
"""

from dataclasses import dataclass

from kaomoji_lib import resampling
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.metrics.stacking import stack
from kaomoji_lib.stats import Estimate

SURFACE, WORDS, SENTENCES = (
    "length and punctuation",
    "words and characters (tf-idf)",
    "sentence encoder",
)
INPUTS, TWIN, USER, EMIT = (
    "input embeddings, averaged",
    "random weights, three seeds",
    "state at the message's last token",
    "emission state",
)
TEXT = (SURFACE, WORDS, SENTENCES)


@dataclass(frozen=True)
class Ladder:
    """``rungs``: Predictions, bottom first; ``text``: name of the strongest reader of the text alone; ``increment``:
    emission state minus that reader, share of prompts; ``increments``: the same against every rung, by name.
    """

    rungs: tuple
    text: str
    increment: Estimate
    increments: dict


def text_rungs(prompts, sentences, *, permutations=200, seed=0):
    """The readers of the text: list of Prediction. ``sentences``: vectors of the prompts (n, d), or None without an encoder.

    Tf-idf: Salton & Buckley 1988; sentence vectors: Reimers & Gurevych 2019, arXiv:1908.10084.
    """
    settings = {"permutations": permutations, "seed": seed}
    found = [
        prediction.from_text(prompts, "surface", name=SURFACE, **settings),
        prediction.from_text(prompts, "tfidf", name=WORDS, **settings),
    ]
    if sentences is not None:
        found.append(
            prediction.from_states(
                sentences, prompts["category"], prompts["id"], name=SENTENCES, **settings
            )
        )
    return found


def climb(states, prompts, sentences, controls=None, *, text=None, permutations=200, seed=0):
    """The :class:`Ladder` of one model.

    ``states``: emission states (n, layers, d), rows in the order of ``prompts``; ``controls``: its
    :class:`kaomoji_lib.models.controls.Controls`, None where they were not measured; ``text``: the text's rungs, where they
    are there already. Increments are paired over prompts (same folds): interval by bootstrap, p by sign flips.
    Baselines of probes: Hewitt & Liang 2019, arXiv:1909.03368; Belinkov 2022, doi:10.1162/coli_a_00422.
    """
    settings = {"permutations": permutations, "seed": seed}
    rungs = list(text or text_rungs(prompts, sentences, **settings))
    named = (
        {}
        if controls is None
        else {INPUTS: controls.inputs, TWIN: tuple(stack(part) for part in controls.random_init)}
    )
    if controls is not None and controls.user is not None:
        named[USER] = stack(controls.user)
    for name, X in {**named, EMIT: stack(states)}.items():
        rungs.append(
            prediction.from_states(X, prompts["category"], prompts["id"], name=name, **settings)
        )
    top = rungs[-1]
    increments = {
        rung.name: resampling.paired(top.hits, rung.hits[top.hits.index], seed=seed)
        for rung in rungs[:-1]
    }
    strongest = max(
        (rung for rung in rungs if rung.name in TEXT), key=lambda rung: rung.accuracy.value
    ).name
    return Ladder(tuple(rungs), strongest, increments[strongest], increments)
