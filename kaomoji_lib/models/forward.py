"""Forward passes in parts: prompts whose cache is shared, states after each block, logits; batches that fit in memory."""

import copy
import gc
import os
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import functional_call
from torch.nn import functional
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from kaomoji_lib.errors import KaomojiError

# A sliding window must hold this many of the longest prompt for a shared beginning.
WINDOWS = 4


@dataclass(frozen=True)
class Prefix:
    """Prompts after a forward pass: their cache; ``mask``: (prompts, longest), 0 on the padding; ``last``:
    (prompts, hidden), the normed output at the last position.
    """

    cache: DynamicCache
    mask: torch.Tensor
    last: torch.Tensor


def text_stack(engine):
    """Return the module that owns the blocks: token ids in, normed states out; of a multimodal wrapper the text part."""
    return next(
        module
        for module in engine.model.modules()
        for child in module.children()
        if isinstance(child, torch.nn.ModuleList) and len(child) and child[0] is engine.blocks[0]
    )


def text_config(engine):
    """Return the configuration of the model's text part."""
    return engine.model.config.get_text_config(decoder=True)


def new_cache(engine):
    """Return an empty cache that keeps everything: a layer that kept only its window could not take a tree mask."""
    cache = DynamicCache(config=text_config(engine))
    cache.layers = [
        DynamicLayer() if type(layer) is DynamicSlidingWindowLayer else layer
        for layer in cache.layers
    ]
    return cache


def copy_cache(cache):
    """Return a cache that continues ``cache`` without changing it where only keys and values grow (:func:`.tree.tree_mode`)."""
    copied = copy.copy(cache)
    copied.layers = [copy.copy(layer) for layer in cache.layers]
    return copied


def prefill(engine, prompts, share=True):
    """Run prompts (lists of token ids) in one batch: :class:`Prefix`.

    What all begin with (template and instruction) is read once; the rest is padded on the left. ``share``: False reads
    every prompt whole, for interventions on a pass.
    """
    longest, cache = max(map(len, prompts)), new_cache(engine)
    shared = _shared_length(engine, prompts, cache) if share else 0
    if shared:
        start = torch.tensor([prompts[0][:shared]], device=engine.device)
        forward(engine, start, *_left_padded(start), cache)
        cache.batch_repeat_interleave(len(prompts))
    rest = [[-1] * (longest - len(prompt)) + list(prompt[shared:]) for prompt in prompts]
    rest = torch.tensor(rest, device=engine.device)
    whole = functional.pad(rest, (shared, 0))
    mask, positions = _left_padded(whole)
    states = forward(engine, rest.clamp(min=0), mask, positions[:, shared:], cache)
    return Prefix(cache, mask, states[:, -1])


def _left_padded(ids):
    """Attention mask and positions of token ids (prompts, tokens) whose padding is -1."""
    mask = (ids >= 0).long()
    return mask, (mask.cumsum(-1) - 1).clamp(min=0)


def _shared_length(engine, prompts, cache):
    """How many tokens all prompts begin with, if reading them once is safe: padding after them must not matter.

    Recurrent layers would run through that padding, and a narrow sliding window would count it.
    """
    window = getattr(text_config(engine), "sliding_window", None) or np.inf
    safe = {type(layer) for layer in cache.layers} == {DynamicLayer}
    if len(prompts) < 2 or not safe or window < WINDOWS * max(map(len, prompts)):
        return 0
    return min(
        len(os.path.commonprefix([list(one) for one in prompts])),
        *(len(one) - 1 for one in prompts),
    )


def forward(engine, ids, mask, positions, cache):
    """Return the normed states (batch, tokens, hidden) of the stack; ``cache`` grows by the tokens."""
    given = {"attention_mask": mask, "position_ids": positions, "past_key_values": cache}
    return text_stack(engine)(input_ids=ids, use_cache=True, **given).last_hidden_state


def lm_head_logits(engine, states, head=()):
    """Return the logits (rows, vocabulary) of normed states (rows, hidden).

    It is the model's own forward pass with the stack's output put in place, so that whatever a model does to its
    logits (soft caps, scales) is done, wherever its head lies. ``head``: pairs (name, tensor) of parameters to use instead.
    """
    ids = torch.zeros(1, len(states), dtype=torch.long, device=engine.device)
    given = {"input_ids": ids, "use_cache": False}
    with replaced({engine.model.base_model: lambda *_, **__: _StackOutput([states[None]])}):
        return functional_call(engine.model, dict(head), (), given, tie_weights=False).logits[0]


@contextmanager
def replaced(forwards):
    """Let modules compute other functions (dict module -> function); what hooks had put in place is put back."""
    before = {module: vars(module).get("forward") for module in forwards}
    for module, function in forwards.items():
        module.forward = function
    try:
        yield
    finally:
        for module, function in before.items():
            del module.forward
            if function is not None:
                module.forward = function


