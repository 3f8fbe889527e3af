"""Attention masks that let every node of a tree see its prompt and its own ancestors, and nothing else.

The masks are additive: a boolean mask is silently added as 0 and 1 by eager attention.
"""

import torch

FULL, SLIDING, LINEAR = "full_attention", "sliding_attention", "linear_attention"


def layer_kinds(config):
    """The layer types of a text configuration as a tuple, one entry per layer; ``full_attention`` where it lists none."""
    listed = getattr(config, "layer_types", None) or getattr(config, "layers_block_type", None)
    if listed:
        return tuple(listed)
    sliding = getattr(config, "sliding_window", None) and getattr(
        config, "use_sliding_window", True
    )
    return (SLIDING if sliding else FULL,) * config.num_hidden_layers


def ancestry(parent):
    """Which nodes each node sees: bool tensor (nodes, nodes), itself and its ancestors. Parents come before children."""
    seen = torch.eye(len(parent), dtype=torch.bool)
    for node, above in enumerate(parent):
        if above >= 0:
            seen[node] |= seen[above]
    return seen


def tree_masks(config, prompt_mask, parent, depth, dtype):
    """Return the ``attention_mask`` argument for a forward pass over a tree after cached prompts.

    Parameters
    ----------
    config : text configuration; its layer types say which masks are needed, its ``sliding_window`` how far they see.
    prompt_mask : tensor (prompts, cached), 0 where the cache holds left padding.
    parent, depth : int sequences (nodes,); depth counts from 1, the first token after the prompt.
    dtype : of the model.

    Returns
    -------
    A tensor (prompts, 1, nodes, cached + nodes), 0 where a node may look and the smallest number of ``dtype``
    elsewhere; a dict of such tensors by layer type where the configuration has several types. Recurrent layers get None.
    """
    tree = ancestry(parent).to(prompt_mask.device)
    depth = torch.as_tensor(depth, device=prompt_mask.device)
    prompts, cached, nodes = *prompt_mask.shape, len(parent)
    visible = torch.cat(
        [
            prompt_mask.bool()[:, None, :].expand(prompts, nodes, cached),
            tree.expand(prompts, nodes, nodes),
        ],
        dim=2,
    )
    # Positions count from the last token of the prompt, so that padding on the left does not shift them.
    keys = torch.cat([torch.arange(1 - cached, 1, device=depth.device), depth])
    distance = depth[:, None] - keys[None]
    masks = {}
    for kind in dict.fromkeys(layer_kinds(config)):
        if kind in (FULL, SLIDING):
            near = visible & (distance < config.sliding_window) if kind == SLIDING else visible
            masks[kind] = torch.zeros(near.shape, dtype=dtype, device=near.device).masked_fill(
                ~near, torch.finfo(dtype).min
            )[:, None]
        else:
            masks[kind] = None
    return masks if len(masks) > 1 else next(iter(masks.values()))
