"""Proof on load: the fast paths against plain forward passes of the same model, before anything is collected or scored.

A fast path that reuses caches can lose the prompt without a word: published likelihoods of one model were wrong
throughout for lack of this check. A plain forward pass has no cache, no padding and no mask of ours.
"""

from dataclasses import dataclass
from functools import partial
from itertools import cycle

import numpy as np
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import sample as samples
from kaomoji_lib.models.forward import Sizes, capture, in_batches
from kaomoji_lib.models.score import measuring
from kaomoji_lib.models.score import spellings as spelled
from kaomoji_lib.models.score.algorithms import ALGORITHMS, applicable, plain_logits
from kaomoji_lib.models.score.routing import closest_calls
from kaomoji_lib.models.templates import LEADS

FACES, PROMPTS = 6, 2
CONTROL = "probe"
SHARE_BETWEEN_PROMPTS = 0.5
LEAD_SHARE = 1e-3
TOGETHER, ALONE = "prompts together", "one prompt at a time"
UNCACHED = "one prompt at a time and without a cache, which is slow"
SPECIAL_SHARE = 0.05
FAILURES = (
    RuntimeError,
    MemoryError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Tolerance:
    """How far two exact ways of computing the same may lie apart in a number format.

    ``log_prob``: nats over a whole face; ``state``: share of a layer's largest value; ``margin``: two experts whose
    router logits are closer than this may change places; ``flipped`` and ``flipped_state``: what that may do to a face
    (nats) and to a state.
    """

    log_prob: float
    state: float
    margin: float
    flipped: float = 2.0
    flipped_state: float = 1.0


TOLERANCES = {
    torch.float64: Tolerance(1e-6, 1e-8, 1e-9),
    torch.float32: Tolerance(1e-3, 1e-4, 1e-5),
    torch.float16: Tolerance(0.1, 0.02, 0.01),
    torch.bfloat16: Tolerance(0.5, 0.1, 0.05),
}


@torch.inference_mode()
def scoring(engine, spellings, messages, algorithm="auto"):
    """Find the fastest algorithm whose log-probabilities agree with plain forward passes on a few faces and prompts.

    Parameters
    ----------
    spellings, messages : what is going to be scored; the shortest to the longest spellings and the shortest and the
        longest message are tried. algorithm : one name, or ``auto``.

    Returns
    -------
    dict for the manifest: ``algorithm``, ``leads`` (white space before a face that is summed over), ``cells``, ``largest_difference`` over all of them and ``tolerance`` (nats),
    ``error`` and ``between_prompts`` (root mean squares: off by how much, and how far the same face lies apart under two
    prompts, which is what a lost prompt would cost), ``close_calls`` (cells behind a router decision within rounding),
    ``near_ties`` (those of them that moved, named), ``warnings`` (one sentence per faster algorithm passed over).

    Raises
    ------
    KaomojiError
        If no algorithm agrees, with the numbers.
    """
    if algorithm not in ("auto", *ALGORITHMS):
        raise KaomojiError(
            f"unknown algorithm {algorithm!r}; expected auto, {', '.join(ALGORITHMS)}"
        )
    faces = _spread(_writable(engine, spellings), FACES)
    with_leads = [f"{lead}{face}" for lead, face in zip(cycle(LEADS), faces)]
    wanted = spelled.plan(engine, _writable(engine, with_leads), closed=False)
    prompts = _spread(
        [engine.encode(engine.template.render(message)) for message in _two(messages)], PROMPTS
    )
    expected, margins = _plain_cells(engine, prompts, wanted)
    limits, warnings = TOLERANCES[engine.dtype], []
    close, between = margins < limits.margin, _between(expected)
    for name in applicable(engine) if algorithm == "auto" else (algorithm,):
        try:
            found, _ = measuring.measure(engine, prompts, wanted, name)
        except FAILURES as error:
            warnings.append(
                f"scoring by “{ALGORITHMS[name].what}” failed on this model ({type(error).__name__}: {error})"
            )
            continue
        difference = np.abs(found - expected)
        error = float(np.sqrt(np.mean(difference**2)))
        allowed = np.where(close, limits.flipped, limits.log_prob)
        if (difference <= allowed).all() and error <= SHARE_BETWEEN_PROMPTS * between:
            return {
                "algorithm": name,
                "leads": _leads(engine, prompts, faces, name),
                "cells": int(difference.size),
                "largest_difference": float(difference.max()),
                "tolerance": limits.log_prob,
                "error": error,
                "between_prompts": between,
                "close_calls": int(close.sum()),
                "near_ties": _named(close, difference, wanted, limits),
                "warnings": warnings,
            }
        warnings.append(
            f"scoring by “{ALGORITHMS[name].what}” lies up to {difference.max():.2g} nats from plain forward passes "
            f"({error:.2g} on average, {between:.2g} between two prompts), more than {_word(engine)} explains"
        )
    raise KaomojiError(
        f"model {engine.spec.alias!r}: {'; '.join(warnings)}; use --algorithm auto or another --dtype"
    )


def _leads(engine, prompts, faces, algorithm):
    """White space before a face that holds a share of its probability, the empty string first: list of str."""
    spelled_out = [f"{lead}{face}" for lead in LEADS for face in faces]
    found, _ = measuring.measure(
        engine, prompts, spelled.plan(engine, spelled_out, closed=False), algorithm
    )
    found = found.reshape(len(prompts), len(LEADS), len(faces))
    shares = np.exp(
        found - np.logaddexp.reduce(np.nan_to_num(found, nan=-np.inf), axis=1, keepdims=True)
    )
    return [
        lead
        for lead, share in zip(LEADS, np.nanmax(shares, axis=(0, 2)), strict=True)
        if not lead or share > LEAD_SHARE
    ]


def _two(messages):
    """Distinct messages; a control stands beside a single one, for what a lost prompt would cost must be known."""
    found = list(dict.fromkeys(messages))
    return found if len(found) > 1 else [*found, CONTROL]


def _between(values):
    """Root mean square of the differences between the first and the last row."""
    return float(np.sqrt(np.mean((values[0] - values[-1]) ** 2)))


def _writable(engine, spellings):
    lengths = {one: len(spelled.tokens(engine, one)) for one in spellings}
    found = sorted((one for one in lengths if lengths[one]), key=lengths.get)
    if not found:
        raise KaomojiError(
            f"the tokenizer of {engine.spec.alias!r} cannot write any of the {len(lengths)} spellings; check the list"
        )
    return found


def _spread(items, count):
    """Up to ``count`` items from the shortest to the longest."""
    ordered = sorted(items, key=len)
    return [
        ordered[place] for place in sorted(set(np.linspace(0, len(ordered) - 1, count).astype(int)))
    ]


def _plain_cells(engine, prompts, wanted):
    """log P by plain forward passes, and the closest router decision of each: two arrays (prompts, spellings)."""
    expected, margins = np.empty((2, len(prompts), len(wanted.spellings)))
    for row, prompt in enumerate(prompts):
        for column, sequence in enumerate(wanted.sequences):
            with closest_calls(engine) as calls:
                logits = (
                    plain_logits(engine, prompt, list(sequence[:-1])).float().log_softmax(dim=-1)
                )
            steps = logits[torch.arange(len(sequence)), torch.tensor(sequence)]
            expected[row, column], margins[row, column] = (
                float(steps.double().sum()),
                min(calls, default=np.inf),
            )
    return expected, margins


def _named(close, difference, wanted, limits):
    moved = [
        (row, column)
        for row, column in np.argwhere(close)
        if difference[row, column] > limits.log_prob
    ]
    return [
        f"{wanted.spellings[column]}: {difference[row, column]:.2g} nats" for row, column in moved
    ]


def _word(engine):
    return str(engine.dtype).removeprefix("torch.")


@torch.inference_mode()
def sampling(engine, messages):
    """Find out whether prompts can be sampled together: states at ``emit`` and ``first`` against plain forward passes.

    Returns
    -------
    dict for the manifest: ``algorithm`` (``TOGETHER``, ``ALONE`` or ``UNCACHED``), ``states`` (how many were
    compared), ``largest_difference`` over all of them and ``tolerance`` (shares of the layer's largest value),
    ``share_between_prompts`` (the error as a share of what lies between two prompts, the median layer), ``close_calls``,
    ``near_ties`` (how many of those moved), ``warnings``.

    Raises
    ------
    KaomojiError
        If no way agrees, with the numbers.
    """
    messages = _spread(_two(messages), PROMPTS)
    limits, warnings = TOLERANCES[engine.dtype], _special_openings(engine, messages)
    for name, size in ((TOGETHER, len(messages)), (ALONE, 1), (UNCACHED, 1)):
        ask = partial(_pairs, engine, name != UNCACHED)
        try:
            groups = in_batches(messages, ask, Sizes(size))
            pairs = [pair for _, group in groups for pair in group]
        except FAILURES as error:
            warnings.append(
                f"sampling {name} failed on this model ({type(error).__name__}: {error})"
            )
            continue
        differences = np.array([_relative(pair.found, pair.plain) for pair in pairs])
        close = np.array([pair.margin for pair in pairs]) < limits.margin
        share = _share_between([pair for pair in pairs if pair.emitting])
        allowed = np.where(close, limits.flipped_state, limits.state)
        if (differences <= allowed).all() and share <= SHARE_BETWEEN_PROMPTS:
            return {
                "algorithm": name,
                "states": len(differences),
                "largest_difference": float(differences.max()),
                "tolerance": limits.state,
                "share_between_prompts": share,
                "close_calls": int(close.sum()),
                "near_ties": int((close & (differences > limits.state)).sum()),
                "warnings": warnings,
            }
        warnings.append(
            f"states of {name} differ from plain forward passes by up to {differences.max():.2g} of their size, "
            f"{share:.2g} of what lies between two prompts, more than {_word(engine)} explains"
        )
    raise KaomojiError(
        f"model {engine.spec.alias!r}: {'; '.join(warnings)}; expected states that agree with a plain forward pass; use another --dtype or --device"
    )


@dataclass(frozen=True)
class _Pair:
    """A state of the fast path and of a plain forward pass, both (layers, hidden), and its closest router decision."""

    found: torch.Tensor
    plain: torch.Tensor
    margin: float
    emitting: bool


def _special_openings(engine, messages):
    """A note (list of at most one) where replies begin with a special token, which no text shows."""
    special = [token for token, content in enumerate(engine.vocabulary) if not content]
    special = set(special) - engine.stop_ids
    for message in messages:
        prompt = engine.encode(engine.template.render(message))
        shares = plain_logits(engine, prompt, [])[-1].float().softmax(dim=-1)
        token = max(special, key=lambda one: shares[one], default=None)
        if token is not None and shares[token] > SPECIAL_SHARE:
            name = engine.tokenizer.convert_ids_to_tokens(token)
            return [
                f"{shares[token]:.0%} of the replies to a message begin with the special token {name}: what it opens may be "
                "no part of the visible reply; set prefill for this model"
            ]
    return []


def _pairs(engine, cached, messages):
    return list(_compared(engine, cached, messages))


def _compared(engine, cached, messages):
    few = samples.Sampling(generations=2, max_new_tokens=2)
    keys = [str(number) for number in range(len(messages))]
    rows, tensors = samples.sample(engine, messages, keys, few, cached=cached)
    prompts = [engine.encode(engine.template.render(message)) for message in messages]
    for prompt, found in zip(prompts, tensors["emit"], strict=True):
        yield _pair(engine, prompt, found, True)
    for row in {row["first_row"]: row for row in rows if row["first_row"] >= 0}.values():
        typed = row["token_ids"][: samples.visible(engine, row["token_ids"]) + 1]
        first = tensors["first"][row["first_row"]]
        yield _pair(engine, prompts[row["prompt"]] + typed, first, False)


def _pair(engine, ids, found, emitting):
    with capture(engine) as record, closest_calls(engine) as calls:
        engine.model(
            input_ids=torch.tensor([ids], device=engine.device), use_cache=False, logits_to_keep=1
        )
    return _Pair(found.float(), record[0][0].float(), min(calls, default=np.inf), emitting)


def _relative(found, plain):
    """Largest difference of a state, as a share of its layer's largest value, over the layers."""
    scale = plain.abs().amax(dim=-1).clamp(min=1e-12)
    return float(((found - plain).abs().amax(dim=-1) / scale).max())


def _share_between(pairs):
    """Error over the distance between two prompts, the median layer; layers that do not tell prompts apart are left out."""
    error = (
        torch.stack([pair.found - pair.plain for pair in pairs]).square().mean(dim=(0, 2)).sqrt()
    )
    between = (pairs[0].plain - pairs[-1].plain).square().mean(dim=-1).sqrt()
    told = between > 0
    return float((error[told] / between[told]).median()) if told.any() else float("inf")
