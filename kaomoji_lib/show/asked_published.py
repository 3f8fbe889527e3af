"""The published round's Claude data in the form of the Claude pages, counted as the article counted it."""

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import likelihoods
from kaomoji_lib.published import corpus, tables
from kaomoji_lib.published import files as published
from kaomoji_lib.published import readings as published_readings

ARMS = ("claude", "claude-preamble")
ELICITED = "claude-opus-4-7"
JUDGES = {"claude-opus-4-7": "opus", "claude-haiku-4-5": "haiku"}
SYNTHESIZER = "claude-haiku-4-5"


def available():
    """Whether the published tables are on this machine: nothing is downloaded to make a page of another source."""
    known = published.registry()
    names = [name for arm in ARMS for name in known.sources[arm]["emissions"]]
    return published.present(
        [*names, *(judge["file"] for judge in known.judgements.values()), known.syntheses]
    )


def answers(method, model):
    """One method of the published round: (its table, whose it is in words, the prompts or None, facts for the provenance table).

    Raises
    ------
    KaomojiError
        If the data is not here, or the model was not part of the round.
    """
    if not available():
        raise KaomojiError(
            "the published data is not on this machine; expected its files; run `kaomoji published --fetch`, or use source stand-in"
        )
    table, who = {"elicit": emissions, "introspect": judgements, "synthesize": syntheses}[method](
        model
    )
    facts = {"data": published.registry().attribution, "model": who, "rows": len(table)}
    prompts = tables.prompts(table) if method == "elicit" else None
    return table, f"{spoken(who)}, as published", prompts, facts


def spoken(model):
    """A model's name as one says it: ``Claude Opus 4.7``, in one piece, for ``claude-opus-4-7``."""
    family, *parts = model.split("-")
    numbers = ".".join(part for part in parts if part.isdigit())
    return "\u00a0".join(
        [
            family.capitalize(),
            *(part.capitalize() for part in parts if not part.isdigit()),
            *([numbers] if numbers else []),
        ]
    )


def emissions(model=ELICITED):
    """Both elicited arms as emission rows with the faces that the published numbers were counted with, and the model's name."""
    table = pd.concat([tables.emissions(arm) for arm in ARMS], ignore_index=True)
    face, outcome = table["published_face"], table["outcome"]
    # A span that the published extractor did not take is no face here, whatever ours makes of it.
    outcome = np.where(face.notna(), "kaomoji", outcome.where(outcome != "kaomoji", "words"))
    return table.assign(
        source=ELICITED,
        raw_face=table["published_raw"],
        face=face,
        outcome=outcome,
        generation=table.groupby("prompt_id").cumcount(),
    ), ELICITED


def judgements(model):
    """The introspected likelihoods of a judge, and its name."""
    if model not in JUDGES:
        raise KaomojiError(
            f"{model!r} judged nothing in the published round; expected one of {', '.join(JUDGES)}; name one of them"
        )
    return tables.judgements(JUDGES[model]).assign(source=model), model


def syntheses(model=SYNTHESIZER):
    """The synthesized words, one row per description, each upload once, and the model's name."""
    return corpus.uploads_once(tables.syntheses()).assign(source=SYNTHESIZER).reset_index(
        drop=True
    ), SYNTHESIZER


def likelihood_reading(name, codes):
    """The reading of a published local model's log P by the published rule: mean log P, softmax."""
    prompts = tables.prompts(tables.emissions(name))
    return likelihoods.by_category(
        published_readings.log_probs(name, tables.Files()), prompts, codes, "mean log"
    )
