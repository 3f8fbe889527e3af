"""Interventions on the residual stream while a prompt is read, gone before the face is chosen.

A vector is added to the output of a block at every position of the prompt but the last, whose logits choose the face's first
token: what is read there, and everything that is typed, is computed without it. So the face can only change through what
the model has put into its cache about the message, not because the output itself was pushed (activation addition:
Turner et al. 2023, arXiv:2308.10248; contrastive directions: Rimsky et al. 2024, arXiv:2312.06681). An affine map, such as one
that erases a concept, is applied at the last position instead: there it takes out what the choice would be made from.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.forward import prefill
from kaomoji_lib.models.score import spellings as spelled
from kaomoji_lib.models.score.algorithms import ALGORITHMS, applicable, plain_logits
from kaomoji_lib.models.score.measuring import measure
from kaomoji_lib.models.verify import TOLERANCES

ROWS_PER_FORWARD = 48


@dataclass(frozen=True)
class Addition:
    """``vectors`` (rows, hidden), one for each prompt of a batch, added behind block ``layer`` (1 is the first; 0 the embedding)."""

    layer: int
    vectors: np.ndarray


@dataclass(frozen=True)
class Map:
    """x -> x - (x - ``centre``) @ ``matrix`` at the prompts' last position behind block ``layer``.

    ``matrix``: (hidden, hidden); ``centre``: (hidden,).
    """

    layer: int
    matrix: np.ndarray
    centre: np.ndarray


@contextmanager
def applied(engine, change, length=None):
    """Let ``change`` (Addition, Map or None) act on every forward pass inside the context.

    ``length``: number of the prompts' positions, where the pass goes on behind them; default all. Additions spare position
    ``length - 1``, maps touch it alone. The handles are removed whatever happens.
    """
    if change is None:
        yield
        return
    device, dtype = engine.device, engine.dtype
    last = None if length is None else length - 1

    def altered(hidden):
        end, hidden = hidden.shape[1] - 1 if last is None else last, hidden.clone()
        if isinstance(change, Addition):
            hidden[:, :end] += torch.as_tensor(change.vectors, device=device, dtype=dtype)[:, None]
        else:
            matrix, centre = (
                torch.as_tensor(part, device=device, dtype=dtype)
                for part in (change.matrix, change.centre)
            )
            hidden[:, end] -= (hidden[:, end] - centre) @ matrix
        return hidden

    def leaving(module, args, output):
        return (altered(output[0]), *output[1:]) if isinstance(output, tuple) else altered(output)

    def entering(module, args, kwargs):
        return (
            ((altered(args[0]), *args[1:]), kwargs)
            if args
            else (args, {**kwargs, "hidden_states": altered(kwargs["hidden_states"])})
        )

    _require_layer(engine, change.layer)
    handle = (
        engine.blocks[0].register_forward_pre_hook(entering, with_kwargs=True)
        if change.layer == 0
        else engine.blocks[change.layer - 1].register_forward_hook(leaving)
    )
    try:
        yield
    finally:
        handle.remove()


def _require_layer(engine, layer):
    if not 0 <= layer <= len(engine.blocks):
        raise KaomojiError(
            f"layer {layer} does not exist; this model has 0 (the embedding) to {len(engine.blocks)}"
        )


def reading(change):
    """What reads prompts under ``change`` in the place of :func:`.forwarding.prefill`; prompts lie against the right edge."""

    def read(engine, prompts):
        with applied(engine, change):
            return prefill(engine, prompts)

    return read


@torch.inference_mode()
def face_log_probs(engine, prompts, words, change=None, algorithm="packed"):
    """log P of each spelling (list of str) to open the reply under ``change``: two float64 arrays (prompts, spellings).

    The second is prefix-closed (see :func:`.scoring.score`). ``prompts``: lists of token ids, one for each row of an
    Addition's vectors.
    """
    if isinstance(change, Addition) and len(change.vectors) != len(prompts):
        raise KaomojiError(
            f"{len(change.vectors)} vectors for {len(prompts)} prompts; expected one a prompt; repeat them"
        )
    plan, parts, start, rows = spelled.plan(engine, list(words)), [], 0, ROWS_PER_FORWARD
    while start < len(prompts):
        part = slice(start, start + rows)
        now = (
            Addition(change.layer, change.vectors[part]) if isinstance(change, Addition) else change
        )
        try:
            parts.append(measure(engine, prompts[part], plan, algorithm, read=reading(now)))
            start += rows
        except (torch.OutOfMemoryError, MemoryError):
            if rows == 1:
                raise KaomojiError(
                    "out of memory with one prompt at a time; use a smaller --dtype or another --device"
                ) from None
            rows //= 2
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def proven(engine, prompts, words, change):
    """The fastest algorithm whose scores under ``change`` equal those of plain forward passes on two prompts and two spellings.

    Raises
    ------
    KaomojiError
        If none does: what was steered then would not be what was meant.
    """
    some, few = [prompts[0], prompts[-1]], list(dict.fromkeys([words[0], words[-1]]))
    now = [
        Addition(change.layer, change.vectors[row][None])
        if isinstance(change, Addition)
        else change
        for row in (0, -1)
    ]
    expected = np.array(
        [
            [plain_log_prob(engine, prompt, word, one) for word in few]
            for prompt, one in zip(some, now, strict=True)
        ]
    )
    both = (
        Addition(change.layer, change.vectors[[0, -1]]) if isinstance(change, Addition) else change
    )
    for name in applicable(engine):
        if not ALGORITHMS[name].gives_logits:
            found = face_log_probs(engine, some, few, both, name)[0]
            if np.abs(found - expected).max() <= TOLERANCES[engine.dtype].log_prob:
                return name
    raise KaomojiError(
        f"model {engine.spec.alias!r}: no way to steer behind a shared cache agrees with plain forward passes; use another --dtype or --device"
    )


@torch.inference_mode()
def plain_log_prob(engine, prompt, word, change=None):
    """The same for one prompt and spelling by one plain forward pass without cache: the proof of the fast way."""
    typed = list(spelled.tokens(engine, word))
    with applied(engine, change, len(prompt)):
        logits = plain_logits(engine, list(prompt), typed).double()
    return float(
        logits.log_softmax(-1)[
            torch.arange(len(typed)), torch.tensor(typed, device=logits.device)
        ].sum()
    )


@torch.inference_mode()
def prompt_states(engine, prompts):
    """Mean block outputs over each prompt's positions but the last, and those at the last: two float32 arrays (prompts, layers, hidden).

    ``layers`` as in ``engine.layers``. What differs between prompts of one template comes from their messages.
    """
    kept, chosen = [], {}

    def record(number):
        def hook(module, args, output):
            chosen[number] = (output[0] if isinstance(output, tuple) else output)[0].detach()

        return hook

    def entering(module, args, kwargs):
        chosen[0] = (args[0] if args else kwargs["hidden_states"])[0].detach()

    handles = [engine.blocks[0].register_forward_pre_hook(entering, with_kwargs=True)]
    handles += [
        block.register_forward_hook(record(number))
        for number, block in enumerate(engine.blocks, start=1)
    ]
    try:
        for prompt in prompts:
            plain_logits(engine, list(prompt), [])
            layers = (
                torch.stack(
                    [chosen[number].to(engine.device) for number in range(len(engine.blocks) + 1)]
                )
                .float()
                .cpu()
            )
            kept.append((layers[:, :-1].mean(dim=1).numpy(), layers[:, -1].numpy()))
    finally:
        for handle in handles:
            handle.remove()
    return tuple(np.stack(arrays) for arrays in zip(*kept, strict=True))
