"""Proof on load: the fast paths against plain forward passes of the same model, before anything is collected or scored.

A fast path that reuses caches can silently drop the prompt: published likelihoods of one model were wrong throughout for
lack of this check. A plain forward pass has no cache, no padding and no mask of ours.

A router of a mixture of experts is discontinuous: where the last expert chosen and the first one left out are closer than
rounding, two exact ways of computing may take different experts, and differ by far more than rounding from there on.
"""

from collections import namedtuple
from contextlib import contextmanager
from itertools import cycle

import numpy as np
import torch
from torch.nn import functional

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import measuring
from kaomoji_lib.models import sample as samples
from kaomoji_lib.models import spellings as spelled
from kaomoji_lib.models.forward import capture, plain_logits
from kaomoji_lib.models.templates import LEADS

FACES, CONTROL = 6, "probe"
SHARE_BETWEEN_PROMPTS, SPECIAL_SHARE, LEAD_SHARE = 0.5, 0.05, 1e-3
TOGETHER, ALONE = "prompts together", "one prompt at a time"
UNCACHED = "one prompt at a time and without a cache, which is slow"
# What an architecture that the fast path does not fit raises.
FAILURES = (RuntimeError, MemoryError, ValueError, TypeError, LookupError, AttributeError)

# How far two exact ways of computing the same may lie apart in a number format: a face's log P (nats), a state (share of
# its layer's largest value). Two experts whose router logits are closer than ``margin`` may change places.
Tolerance = namedtuple("Tolerance", "log_prob state margin")
TOLERANCES = {
    torch.float64: Tolerance(1e-6, 1e-8, 1e-9),
    torch.float32: Tolerance(1e-3, 1e-4, 1e-5),
    torch.float16: Tolerance(0.1, 0.02, 0.01),
    torch.bfloat16: Tolerance(0.5, 0.1, 0.05),
}
# What an exchanged expert may do to a face (nats) and to a state (share).
FLIPPED_FACE, FLIPPED_STATE = 2.0, 1.0
COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")
CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk")


@torch.inference_mode()
def scoring(engine, spellings, messages):
    """Find the fastest algorithm whose log-probabilities agree with plain forward passes on a few faces and prompts.

    ``spellings``, ``messages``: what is going to be scored; the shortest to the longest spellings and the shortest and
    the longest message are tried. Returns a dict for the manifest, or raises KaomojiError, as :func:`_first_exact` does
    (differences in nats); ``leads`` is the white space before a face that is summed over.
    """
    faces = sorted(_writable(engine, spellings), key=len)
    faces = [faces[at] for at in sorted(set(np.linspace(0, len(faces) - 1, FACES, dtype=int)))]
    with_leads = [f"{lead}{face}" for lead, face in zip(cycle(LEADS), faces)]
    plan = spelled.plan(engine, _writable(engine, with_leads), closed=False)
    prompts = _ends(_prompts(engine, _several(messages)))
    cells = [[plain_log_prob(engine, one, ids) for ids in plan.sequences] for one in prompts]
    expected, margins = np.moveaxis(cells, 2, 0)

    def compare(name):
        difference = np.abs(measuring.measure(engine, prompts, plan, name)[0] - expected)
        between = np.square(expected[0] - expected[1]).mean()
        return difference, margins, np.sqrt(np.square(difference).mean() / between)

    ways = {name: f"scores of “{name}”" for name in measuring.applicable(engine)}
    tolerance = TOLERANCES[engine.dtype].log_prob
    found = _first_exact(engine, ways, compare, tolerance, FLIPPED_FACE, "nats")
    return found | {"leads": _leads(engine, prompts, faces, found["algorithm"])}


