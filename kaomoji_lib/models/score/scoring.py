"""log P(spelling | prompt): the probability of every face given every prompt, each token computed once."""

from dataclasses import replace

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import verify
from kaomoji_lib.models.forward import Sizes, in_batches
from kaomoji_lib.models.score import measuring
from kaomoji_lib.models.score import spellings as spelled
from kaomoji_lib.models.templates import CONTINUED, LEADS, Continued
from kaomoji_lib.stimuli import INSTRUCTION

COLUMNS = ("prompt_id", "spelling", "face", "log_prob", "log_prob_closed", "n_tokens")


def score(
    engine,
    spellings,
    prompts,
    *,
    algorithm="auto",
    instruction=INSTRUCTION,
    continued=False,
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
    algorithm : a name of :data:`.algorithms.ALGORITHMS`, or ``auto``: the fastest that agrees with plain forward
        passes on this model (:mod:`kaomoji_lib.models.verify`).
    continued : for a model without a chat template, average the probabilities over :data:`.templates.CONTINUED`, in
        place of the instruction.
    check : the result of an earlier self-check, so that it is not repeated.
    sizes : :class:`kaomoji_lib.models.forward.Sizes`, kept between calls. progress : callable(prompts=, nodes=).

    Returns
    -------
    DataFrame with ``COLUMNS``, prompts and spellings in the order given. ``face`` is the canonical form, None where
    the spelling alone is no face (a lone bracket begins every face and says nothing). log-probabilities are NaN
    where the tokenizer cannot write the spelling. ``log_prob_closed`` adds every token that completes the spelling in
    one step and goes on beyond it (where ``)`` and a line break are one token, its own tokens alone miss that mass).
    ``continued`` adds ``template_1`` ..., log_prob_closed of each text.
    ``attrs["scoring"]``: dtype, algorithm, self-check.

    Raises
    ------
    KaomojiError
        If there is nothing to score, or no algorithm agrees with plain forward passes.
    """
    spellings = list(dict.fromkeys(spellings))
    if not spellings or not all(isinstance(one, str) and one.strip() for one in spellings):
        raise KaomojiError(
            f"no spelling, or an empty one among {len(spellings)}; expected at least one face; check the list of faces"
        )
    if not len(prompts):
        raise KaomojiError(
            "no prompts to score under; expected a table with the columns id and text; check the file"
        )
    if check is None:
        check = self_check(engine, spellings, prompts, algorithm, instruction, continued)
    engines, instruction = _asked(engine, instruction, continued)
    options = spellings, check, sizes or Sizes(), progress and _shared(progress, engines)
    tables = [_score(one, _messages(prompts, instruction), *options) for one in engines]
    plans, *values = zip(*tables, strict=True)
    # Spellings that the tokenizer cannot write are NaN.
    with np.errstate(invalid="ignore"):
        means = [np.logaddexp.reduce(one, axis=0) - np.log(len(one)) for one in values]
    plan, count, words = plans[0], len(prompts), plans[0].spellings
    columns = {
        "prompt_id": np.repeat(prompts["id"].to_numpy(dtype=object), len(words)),
        "spelling": list(words) * count,
        "face": [canonical_face(spelling) for spelling in words] * count,
        "log_prob": means[0],
        "log_prob_closed": means[1],
        "n_tokens": [len(sequence) for sequence in plan.sequences] * count,
    }
    if len(tables) > 1:
        columns |= {f"template_{place}": one for place, one in enumerate(values[1], start=1)}
    table = pd.DataFrame(columns)
    table.attrs["scoring"] = {**check, "dtype": engine.dtype_name}
    return table


def self_check(
    engine, spellings, prompts, algorithm="auto", instruction=INSTRUCTION, continued=False
):
    """Return the self-check (:func:`kaomoji_lib.models.verify.scoring`) for :func:`score` with these arguments."""
    engines, instruction = _asked(engine, instruction, continued)
    return verify.scoring(engines[0], spellings, _messages(prompts, instruction), algorithm)


def _asked(engine, instruction, continued):
    """The engines whose probabilities are averaged, and their instruction: texts that are continued have none."""
    if not continued or engine.template.source is not None:
        return [engine], instruction
    return [replace(engine, template=Continued(text)) for text in CONTINUED], ""


def _messages(prompts, instruction):
    return [f"{instruction} {text}" for text in prompts["text"]]


def _shared(progress, engines):
    """Progress of which each engine makes an equal part."""
    return lambda prompts=0, nodes=0: progress(prompts / len(engines), nodes)


def _score(engine, messages, spellings, check, sizes, progress):
    """Plan, and flat arrays of log P and its closed form, of one engine."""
    plan = spelled.plan(engine, spellings, leads=check.get("leads", LEADS))
    encoded = [engine.encode(engine.template.render(message)) for message in messages]

    def measure(group):
        how = plan, check["algorithm"], sizes.nodes
        return measuring.measure(engine, group, *how, progress=progress)

    parts = []
    for group, pair in in_batches(encoded, measure, sizes):
        parts.append(pair)
        if progress:
            progress(prompts=len(group))
    return plan, *(np.concatenate(part).ravel() for part in zip(*parts, strict=True))


def canonical_face(spelling):
    """Return the canonical form of a spelling that is a face by itself, else None."""
    found = faces.extract(spelling)
    return found.face if found.outcome == "kaomoji" and found.raw_face == spelling else None