def lm_head_slices(engine, states, width=2048):
    """Yield (first token, logits (rows, at most ``width``)) of normed states (rows, hidden), slice by slice of the vocabulary.

    A slice is read while it lies in the processor's cache, which the rows of a large vocabulary would overflow. A head
    that is more than one matrix gives all tokens at once.
    """
    head = engine.model.get_output_embeddings()
    if type(head) is not torch.nn.Linear or hasattr(head, "_hf_hook"):
        yield 0, lm_head_logits(engine, states)
        return
    name = next(name for name, module in engine.model.named_modules() if module is head)
    for start in range(0, head.out_features, width):
        tokens = slice(start, start + width)
        parts = [(f"{name}.{key}", value[tokens]) for key, value in head.named_parameters()]
        yield start, lm_head_logits(engine, states, parts)


class _StackOutput(list):
    """What a causal model expects of its stack: the states as its first element or by name, and None by any other name."""

    def __getattr__(self, name):
        return self[0] if name == "last_hidden_state" else None


def existing_layers(engine, layers=None):
    """Return ``layers`` (default all; 0 is the embedding). Raises KaomojiError if one does not exist."""
    every = range(len(engine.layers))
    if missing := set(every if layers is None else layers) - set(every):
        raise KaomojiError(
            f"layer {min(missing)} does not exist; expected 0 (the embedding) to {every[-1]}; correct the layers"
        )
    return every if layers is None else layers


@contextmanager
def on_states(engine, function, layers=None):
    """Call ``function(layer, states)`` after each block of ``layers`` (of :func:`existing_layers`).

    ``states``: (batch, positions, hidden). What the function returns replaces them; None leaves them as they are.
    """
    layers = existing_layers(engine, layers)

    def altered(layer, value):
        """A module's input or output, of which the states are the first part, with other states."""
        several = isinstance(value, tuple | list)
        changed = function(layer, value[0] if several else value)
        return (changed, *value[1:]) if several and changed is not None else changed

    handles = [
        engine.blocks[layer - 1].register_forward_hook(
            lambda module, args, output, layer=layer: altered(layer, output)
        )
        if layer
        else engine.blocks[0].register_forward_pre_hook(lambda module, args: altered(0, args))
        for layer in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def plain_logits(engine, prompt, typed):
    """Return the logits (1 + typed tokens, vocabulary) after the prompt and each typed token, by one plain forward pass."""
    ids = torch.tensor([[*prompt, *typed]], device=engine.device)
    return engine.model(input_ids=ids, use_cache=False, logits_to_keep=len(typed) + 1).logits[
        0, -len(typed) - 1 :
    ]


@contextmanager
def capture(engine):
    """Record the states of every forward pass at its last position.

    Yields a list; after a forward pass its only element is a tensor (batch, layers, hidden) on the CPU, in the model's
    dtype. ``hidden_states`` of the library is not used: its last entry is taken after the final norm.
    """
    record, parts = [], {}

    def keep(layer, states):
        # Of the streams of Gemma 3n (streams, batch, positions, hidden), predictions are read from the first.
        states = states[0] if states.dim() == 4 else states
        parts[layer] = states[:, -1].detach().clone()
        if layer == len(engine.blocks):
            there = [part.to(states.device) for part in parts.values()]
            record[:] = [torch.stack(there, dim=1).cpu()]

    with on_states(engine, keep):
        yield record


@dataclass
class Sizes:
    """How much is computed at once; it shrinks for good when the memory does not suffice.

    ``prompts``: per forward pass; ``nodes``: of a trie per forward pass (default :data:`.spellings.BIN_NODES`).
    """

    prompts: int = 4
    nodes: int = 256

    def shrink(self, count):
        """Halve what failed with ``count`` prompts. Raises KaomojiError where it cannot be less."""
        if count > 1:
            self.prompts = count // 2
        elif self.nodes > 16:
            self.nodes //= 2
        else:
            raise KaomojiError(
                "out of memory with one prompt at a time; expected room for it; use a smaller --dtype, another --device "
                "or, in collecting, fewer --generations"
            ) from None


def in_batches(items, function, sizes):
    """Yield (batch, ``function(batch)``) for consecutive batches of at most ``sizes.prompts`` of ``items`` (a sequence).

    A batch that runs out of memory is tried again in halves (:class:`Sizes`).
    """
    start = 0
    while start < len(items):
        batch = items[start : start + sizes.prompts]
        try:
            result = function(batch)
        except (torch.OutOfMemoryError, MemoryError):
            sizes.shrink(len(batch))
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        yield batch, result
        start += len(batch)
