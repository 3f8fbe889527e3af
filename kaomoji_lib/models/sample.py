"""Sampled replies and the states they came from: one prefill a prompt, shared by all its generations."""

from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import DynamicCache

from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models.forward import capture
from kaomoji_lib.models.suppress import suppressor


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. One random stream per (seed, stream, generation, prompt), so order does not matter.

    ``stream``: ints that name model and instruction, so that neither shares random numbers with another.
    """

    generations: int = 8
    seed: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    max_new_tokens: int = 40
    stream: tuple = ()


@dataclass
class Reply:
    """One generation under way.

    ``states`` holds the state at each of ``ids`` that was fed to the model; ``awaited`` says whether the latest one
    still has to be: the reply goes on, or the token belongs to its face. ``unhindered`` is the probability that none
    of its tokens so far would have been a suppressed one.
    """

    prompt: int
    generation: int
    uniforms: np.ndarray
    ids: list = field(default_factory=list)
    states: list = field(default_factory=list)
    first_row: int = -1
    suppression: int = 0
    unhindered: float = 1.0
    stopped: bool = False
    limited: bool = False
    awaited: bool = True
    found: faces.Extraction | None = None


@torch.inference_mode()
def sample(engine, messages, keys, sampling, layers=None):
    """Reply ``sampling.generations`` times to each message.

    Parameters
    ----------
    messages : list of str, user messages (instruction and prompt).
    keys : list of str, one stable name per message; seeds its random streams.
    layers : sequence of int, positions in ``engine.layers`` to capture, default all.

    Returns
    -------
    rows : list of dict (``prompt`` = position in ``messages``, ``generation``, ``text``, ``outcome``,
        ``raw_face``, ``face``, ``token_ids``, ``first_row``, ``suppressed`` = the probability that, left alone, it
        would have typed something that is suppressed), ordered by prompt, then generation.
    tensors : dict of ``emit`` (messages, layers, hidden), ``first`` (distinct (prompt, token) pairs, ...) and
        ``face`` (rows whose outcome is ``kaomoji``, in order, ...), in the model's dtype.
    """
    suppress = suppressor(engine)
    prompts = [engine.encode(engine.template.render(message)) for message in messages]
    replies = [
        Reply(prompt, generation, _uniforms(sampling, key, generation))
        for prompt, key in enumerate(keys)
        for generation in range(sampling.generations)
    ]
    with capture(engine, layers) as record:
        logits, cache, mask = _prefill(engine, prompts)
        emit = record[0]
        owners = torch.tensor([reply.prompt for reply in replies], device=logits.device)
        _choose(engine, replies, logits[owners], sampling, suppress)
        first, active, logits, mask = _first_token(engine, replies, cache, mask, record)
        while active:
            going = [row for row, reply in enumerate(active) if not reply.stopped]
            _choose(engine, [active[row] for row in going], logits[going], sampling, suppress)
            kept = [row for row in going if active[row].awaited]
            if not kept:
                break
            cache.reorder_cache(torch.tensor(kept, device=engine.device))
            active, mask = [active[row] for row in kept], mask[kept]
            logits, mask = _step(engine, [reply.ids[-1] for reply in active], cache, mask)
            for reply, state in zip(active, record[0], strict=True):
                reply.states.append(state)
    return [_row(engine, reply) for reply in replies], {
        "emit": emit,
        "first": first,
        "face": _face_states(engine, replies, emit),
    }


def _uniforms(sampling, key, generation):
    entropy = [sampling.seed, *sampling.stream, generation, *key.encode()]
    return np.random.default_rng(np.random.SeedSequence(entropy)).random(sampling.max_new_tokens)


def _prefill(engine, prompts):
    longest = max(map(len, prompts))
    pad = engine.tokenizer.pad_token_id
    pad = next(iter(sorted(engine.stop_ids)), 0) if pad is None else pad
    ids = torch.tensor(
        [[pad] * (longest - len(prompt)) + prompt for prompt in prompts], device=engine.device
    )
    mask = torch.tensor(
        [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts],
        device=engine.device,
    )
    cache = DynamicCache(config=engine.model.config.get_text_config())
    output = engine.model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=_positions(mask),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return output.logits[:, -1], output.past_key_values, mask


def _positions(mask):
    return (mask.cumsum(-1) - 1).clamp(min=0)


def _step(engine, tokens, cache, mask):
    ids = torch.tensor(tokens, device=engine.device)[:, None]
    mask = torch.cat([mask, mask.new_ones(len(tokens), 1)], dim=1)
    output = engine.model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=_positions(mask)[:, -1:],
        past_key_values=cache,
        use_cache=True,
    )
    return output.logits[:, -1], mask


def _first_token(engine, replies, cache, mask, record):
    """Feed each distinct (prompt, first token) once, then give every reply its own copy of the cache."""
    active = [reply for reply in replies if reply.ids]
    pairs = sorted({(reply.prompt, reply.ids[0]) for reply in active})
    if not pairs:
        return record[0][:0], [], None, mask
    owners = [prompt for prompt, _ in pairs]
    cache.reorder_cache(torch.tensor(owners, device=engine.device))
    logits, mask = _step(engine, [token for _, token in pairs], cache, mask[owners])
    first = record[0]
    row_of = {pair: row for row, pair in enumerate(pairs)}
    for reply in active:
        reply.first_row = row_of[reply.prompt, reply.ids[0]]
        reply.states.append(first[reply.first_row])
    rows = torch.tensor([reply.first_row for reply in active], device=engine.device)
    cache.reorder_cache(rows)
    return first, active, logits[rows], mask[rows]


def _choose(engine, replies, logits, sampling, suppress):
    """Draw each reply's next token, and find out whether the reply may stop."""
    for reply, token in zip(replies, _draw(replies, logits, sampling, suppress), strict=True):
        if token in engine.stop_ids:
            reply.stopped = True
        else:
            reply.ids.append(token)
            reply.suppression = suppress.advance(reply.suppression, token) if suppress else 0
            text = engine.decode(reply.ids)
            reply.limited = len(reply.ids) >= sampling.max_new_tokens
            reply.stopped = reply.limited or faces.span_ended(text)
        if reply.stopped:
            text = engine.decode(reply.ids)
            reply.found = faces.extract(
                text, truncated=reply.limited and not faces.span_ended(text)
            )
            fed = len(reply.states)
            reply.awaited = (
                reply.found.outcome == "kaomoji"
                and fed < len(reply.ids)
                and fed in _face_tokens(engine, reply)
            )


