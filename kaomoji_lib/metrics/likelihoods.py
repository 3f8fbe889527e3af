"""Faces from the probabilities of their spellings, and what the likelihood of a face says about the category."""

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions

CLOSED = "log_prob_closed"


def by_face(scores, column=CLOSED):
    """Return log P(face | prompt), the log-sum-exp over a face's spellings: DataFrame prompt x face, natural logarithms.

    A spelling that begins with another spelling of the same face is part of that one's mass (nothing has to end the
    reply there) and is left out; so is what is no face by itself, such as a lone bracket. ``scores``: DataFrame of
    :func:`kaomoji_lib.models.score.scoring.score`; ``column``: ``log_prob_closed`` or ``log_prob``.

    Raises
    ------
    KaomojiError
        If the column holds no numbers.
    """
    rows = scores[scores["face"].notna() & scores[column].notna()]
    if rows.empty:
        raise KaomojiError(
            f"the scores hold no {column}; score again with it, or choose another column"
        )
    spellings = rows.groupby("face")["spelling"].unique()
    begun = [
        any(one != other and one.startswith(other) for other in spellings[face])
        for face, one in zip(rows["face"], rows["spelling"], strict=True)
    ]
    rows = rows[~np.array(begun)]
    found = rows.groupby(["prompt_id", "face"], sort=False)[column].agg(np.logaddexp.reduce)
    return found.unstack("face").reindex(
        index=rows["prompt_id"].unique(), columns=rows["face"].unique()
    )


def by_category(log_probs, prompts, codes, rule="mean probability"):
    """Return what a face says about the category, all categories equally frequent: :class:`distributions.Reading`.

    ``log_probs``: DataFrame prompt x face of :func:`by_face`; ``prompts``: DataFrame[id, category]; ``rule``:
    ``mean probability`` (over a category's prompts) or ``mean log`` (the published rule), then normalised over categories.

    Raises
    ------
    KaomojiError
        If the rule is unknown, or a category has no scored prompt.
    """
    if rule not in RULES:
        raise KaomojiError(f"unknown rule {rule!r}; expected {' or '.join(RULES)}")
    category = prompts.set_index("id")["category"].reindex(log_probs.index)
    if absent := sorted(set(codes) - set(category)):
        raise KaomojiError(
            f"no scored prompt is of category {', '.join(absent)}; expected all of {', '.join(codes)}; score their prompts"
        )
    masses = pd.DataFrame({code: RULES[rule](log_probs[category == code]) for code in codes})
    # Only differences between categories count; taking the largest out keeps improbable faces from becoming 0.
    return distributions.reading(
        np.exp(masses.sub(masses.max(axis=1), axis=0)), np.exp(_log_mean_exp(log_probs))
    )


def _log_mean_exp(log_probs):
    top = log_probs.max()
    return top + np.log(np.exp(log_probs - top).mean())


RULES = {"mean probability": _log_mean_exp, "mean log": lambda log_probs: log_probs.mean()}
