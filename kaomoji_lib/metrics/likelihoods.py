"""Faces from the probabilities of their spellings, and what the likelihood of a face says about the category."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings

CLOSED, ALONE = "log_prob_closed", "log_prob"


def by_face(scores, column=CLOSED):
    """log P(face | prompt): the log-sum-exp over a face's spellings.

    A spelling that begins with another spelling of the same face is part of that one's mass (nothing has to end the
    reply there) and is left out; so is what is no face by itself, such as a lone bracket.

    Parameters
    ----------
    scores : DataFrame of :func:`kaomoji_lib.models.score.scoring.score`. column : ``log_prob_closed`` or ``log_prob``.

    Returns
    -------
    DataFrame prompt x face, natural logarithms; prompts and faces in order of first appearance.

    Raises
    ------
    KaomojiError
        If the column holds no numbers.
    """
    if scores[column].isna().all():
        raise KaomojiError(
            f"the scores hold no {column}; score again with it, or choose another column"
        )
    kept = scores[scores["face"].notna() & scores[column].notna()]
    contained = contained_spellings(kept[["spelling", "face"]].drop_duplicates())
    kept = kept[~kept["spelling"].isin(contained)]
    prompts, faces = kept["prompt_id"].unique(), kept["face"].unique()
    pairs = [kept["prompt_id"], kept["face"]]
    top = kept.groupby(pairs)[column].transform("max")
    combined = np.log(np.exp(kept[column] - top).groupby(pairs).sum()) + top.groupby(pairs).first()
    return combined.unstack("face").reindex(index=prompts, columns=faces)


def contained_spellings(table):
    """Spellings that begin with another spelling of the same face: set of str. ``table``: DataFrame[spelling, face]."""
    found = set()
    for _, part in table.groupby("face"):
        spellings = list(part["spelling"])
        found.update(
            one
            for one in spellings
            if any(one != other and one.startswith(other) for other in spellings)
        )
    return found


def by_category(log_probs, prompts, codes, rule="mean probability"):
    """What a face says about the category if all categories are as frequent: a :class:`readings.Reading`.

    Parameters
    ----------
    log_probs : DataFrame prompt x face of :func:`by_face`. prompts : DataFrame[id, category].
    codes : the categories, in the order of the result's columns.
    rule : ``mean probability`` (the mean over a category's prompts of P(face | prompt)) or ``mean log`` (that of
        log P, the published rule); both are then normalised over the categories.

    Raises
    ------
    KaomojiError
        If the rule is unknown, or a category has no scored prompt.
    """
    if rule not in RULES:
        raise KaomojiError(f"unknown rule {rule!r}; expected {' or '.join(RULES)}")
    category = prompts.set_index("id")["category"].reindex(log_probs.index)
    absent = [code for code in codes if not (category == code).any()]
    if absent:
        raise KaomojiError(
            f"no scored prompt is of category {', '.join(absent)}; expected all of {', '.join(codes)}; score their prompts"
        )
    masses = pd.DataFrame({code: RULES[rule](log_probs[category == code]) for code in codes})
    # Differences between categories are what counts; taking the largest out keeps improbable faces from becoming 0.
    return readings.reading(
        np.exp(masses.sub(masses.max(axis=1), axis=0)), np.exp(_log_mean_exp(log_probs))
    )


def _log_mean_exp(log_probs):
    top = log_probs.max()
    return top + np.log(np.exp(log_probs - top).mean())


RULES = {"mean probability": _log_mean_exp, "mean log": lambda log_probs: log_probs.mean()}


def own_prompt_advantage(log_probs, emissions, seed=0):
    """How much likelier a face is under the prompt that drew it than under the others, in nats: an Estimate over prompts.

    The trap this guards against: scores that have lost their prompt give 0. ``emissions``: DataFrame[prompt_id, face].
    The null deals the prompts' scores to other prompts.
    """
    typed = emissions[
        emissions["face"].isin(log_probs.columns) & emissions["prompt_id"].isin(log_probs.index)
    ]
    if typed.empty:
        raise KaomojiError(
            "none of the typed faces was scored; score the spellings that the model types"
        )
    counts = pd.crosstab(typed["prompt_id"], typed["face"]).reindex(
        index=log_probs.index, columns=log_probs.columns, fill_value=0
    )
    counts, scores = counts.to_numpy(float), log_probs.to_numpy()
    scores = scores - scores.mean(axis=0)
    weight = counts.sum(axis=1)
    drew = weight > 0
    own = (counts[drew] * scores[drew]).sum(axis=1) / weight[drew]
    rng = np.random.default_rng(seed)
    null = np.array([(counts * rng.permutation(scores)).sum() / weight.sum() for _ in range(500)])
    return statistics.bootstrap(own, weights=weight[drew], unit="prompts", seed=seed, null=null)


@dataclass(frozen=True)
class Calibration:
    """Scores beside samples, face by face.

    ``table``: DataFrame[face, typed, predicted, share, low, high], the faces typed ``least`` times or more, the most typed first:
    the mean of P(face | prompt), the share of replies that began with it and the exact 95% binomial interval of that
    share (Clopper & Pearson 1934). ``inside``: share of these faces whose prediction lies in the interval, with the null of
    predictions dealt to other faces. ``replies``: how many there were.
    """

    table: pd.DataFrame
    inside: statistics.Estimate
    replies: int
    least: int


def calibration(log_probs, emissions, least=10, permutations=1000, seed=0):
    """Whether exp(log P) is how often a face is typed. ``log_probs``: of :func:`by_face`; ``emissions``: every reply to its prompts.

    Intervals: Efron 1979.

    Raises
    ------
    KaomojiError
        If fewer than two scored faces were typed ``least`` times.
    """
    asked = emissions[emissions["prompt_id"].isin(log_probs.index)]
    weight = asked["prompt_id"].value_counts().reindex(log_probs.index, fill_value=0)
    counts = asked["face"].value_counts()
    counts = counts[(counts >= least) & counts.index.isin(log_probs.columns)]
    if len(counts) < 2:
        raise KaomojiError(
            f"scored faces typed {least} times or more: {len(counts)}; expected at least 2; collect more generations"
        )
    predicted = np.exp(log_probs[counts.index]).mul(weight, axis=0).sum() / weight.sum()
    low, high = zip(
        *(
            stats.binomtest(int(count), len(asked)).proportion_ci(method="exact")
            for count in counts
        ),
        strict=True,
    )
    table = pd.DataFrame(
        {
            "face": counts.index,
            "typed": counts.to_numpy(),
            "predicted": predicted.to_numpy(),
            "share": counts.to_numpy() / len(asked),
            "low": low,
            "high": high,
        }
    )
    rng, values = np.random.default_rng(seed), table["predicted"].to_numpy()

    def inside(predicted):
        return ((table["low"] <= predicted) & (predicted <= table["high"])).to_numpy(float)

    null = [inside(rng.permutation(values)).mean() for _ in range(permutations)]
    return Calibration(
        table,
        statistics.bootstrap(inside(values), unit="faces", seed=seed, null=null),
        len(asked),
        least,
    )


def rules_compared(log_probs, emissions, prompts, codes, seed=0):
    """Both rules of :func:`by_category` against the reading of what was typed, on the same faces.

    Returns
    -------
    DataFrame[source, similarity (Estimate)] of :func:`kaomoji_lib.metrics.distributions.compare`, guesses included.
    """
    found = {rule: by_category(log_probs, prompts, codes, rule) for rule in RULES}
    return readings.compare(readings.elicited(emissions, codes), found, seed=seed)
