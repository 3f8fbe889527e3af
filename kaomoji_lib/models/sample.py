"""Sampled replies and the states they came from: what two replies have in common is computed once."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from kaomoji_lib.faces import extract
from kaomoji_lib.models.forward import capture, forward, lm_head_logits, plain_logits, prefill
from kaomoji_lib.models.suppress import suppressor

BLOCK = 512


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

    ``states``: the state at each of ``ids`` that has been read; ``awaited``: whether the latest one still has to be.
    ``unhindered``: the probability that none of its tokens so far would have been a suppressed one.
    """

    prompt: int
    generation: int
    uniforms: np.ndarray
    suppression: int = 0
    ids: list = field(default_factory=list)
    states: list = field(default_factory=list)
    first_row: int = -1
    unhindered: float = 1.0
    stopped: bool = False
    awaited: bool = True
    extraction: extract.Extraction | None = None

    @property
    def context(self):
        return (self.prompt, *self.ids)


@torch.inference_mode()
def sample(engine, messages, keys, sampling, cached=True, report=None):
    """Reply ``sampling.generations`` times to each message.

    Parameters
    ----------
    messages : list of str, user messages (instruction and prompt).
    keys : list of str, one stable name per message; seeds its random streams.
    cached : False reads every context from its beginning, one at a time: slow, and right for any architecture.
    report : called as replies end, with the share of ``prompts`` that they are.

    Returns
    -------
    rows : list of dict (``prompt`` = position in ``messages``, ``generation``, ``text``, ``outcome``,
        ``raw_face``, ``face``, ``token_ids``, ``first_row``, ``suppressed`` = the probability that, left alone, it
        would have typed something that is suppressed), ordered by prompt, then generation.
    tensors : dict of ``emit`` (messages, layers, hidden), ``first`` (the first token that is not white space; distinct
        contexts, ...) and ``face`` (rows whose outcome is ``kaomoji``, in order, ...), in the model's dtype.
    """
    suppress = suppressor(engine)
    prompts = [engine.encode(engine.template.render(message)) for message in messages]
    replies, start = [], suppress.start if suppress else 0
    for prompt, key in enumerate(keys):
        for number in range(sampling.generations):
            entropy = [sampling.seed, *sampling.stream, number, *key.encode()]
            uniforms = np.random.default_rng(np.random.SeedSequence(entropy))
            uniforms = uniforms.random(sampling.max_new_tokens)
            replies.append(Reply(prompt, number, uniforms, start))
    with capture(engine) as record:
        read = (_Together if cached else _Apart)(engine, prompts, record)
        place = {(prompt,): prompt for prompt in range(len(prompts))}
        logits, emit = read(place)
        going, first = replies, {}
        while going:
            rows = [place[reply.context] for reply in going]
            _choose(engine, going, logits[rows], sampling, suppress)
            if report:
                report(prompts=sum(reply.stopped for reply in going) / sampling.generations)
            awaiting = [reply for reply in going if reply.awaited]
            before, contexts = place, dict.fromkeys(reply.context for reply in awaiting)
            place = {context: row for row, context in enumerate(contexts)}
            if place:
                logits, states = read(place, before)
            for reply in awaiting:
                reply.states.append(states[place[reply.context]])
                if len(reply.states) - 1 == visible(engine, reply.ids):
                    reply.first_row = first.setdefault(
                        reply.context, (len(first), reply.states[-1])
                    )[0]
            going = [reply for reply in awaiting if not reply.stopped]
    faces = [
        torch.stack([reply.states[at] for at in _face_tokens(engine, reply)]).float().mean(dim=0)
        for reply in replies
        if reply.extraction.outcome == "kaomoji"
    ]
    first, faces = (
        torch.stack(part).to(emit.dtype) if part else emit[:0]
        for part in ([state for _, state in first.values()], faces)
    )
    rows = [
        {
            "prompt": reply.prompt,
            "generation": reply.generation,
            "text": engine.decode(reply.ids),
            "outcome": reply.extraction.outcome,
            "raw_face": reply.extraction.raw_face,
            "face": reply.extraction.face,
            "token_ids": list(reply.ids),
            "first_row": reply.first_row,
            "suppressed": 1.0 - reply.unhindered,
        }
        for reply in replies
    ]
    return rows, {"emit": emit, "first": first, "face": faces}


class _Together:
    """Read contexts (tuples: prompt, token ids) in one batch; each one longer by a token than one of the call before.

    A call takes the row of each context, now and ``before``; it returns logits (contexts, vocabulary) and states
    (contexts, layers, hidden).
    """

    def __init__(self, engine, prompts, record):
        self.engine, self.prompts, self.record = engine, prompts, record

    def __call__(self, contexts, before=None):
        if before is None:
            prefix = prefill(self.engine, self.prompts)
            self.cache, self.mask, last = prefix.cache, prefix.mask, prefix.last
        else:
            device = self.engine.device
            parents = torch.tensor([before[context[:-1]] for context in contexts], device=device)
            self.cache.reorder_cache(parents)
            self.mask = functional.pad(self.mask[parents], (0, 1), value=1)
            tokens = torch.tensor([context[-1:] for context in contexts], device=device)
            places = self.mask.sum(dim=1, keepdim=True) - 1
            last = forward(self.engine, tokens, self.mask, places, self.cache)[:, -1]
        return lm_head_logits(self.engine, last), self.record[0]


