"""The two halves of a causal model, its stack of blocks and its head, and prompts whose cache is shared."""

import copy
from dataclasses import dataclass

import torch
from transformers import DynamicCache
from transformers.cache_utils import (
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionCacheLayerMixin,
)

from kaomoji_lib.errors import KaomojiError


@dataclass(frozen=True)
class Prefix:
    """Prompts that have been read.

    ``cache`` is never written to: continue a :func:`fork`. ``mask``: (prompts, longest), 0 on the left padding;
    ``lengths``: (prompts,); ``last``: (prompts, hidden), the normed output at the last position.
    """

    cache: DynamicCache
    mask: torch.Tensor
    lengths: torch.Tensor
    last: torch.Tensor


def text_stack(engine):
    """The module that owns the blocks: token ids in, normed states out; in a multimodal wrapper its text part."""
    for module in engine.model.modules():
        for child in module.children():
            if (
                isinstance(child, torch.nn.ModuleList)
                and len(child)
                and child[0] is engine.blocks[0]
            ):
                return module
    raise KaomojiError(
        f"cannot find the text stack of {type(engine.model).__name__}; expected one module that owns its blocks"
    )


def text_config(engine):
    return engine.model.config.get_text_config(decoder=True)


def new_cache(engine):
    """An empty cache that keeps everything: a layer that kept its window alone could not be given a tree mask."""
    cache = DynamicCache(config=text_config(engine))
    cache.layers = [
        DynamicLayer() if type(layer) is DynamicSlidingWindowLayer else layer
        for layer in cache.layers
    ]
    return cache


def fork(cache):
    """A cache that starts where ``cache`` stands and leaves it as it is. Keys and values are shared until they grow."""
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in twin.layers:
        if isinstance(layer, LinearAttentionCacheLayerMixin):
            # Recurrent layers write into their states in place.
            for name in ("conv_states", "recurrent_states"):
                states = {
                    key: None if state is None else state.clone()
                    for key, state in getattr(layer, name).items()
                }
                setattr(layer, name, states)
            for name in (
                "is_conv_states_initialized",
                "is_recurrent_states_initialized",
                "has_previous_state",
                "conv_kernel_size",
            ):
                setattr(layer, name, dict(getattr(layer, name)))
    return twin


def prefill(engine, prompts):
    """Read prompts (lists of token ids), padded on the left, in one forward pass: :class:`Prefix`."""
    longest = max(map(len, prompts))
    ids = torch.tensor(
        [[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=engine.device
    )
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=engine.device)
    mask = (
        torch.arange(longest, device=engine.device)[None] >= (longest - lengths)[:, None]
    ).long()
    cache = new_cache(engine)
    states = forward(engine, ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache)
    return Prefix(cache, mask, lengths, states[:, -1])


def forward(engine, ids, mask, positions, cache=None):
    """Normed states (batch, tokens, hidden) of the stack; ``cache`` grows by the tokens."""
    given = {} if cache is None else {"past_key_values": cache}
    output = text_stack(engine)(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        use_cache=cache is not None,
        **given,
    )
    return output.last_hidden_state


def head(engine, states):
    """Logits (rows, vocabulary) of normed states (rows, hidden).

    It is the model's own forward pass with the stack's output put in place, so that whatever a model does to its
    logits (soft caps, scales) is done, wherever its head lies.
    """
    base = engine.model.base_model
    before = vars(base).get("forward")
    base.forward = lambda *args, **kwargs: _StackOutput(states[None])
    try:
        placeholder = torch.zeros(1, len(states), dtype=torch.long, device=engine.device)
        return engine.model(input_ids=placeholder, use_cache=False).logits[0]
    finally:
        del base.forward
        if before is not None:
            base.forward = before


class _StackOutput:
    """What a causal model expects of its stack: the states, and None for everything else."""

    def __init__(self, states):
        self.last_hidden_state = states

    def __getitem__(self, position):
        return self.last_hidden_state if position == 0 else None

    def __getattr__(self, name):
        return None
