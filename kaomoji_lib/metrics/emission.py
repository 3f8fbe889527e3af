"""How often a source opens with a kaomoji, and what it does instead."""

import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.faces import extract


def rate(emissions, seed=0):
    """Return the share of generations that start with a kaomoji, 0..1: Estimate over prompts."""
    return _by_prompt(emissions["outcome"] == "kaomoji", emissions["prompt_id"], seed)


def suppressed(emissions, seed=0):
    """Return the share of generations, 0..1, that would have opened with something suppressed: Estimate over prompts.

    The exact probability of each generation is averaged, so that no second run without suppression is needed.
    """
    return _by_prompt(emissions["suppressed"], emissions["prompt_id"], seed)


def report(emissions, seed=0):
    """Return emission rate and outcomes per category, in order of first appearance: tidy table, measure ``rate``.

    Further columns: category, generations, distinct_faces, and the number of generations of each outcome of
    ``extract.OUTCOMES``. A rate has no null: the instruction asks for a kaomoji each time.
    """
    rows = []
    for category, part in emissions.groupby("category", sort=False):
        outcomes = part["outcome"].value_counts()
        labels = {
            "category": category,
            "generations": len(part),
            "distinct_faces": part["face"].nunique(),
            **{outcome: int(outcomes.get(outcome, 0)) for outcome in extract.OUTCOMES},
        }
        rows.append(results.frame({"rate": rate(part, seed)}, **labels))
    return pd.concat(rows, ignore_index=True)


def _by_prompt(values, prompts, seed):
    share = values.groupby(prompts).agg(["mean", "size"])
    return stats.bootstrap(share["mean"], weights=share["size"], unit="prompts", seed=seed)
