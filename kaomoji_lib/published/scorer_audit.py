"""Does a table of log P(face | prompt) know its prompt, and does it agree with what was sampled?"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.published import tables

LOST, AGREES = "has lost its prompt", "agrees with what was sampled"
LOW = "knows its prompt, but scores too low"


@dataclass(frozen=True)
class Audit:
    """A scorer compared with the replies of the same model.

    ``own``, ``elsewhere``: medians over the replies typed in a scored spelling, of log P of their face given their own
    prompt and given the others (nat). ``better``: share of (reply, other prompt) pairs in which the own prompt scores
    higher, over prompts (Efron 1979); a scorer that lost its prompt gets 0.5. ``spelling``: DataFrame[spelling, replies,
    sampled, scored], the share of replies typed as scored and the probability that their faces were given, and the same
    of faces only typed otherwise. ``verdict``: :data:`LOST`, :data:`LOW` or :data:`AGREES`.
    """

    own: float
    elsewhere: float
    better: stats.Estimate
    spelling: pd.DataFrame
    verdict: str


@cache
def audit(name, seed=0):
    """Return the :class:`Audit` of a local model's likelihoods: do they know their prompt and fit the samples?"""
    emissions = tables.as_published(tables.emissions(name))
    log_probs = tables.log_probs(name)
    replies = emissions[emissions["prompt_id"].isin(log_probs.index)]
    typed = replies[replies["face"].isin(log_probs.columns)]
    exact = typed["published_raw"].isin(log_probs.columns)
    same = typed[exact]
    row = log_probs.index.get_indexer(same["prompt_id"])
    scores = log_probs[same["face"]].to_numpy(float)
    own, other = scores[row, np.arange(len(row))], scores.copy()
    other[row, np.arange(len(row))] = np.nan
    as_scored = set(same["face"])
    spellings = {
        "as it was scored": (exact, as_scored),
        "in another spelling": (~exact, set(typed["face"]) - as_scored),
    }
    spelling = pd.DataFrame(
        {
            "replies": int(rows.sum()),
            "sampled": rows.sum() / len(replies),
            "scored": np.exp(log_probs[sorted(faces)]).sum(axis=1).mean(),
        }
        for rows, faces in spellings.values()
    )
    spelling.insert(0, "spelling", list(spellings))
    own, elsewhere = float(np.median(own)), float(np.nanmedian(other))
    ratio = spelling["scored"][0] / spelling["sampled"][0]
    verdict = LOST if ratio < 0.01 and own - elsewhere < 1 else AGREES if ratio >= 0.5 else LOW
    return Audit(own, elsewhere, _better(scores, row, seed), spelling, verdict)


def _better(scores, row, seed):
    """``scores``: (prompts, replies), log P of the face of each reply; ``row``: its own prompt."""

    def share(prompts):
        drawn = scores[prompts, np.arange(len(prompts))]
        ties = np.isclose(scores, drawn).sum(axis=0) - 1
        return ((scores < drawn).sum(axis=0) + ties / 2) / (len(scores) - 1)

    rng = np.random.default_rng(seed)
    null = [share(rng.permutation(len(scores))[row]).mean() for _ in range(stats.REFITS)]
    by_prompt = pd.Series(share(row)).groupby(row).agg(["mean", "size"])
    return stats.bootstrap(by_prompt["mean"], weights=by_prompt["size"], seed=seed, null=null)