class _Apart(_Together):
    """Read contexts one at a time, each from its beginning, without a cache."""

    def __call__(self, contexts, before=None):
        parts = [
            (plain_logits(self.engine, self.prompts[prompt], typed)[-1:], self.record[0])
            for prompt, *typed in contexts
        ]
        return tuple(map(torch.cat, zip(*parts, strict=True)))


def _choose(engine, replies, logits, sampling, suppress):
    """Draw each reply's next token, and find out whether the reply may stop."""
    for reply, token in zip(replies, _draw(replies, logits, sampling, suppress), strict=True):
        ended = limited = token in engine.stop_ids
        if not ended:
            reply.ids.append(token)
            reply.suppression = suppress.advance(reply.suppression, token) if suppress else 0
            limited = len(reply.ids) >= sampling.max_new_tokens
        text = engine.decode(reply.ids)
        over = extract.span_ended(text)
        reply.stopped = limited or over
        if reply.stopped:
            reply.extraction = extract.extract(text, truncated=limited and not ended and not over)
            needed = {visible(engine, reply.ids)}
            if reply.extraction.outcome == "kaomoji":
                needed.update(_face_tokens(engine, reply))
            reply.awaited = len(reply.states) < len(reply.ids) and len(reply.states) in needed


def _draw(replies, logits, sampling, suppress):
    """One token id per reply: the inverse of the cumulative distribution at the reply's own uniform number."""
    # Metal has no float64; elsewhere the draw is made where the logits are.
    logits = logits.to("cpu" if logits.device.type == "mps" else logits.device).float()
    if suppress:
        banned = torch.stack([suppress.banned_tokens(reply.suppression) for reply in replies])
        banned = banned.to(logits.device)
        allowed = _weights(logits, sampling).masked_fill(banned, 0.0).sum(dim=-1).tolist()
        for reply, share in zip(replies, allowed, strict=True):
            reply.unhindered *= share
        logits = logits.masked_fill(banned, -torch.inf)
    numbers = [reply.uniforms[len(reply.ids)] for reply in replies]
    return _inverse(_weights(logits, sampling), torch.tensor(numbers, device=logits.device))


def _weights(logits, sampling):
    """Probabilities at the run's temperature and top_p (Holtzman et al. 2020), float32 (rows, vocabulary)."""
    if sampling.temperature == 0:
        return functional.one_hot(logits.argmax(dim=-1), logits.shape[-1]).float()
    weights = (logits / sampling.temperature).softmax(dim=-1)
    if sampling.top_p >= 1:
        return weights
    ordered, order = weights.sort(dim=-1, descending=True, stable=True)
    ordered = ordered.masked_fill(ordered.cumsum(dim=-1) - ordered >= sampling.top_p, 0.0)
    return torch.zeros_like(weights).scatter(-1, order, ordered) / ordered.sum(-1, keepdim=True)


def _inverse(weights, numbers):
    """The column at which the cumulative sum of each row passes its number (float64 in [0, 1)): list of int.

    Sums of blocks come first, so that the vocabulary is not copied into float64 as a whole.
    """
    blocks = functional.pad(weights, (0, -weights.shape[-1] % BLOCK)).unflatten(1, (-1, BLOCK))
    cumulative = blocks.sum(dim=-1, dtype=torch.float64).cumsum(dim=-1)
    goal = numbers[:, None] * cumulative[:, -1:]
    block = torch.searchsorted(cumulative, goal, right=True).clamp(max=cumulative.shape[-1] - 1)
    before = functional.pad(cumulative, (1, 0)).gather(1, block)
    inside = blocks[torch.arange(len(blocks)), block[:, 0]].double().cumsum(dim=-1)
    # Rounding must not lead past the last token that has a weight.
    rest = torch.minimum(goal - before, inside[:, -1:] * (1 - 1e-12)).clamp(min=0)
    return (block * BLOCK + torch.searchsorted(inside, rest, right=True))[:, 0].tolist()


def visible(engine, ids):
    """Return the position of the first of a reply's token ids that is not white space; -1 where there is none."""
    pieces = (engine.vocabulary[token].decode("utf-8", "replace") for token in ids)
    return next((place for place, piece in enumerate(pieces) if piece.strip()), -1)


def _face_tokens(engine, reply):
    """Positions in a reply of the tokens that have at least one byte of its face; of as many from its beginning where
    something without bytes of its own stands within the face.
    """
    pieces = [engine.vocabulary[token] for token in reply.ids]
    face = reply.extraction.raw_face.encode("utf-8", "surrogatepass")
    start, ends = b"".join(pieces).find(face), np.cumsum([len(piece) for piece in pieces])
    begins = np.append(0, ends[:-1])
    return np.flatnonzero((ends > start) & (begins < start + len(face))).tolist()
