"""The question of introspection put to a local model: a reader is a reader.

A small model rarely writes valid JSON, so its answer is started for it, ``{"HP-D": 0.``, and read from the probabilities
of the next token: the expected value over all tokens that are digits. Every category is asked by itself.
"""

import re

import numpy as np
import pandas as pd

from kaomoji_lib.engine.claude.introspect import distinct, system_prompt

_DIGITS = re.compile(r"[0-9]{1,4}")


def judge(engine, faces, scheme, batch=32, told=None):
    """Likelihoods of a local model for each face, as :func:`.introspect.introspect` brings them from Claude.

    Parameters
    ----------
    engine : :class:`kaomoji_lib.engine.loading.Engine`. faces : iterable of str.
    scheme : :class:`kaomoji_lib.study.categories.Scheme`. batch : questions per forward pass.
    told : callable (done, total).

    Returns
    -------
    DataFrame[source, face, one column per category in 0..1, attention]. ``attention``: mean probability
    that the next token was a digit at all; near 0, the model did not understand the question.
    """
    spellings = distinct(faces)
    asked = [(face, code) for face in spellings for code in scheme.codes]
    texts = [question(engine, spellings[face], code, scheme) for face, code in asked]
    values, weights = number_tokens(engine), []
    for start in range(0, len(texts), batch):
        weights.append(_expected(engine, texts[start:start + batch], values))
        if told:
            told(min(start + batch, len(texts)), len(texts))
    expected, mass = np.concatenate(weights, axis=1)
    table = pd.DataFrame(expected.reshape(len(spellings), -1), columns=list(scheme.codes))
    table.insert(0, "face", list(spellings))
    table.insert(0, "source", engine.spec.alias)
    table["attention"] = mass.reshape(len(spellings), -1).mean(axis=1)
    return table


def question(engine, spelling, code, scheme):
    """The templated question, the answer begun: text that ends where a digit belongs."""
    return engine.template.render(f"{system_prompt(scheme)}\n\n{spelling}") + f'{{"{code}": 0.'


def number_tokens(engine):
    """Values in 0..1 of the tokens that are digits only (``7`` is 0.7, ``75`` is 0.75); NaN for all others."""
    size = engine.model.get_output_embeddings().weight.shape[0]
    values = np.full(size, np.nan)
    for token, number in engine.tokenizer.get_vocab().items():
        if number < size and _DIGITS.fullmatch(token):
            values[number] = int(token) / 10 ** len(token)
    return values


def _expected(engine, texts, values):
    """Expected value and probability mass of the digit tokens: array (2, texts)."""
    import torch

    rows = [engine.encode(text) for text in texts]
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long, device=engine.device)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, longest - len(row):] = torch.tensor(row, device=engine.device)
        mask[number, longest - len(row):] = 1
    with torch.inference_mode():
        logits = engine.model(input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
                              logits_to_keep=1).logits[:, -1].float()
    chances = torch.softmax(logits, dim=-1).cpu().numpy().astype(np.float64)[:, : len(values)]
    digits = ~np.isnan(values)
    mass = chances[:, digits].sum(axis=1)
    return np.array([chances[:, digits] @ values[digits] / np.maximum(mass, 1e-300), mass])
