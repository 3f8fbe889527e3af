"""log P(spelling | prompt): what a model gives to every face behind every prompt, each token computed once."""

import gc
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import verify as selfcheck
from kaomoji_lib.models.score import measuring
from kaomoji_lib.models.score import spellings as spelled
from kaomoji_lib.models.score import trie as tries
from kaomoji_lib.models.score.algorithms import ROWS_PER_STEP
from kaomoji_lib.models.templates import LEADS
from kaomoji_lib.stimuli import INSTRUCTION

COLUMNS = ("prompt_id", "spelling", "face", "log_prob", "log_prob_closed", "n_tokens")
PROMPTS_PER_FORWARD = 4


@dataclass
class Sizes:
    """How much is computed at once. It shrinks for good when the memory does not suffice."""

    prompts: int = PROMPTS_PER_FORWARD
    nodes: int | None = None


def score(
    engine,
    spellings,
    prompts,
    closed=True,
    *,
    algorithm="auto",
    instruction=INSTRUCTION,
    check=None,
    sizes=None,
    progress=None,
):
    """Score every spelling behind every prompt.

    Natural logarithms, summed over the spelling's tokens, at temperature 1, without length normalisation, end marker
    or intervention: the probability that the reply, white space aside, begins with the spelling. Which white space is
    summed over is measured on this model by the self-check (``leads``).

    Parameters
    ----------
    engine : :class:`kaomoji_lib.models.loading.Engine`.
    spellings : iterable of str, as they are typed; repeated ones are scored once.
    prompts : DataFrame with the columns ``id`` and ``text``.
    closed : also compute ``log_prob_closed``, which adds every token that completes the spelling in one step and goes
        on beyond it (where ``)`` and a line break are one token, its own tokens alone miss that mass). Else NaN.
    algorithm : a name of ``scoring_algorithms.ALGORITHMS``, or ``auto``: the fastest that agrees with plain forward
        passes on this model (:mod:`kaomoji_lib.models.verify`).
    check : the result of a self-check made before, so that it is not made again.
    sizes : :class:`Sizes`, kept between calls. progress : callable(number of prompts), after each forward group.

    Returns
    -------
    DataFrame with ``COLUMNS``, prompts and spellings in the order given. ``face`` is the canonical form, None where
    the spelling alone is no face (a lone bracket begins every face and says nothing). log-probabilities are NaN
    where the tokenizer cannot write the spelling. ``attrs["scoring"]``: dtype, algorithm, self-check.

    Raises
    ------
    KaomojiError
        If there is nothing to score, or no algorithm agrees with plain forward passes.
    """
    spellings = distinct(spellings)
    if check is None:
        check = selfcheck.scoring(engine, spellings, _messages(prompts, instruction), algorithm)
    wanted = spelled.plan(engine, spellings, closed, check.get("leads", LEADS))
    encoded = [
        engine.encode(engine.template.render(message))
        for message in _messages(prompts, instruction)
    ]
    sizes = sizes or Sizes()
    tables = list(
        _in_groups(
            engine, encoded, wanted, check["algorithm"], sizes, progress or (lambda count: None)
        )
    )
    log_probs, closed_ones = (np.concatenate(parts) for parts in zip(*tables, strict=True))
    frame = _frame(
        list(prompts["id"]),
        wanted,
        log_probs,
        closed_ones if closed else np.full_like(closed_ones, np.nan),
    )
    frame.attrs["scoring"] = {
        **check,
        "dtype": str(engine.dtype).removeprefix("torch."),
        "closed": closed,
    }
    return frame


def distinct(spellings):
    """The spellings (str) without repetitions, in order. Raises KaomojiError where there are none, or an empty one."""
    found = list(dict.fromkeys(spellings))
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise KaomojiError(
            f"{len(found)} spellings, or an empty one among them; expected one face or more; check the list of faces"
        )
    return found


def _messages(prompts, instruction):
    if not len(prompts):
        raise KaomojiError(
            "no prompts to score under; expected a table with the columns id and text; check the file"
        )
    return [f"{instruction} {text}" for text in prompts["text"]]


def _in_groups(engine, encoded, wanted, algorithm, sizes, progress):
    start = 0
    while start < len(encoded):
        group = encoded[start : start + sizes.prompts]
        try:
            yield measuring.measure(engine, group, wanted, algorithm, sizes.nodes)
        except (torch.OutOfMemoryError, MemoryError):
            _shrink(sizes, len(group))
            continue
        start += len(group)
        progress(len(group))


def _shrink(sizes, prompts):
    if prompts > 1:
        sizes.prompts = prompts // 2
    elif (sizes.nodes or tries.BIN_NODES) > ROWS_PER_STEP // 4:
        sizes.nodes = (sizes.nodes or tries.BIN_NODES) // 2
    else:
        raise KaomojiError(
            "out of memory with one prompt at a time; use a smaller --dtype or another --device"
        ) from None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _frame(ids, wanted, log_probs, closed):
    count, words = len(ids), wanted.spellings
    canonical = [canonical_face(spelling) for spelling in words]
    return pd.DataFrame(
        {
            "prompt_id": np.repeat(np.array(ids, dtype=object), len(words)),
            "spelling": list(words) * count,
            "face": canonical * count,
            "log_prob": log_probs.ravel(),
            "log_prob_closed": closed.ravel(),
            "n_tokens": [len(sequence) for sequence in wanted.sequences] * count,
        },
        columns=list(COLUMNS),
    )


def canonical_face(spelling):
    """The canonical form of a spelling that is a face by itself, else None."""
    found = faces.extract(spelling)
    return found.face if found.outcome == "kaomoji" and found.raw_face == spelling else None
