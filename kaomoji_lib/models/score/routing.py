"""How close the decisions of mixture-of-experts routers were.

A router is discontinuous: where the last expert chosen and the first one left out are closer than rounding, two exact
ways of computing may take different experts, and differ by far more than rounding from there on.
"""

from contextlib import contextmanager

import torch
from torch.nn import functional

COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")
CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk")


def routers(engine):
    """Modules whose own weight maps hidden states to one number per expert, and how many experts they choose."""
    config = engine.model.config.get_text_config(decoder=True)
    experts = next((getattr(config, name) for name in COUNTS if getattr(config, name, None)), 0)
    chosen = next((getattr(config, name) for name in CHOSEN if getattr(config, name, None)), 0)
    if not 0 < chosen < experts:
        return (), 0
    shape = (experts, config.hidden_size)
    found = (
        module
        for block in engine.blocks
        for module in block.modules()
        if isinstance(vars(module).get("_parameters", {}).get("weight"), torch.Tensor)
        and tuple(module.weight.shape) == shape
    )
    return tuple(found), chosen


@contextmanager
def closest_calls(engine):
    """Yields a list; each forward pass adds, per router, the smallest margin (float >= 0) over its tokens."""
    found, chosen = routers(engine)
    margins = []

    def watch(module, args, kwargs):
        if module.weight.is_meta:
            return  # offloaded: its weights are elsewhere until it is called
        states = args[0] if args else next(iter(kwargs.values()))
        logits = functional.linear(
            states.reshape(-1, states.shape[-1]), module.weight, getattr(module, "bias", None)
        )
        ordered = logits.float().topk(chosen + 1, dim=-1).values
        margins.append(float((ordered[:, chosen - 1] - ordered[:, chosen]).min()))

    handles = [module.register_forward_pre_hook(watch, with_kwargs=True) for module in found]
    try:
        yield margins
    finally:
        for handle in handles:
            handle.remove()
