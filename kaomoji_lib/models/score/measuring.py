"""Read log P of spellings given prompts off the logits that an algorithm yields."""

import numpy as np
import torch

from kaomoji_lib.models.forward import lm_head_logits
from kaomoji_lib.models.score.algorithms import ALGORITHMS

# 256 MiB in float32: fewer rows would read a large head too often.
LOGITS_AT_ONCE = 2**26
COLUMNS_AT_ONCE = 2**13


@torch.inference_mode()
def measure(engine, prompts, plan, algorithm, nodes=None, read=None, progress=None):
    """Return log P and its prefix-closed form: two float64 arrays (prompts, spellings).

    Parameters
    ----------
    prompts : lists of token ids. plan : :class:`.spellings.Plan`. algorithm : a name of :data:`.algorithms.ALGORITHMS`.
    nodes : of the trie per forward pass. read : replaces :func:`kaomoji_lib.models.forward.prefill`, such as
        :func:`kaomoji_lib.models.steer.prefill_with`; not for ``plain``, which has no prefill.
    progress : callable(nodes=int), called as nodes are computed.
    """
    run, trie = ALGORITHMS[algorithm], plan.trie
    steps = np.zeros((len(prompts), len(trie)))
    overshoot = np.full((len(prompts), plan.overshoot.shape[1]), -np.inf)
    limits = {"nodes": nodes, "read": read}
    limits = {name: value for name, value in limits.items() if value is not None}
    size = max(1, LOGITS_AT_ONCE // (len(engine.vocabulary) * len(prompts)))
    for found, rows in run(engine, prompts, trie, **limits) if len(trie) > 1 else ():
        for start in range(0, len(found), size):
            logits = rows[:, start : start + size]
            if algorithm != "plain":
                shape = logits.shape[:2]
                logits = lm_head_logits(engine, logits.flatten(0, 1)).unflatten(0, shape)
            _read(found[start : start + size], logits, plan, steps, overshoot)
        if progress:
            progress(nodes=len(found) * len(prompts))
    return _sums(plan, steps, overshoot)


def _read(nodes, logits, plan, steps, overshoot):
    """Pick the plan's tokens from logits (prompts, nodes, vocabulary)."""
    norm = log_normaliser(logits)
    place = np.full(len(plan.trie), -1)
    place[nodes] = np.arange(len(nodes))
    children = np.flatnonzero(place[plan.trie.parent[1:]] >= 0) + 1
    steps[:, children] = _picked(
        logits, norm, place[plan.trie.parent[children]], plan.trie.token[children]
    )
    at, tokens = place[plan.overshoot[0]], plan.overshoot[2]
    chosen = np.flatnonzero(at >= 0)
    overshoot[:, chosen] = _picked(logits, norm, at[chosen], tokens[chosen])


def _picked(logits, norm, rows, tokens):
    rows, tokens = (torch.as_tensor(part, device=logits.device) for part in (rows, tokens))
    return (logits[:, rows, tokens].float() - norm[:, rows]).double().cpu().numpy()


def log_normaliser(logits):
    """Return log-sum-exp over the last axis, float32, a slice of the vocabulary at a time, which needs little memory."""
    total = None
    for start in range(0, logits.shape[-1], COLUMNS_AT_ONCE):
        part = torch.logsumexp(logits[..., start : start + COLUMNS_AT_ONCE].float(), dim=-1)
        total = part if total is None else torch.logaddexp(total, part)
    return total


def _sums(plan, steps, overshoot):
    trie = plan.trie
    along = steps.copy()
    for node in range(1, len(trie)):
        along[:, node] += along[:, trie.parent[node]]
    log_probs = np.full((len(steps), len(plan.spellings)), np.nan)
    log_probs[:, plan.rows] = -np.inf
    ends = [path[-1] for path in trie.paths]
    np.logaddexp.at(log_probs, (slice(None), plan.rows), along[:, ends])
    closed, (nodes, spellings, _) = log_probs.copy(), plan.overshoot
    np.logaddexp.at(closed, (slice(None), spellings), overshoot + along[:, nodes])
    return log_probs, closed
