"""What an organism has learned, exactly: its distribution over the pool of faces, by forward passes, not by sampling."""

import numpy as np
import torch


@torch.no_grad()
def face_distribution(model, prompts, messages, spellings):
    """P(a reply opens with this spelling | message), for every message and spelling.

    The probability of a spelling is the product over its tokens (the tokenizer's own segmentation), from plain
    uncached forward passes at temperature 1.

    Returns
    -------
    ndarray (messages, spellings), float64; a row sums to at most 1, the rest is what is not a face of the pool.
    """
    asked = prompts.encode(messages)
    continuations = [
        tuple(ids)
        for ids in prompts.tokenizer(list(spellings), add_special_tokens=False)["input_ids"]
    ]
    stems = {ids[:-1] for ids in continuations}
    stems = sorted(
        stem
        for stem in stems
        if not any(other != stem and other[: len(stem)] == stem for other in stems)
    )
    stem_of = [
        next(stem for stem in stems if stem[: len(ids) - 1] == ids[:-1]) for ids in continuations
    ]
    result = np.empty((len(asked), len(continuations)))
    for rows in _equal_lengths(asked):
        for stem in stems:
            ids = torch.tensor([asked[row] + list(stem) for row in rows])
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=len(stem) + 1).logits
            logs = logits.double().log_softmax(dim=-1).numpy()
            for column, tokens in enumerate(continuations):
                if stem_of[column] == stem:
                    result[rows, column] = np.exp(
                        sum(logs[:, depth, token] for depth, token in enumerate(tokens))
                    )
    return result


@torch.no_grad()
def last_states(model, prompts, messages):
    """Final hidden state (after the last norm) at the last prompt position: tensor (messages, hidden)."""
    asked = prompts.encode(messages)
    states = torch.empty(len(asked), model.config.hidden_size)
    for rows in _equal_lengths(asked):
        ids = torch.tensor([asked[row] for row in rows])
        output = model(input_ids=ids, use_cache=False, output_hidden_states=True, logits_to_keep=1)
        states[rows] = output.hidden_states[-1][:, -1]
    return states


def _equal_lengths(sequences):
    lengths = np.array([len(ids) for ids in sequences])
    return [np.flatnonzero(lengths == length) for length in np.unique(lengths)]


def compare(distribution, spellings, categories, table):
    """Planted against learned.

    Parameters
    ----------
    distribution : ndarray (prompts, spellings) of :func:`face_distribution`.
    categories : sequence of str, the prompts' categories.
    table : DataFrame[category, spelling, probability], planted.

    Returns
    -------
    dict: ``emission_rate`` (mean mass on the pool's spellings), ``js_similarity`` (mean over prompts, 1 = equal),
    ``heldout_accuracy`` (share of prompts whose distribution is closest to its own category's row, by
    Kullback-Leibler divergence; None where all rows are equal).
    """
    from kaomoji_lib.stats import js_similarity

    codes = sorted(table["category"].unique())
    planted = table.pivot_table(
        index="category", columns="spelling", values="probability", fill_value=0.0
    )
    planted = planted.reindex(index=codes, columns=list(spellings), fill_value=0.0).to_numpy()
    learned = distribution / distribution.sum(axis=1, keepdims=True)
    rows = np.array([codes.index(category) for category in categories])
    closest = (learned @ np.log(planted + 1e-6).T).argmax(axis=1)
    alike = np.allclose(planted, planted[0])
    return {
        "emission_rate": float(distribution.sum(axis=1).mean()),
        "js_similarity": float(np.mean(js_similarity(planted[rows], learned))),
        "heldout_accuracy": None if alike else float((closest == rows).mean()),
    }
