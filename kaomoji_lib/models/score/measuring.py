"""Read log P of spellings given prompts off the logits that an algorithm yields."""

import numpy as np
import torch

from kaomoji_lib.models.forward import lm_head_slices
from kaomoji_lib.models.score.algorithms import ALGORITHMS


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
    given = (("nodes", nodes), ("read", read))
    limits = {name: value for name, value in given if value is not None}
    if len(trie) > 1:
        parts = _counted(run(engine, prompts, trie, **limits), len(prompts), progress)
        for found, slices in _slices(engine, parts, algorithm):
            _read(found, slices, plan, steps, overshoot)
    return _sums(plan, steps, overshoot)


def _counted(parts, prompts, progress):
    """Pass on what an algorithm yields and count it."""
    for found, rows in parts:
        yield found, rows
        if progress:
            progress(nodes=len(found) * prompts)


def _slices(engine, parts, algorithm):
    """Yield nodes and their logits in slices of the vocabulary; of states, all at once, so that the head is read once."""
    if algorithm == "plain":
        for found, logits in parts:
            yield found, [(0, logits.flatten(0, 1))]
        return
    found, states = zip(*parts, strict=True)
    yield np.concatenate(found), lm_head_slices(engine, torch.cat(states, dim=1).flatten(0, 1))


def _read(nodes, slices, plan, steps, overshoot):
    """Pick the plan's tokens from slices of the vocabulary: (first token, logits (prompts * nodes, tokens)) each."""
    trie, place = plan.trie, np.full(len(plan.trie), -1)
    place[nodes] = np.arange(len(nodes))
    children = np.flatnonzero(place[trie.parent[1:]] >= 0) + 1
    chosen = np.flatnonzero(place[plan.overshoot[0]] >= 0)
    rows = place[np.concatenate([trie.parent[children], plan.overshoot[0][chosen]])]
    tokens = np.concatenate([trie.token[children], plan.overshoot[2][chosen]])
    picked, norm = np.zeros((len(steps), len(rows))), torch.tensor(-torch.inf)
    for start, logits in slices:
        logits = logits.float().unflatten(0, (len(steps), len(nodes)))
        norm = torch.logaddexp(norm.to(logits.device), logits.logsumexp(dim=-1).double())
        here = (tokens >= start) & (tokens < start + logits.shape[-1])
        at = (torch.as_tensor(part[here]).to(logits.device) for part in (rows, tokens - start))
        picked[:, here] = logits[:, *at].cpu().numpy()
    picked -= norm.cpu().numpy()[:, rows]
    steps[:, children], overshoot[:, chosen] = np.split(picked, [len(children)], axis=1)


def _sums(plan, steps, overshoot):
    trie = plan.trie
    along = steps.copy()
    for node, parent in enumerate(trie.parent[1:], start=1):
        along[:, node] += along[:, parent]
    log_probs = np.full((len(steps), len(plan.spellings)), np.nan)
    log_probs[:, plan.rows] = -np.inf
    np.logaddexp.at(
        log_probs, (slice(None), plan.rows), along[:, [path[-1] for path in trie.paths]]
    )
    closed, (nodes, spellings, _) = log_probs.copy(), plan.overshoot
    np.logaddexp.at(closed, (slice(None), spellings), overshoot + along[:, nodes])
    return log_probs, closed
