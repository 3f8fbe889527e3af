"""Faces from the probabilities of their spellings, and what the likelihood of a face says about the category."""

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions

CLOSED, ALONE = "log_prob_closed", "log_prob"


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
    if scores[column].isna().all():
        raise KaomojiError(
            f"the scores hold no {column}; score again with it, or choose another column"
        )
    rows = scores[scores["face"].notna() & scores[column].notna()]
    contained = contained_spellings(rows[["spelling", "face"]].drop_duplicates())
    rows = rows[~rows["spelling"].isin(contained)]
    pairs = [rows["prompt_id"], rows["face"]]
    top = rows.groupby(pairs)[column].transform("max")
    combined = np.log(np.exp(rows[column] - top).groupby(pairs).sum()) + top.groupby(pairs).first()
    return combined.unstack("face").reindex(
        index=rows["prompt_id"].unique(), columns=rows["face"].unique()
    )


def contained_spellings(table):
    """Return the spellings that begin with another spelling of the same face; ``table``: DataFrame[spelling, face]."""
    contained = set()
    for _, part in table.groupby("face"):
        spellings = list(part["spelling"])
        contained.update(
            one
            for one in spellings
            if any(one != other and one.startswith(other) for other in spellings)
        )
    return contained


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
    distributions.require_categories(category, codes)
    masses = pd.DataFrame({code: RULES[rule](log_probs[category == code]) for code in codes})
    # Only differences between categories count; taking the largest out keeps improbable faces from becoming 0.
    return distributions.reading(
        np.exp(masses.sub(masses.max(axis=1), axis=0)), np.exp(_log_mean_exp(log_probs))
    )


def _log_mean_exp(log_probs):
    top = log_probs.max()
    return top + np.log(np.exp(log_probs - top).mean())


RULES = {"mean probability": _log_mean_exp, "mean log": lambda log_probs: log_probs.mean()}


def own_prompt_advantage(log_probs, emissions, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return how much likelier a face is under its own prompt than under the others, in nats: Estimate over prompts.

    Scores that have lost their prompt give 0. ``emissions``: DataFrame[prompt_id, face]. The null gives the prompts'
    scores to other prompts (Fisher 1935).
    """
    typed = emissions[
        emissions["face"].isin(log_probs.columns) & emissions["prompt_id"].isin(log_probs.index)
    ]
    if typed.empty:
        raise KaomojiError(
            "none of the generated faces was scored; score the spellings that the model generates"
        )
    counts = pd.crosstab(typed["prompt_id"], typed["face"]).reindex(
        index=log_probs.index, columns=log_probs.columns, fill_value=0
    )
    counts, scores = counts.to_numpy(float), log_probs.to_numpy()
    scores = scores - scores.mean(axis=0)
    weight = counts.sum(axis=1)
    drew = weight > 0
    own = (counts[drew] * scores[drew]).sum(axis=1) / weight[drew]
    pairs, rng = counts @ scores.T, np.random.default_rng(seed)
    rows = np.arange(len(pairs))
    null = [pairs[rows, rng.permutation(rows)].sum() / weight.sum() for _ in range(permutations)]
    return stats.bootstrap(own, weights=weight[drew], unit="prompts", seed=seed, null=null)
