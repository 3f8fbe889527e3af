"""log P(spelling | prompt): the probability of every face given every prompt, each token computed once."""

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import verify
from kaomoji_lib.models.forward import Sizes, in_batches
from kaomoji_lib.models.score import measuring
from kaomoji_lib.models.score import spellings as spelled
from kaomoji_lib.models.templates import LEADS
from kaomoji_lib.stimuli import INSTRUCTION

COLUMNS = ("prompt_id", "spelling", "face", "log_prob", "log_prob_closed", "n_tokens")


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
    """Score every spelling given every prompt.

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
    algorithm : a name of :data:`.algorithms.ALGORITHMS`, or ``auto``: the fastest that agrees with plain forward
        passes on this model (:mod:`kaomoji_lib.models.verify`).
    check : the result of an earlier self-check, so that it is not repeated.
    sizes : :class:`kaomoji_lib.models.forward.Sizes`, kept between calls. progress : callable(prompts=, nodes=).

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
    spellings, messages = distinct(spellings), _messages(prompts, instruction)
    if check is None:
        check = verify.scoring(engine, spellings, messages, algorithm)
    plan = spelled.plan(engine, spellings, closed, check.get("leads", LEADS))
    encoded = [engine.encode(engine.template.render(message)) for message in messages]
    sizes = sizes or Sizes()

    def measure(group):
        return measuring.measure(
            engine, group, plan, check["algorithm"], sizes.nodes, progress=progress
        )

    tables = []
    for group, pair in in_batches(encoded, measure, sizes):
        tables.append(pair)
        if progress:
            progress(prompts=len(group))
    log_probs, closed_ones = (np.concatenate(parts) for parts in zip(*tables, strict=True))
    if not closed:
        closed_ones = np.full_like(closed_ones, np.nan)
    frame = _frame(list(prompts["id"]), plan, log_probs, closed_ones)
    frame.attrs["scoring"] = {
        **check,
        "dtype": str(engine.dtype).removeprefix("torch."),
        "closed": closed,
    }
    return frame


def distinct(spellings):
    """Return the spellings (str) without repetitions, in order. Raises KaomojiError for none, or an empty one."""
    found = list(dict.fromkeys(spellings))
    if not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise KaomojiError(
            f"no spelling, or an empty one among {len(found)}; expected at least one face; check the list of faces"
        )
    return found


def _messages(prompts, instruction):
    if not len(prompts):
        raise KaomojiError(
            "no prompts to score under; expected a table with the columns id and text; check the file"
        )
    return [f"{instruction} {text}" for text in prompts["text"]]


def _frame(ids, plan, log_probs, closed):
    count, words = len(ids), plan.spellings
    canonical = [canonical_face(spelling) for spelling in words]
    return pd.DataFrame(
        {
            "prompt_id": np.repeat(np.array(ids, dtype=object), len(words)),
            "spelling": list(words) * count,
            "face": canonical * count,
            "log_prob": log_probs.ravel(),
            "log_prob_closed": closed.ravel(),
            "n_tokens": [len(sequence) for sequence in plan.sequences] * count,
        },
        columns=list(COLUMNS),
    )


def canonical_face(spelling):
    """Return the canonical form of a spelling that is a face by itself, else None."""
    found = faces.extract(spelling)
    return found.face if found.outcome == "kaomoji" and found.raw_face == spelling else None
