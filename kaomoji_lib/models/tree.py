"""A forward pass over a tree of tokens instead of a sequence: every node sees its prompt and its own ancestors.

Attention gets masks. They are additive: a boolean mask is silently added as 0 and 1 by eager attention.

A recurrent layer has no mask: a node's convolution reads its own ancestors, and its state continues its parent's. The
Gated DeltaNet layer (Yang et al. 2025, arXiv:2412.06464, equation 10) never makes a node's state. With the decays along a
path multiplied up, what each node changes in the state it inherits solves one triangular system over its ancestors, the
tree's form of the chunk form of the delta rule (Yang et al. 2024, arXiv:2406.06484, section 3.2): matrix products instead
of a walk from node to node.
"""

from functools import partial

import torch
from torch.nn import functional

from kaomoji_lib.models.forward import replaced

FULL, SLIDING, LINEAR = "full_attention", "sliding_attention", "linear_attention"


def layer_kinds(config):
    """The layer types of a text configuration as a tuple, one entry per layer; ``full_attention`` where it lists none."""
    if listed := getattr(config, "layer_types", None):
        return tuple(listed)
    window = getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None)
    return (SLIDING if window else FULL,) * config.num_hidden_layers


def ancestry(parent):
    """Which nodes each node sees: bool tensor (nodes, nodes), itself and its ancestors. Parents come before children."""
    seen = torch.eye(len(parent), dtype=torch.bool)
    for node, above in enumerate(parent):
        if above >= 0:
            seen[node] |= seen[above]
    return seen


def masks(config, prompt_mask, parent, depth, dtype):
    """Return the ``attention_mask`` argument for a forward pass over a tree after cached prompts.

    ``config``: of the text part; ``prompt_mask``: (prompts, cached), 0 where the cache holds left padding; ``parent``,
    ``depth``: int sequences (nodes,); depth counts from 1, the first token after the prompt.

    Returns
    -------
    A tensor (prompts, 1, nodes, cached + nodes), 0 where a node may look and the smallest number of ``dtype``
    elsewhere; a dict of such tensors by layer type where the configuration has several types. Recurrent layers get None.
    """
    prompts, cached, nodes = *prompt_mask.shape, len(parent)
    depth, sees = (torch.as_tensor(one).to(prompt_mask.device) for one in (depth, ancestry(parent)))
    shared = prompt_mask.bool()[:, None].expand(prompts, nodes, cached)
    visible = torch.cat([shared, sees.expand(prompts, nodes, nodes)], dim=2)
    # Positions count from the last token of the prompt, so that padding on the left does not shift them.
    keys = torch.cat([torch.arange(1 - cached, 1, device=depth.device), depth])
    distance = depth[:, None] - keys[None]
    found = dict.fromkeys(layer_kinds(config))
    for kind in {FULL, SLIDING} & set(found):
        near = visible & (distance < config.sliding_window) if kind == SLIDING else visible
        mask = torch.zeros(near.shape, dtype=dtype, device=near.device)
        found[kind] = mask.masked_fill(~near, torch.finfo(dtype).min)[:, None]
    return found if len(found) > 1 else next(iter(found.values()))


