"""The Gated DeltaNet layer over a tree instead of a sequence (Yang et al. 2025, arXiv:2412.06464, equation 10).

A recurrent layer has no mask: a node's convolution reads its own ancestors, and its state continues its parent's.
Inside the layer the tree is walked level by level; only the states of one level are alive at a time.
"""

from contextlib import contextmanager

import torch
from torch.nn import functional

PARTS = ("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "conv1d", "norm", "out_proj", "A_log", "dt_bias",
         "num_k_heads", "num_v_heads", "head_k_dim", "head_v_dim", "layer_idx")


def delta_layers(model):
    """The modules of a model that are Gated DeltaNet layers of the known make: tuple, possibly empty."""
    return tuple(module for module in model.modules() if all(hasattr(module, part) for part in PARTS))


@contextmanager
def tree_mode(model, parent, depth):
    """Within, a forward pass takes its positions as the nodes of a tree behind the cache, which it leaves unchanged.

    ``parent``: int sequence (nodes,), places of the parents, -1 behind the prompt; ``depth``: int sequence from 1,
    in ascending order.
    """
    parent, depth = torch.as_tensor(parent), torch.as_tensor(depth)
    layers = delta_layers(model)
    before = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        layer.forward = _TreeForward(layer, parent, depth)
    try:
        yield
    finally:
        for layer, forward in zip(layers, before, strict=True):
            del layer.forward
            if forward is not None:
                layer.forward = forward


class _TreeForward:
    def __init__(self, layer, parent, depth):
        self.layer, self.parent, self.depth = layer, parent, depth

    def __call__(self, hidden_states, cache_params=None, attention_mask=None, **kwargs):
        layer = self.layer
        prompts, nodes, _ = hidden_states.shape
        mixed = self._convolved(layer.in_proj_qkv(hidden_states), cache_params.get_conv_state(layer.layer_idx))
        keys = layer.num_k_heads * layer.head_k_dim
        query, key, value = mixed.split([keys, keys, layer.num_v_heads * layer.head_v_dim], dim=-1)
        query, key = (_unit(part.reshape(prompts, nodes, layer.num_k_heads, -1).float()) for part in (query, key))
        groups = layer.num_v_heads // layer.num_k_heads
        query, key = (part.repeat_interleave(groups, dim=2) for part in (query / layer.head_k_dim**0.5, key))
        value = value.reshape(prompts, nodes, layer.num_v_heads, -1).float()
        rate = layer.in_proj_b(hidden_states).sigmoid().float()
        steps = functional.softplus(layer.in_proj_a(hidden_states).float() + layer.dt_bias)
        decay = (-layer.A_log.float().exp() * steps).exp()
        mixed = self._walk(query, key, value, rate, decay, cache_params.get_recurrent_state(layer.layer_idx))
        gate = layer.in_proj_z(hidden_states).reshape(-1, layer.head_v_dim)
        mixed = layer.norm(mixed.to(hidden_states.dtype).reshape(-1, layer.head_v_dim), gate)
        return layer.out_proj(mixed.reshape(prompts, nodes, -1))

    def _convolved(self, mixed, before):
        """Causal convolution along ancestors: (prompts, nodes, channels), given the last inputs (prompts, channels, taps)."""
        layer = self.layer
        weight = layer.conv1d.weight.squeeze(1)
        taps, held = weight.shape[-1], before.shape[-1]
        inputs = torch.cat([before.transpose(1, 2).to(mixed.dtype), mixed], dim=1)
        place, above = torch.arange(held, held + len(self.parent)), self.parent + held
        above = torch.where(self.parent < 0, held - 1, above)
        step = torch.cat([torch.arange(-1, held - 1).clamp(min=0), above])
        rows = []
        for _ in range(taps):
            rows.append(place)
            place = step[place]
        window = inputs[:, torch.stack(rows[::-1], dim=1).to(inputs.device)]
        convolved = torch.einsum("pntc,ct->pnc", window.to(weight.dtype), weight)
        convolved = convolved if layer.conv1d.bias is None else convolved + layer.conv1d.bias
        return functional.silu(convolved).to(mixed.dtype)

    def _walk(self, query, key, value, rate, decay, state):
        """The delta rule from the root down: float32 (prompts, nodes, heads, value size)."""
        outputs = torch.empty_like(value)
        states, first = state.to(value)[:, None], None
        for level in self.depth.unique():
            rows = torch.nonzero(self.depth == level)[:, 0]
            parents = torch.zeros_like(rows) if first is None else self.parent[rows] - first
            here, parents = rows.to(value.device), parents.to(value.device)
            states = states[:, parents] * decay[:, here, :, None, None]
            remembered = torch.einsum("pnhkv,pnhk->pnhv", states, key[:, here])
            change = (value[:, here] - remembered) * rate[:, here, :, None]
            states = states + key[:, here, :, :, None] * change[..., None, :]
            outputs[:, here] = torch.einsum("pnhkv,pnhk->pnhv", states, query[:, here])
            first = int(rows[0])
        return outputs


def _unit(vectors):
    return vectors * torch.rsqrt((vectors * vectors).sum(dim=-1, keepdim=True) + 1e-6)
