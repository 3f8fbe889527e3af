"""Log P of the spellings of a plan: three algorithms that compute a trie's nodes, and what is read off their logits.

An algorithm takes (engine, prompts, trie, nodes, read) and yields pairs of trie nodes (int array) and slices of the
vocabulary, (first token, logits (prompts * nodes, tokens)) each, until every internal node has been computed once, the
root included.
"""

import copy

import numpy as np
import torch
from transformers.cache_utils import DummyLayer, DynamicLayer, LinearAttentionLayer

from kaomoji_lib.models import tree
from kaomoji_lib.models.forward import (
    copy_cache,
    forward,
    lm_head_slices,
    new_cache,
    plain_logits,
    prefill,
    text_config,
    text_stack,
)
from kaomoji_lib.models.spellings import BIN_NODES, bins

MASKABLE = ("eager", "sdpa")


def applicable(engine):
    """Return the names of the algorithms that can work on a model, fastest first.

    ``packed`` needs attention that takes any mask, and recurrent layers, if any, that can process a tree; ``batched`` needs
    a cache.
    """
    config, layers = text_config(engine), [type(layer) for layer in new_cache(engine).layers]
    packable = (
        set(layers) <= {DynamicLayer, DummyLayer, LinearAttentionLayer}
        and set(tree.layer_kinds(config)) <= {tree.FULL, tree.SLIDING, tree.LINEAR}
        and layers.count(LinearAttentionLayer) == len(tree.delta_layers(text_stack(engine)))
        and config._attn_implementation in MASKABLE
    )
    return tuple(ALGORITHMS)[0 if packable else 1 :]


def packed(engine, prompts, trie, nodes, read):
    """Compute many nodes in one forward pass, each seeing its prompt and its ancestors; then the head once for all."""
    prefix, config, stack = (
        (read or prefill)(engine, prompts),
        text_config(engine),
        text_stack(engine),
    )
    found, states = [np.array([0])], [prefix.last[:, None]]
    for members, parent, fresh in bins(trie, nodes):
        depth = torch.as_tensor(trie.depth[members], device=engine.device)
        masks = tree.masks(config, prefix.mask, parent, depth, engine.dtype)
        ids = torch.as_tensor(trie.token[members], device=engine.device).expand(len(prompts), -1)
        places = prefix.mask.sum(dim=1, keepdim=True) + depth - 1
        with tree.tree_mode(stack, parent):
            part = forward(engine, ids, masks, places, copy_cache(prefix.cache))
        found.append(members[fresh])
        states.append(part[:, torch.as_tensor(fresh, device=part.device)])
    yield np.concatenate(found), lm_head_slices(engine, torch.cat(states, dim=1).flatten(0, 1))


def batched(engine, prompts, trie, nodes, read):
    """Compute whole continuations, padded on the right, each behind a copy of its prompt's cache; then the head once."""
    prefix, count = (read or prefill)(engine, prompts), len(prompts)
    found, states, seen = [np.array([0])], [prefix.last[:, None]], np.arange(len(trie)) == 0
    stems = sorted({path[:-1] for path in trie.paths} - {()}, key=len)
    size = max(1, nodes // (count * len(stems[-1]))) if stems else 1
    for start in range(0, len(stems), size):
        part, cache = stems[start : start + size], copy.deepcopy(prefix.cache)
        cache.reorder_cache(torch.arange(count, device=engine.device).repeat_interleave(len(part)))
        longest = len(part[-1])
        padded = np.array([[*stem, *[0] * (longest - len(stem))] for stem in part])
        ids = torch.as_tensor(np.tile(trie.token[padded] * (padded > 0), (count, 1)))
        typed = torch.as_tensor(np.tile(padded > 0, (count, 1))).long().to(engine.device)
        mask = torch.cat([prefix.mask.repeat_interleave(len(part), dim=0), typed], dim=1)
        places = (mask.cumsum(-1) - 1)[:, -longest:]
        rows = forward(engine, ids.to(engine.device), mask, places, cache)
        members, where = np.unique(padded, return_index=True)
        fresh = ~seen[members]
        seen[members] = True
        found.append(members[fresh])
        states.append(
            rows.unflatten(0, (count, -1)).flatten(1, 2)[:, torch.as_tensor(where[fresh])]
        )
    yield np.concatenate(found), lm_head_slices(engine, torch.cat(states, dim=1).flatten(0, 1))


def plain(engine, prompts, trie, nodes, read):
    """Compute each continuation of each prompt in a forward pass of its own: no cache, no padding, no mask."""
    seen = np.zeros(len(trie), dtype=bool)
    for stem in sorted({path[:-1] for path in trie.paths}, key=len, reverse=True):
        path = np.array([0, *stem])
        fresh = ~seen[path]
        seen[path] = True
        if fresh.any():
            typed, kept = trie.token[path[1:]].tolist(), torch.as_tensor(fresh)
            rows = [plain_logits(engine, prompt, typed) for prompt in prompts]
            yield path[fresh], [(0, torch.cat([row[kept.to(row.device)] for row in rows]))]


ALGORITHMS = {"packed": packed, "batched": batched, "plain": plain}


@torch.inference_mode()
def measure(engine, prompts, plan, algorithm, nodes=BIN_NODES, read=None):
    """Return log P and its prefix-closed form: two float64 arrays (prompts, spellings).

    Parameters
    ----------
    prompts : lists of token ids. plan : :class:`.spellings.Plan`. algorithm : a name of :data:`ALGORITHMS`.
    nodes : of the trie per forward pass. read : replaces :func:`kaomoji_lib.models.forward.prefill`, which ``plain`` has
        not.
    """
    steps = np.zeros((len(prompts), len(plan.trie)))
    overshoot = np.full((len(prompts), plan.overshoot.shape[1]), -np.inf)
    if plan.trie.paths:
        for found, slices in ALGORITHMS[algorithm](engine, prompts, plan.trie, nodes, read):
            _read(found, slices, plan, steps, overshoot)
    return _sums(plan, steps, overshoot)


def _read(nodes, slices, plan, steps, overshoot):
    """Pick the plan's tokens from slices of the vocabulary: log P of each step, and of each token that overshoots."""
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
    """Add steps along paths, and the probabilities of a spelling's paths."""
    along = steps.copy()
    for node, parent in enumerate(plan.trie.parent[1:], start=1):
        along[:, node] += along[:, parent]
    ends = along[:, [path[-1] for path in plan.trie.paths]]
    log_probs = np.full((len(steps), len(plan.spellings)), np.nan)
    log_probs[:, plan.rows] = -np.inf
    np.logaddexp.at(log_probs, (slice(None), plan.rows), ends)
    closed, (nodes, spellings, _) = log_probs.copy(), plan.overshoot
    np.logaddexp.at(closed, (slice(None), spellings), overshoot + along[:, nodes])
    return log_probs, closed
