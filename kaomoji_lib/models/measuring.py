"""Log P of the spellings of a plan: three algorithms that compute a trie's nodes, and what is read off their logits.

An algorithm takes (engine, prompts, trie, nodes, read) and yields pairs of trie nodes (int array) and rows
(prompts, nodes, width) until each internal node has been computed once, the root included. Rows are normed states, ready
for the head; of ``plain`` they are logits. ``nodes``: of the trie per forward pass; ``read`` replaces
:func:`kaomoji_lib.models.forward.prefill`, so that an intervention can act on the prompt (``plain`` has none).
"""

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

ROWS_PER_STEP = 64
MASKABLE = ("eager", "sdpa")


def _packable(engine):
    """Check for attention that takes any mask, and recurrent layers, if any, that can process a tree."""
    layers = [type(layer) for layer in new_cache(engine).layers]
    kinds = set(tree.layer_kinds(text_config(engine)))
    recurrent = layers.count(LinearAttentionLayer)
    return (
        set(layers) <= {DynamicLayer, DummyLayer, LinearAttentionLayer}
        and kinds <= {tree.FULL, tree.SLIDING, tree.LINEAR}
        and recurrent == len(tree.delta_layers(text_stack(engine)))
        and text_config(engine)._attn_implementation in MASKABLE
    )


def packed(engine, prompts, trie, nodes=None, read=None):
    """Compute many nodes in one forward pass, each seeing its prompt and its ancestors."""
    prefix = (read or prefill)(engine, prompts)
    yield np.array([0]), prefix.last[:, None]
    for found, parent, fresh in bins(trie, nodes or BIN_NODES):
        depth = torch.as_tensor(trie.depth[found], device=engine.device)
        masks = tree.masks(text_config(engine), prefix.mask, parent, depth, engine.dtype)
        ids = torch.as_tensor(trie.token[found], device=engine.device).expand(len(prompts), -1)
        with tree.tree_mode(text_stack(engine), parent):
            states = forward(
                engine, ids, masks, prefix.lengths[:, None] + depth - 1, copy_cache(prefix.cache)
            )
        yield found[fresh], states[:, torch.as_tensor(fresh, device=states.device)]


def batched(engine, prompts, trie, nodes=None, read=None):
    """Compute whole continuations with the shared cache, padded on the right."""
    prefix = (read or prefill)(engine, prompts)
    yield np.array([0]), prefix.last[:, None]
    count = len(prompts)
    stems = sorted(trie.stems(), key=len)
    size = max(1, (nodes or ROWS_PER_STEP) // count)
    seen = np.zeros(len(trie), dtype=bool)
    for start in range(0, len(stems), size):
        part = stems[start : start + size]
        cache, longest = copy_cache(prefix.cache), len(part[-1])
        cache.reorder_cache(torch.arange(count, device=engine.device).repeat_interleave(len(part)))
        padded = np.array([[*stem, *[0] * (longest - len(stem))] for stem in part])
        ids = torch.as_tensor(
            np.tile(np.where(padded > 0, trie.token[padded], 0), (count, 1)), device=engine.device
        )
        typed = torch.as_tensor(np.tile(padded > 0, (count, 1)), device=engine.device).long()
        mask = torch.cat([prefix.mask.repeat_interleave(len(part), dim=0), typed], dim=1)
        states = forward(engine, ids, mask, (mask.cumsum(-1) - 1)[:, -longest:], cache)
        states = states.reshape(count, len(part) * longest, -1)
        found, where = np.unique(padded.ravel(), return_index=True)
        fresh = (found > 0) & ~seen[found]
        seen[found] = True
        if fresh.any():
            yield found[fresh], states[:, torch.as_tensor(where[fresh], device=states.device)]


def plain(engine, prompts, trie, nodes=None, read=None):
    """Compute each continuation of each prompt in a forward pass of its own: no cache, no padding, no mask."""
    seen = np.zeros(len(trie), dtype=bool)
    for stem in trie.stems() or ((),):
        path = np.array([0, *stem])
        fresh = ~seen[path]
        seen[path] = True
        typed = trie.token[list(stem)].tolist() if stem else []
        rows = [
            plain_logits(engine, prompt, typed)[torch.as_tensor(fresh, device=engine.device)]
            for prompt in prompts
        ]
        yield path[fresh], torch.stack(rows)


ALGORITHMS = {"packed": packed, "batched": batched, "plain": plain}
WORDS = {
    "packed": "all tokens of the trie packed into few forward passes",
    "batched": "padded batches of faces with a shared prompt cache",
    "plain": "one plain forward pass per face and prompt",
}


def applicable(engine):
    """Return the names of the algorithms that can work on a model, fastest first."""
    names = tuple(ALGORITHMS)
    return names if _packable(engine) else names[1:]


@torch.inference_mode()
def measure(engine, prompts, plan, algorithm, nodes=None, read=None, progress=None):
    """Return log P and its prefix-closed form: two float64 arrays (prompts, spellings).

    Parameters
    ----------
    prompts : lists of token ids. plan : :class:`.spellings.Plan`. algorithm : a name of :data:`ALGORITHMS`.
    nodes : of the trie per forward pass. read : replaces :func:`kaomoji_lib.models.forward.prefill`, which ``plain`` has
        not.
    progress : callable(nodes=int), called as nodes are computed.
    """
    run, trie = ALGORITHMS[algorithm], plan.trie
    steps = np.zeros((len(prompts), len(trie)))
    overshoot = np.full((len(prompts), plan.overshoot.shape[1]), -np.inf)
    if len(trie) > 1:
        parts = _counted(run(engine, prompts, trie, nodes, read), len(prompts), progress)
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
