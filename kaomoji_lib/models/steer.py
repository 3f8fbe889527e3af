"""Interventions on hidden states while a prompt is processed, and the exact probability of every face under them.

- :class:`Addition`: a vector is added after a block at every position of the prompt but the last, whose logits choose the
  face's first token. Whatever is generated is computed without it, so the face can only change through what the model
  has put into its cache about the message (activation addition: Turner et al. 2023, arXiv:2308.10248; contrastive
  directions: Rimsky et al. 2024, arXiv:2312.06681).
- :class:`Map`: an affine map, such as one that erases a concept, at the last position.
- :class:`Patch`: the state at one position is replaced by that of another prompt (interchange intervention: Geiger et al.
  2021, arXiv:2106.02997; activation patching: Meng et al. 2022, arXiv:2202.05262).
"""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import measuring, verify
from kaomoji_lib.models.forward import Sizes, in_batches, on_states, plain_logits, prefill

ROWS_PER_FORWARD = 48


@dataclass(frozen=True)
class _Change:
    layer: int

    per_prompt = ()

    def __getitem__(self, rows):
        """Return the change of some prompts of a batch."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self.per_prompt})


@dataclass(frozen=True)
class Addition(_Change):
    """Add ``vectors`` (rows, hidden), one per prompt of a batch, after block ``layer`` (1 is the first; 0 the embedding)."""

    vectors: np.ndarray

    per_prompt = ("vectors",)

    def apply(self, states, length):
        """Change ``states`` (batch, positions, hidden) of prompts that end at position ``length``, in place."""
        states[:, : length - 1] += torch.as_tensor(self.vectors).to(states)[:, None]


@dataclass(frozen=True)
class Map(_Change):
    """x -> x - (x - ``centre``) @ ``matrix`` (hidden, hidden) at the prompts' last position after block ``layer``."""

    matrix: np.ndarray
    centre: np.ndarray

    def apply(self, states, length):
        """As :meth:`Addition.apply`."""
        matrix, centre = (torch.as_tensor(one).to(states) for one in (self.matrix, self.centre))
        states[:, length - 1] -= (states[:, length - 1] - centre) @ matrix


@dataclass(frozen=True)
class Patch(_Change):
    """Put ``vectors`` (rows, hidden) at position ``back`` (int array (rows,), 1 is the prompt's last) after block ``layer``."""

    vectors: np.ndarray
    back: np.ndarray

    per_prompt = ("vectors", "back")

    def apply(self, states, length):
        """As :meth:`Addition.apply`."""
        places = torch.as_tensor(length - self.back, device=states.device)
        rows = torch.arange(len(states), device=states.device)
        states[rows, places] = torch.as_tensor(self.vectors).to(states)


@contextmanager
def applied(engine, change, length=None):
    """Apply ``change`` (Addition, Map, Patch or None) to every forward pass inside the context.

    ``length``: number of the prompts' positions, if the pass continues after them; default all.
    """

    def alter(layer, states):
        states = states.clone()
        change.apply(states, states.shape[1] if length is None else length)
        return states

    with on_states(engine, alter, [] if change is None else [change.layer]):
        yield


def prefill_with(change):
    """Return :func:`kaomoji_lib.models.forward.prefill` under ``change``; prompts are padded on the left."""

    def read(engine, prompts):
        with applied(engine, change):
            return prefill(engine, prompts, share=False)

    return read


@torch.inference_mode()
def face_log_probs(engine, prompts, plan, change=None, algorithm="packed"):
    """Return log P that each spelling opens the reply under ``change``: two float64 arrays (prompts, spellings).

    The second is prefix-closed (see :func:`.scoring.score`). ``prompts``: lists of token ids, one per row of ``change``;
    ``plan``: of :func:`.spellings.plan`, with the white space that may come before a face.
    """
    vectors = getattr(change, "vectors", prompts)
    if len(vectors) != len(prompts):
        raise KaomojiError(
            f"{len(vectors)} vectors for {len(prompts)} prompts; expected one per prompt; repeat them"
        )

    def measure(batch):
        rows = slice(batch[0], batch[-1] + 1)
        read = prefill_with(change[rows] if change else None)
        return measuring.measure(engine, prompts[rows], plan, algorithm, read=read)

    parts = in_batches(range(len(prompts)), measure, Sizes(ROWS_PER_FORWARD, nodes=1))
    return tuple(np.concatenate(one) for one in zip(*(pair for _, pair in parts), strict=True))


def verified_algorithm(engine, prompts, plan, change):
    """Return the fastest algorithm whose scores under ``change`` equal plain forward passes on two prompts and spellings.

    Raises
    ------
    KaomojiError
        If none does.
    """
    rows, columns = [0, len(prompts) - 1], [0, len(plan.spellings) - 1]
    some = [prompts[row] for row in rows]
    expected = [
        [plain_log_prob(engine, prompts[row], plan, column, change[[row]]) for column in columns]
        for row in rows
    ]
    for name in measuring.applicable(engine)[:-1]:
        found = face_log_probs(engine, some, plan, change[rows], name)[0][:, columns]
        if np.abs(found - expected).max() <= verify.TOLERANCES[engine.dtype].log_prob:
            return name
    raise KaomojiError(
        f"model {engine.spec.alias!r}: interventions with a shared cache disagree with plain forward passes; "
        "expected equal scores; use another --dtype or --device"
    )


@torch.inference_mode()
def plain_log_prob(engine, prompt, plan, column, change=None):
    """Return log P of one spelling of ``plan`` given one prompt by plain forward passes without cache."""
    total = -np.inf
    for row in np.flatnonzero(plan.rows == column):
        typed = plan.trie.token[list(plan.trie.paths[row])].tolist()
        with applied(engine, change, len(prompt)):
            total = np.logaddexp(total, verify.plain_log_prob(engine, prompt, typed)[0])
    return total


def user_span(engine, rendered, text):
    """Return (first token of ``text`` in the ``rendered`` prompt, the token after its last)."""
    begin = rendered.rindex(text)
    encoding = engine.tokenizer(rendered, add_special_tokens=False, return_offsets_mapping=True)
    low, high = np.array(encoding["offset_mapping"]).T
    inside = np.flatnonzero((low < begin + len(text)) & (high > begin))
    return inside[0], inside[-1] + 1


@torch.inference_mode()
def prompt_states(engine, prompts):
    """Return the states of every layer of ``engine.layers``: dict of float32 arrays.

    ``prompts``: DataFrame[ids, start, end]: token ids, the message's first token and the one after its last. ``message``:
    mean over the message's tokens; ``end``: at its last token; ``emit``: at the prompt's last position (prompts, layers,
    hidden); ``norm``: median length of a state over the message's tokens (prompts, layers).
    """
    parts = {"message": [], "end": [], "emit": [], "norm": []}
    for ids, start, end in prompts[["ids", "start", "end"]].itertuples(index=False):
        layers = {}
        with on_states(engine, lambda layer, states, kept=layers: kept.update({layer: states[0]})):
            plain_logits(engine, list(ids), [])
        # One layer after another, since they may be on different devices.
        states = torch.stack([layers[layer].float().cpu() for layer in sorted(layers)])
        message = states[:, start:end]
        parts["message"].append(message.mean(dim=1))
        parts["end"].append(message[:, -1])
        parts["emit"].append(states[:, -1])
        parts["norm"].append(message.norm(dim=-1).median(dim=-1).values)
    return {name: torch.stack(arrays).numpy() for name, arrays in parts.items()}
