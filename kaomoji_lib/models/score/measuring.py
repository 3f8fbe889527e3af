"""log P of spellings behind prompts, read off the logits that an algorithm of ``scoring_algorithms`` yields."""

import numpy as np
import torch

from kaomoji_lib.models.forward import head
from kaomoji_lib.models.score.algorithms import ALGORITHMS

LOGITS_AT_ONCE = 2**23
COLUMNS_AT_ONCE = 2**13


@torch.inference_mode()
def measure(engine, prompts, wanted, algorithm, nodes=None, read=None):
    """log P and its prefix-closed form behind prompts (lists of token ids): two float64 arrays (prompts, spellings).

    ``read``: what reads the prompts in the place of :func:`.forwarding.prefill`, such as
    :func:`kaomoji_lib.models.steer.reading`; not for the algorithm ``plain``, which reads nothing beforehand.
    """
    chosen = ALGORITHMS[algorithm]
    trie = wanted.trie
    steps = np.zeros((len(prompts), len(trie)))
    overshoot = np.full((len(prompts), len(wanted.overshoot_token)), -np.inf)
    limits = {
        **({} if nodes is None else {"nodes": nodes}),
        **({} if read is None else {"read": read}),
    }
    size = max(1, LOGITS_AT_ONCE // (len(engine.vocabulary) * len(prompts)))
    for found, rows in chosen.run(engine, prompts, trie, **limits) if len(trie) > 1 else ():
        for start in range(0, len(found), size):
            part = rows[:, start : start + size]
            logits = (
                part
                if chosen.gives_logits
                else head(engine, part.flatten(0, 1)).unflatten(0, part.shape[:2])
            )
            _read(found[start : start + size], logits, wanted, steps, overshoot)
    return _sums(wanted, steps, overshoot)


def _read(nodes, logits, wanted, steps, overshoot):
    """Pick what is wanted from logits (prompts, nodes, vocabulary)."""
    norm = log_normaliser(logits)
    place = np.full(len(wanted.trie), -1)
    place[nodes] = np.arange(len(nodes))
    children = np.flatnonzero(place[wanted.trie.parent[1:]] >= 0) + 1
    steps[:, children] = _picked(
        logits, norm, place[wanted.trie.parent[children]], wanted.trie.token[children]
    )
    if len(wanted.overshoot_token):
        at = place[wanted.entry_node[wanted.overshoot_entry]]
        chosen = np.flatnonzero(at >= 0)
        overshoot[:, chosen] = _picked(logits, norm, at[chosen], wanted.overshoot_token[chosen])


def _picked(logits, norm, rows, tokens):
    rows, tokens = (torch.as_tensor(part, device=logits.device) for part in (rows, tokens))
    return (logits[:, rows, tokens].float() - norm[:, rows]).double().cpu().numpy()


def log_normaliser(logits):
    """log-sum-exp over the last axis, float32, a slice of the vocabulary at a time: no second table of logits arises."""
    total = None
    for start in range(0, logits.shape[-1], COLUMNS_AT_ONCE):
        part = torch.logsumexp(logits[..., start : start + COLUMNS_AT_ONCE].float(), dim=-1)
        total = part if total is None else torch.logaddexp(total, part)
    return total


def _sums(wanted, steps, overshoot):
    trie = wanted.trie
    along = steps.copy()
    for node in range(1, len(trie)):
        along[:, node] += along[:, trie.parent[node]]
    log_probs = np.full((len(steps), len(wanted.spellings)), np.nan)
    log_probs[:, wanted.rows] = -np.inf
    for row, path in zip(wanted.rows, trie.paths, strict=True):
        log_probs[:, row] = np.logaddexp(log_probs[:, row], along[:, path[-1]])
    closed = log_probs.copy()
    if len(wanted.entry_node):
        starts = np.searchsorted(wanted.overshoot_entry, np.arange(len(wanted.entry_node)))
        masses = np.logaddexp.reduceat(overshoot, starts, axis=1) + along[:, wanted.entry_node]
        for entry, row in enumerate(wanted.entry_spelling):
            closed[:, row] = np.logaddexp(closed[:, row], masses[:, entry])
    return log_probs, closed
