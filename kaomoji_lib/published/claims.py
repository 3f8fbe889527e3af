"""The article's eleven claims: what reproduces, and what holds when it is tested.

``data/published_claims.csv`` has each claim in words: on which models, what was tested, on what data. Its numbers are the
rows of ``data/published_article.csv`` that name it, each with the article's value, a tolerance and a criterion.
"""

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.published import study
from kaomoji_lib.stimuli import DATA, read_table

STATES = "not testable: needs states"
HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold"
ENTRY = ("number", "statement", "models", "tested", "data")


def entries():
    """Return the claims in words: DataFrame[number, statement, models, tested, data], text."""
    return read_table(DATA / "published_claims.csv", ENTRY)


def tests(seed=0):
    """Return the rows of all claims: the frame of :func:`study.article` with a column ``holds`` (True, False or None).

    Criteria: ``p`` (p < .05, Holm over the rows of a claim with one rule), ``clear`` (the same, and the interval lies
    above 0), ``twice`` (the interval lies above twice the null's mean), ``positive`` and ``negative`` (the interval lies
    above, below 0), ``article`` (our value is the article's), ``reproduced`` (the article's rule gives its value), ``not
    ...``: the claim needs the opposite; ``states``: cannot be tested without hidden states. Rows without a criterion are
    only reproduced.
    """
    rows = study.article(seed=seed)
    rows = rows[rows["claim"] != ""].reset_index(drop=True)
    rows["claim"] = rows["claim"].astype(int)
    p = rows["p"].astype(float)
    for _, part in p[p.notna()].groupby([rows["claim"], rows["rule"], rows["option"]]):
        p[part.index] = stats.holm(part)
    passed = {
        "p": p < stats.ALPHA,
        "clear": (p < stats.ALPHA) & (rows["ci_low"] > 0),
        "twice": rows["ci_low"] > 2 * rows["null_mean"].astype(float),
        "positive": rows["ci_low"] > 0,
        "negative": rows["ci_high"] < 0,
        "article": rows["value"] == rows["article"],
        "reproduced": rows["reproduces"].eq(True),
    }
    holds = pd.Series([None] * len(rows), dtype=object)
    for name, passes in passed.items():
        for criterion, outcome in ((name, True), (f"not {name}", False)):
            own = (rows["criterion"] == criterion) & (rows["missing"] == "")
            holds[own] = passes[own] == outcome
    return rows.assign(holds=holds)


def verdicts(seed=0):
    """Return one row per claim: DataFrame[number, statement, models, tested, data, reproduces, holds, verdict].

    ``reproduces`` and ``holds``: "k of n" rows, empty where there are none. ``verdict``: :data:`HOLDS`, :data:`IN_PART`,
    :data:`FAILS`, or :data:`STATES`; the latter is added where a part of a claim needs states.
    """
    rows, table = tests(seed), entries()
    table["number"] = table["number"].astype(int)
    counted = []
    for number in table["number"]:
        own = rows[rows["claim"] == number]
        outcomes = own["holds"].dropna()
        needs = (own["criterion"] == "states").any()
        share = outcomes.astype(bool).mean() if len(outcomes) else np.nan
        verdict = HOLDS if share == 1 else FAILS if share == 0 else IN_PART
        verdict = STATES if outcomes.empty else f"{verdict}; in part {STATES}" if needs else verdict
        counted.append((_count(own["reproduces"].dropna()), _count(outcomes), verdict))
    return table.join(pd.DataFrame(counted, columns=["reproduces", "holds", "verdict"]))


def _count(outcomes):
    return f"{int(outcomes.astype(bool).sum())} of {len(outcomes)}" if len(outcomes) else ""