@torch.inference_mode()
def sampling(engine, messages):
    """Find out whether prompts can be sampled together: states at ``emit`` and ``first`` against plain forward passes.

    Returns a dict for the manifest, or raises KaomojiError, as :func:`_first_exact` does; differences are shares of the
    layer's largest value, ``algorithm`` is ``TOGETHER``, ``ALONE`` or ``UNCACHED``.
    """
    messages = _ends(_several(messages))
    notes = _special_openings(engine, messages)

    def compare(name):
        contexts, found = _sampled(engine, messages, name)
        plain, margins = zip(*(_plain_state(engine, one) for one in contexts), strict=True)
        plain, found = torch.stack(plain), torch.stack(found).float()
        scale = plain.abs().amax(dim=-1).clamp(min=1e-12)
        difference = ((found - plain).abs().amax(dim=-1) / scale).amax(dim=1).numpy()
        # The first two are the ends of the prompts. Layers that are equal for both are left out.
        error = (found - plain)[:2].square().mean(dim=(0, 2)).sqrt()
        between = (plain[0] - plain[1]).square().mean(dim=-1).sqrt()
        share = (error / between)[between > 0]
        return difference, np.array(margins), float(share.median()) if len(share) else np.inf

    ways = {name: f"states of {name}" for name in (TOGETHER, ALONE, UNCACHED)}
    tolerance = TOLERANCES[engine.dtype].state
    found = _first_exact(engine, ways, compare, tolerance, FLIPPED_STATE, "of their size")
    return found | {"warnings": notes + found["warnings"]}


def _first_exact(engine, ways, compare, tolerance, flipped, unit):
    """Return what the manifest says of the first of ``ways`` (dict name -> words) that agrees with plain forward passes.

    ``compare(name)``: differences, margin of the closest router decision behind each, and the error as a share of what
    lies between two prompts, which is what a lost prompt would cost. Returns a dict: ``algorithm``, ``compared`` (how
    many), ``largest_difference``, ``tolerance``, ``share_between_prompts``, ``close_calls`` (behind a router decision
    within rounding), ``warnings`` (one sentence per way passed over). Raises KaomojiError, with the numbers, if none agrees.
    """
    warnings = []
    for name, words in ways.items():
        try:
            difference, margins, share = compare(name)
        except FAILURES as error:
            warnings.append(f"{words} failed on this model ({type(error).__name__}: {error})")
            continue
        close = margins < TOLERANCES[engine.dtype].margin
        near = difference <= np.where(close, flipped, tolerance)
        if near.all() and share <= SHARE_BETWEEN_PROMPTS:
            return {
                "algorithm": name,
                "compared": int(difference.size),
                "largest_difference": float(difference.max()),
                "tolerance": tolerance,
                "share_between_prompts": float(share),
                "close_calls": int(close.sum()),
                "warnings": warnings,
            }
        warnings.append(
            f"{words} lie up to {difference.max():.2g} {unit} from plain forward passes, {share:.2g} of what lies "
            f"between two prompts, more than {engine.dtype_name} explains"
        )
    raise KaomojiError(
        f"model {engine.spec.alias!r}: {'; '.join(warnings)}; expected agreement; use another --dtype or --device"
    )


def _several(messages):
    """The distinct messages; to a single one a control is added, so that losing the prompt changes the scores."""
    found = list(dict.fromkeys(messages))
    return found if len(found) > 1 else [*found, CONTROL]


def _ends(items):
    """The shortest and the longest of the items."""
    ordered = sorted(items, key=len)
    return [ordered[0], ordered[-1]]


def _prompts(engine, messages):
    return [engine.encode(engine.template.render(message)) for message in messages]


def _writable(engine, spellings):
    """The spellings that the tokenizer can write, those of few tokens first."""
    lengths = {one: len(spelled.tokens(engine, one)) for one in spellings}
    found = sorted(filter(lengths.get, lengths), key=lengths.get)
    if not found:
        raise KaomojiError(
            f"the tokenizer of {engine.spec.alias!r} cannot write any of the {len(lengths)} spellings; check the list"
        )
    return found


def plain_log_prob(engine, prompt, sequence):
    """Return log P of token ids after a prompt by a plain forward pass, and its closest router decision."""
    with closest_calls(engine) as calls:
        logits = plain_logits(engine, prompt, sequence[:-1]).float().log_softmax(dim=-1)
    steps = logits[torch.arange(len(sequence)), torch.tensor(sequence)]
    return float(steps.double().sum()), min(calls, default=np.inf)