def _draw(replies, logits, sampling, suppress):
    """One token id per reply: the inverse of the cumulative distribution at the reply's own uniform number."""
    if not replies:
        return []
    # Metal has no float64; elsewhere the draw is made where the logits are.
    logits = logits.to("cpu" if logits.device.type == "mps" else logits.device).double()
    if suppress:
        banned = np.stack([suppress.banned_tokens(reply.suppression) for reply in replies])
        banned = torch.from_numpy(banned).to(logits.device)
        allowed = logits.softmax(dim=-1).masked_fill(banned, 0.0).sum(dim=-1).tolist()
        for reply, share in zip(replies, allowed, strict=True):
            reply.unhindered *= share
        logits = logits.masked_fill(banned, -torch.inf)
    if sampling.temperature == 0:
        return logits.argmax(dim=-1).tolist()
    probabilities = _nucleus((logits / sampling.temperature).softmax(dim=-1), sampling.top_p)
    cumulative = probabilities.cumsum(dim=-1)
    uniforms = torch.tensor(
        [reply.uniforms[len(reply.ids)] for reply in replies],
        device=logits.device,
        dtype=torch.float64,
    )
    chosen = torch.searchsorted(cumulative, (uniforms * cumulative[:, -1])[:, None], right=True)[
        :, 0
    ]
    return chosen.clamp(max=logits.shape[-1] - 1).tolist()


def _nucleus(probabilities, top_p):
    """Keep the most probable tokens that reach ``top_p`` together (Holtzman et al. 2020)."""
    if top_p >= 1:
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    ordered = ordered.masked_fill(ordered.cumsum(dim=-1) - ordered >= top_p, 0.0)
    return torch.zeros_like(probabilities).scatter(-1, order, ordered)


def _row(engine, reply):
    return {
        "prompt": reply.prompt,
        "generation": reply.generation,
        "text": engine.decode(reply.ids),
        "outcome": reply.found.outcome,
        "raw_face": reply.found.raw_face,
        "face": reply.found.face,
        "token_ids": list(reply.ids),
        "first_row": reply.first_row,
        "suppressed": 1.0 - reply.unhindered,
    }


def _face_states(engine, replies, like):
    """Mean state over the tokens of each kaomoji, (kaomoji, layers, hidden)."""
    means = [
        torch.stack([reply.states[position] for position in _face_tokens(engine, reply)])
        .float()
        .mean(dim=0)
        for reply in replies
        if reply.found.outcome == "kaomoji"
    ]
    return torch.stack(means).to(like.dtype) if means else like[:0]


def _face_tokens(engine, reply):
    """Positions in a reply of the tokens that hold at least one byte of its face."""
    pieces = [engine.vocabulary[token] for token in reply.ids]
    ends = np.cumsum([len(piece) for piece in pieces])
    face = reply.found.raw_face.encode("utf-8", "surrogatepass")
    start = b"".join(pieces).find(face)
    if start < 0:
        return range(len(pieces))
    return [
        row
        for row, end in enumerate(ends)
        if end > start and end - len(pieces[row]) < start + len(face)
    ]
