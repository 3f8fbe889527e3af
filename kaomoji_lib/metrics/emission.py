"""How often a source opens with a kaomoji, and what it does instead."""

import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.faces import extract


def rate(emissions, seed=0):
    """Return the share of generations that start with a kaomoji, 0..1: Estimate over prompts."""
    typed = emissions["outcome"] == "kaomoji"
    share = typed.groupby(emissions["prompt_id"]).agg(["mean", "size"])
    return stats.bootstrap(share["mean"], weights=share["size"], unit="prompts", seed=seed)


def report(emissions, seed=0):
    """Return emission rate and outcomes per category, in order of first appearance: tidy table, measure ``rate``.

    Further columns: category, generations, distinct_faces, and the number of generations of each outcome of
    ``extract.OUTCOMES``. A rate has no null: the instruction asks for a kaomoji each time.
    """
    rows = []
    for category, part in emissions.groupby("category", sort=False):
        outcomes = part["outcome"].value_counts().reindex(extract.OUTCOMES, fill_value=0)
        labels = {"category": category, "generations": len(part), **outcomes}
        labels["distinct_faces"] = part["face"].nunique()
        rows.append(results.frame({"rate": rate(part, seed)}, **labels))
    return pd.concat(rows, ignore_index=True)
