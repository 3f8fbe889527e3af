"""How often a source opens with a kaomoji, and what it does instead."""

import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.faces import extract as faces


def rate(emissions, seed=0):
    """Share of generations that start with a kaomoji, 0..1: Estimate over prompts."""
    by_prompt = (
        (emissions["outcome"] == "kaomoji").groupby(emissions["prompt_id"]).agg(["mean", "size"])
    )
    return statistics.bootstrap(
        by_prompt["mean"], weights=by_prompt["size"], unit="prompts", seed=seed
    )


def suppressed(emissions, seed=0):
    """Share of generations, 0..1, that would have typed something suppressed if left alone: Estimate over prompts.

    The exact probability of each generation is averaged, so that no second, unhindered run is needed.
    """
    by_prompt = emissions["suppressed"].groupby(emissions["prompt_id"]).agg(["mean", "size"])
    return statistics.bootstrap(
        by_prompt["mean"], weights=by_prompt["size"], unit="prompts", seed=seed
    )


def behind(emissions):
    """How many of the faces did not open their reply: "24 of 27"."""
    faced = emissions["face"].notna()
    return f"{int((faced & (emissions['outcome'] != 'kaomoji')).sum()):,} of {int(faced.sum()):,}"


def report(emissions, seed=0):
    """Emission rate and outcomes per category, in order of first appearance.

    Returns a DataFrame with one row per category: category, n (generations), prompts, rate (Estimate
    over the category's prompts), distinct_faces, and the number of generations of each outcome of
    ``faces.OUTCOMES``. A rate has no null: the instruction asks for a kaomoji each time.
    """
    rows = []
    for category, part in emissions.groupby("category", sort=False):
        outcomes = part["outcome"].value_counts()
        rows.append(
            {
                "category": category,
                "n": len(part),
                "prompts": part["prompt_id"].nunique(),
                "rate": rate(part, seed),
                "distinct_faces": part["face"].nunique(),
                **{outcome: int(outcomes.get(outcome, 0)) for outcome in faces.OUTCOMES},
            }
        )
    return pd.DataFrame(rows)