# What tells a Gated DeltaNet layer of the known make.
PARTS = (
    *("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "conv1d", "norm", "out_proj", "A_log"),
    *("dt_bias", "num_k_heads", "num_v_heads", "head_k_dim", "head_v_dim", "layer_idx"),
)


def delta_layers(model):
    """The modules of a model that are Gated DeltaNet layers of the known make: tuple, possibly empty."""
    return tuple(
        module for module in model.modules() if all(hasattr(module, part) for part in PARTS)
    )


def tree_mode(model, parent):
    """Return a context within which a forward pass takes its positions as nodes of a tree after the cache.

    Recurrent states in the cache are left as they are.

    ``parent``: int sequence (nodes,), places of the parents, which come first; -1 after the prompt.
    """
    layers = delta_layers(model)
    sees = ancestry(parent) if layers else None
    parent = torch.as_tensor(parent)
    return replaced({layer: partial(_forward, layer, parent, sees) for layer in layers})


def _forward(layer, parent, sees, hidden_states, cache_params=None, **_):
    """Replace the forward pass of one layer; ``parent``, ``sees``: int (nodes,) and bool (nodes, nodes) tensors of the tree."""
    before = cache_params.get_conv_state(layer.layer_idx)
    mixed = _convolved(layer, parent, layer.in_proj_qkv(hidden_states), before)
    keys = layer.num_k_heads * layer.head_k_dim
    query, key, value = mixed.split([keys, keys, layer.num_v_heads * layer.head_v_dim], dim=-1)
    query, key = (
        _unit(part.unflatten(2, (layer.num_k_heads, -1)).float()).transpose(1, 2)
        for part in (query, key)
    )
    value = value.unflatten(2, (layer.num_v_heads, -1)).float().transpose(1, 2)
    rate = layer.in_proj_b(hidden_states).sigmoid().float().transpose(1, 2)
    steps = functional.softplus(layer.in_proj_a(hidden_states).float() + layer.dt_bias)
    decay = (-layer.A_log.float().exp() * steps).transpose(1, 2)
    state = cache_params.get_recurrent_state(layer.layer_idx).to(value)
    # Prompt by prompt, so that the nodes x nodes tables stay small.
    parts = zip(query, key, value, rate, decay, state, strict=True)
    mixed = torch.stack([_mixed(sees, *part) for part in parts]).transpose(1, 2)
    gate = layer.in_proj_z(hidden_states).reshape(-1, layer.head_v_dim)
    mixed = layer.norm(mixed.to(hidden_states.dtype).reshape(-1, layer.head_v_dim), gate)
    return layer.out_proj(mixed.reshape(*hidden_states.shape[:2], -1))


def _convolved(layer, parent, mixed, before):
    """Causal convolution along ancestors: (prompts, nodes, channels), given the last inputs (prompts, channels, taps)."""
    weight = layer.conv1d.weight.squeeze(1).float()
    taps, held = weight.shape[-1], before.shape[-1]
    inputs = torch.cat([before.transpose(1, 2).to(mixed.dtype), mixed], dim=1)
    place, above = torch.arange(held, held + len(parent)), parent + held
    above = torch.where(parent < 0, held - 1, above)
    step = torch.cat([torch.arange(-1, held - 1).clamp(min=0), above])
    convolved = 0.0 if layer.conv1d.bias is None else layer.conv1d.bias
    for tap in reversed(range(taps)):
        convolved = convolved + inputs[:, place.to(inputs.device)] * weight[:, tap]
        place = step[place]
    return functional.silu(convolved).to(mixed.dtype)


def _mixed(sees, query, key, value, rate, decay, state):
    """The delta rule over the tree for one prompt: float32 (heads, nodes, value size).

    ``query``, ``key``: (key heads, nodes, key size); ``value``: (heads, nodes, value size); ``rate``, ``decay`` (its
    logarithm): (heads, nodes); ``state``: (heads, key size, value size), where the prompt left it.
    """
    groups = len(value) // len(key)
    sees = sees.to(value.device)
    along = decay @ sees.T.to(decay)
    kept = (along[:, :, None] - along[:, None, :]).masked_fill_(~sees, -torch.inf).exp_()
    query = query / key.shape[-1] ** 0.5
    among_keys, with_query = (
        (part @ key.transpose(1, 2)).repeat_interleave(groups, dim=0) for part in (key, query)
    )
    key, query = (part.repeat_interleave(groups, dim=0) for part in (key, query))
    inherited = along.exp()[:, :, None]
    target = rate[:, :, None] * (value - inherited * (key @ state))
    change = torch.linalg.solve_triangular(
        among_keys.mul_(kept).mul_(rate[:, :, None]), target, upper=False, unitriangular=True
    )
    return inherited * (query @ state) + with_query.mul_(kept) @ change


def _unit(vectors):
    return vectors * torch.rsqrt((vectors * vectors).sum(dim=-1, keepdim=True) + 1e-6)