def _plain_state(engine, ids):
    """States (layers, hidden) after token ids by a plain forward pass, and its closest router decision."""
    with capture(engine) as record, closest_calls(engine) as calls:
        plain_logits(engine, ids, [])
    return record[0][0].float(), min(calls, default=np.inf)


def _leads(engine, prompts, faces, algorithm):
    """White space before a face that holds a share of its probability, the empty string first: list of str."""
    plan = spelled.plan(engine, [lead + face for lead in LEADS for face in faces], closed=False)
    found, _ = measuring.measure(engine, prompts, plan, algorithm)
    found = np.nan_to_num(found, nan=-np.inf).reshape(len(prompts), len(LEADS), len(faces))
    total = np.logaddexp.reduce(found, axis=1, keepdims=True)
    shares = np.exp(found - np.where(np.isfinite(total), total, 0)).max(axis=(0, 2))
    return [
        lead for lead, share in zip(LEADS, shares, strict=True) if not lead or share > LEAD_SHARE
    ]


def _special_openings(engine, messages):
    """A note (list of at most one) where replies begin with a special token, which no text shows."""
    special = {token for token, content in enumerate(engine.vocabulary) if not content}
    special = sorted(special - engine.stop_ids)
    for prompt in _prompts(engine, messages) if special else ():
        shares = plain_logits(engine, prompt, [])[-1].float().softmax(dim=-1)
        token = max(special, key=lambda one: shares[one])
        if shares[token] > SPECIAL_SHARE:
            name = engine.tokenizer.convert_ids_to_tokens(token)
            return [
                f"{shares[token]:.0%} of the replies to a message begin with the special token {name}: what it opens may be "
                "no part of the visible reply; set prefill for this model"
            ]
    return []


def _sampled(engine, messages, name):
    """Contexts (lists of token ids: the prompts, then prompts with a reply's beginning) and the states sampled at their ends."""
    few, prompts = samples.Sampling(generations=2, max_new_tokens=2), _prompts(engine, messages)
    begun, emit, first = [], [], []
    for batch in [(0, 1)] if name == TOGETHER else [(0,), (1,)]:
        some, keys = [messages[at] for at in batch], [str(at) for at in batch]
        rows, tensors = samples.sample(engine, some, keys, few, cached=name != UNCACHED)
        emit.extend(tensors["emit"])
        for row in {row["first_row"]: row for row in rows if row["first_row"] >= 0}.values():
            typed = row["token_ids"][: samples.visible(engine, row["token_ids"]) + 1]
            begun.append(prompts[batch[row["prompt"]]] + typed)
            first.append(tensors["first"][row["first_row"]])
    return prompts + begun, emit + first


def routers(engine):
    """Modules whose own weight maps hidden states to one number per expert, and how many experts they choose."""
    config = engine.model.config.get_text_config(decoder=True)
    experts, chosen = (
        next((count for name in names if (count := getattr(config, name, None))), 0)
        for names in (COUNTS, CHOSEN)
    )
    if not 0 < chosen < experts:
        return (), 0
    modules = (module for block in engine.blocks for module in block.modules())
    shape = (experts, config.hidden_size)
    found = [one for one in modules if getattr(one._parameters.get("weight"), "shape", ()) == shape]
    return found, chosen


@contextmanager
def closest_calls(engine):
    """Yields a list; each forward pass adds, per router, the smallest margin (float >= 0) over its tokens."""
    found, chosen = routers(engine)
    margins = []

    def watch(module, args, kwargs):
        if module.weight.is_meta:
            return  # offloaded: its weights are elsewhere until it is called
        states = args[0] if args else next(iter(kwargs.values()))
        bias = getattr(module, "bias", None)
        logits = functional.linear(states.flatten(0, -2), module.weight, bias).float()
        best = logits.topk(chosen + 1, dim=-1).values
        margins.append(float((best[:, chosen - 1] - best[:, chosen]).min()))

    handles = [module.register_forward_pre_hook(watch, with_kwargs=True) for module in found]
    try:
        yield margins
    finally:
        for handle in handles:
            handle.remove()
