"""Sampled replies and the states they came from: one prefill a prompt, shared by all its generations."""

from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import DynamicCache

from kaomoji_lib.engine.interventions import suppressor
from kaomoji_lib.engine.loading import capture
from kaomoji_lib.study import faces


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. One random stream per (seed, prompt, generation), so order does not matter."""

    generations: int = 8
    seed: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 40


@dataclass
class Reply:
    """One generation under way: its tokens, and the row of its last state."""

    prompt: int
    generation: int
    uniforms: np.ndarray
    ids: list = field(default_factory=list)
    states: list = field(default_factory=list)
    first_row: int = -1
    stopped: bool = False
    limited: bool = False


@torch.inference_mode()
def sample(engine, messages, keys, sampling, layers=None):
    """Reply ``sampling.generations`` times to each message.

    Parameters
    ----------
    messages : list of str, user messages (instruction and prompt).
    keys : list of str, one stable name per message; seeds its random streams.

    Returns
    -------
    rows : list of dict (``prompt`` = position in ``messages``, ``generation``, ``text``, ``outcome``,
        ``raw_face``, ``face``, ``token_ids``, ``first_row``), ordered by prompt, then generation.
    tensors : dict of ``emit`` (messages, layers, hidden), ``first`` (distinct (prompt, token) pairs, ...) and
        ``face`` (rows whose outcome is ``kaomoji``, in order, ...), in the model's dtype.
    """
    suppress = suppressor(engine)
    prompts = [engine.encode(engine.template.render(message)) for message in messages]
    with capture(engine, layers) as record:
        logits, cache, mask = _prefill(engine, prompts)
        emit = record[0]
        replies = [
            Reply(prompt, generation, _uniforms(sampling, key, generation))
            for prompt, key in enumerate(keys) for generation in range(sampling.generations)
        ]
        rows_of = torch.tensor([reply.prompt for reply in replies])
        _choose(engine, replies, logits[rows_of.to(logits.device)], sampling, suppress)
        active, first, logits = _first_token(engine, replies, cache, mask, record)
        mask = mask[[reply.prompt for reply in active]]
        step = 2
        while active:
            _choose(engine, active, logits, sampling, suppress)
            kept = [row for row, reply in enumerate(active) if not reply.stopped]
            if not kept:
                break
            cache.reorder_cache(torch.tensor(kept, device=engine.device))
            mask = mask[kept]
            active = [active[row] for row in kept]
            logits, mask = _step(engine, [reply.ids[-1] for reply in active], cache, mask, step)
            for row, reply in enumerate(active):
                reply.states.append(record[0][row])
            _retire(engine, active, sampling)
            step += 1
    return _finish(engine, replies, emit, first)


def _uniforms(sampling, key, generation):
    entropy = [sampling.seed, generation, *key.encode()]
    return np.random.default_rng(np.random.SeedSequence(entropy)).random(sampling.max_new_tokens)


def _prefill(engine, prompts):
    longest = max(map(len, prompts))
    pad = engine.tokenizer.pad_token_id
    pad = next(iter(sorted(engine.stop_ids)), 0) if pad is None else pad
    ids = torch.tensor([[pad] * (longest - len(prompt)) + prompt for prompt in prompts], device=engine.device)
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=engine.device)
    cache = DynamicCache(config=engine.model.config.get_text_config())
    output = engine.model(
        input_ids=ids, attention_mask=mask, position_ids=_positions(mask), past_key_values=cache, use_cache=True,
        logits_to_keep=1,
    )
    return output.logits[:, -1], output.past_key_values, mask


def _positions(mask):
    return (mask.cumsum(-1) - 1).clamp(min=0)


def _step(engine, tokens, cache, mask, step):
    ids = torch.tensor(tokens, device=engine.device)[:, None]
    mask = torch.cat([mask, mask.new_ones(len(tokens), 1)], dim=1)
    output = engine.model(
        input_ids=ids, attention_mask=mask, position_ids=_positions(mask)[:, -1:], past_key_values=cache, use_cache=True,
    )
    return output.logits[:, -1], mask


def _first_token(engine, replies, cache, mask, record):
    """Feed each distinct (prompt, first token) once, then give every reply its own copy of the cache."""
    active = [reply for reply in replies if not reply.stopped]
    pairs = sorted({(reply.prompt, reply.ids[0]) for reply in active})
    if not pairs:
        empty = record[0][:0]
        return [], empty, None
    cache.reorder_cache(torch.tensor([prompt for prompt, _ in pairs], device=engine.device))
    logits, _ = _step(engine, [token for _, token in pairs], cache, mask[[prompt for prompt, _ in pairs]], 1)
    first = record[0]
    row_of = {pair: row for row, pair in enumerate(pairs)}
    for reply in active:
        reply.first_row = row_of[reply.prompt, reply.ids[0]]
        reply.states.append(first[reply.first_row])
    rows = torch.tensor([reply.first_row for reply in active], device=engine.device)
    cache.reorder_cache(rows)
    return active, first, logits[rows]
