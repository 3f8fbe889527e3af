"""Does a table of log P(face | prompt) know its prompt, and does it agree with what was sampled?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats

LOST, AGREES = "has lost its prompt", "agrees with what was sampled"
LOW = "knows its prompt, but scores too low"


@dataclass(frozen=True)
class Audit:
    """A scorer compared with the replies of the same model.

    ``own`` and ``elsewhere``: medians over the replies that were typed in a scored spelling, of log P of their face given
    their own prompt and given the others (nat). ``better``: share of (reply, other prompt) pairs in which the own prompt
    scores higher, Estimate over prompts; a scorer that lost its prompt gets 0.5. ``spelling``:
    DataFrame [spelling, replies, sampled, scored], the share of replies typed as scored and the probability that their
    faces were given, and the same of faces only typed otherwise. ``worst``: DataFrame [face, typed as, sampled, scored],
    the ten faces whose probability is furthest below their frequency.
    """

    own: float
    elsewhere: float
    better: stats.Estimate
    spelling: pd.DataFrame
    worst: pd.DataFrame

    @property
    def ratio(self):
        """Scored probability of the faces that were typed as scored, over how often they were typed; 1 would agree."""
        return float(self.spelling["scored"].iloc[0] / self.spelling["sampled"].iloc[0])

    @property
    def verdict(self):
        """In words (:data:`LOST`, :data:`LOW`, :data:`AGREES`): do the scores know their prompt and fit the samples?"""
        if self.ratio < 0.01 and self.own - self.elsewhere < 1:
            return LOST
        return AGREES if self.ratio >= 0.5 else LOW


def audit(log_probs, emissions, *, typed_as="raw_face", permutations=stats.REFITS, seed=0):
    """Check ``log_probs`` (DataFrame prompt x scored spelling, nat) against ``emissions``.

    ``emissions``: DataFrame[prompt_id, face, ``typed_as``], ``face`` in the form of the scored spellings and
    ``typed_as`` the column of what was typed. Intervals: Efron 1979.
    """
    replies = emissions[emissions["prompt_id"].isin(log_probs.index)]
    typed = replies[replies["face"].isin(log_probs.columns)]
    exact = typed[typed_as].isin(log_probs.columns)
    same = typed[exact]
    row = log_probs.index.get_indexer(same["prompt_id"])
    scores = log_probs[same["face"]].to_numpy(float)
    own, other = scores[row, np.arange(len(row))], scores.copy()
    other[row, np.arange(len(row))] = np.nan
    return Audit(
        own=float(np.median(own)),
        elsewhere=float(np.nanmedian(other)),
        better=_better(scores, row, permutations, seed),
        spelling=_spelling(log_probs, typed, exact, len(replies)),
        worst=_worst(log_probs, typed, typed_as, len(replies)),
    )


def _better(scores, row, permutations, seed):
    """``scores``: (prompts, replies), log P of the face of each reply; ``row``: its own prompt."""

    def share(prompts):
        drawn = scores[prompts, np.arange(len(prompts))]
        ties = np.isclose(scores, drawn).sum(axis=0) - 1
        return ((scores < drawn).sum(axis=0) + ties / 2) / (len(scores) - 1)

    rng = np.random.default_rng(seed)
    null = [share(rng.permutation(len(scores))[row]).mean() for _ in range(permutations)]
    by_prompt = pd.Series(share(row)).groupby(row).agg(["mean", "size"])
    return stats.bootstrap(by_prompt["mean"], weights=by_prompt["size"], seed=seed, null=null)


def _spelling(log_probs, typed, exact, replies):
    as_scored = set(typed.loc[exact, "face"])
    faces = {"as it was scored": as_scored, "in another spelling": set(typed["face"]) - as_scored}
    rows = []
    for (name, own), rows_of in zip(faces.items(), (exact, ~exact), strict=True):
        mass = np.exp(log_probs.loc[:, log_probs.columns.isin(own)]).sum(axis=1).mean()
        rows.append((name, int(rows_of.sum()), float(rows_of.sum() / replies), float(mass)))
    return pd.DataFrame(rows, columns=["spelling", "replies", "sampled", "scored"])


def _worst(log_probs, typed, typed_as, replies):
    spelled = typed.groupby("face")[typed_as].agg(lambda column: column.value_counts().index[0])
    sampled = typed["face"].value_counts() / replies
    scored = np.exp(log_probs[sampled.index]).mean()
    gap = (sampled - scored).sort_values(ascending=False, kind="stable").head(10).index
    columns = {
        "face": gap,
        "typed as": spelled[gap],
        "sampled": sampled[gap],
        "scored": scored[gap],
    }
    return pd.DataFrame(columns).reset_index(drop=True)
