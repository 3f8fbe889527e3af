"""Ways to compute what follows each internal node of a trie given each prompt, fastest first.

An algorithm takes (engine, prompts, trie, nodes) and yields pairs of trie nodes (int array) and rows
(prompts, nodes, width) until each internal node has been computed once, the root included. Rows are normed states, ready
for the head; of ``plain`` they are logits. All but ``plain`` take ``read``, which replaces
:func:`kaomoji_lib.models.forward.prefill`, so that an intervention can act on the prompt.
"""

import numpy as np
import torch
from transformers.cache_utils import DummyLayer, DynamicLayer, LinearAttentionLayer

from kaomoji_lib.models.forward import (
    copy_cache,
    forward,
    new_cache,
    plain_logits,
    prefill,
    text_config,
    text_stack,
)
from kaomoji_lib.models.score import tree_delta, tree_masks
from kaomoji_lib.models.score import trie as tries

ROWS_PER_STEP = 64
MASKABLE = ("eager", "sdpa")


def _packable(engine):
    """Check for attention that takes any mask, and recurrent layers, if any, that can process a tree."""
    layers = [type(layer) for layer in new_cache(engine).layers]
    kinds = set(tree_masks.layer_kinds(text_config(engine)))
    recurrent = layers.count(LinearAttentionLayer)
    return (
        set(layers) <= {DynamicLayer, DummyLayer, LinearAttentionLayer}
        and kinds <= {tree_masks.FULL, tree_masks.SLIDING, tree_masks.LINEAR}
        and recurrent == len(tree_delta.delta_layers(text_stack(engine)))
        and text_config(engine)._attn_implementation in MASKABLE
    )


def packed(engine, prompts, trie, nodes=tries.BIN_NODES, read=None):
    """Compute many nodes in one forward pass, each seeing its prompt and its ancestors."""
    prefix = (read or prefill)(engine, prompts)
    yield np.array([0]), prefix.last[:, None]
    for found, parent, fresh in tries.bins(trie, nodes):
        depth = torch.as_tensor(trie.depth[found], device=engine.device)
        masks = tree_masks.tree_masks(text_config(engine), prefix.mask, parent, depth, engine.dtype)
        ids = torch.as_tensor(trie.token[found], device=engine.device).expand(len(prompts), -1)
        with tree_delta.tree_mode(text_stack(engine), parent):
            states = forward(
                engine, ids, masks, prefix.lengths[:, None] + depth - 1, copy_cache(prefix.cache)
            )
        yield found[fresh], states[:, torch.as_tensor(fresh, device=states.device)]


def batched(engine, prompts, trie, nodes=ROWS_PER_STEP, read=None):
    """Compute whole continuations with the shared cache, padded on the right."""
    prefix = (read or prefill)(engine, prompts)
    yield np.array([0]), prefix.last[:, None]
    count = len(prompts)
    stems = sorted(trie.stems(), key=len)
    size = max(1, nodes // count)
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


def plain(engine, prompts, trie, nodes=None):
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
