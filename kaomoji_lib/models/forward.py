"""Forward passes in parts: prompts whose cache is shared, states after each block, logits; batches that fit in memory."""

import copy
import gc
import os
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
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
    for module in engine.model.modules():
        lists = (one for one in module.children() if isinstance(one, torch.nn.ModuleList))
        if any(len(one) and one[0] is engine.blocks[0] for one in lists):
            return module
    raise KaomojiError(
        f"cannot find the text stack of {type(engine.model).__name__}; expected one module that owns its blocks"
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


def forward(engine, ids, mask, positions, cache=None):
    """Return the normed states (batch, tokens, hidden) of the stack; ``cache`` grows by the tokens."""
    given = {} if cache is None else {"past_key_values": cache}
    output = text_stack(engine)(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        use_cache=cache is not None,
        **given,
    )
    return output.last_hidden_state


def lm_head_logits(engine, states):
    """Return the logits (rows, vocabulary) of normed states (rows, hidden).

    It is the model's own forward pass with the stack's output put in place, so that whatever a model does to its
    logits (soft caps, scales) is done, wherever its head lies.
    """
    placeholder = torch.zeros(1, len(states), dtype=torch.long, device=engine.device)
    with replaced({engine.model.base_model: lambda *_, **__: _StackOutput([states[None]])}):
        return engine.model(input_ids=placeholder, use_cache=False).logits[0]


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
    for start in range(0, head.out_features, width):
        with _sliced(head, slice(start, start + width)):
            logits = lm_head_logits(engine, states)
        yield start, logits


@contextmanager
def _sliced(head, tokens):
    """Give the head only the rows of ``tokens`` (slice)."""
    whole = dict(head.named_parameters(recurse=False))
    parts = {name: torch.nn.Parameter(value[tokens], False) for name, value in whole.items()}
    try:
        vars(head)["_parameters"].update(parts)
        yield
    finally:
        vars(head)["_parameters"].update(whole)


class _StackOutput(list):
    """What a causal model expects of its stack: the states as its first element or by name, and None by any other name."""

    def __getattr__(self, name):
        return self[0] if name == "last_hidden_state" else None


def layer_names(engine, layers):
    """Return the names of ``layers`` (ints, 0 is the embedding). Raises KaomojiError where one does not exist."""
    last = len(engine.layers) - 1
    for layer in layers:
        if not 0 <= layer <= last:
            raise KaomojiError(
                f"layer {layer} does not exist; expected 0 (the embedding) to {last}; correct the layers"
            )
    return [engine.layers[layer] for layer in layers]


@contextmanager
def on_states(engine, function, layers=None):
    """Call ``function(layer, states)`` after each block of ``layers`` (default all; 0 is the embedding output).

    ``states``: (batch, positions, hidden). What the function returns replaces them; None leaves them as they are.

    Raises
    ------
    KaomojiError
        If a layer does not exist.
    """
    layers = range(len(engine.layers)) if layers is None else layers
    layer_names(engine, layers)

    def entering(module, args, kwargs):
        changed = function(0, args[0] if args else kwargs["hidden_states"])
        if changed is None:
            return None
        return (
            ((changed, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": changed})
        )

    def leaving(layer):
        def hook(module, args, output):
            several = isinstance(output, tuple | list)
            changed = function(layer, output[0] if several else output)
            if changed is None or not several:
                return changed
            return (changed, *output[1:])

        return hook

    handles = [
        engine.blocks[layer - 1].register_forward_hook(leaving(layer))
        if layer
        else engine.blocks[0].register_forward_pre_hook(entering, with_kwargs=True)
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
def capture(engine, layers=None):
    """Record the states of every forward pass at its last position.

    Yields a list; after a forward pass its only element is a tensor (batch, layers, hidden) on the CPU, in the model's
    dtype. ``hidden_states`` of the library is not used: its last entry is taken after the final norm.
    """
    chosen = list(range(len(engine.layers)) if layers is None else layers)
    record, parts = [], {}

    def keep(layer, states):
        # Of the streams of Gemma 3n (streams, batch, positions, hidden), predictions are read from the first.
        states = states[0] if states.dim() == 4 else states
        parts[layer] = states[:, -1].detach().clone()
        if layer == max(chosen):
            device = states.device
            record[:] = [torch.stack([parts[one].to(device) for one in chosen], dim=1).cpu()]

    with on_states(engine, keep, chosen):
        yield record


@dataclass
class Sizes:
    """How much is computed at once; it shrinks for good when the memory does not suffice.

    ``prompts``: per forward pass; ``nodes``: of a trie per forward pass (default :data:`.spellings.BIN_NODES`).
    """

    prompts: int = 4
    nodes: int = 256

    smallest_nodes = 16

    def shrink(self, count):
        """Halve what failed with ``count`` prompts. Raises KaomojiError where it cannot be less."""
        if count > 1:
            self.prompts = count // 2
        elif self.nodes > self.smallest_nodes:
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
