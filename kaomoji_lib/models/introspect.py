"""Ask a local model the question of introspection, as a judge of any source's faces.

A small model rarely writes valid JSON, so its answer is started for it, ``{"HP-D": 0.``, and read from the probabilities
of the next token: the expected value over all tokens that are digits. Every category is asked by itself.
"""

import re

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.claude import introspect
from kaomoji_lib.models.score.algorithms import plain_logits

_DIGITS = re.compile(r"[0-9]{1,4}")


def judgements(run, spellings, scheme, device="auto"):
    """Return :func:`judge` of the run's model for each face, cached in the run's folder."""
    from kaomoji_lib.models.reloading import reload

    asked = introspect.system_prompt(scheme)
    return run.cached(
        "judged",
        {"spellings": list(spellings), "question": asked},
        lambda: judge(reload(run, device), spellings, scheme),
    )


def judge(engine, spellings, scheme):
    """Return a local model's likelihoods for each face, as :func:`.claude.introspect.introspect` does for Claude.

    Parameters
    ----------
    engine : :class:`kaomoji_lib.models.loading.Engine`. spellings : iterable of str.
    scheme : :class:`kaomoji_lib.categories.Scheme`.

    Returns
    -------
    DataFrame[source, face, one column per category in 0..1, attention]. ``attention``: mean probability
    that the next token was a digit at all; near 0, the model did not understand the question.
    """
    faces, asked = introspect.distinct(spellings), introspect.system_prompt(scheme)
    texts = [
        text
        for spelling in faces.values()
        for text in questions(engine, asked, spelling, scheme.codes)
    ]
    values = number_tokens(engine)
    digits = np.flatnonzero(~np.isnan(values))
    chances = next_probabilities(engine, texts, digits)
    mass = chances.sum(axis=1)
    expected = (chances @ values[digits] / np.maximum(mass, 1e-300)).reshape(len(faces), -1)
    table = pd.DataFrame(expected, columns=list(scheme.codes))
    table.insert(0, "face", list(faces))
    table.insert(0, "source", engine.spec.alias)
    return table.assign(attention=mass.reshape(len(faces), -1).mean(axis=1))


@torch.inference_mode()
def next_probabilities(engine, texts, columns):
    """Return P of each token id in ``columns`` to come next given each text: float64 array (texts, columns)."""
    rows = []
    for text in texts:
        logits = plain_logits(engine, engine.encode(text), [])[0]
        rows.append(logits.double().softmax(dim=-1).cpu().numpy()[list(columns)])
    return np.array(rows)


def questions(engine, asked, spelling, codes):
    """Return the templated question ``asked`` about a spelling with its answer begun for each code: the next token is a digit."""
    rendered = engine.template.render(f"{asked}\n\n{spelling}")
    return [f'{rendered}{{"{code}": 0.' for code in codes]


def number_tokens(engine):
    """Return the values in 0..1 of tokens of digits (``7`` is 0.7, ``75`` is 0.75); NaN for all others."""
    size = engine.model.get_output_embeddings().weight.shape[0]
    values = np.full(size, np.nan)
    for token, number in engine.tokenizer.get_vocab().items():
        if number < size and _DIGITS.fullmatch(token):
            values[number] = int(token) / 10 ** len(token)
    return values
