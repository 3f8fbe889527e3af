"""Does a table of log P(face | prompt) know its prompt, and does it agree with what was sampled?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import extract

BINS = 12
LOST, LOW, AGREES = (
    "has lost its prompt",
    "knows its prompt, but scores too low",
    "agrees with what was sampled",
)


@dataclass(frozen=True)
class Audit:
    """A scorer compared with the replies of the same model.

    The first four come from the replies that were typed in the scored spelling. ``own`` and ``elsewhere``: medians of
    log P of the emitted face given its own prompt, and given the other prompts (nat). ``better``: share of (reply, other
    prompt) pairs in which the own prompt scores higher, Estimate over prompts; a scorer that lost its prompt gets 0.5.
    ``pairs``: DataFrame [prompt_id, face, own, elsewhere], one row per reply. ``calibration``: tidy frame with
    ``log_prob`` and ``cells``, frequency of the scored face among the replies by bin of log P; what is no face by itself
    is left out. ``fragments``: DataFrame [scored, probability, begins], those left out, the likeliest first: a lone
    bracket is scored with the mass of every face that ``begins`` with it (their number). ``spelling``: DataFrame
    [spelling, replies, sampled, scored], how much of all replies was typed in the spelling that was scored, and how much
    probability those faces were given (mean over prompts); and the same of the faces that were only typed in others.
    ``worst``: DataFrame [face, typed as, sampled, scored], the faces whose probability is furthest below their frequency.
    """

    own: float
    elsewhere: float
    better: stats.Estimate
    pairs: pd.DataFrame
    calibration: pd.DataFrame
    fragments: pd.DataFrame
    spelling: pd.DataFrame
    worst: pd.DataFrame

    @property
    def ratio(self):
        """Scored probability of the faces that were typed as scored, over how often they were typed; 1 would agree."""
        first = self.spelling.iloc[0]
        return float(first["scored"] / first["sampled"]) if first["sampled"] else float("nan")

    @property
    def verdict(self):
        """In words (:data:`LOST`, :data:`LOW`, :data:`AGREES`): do the scores know their prompt and fit the samples?"""
        if self.ratio < 0.01 and self.own - self.elsewhere < 1:
            return LOST
        return AGREES if self.ratio >= 0.5 else LOW


def audit(log_probs, emissions, *, typed_as="raw_face", permutations=200, seed=0):
    """Check ``log_probs`` (DataFrame prompt x scored spelling, nat) against ``emissions``.

    ``emissions``: DataFrame[prompt_id, face, ``typed_as``], ``face`` in the form of the scored spellings and
    ``typed_as`` the column of what was typed. Intervals: Efron 1979.

    Raises
    ------
    KaomojiError
        If none of the typed faces was scored in the spelling that was typed.
    """
    replies = emissions[emissions["prompt_id"].isin(log_probs.index)]
    typed = replies[replies["face"].notna() & replies["face"].isin(log_probs.columns)]
    exact = typed[typed_as].isin(set(log_probs.columns))
    same = typed[exact]
    if same.empty:
        raise KaomojiError(
            "no face was typed in a scored spelling; expected the raw spellings that the model types; score those"
        )
    scores = log_probs.to_numpy(float)
    row = log_probs.index.get_indexer(same["prompt_id"])
    column = log_probs.columns.get_indexer(same["face"])
    own, other = scores[row, column], _elsewhere(scores, row, column)
    whole = np.array([extract(face).outcome == "kaomoji" for face in log_probs.columns])
    pairs = same[["prompt_id", "face"]].reset_index(drop=True)
    return Audit(
        own=float(np.median(own)),
        elsewhere=float(np.nanmedian(other)),
        better=_better(scores, row, column, permutations, seed),
        pairs=pairs.assign(own=own, elsewhere=np.nanmedian(other, axis=0)),
        calibration=_calibration(log_probs.loc[:, whole], replies, seed),
        fragments=_fragments(log_probs, whole),
        spelling=_spelling(log_probs, typed, exact, replies),
        worst=_worst(log_probs, typed, typed_as, len(replies)),
    )


def _elsewhere(scores, row, column):
    """Score of each emitted face after every prompt, its own left out as nan: (prompts, replies)."""
    masked = scores[:, column].copy()
    masked[row, np.arange(len(row))] = np.nan
    return masked


def _better(scores, row, column, permutations, seed):
    def share(prompts):
        drawn = scores[prompts, column]
        below = (scores[:, column] < drawn).sum(axis=0) + (
            np.isclose(scores[:, column], drawn).sum(axis=0) - 1
        ) / 2
        return below / (len(scores) - 1)

    rng = np.random.default_rng(seed)
    null = [share(rng.permutation(len(scores))[row]).mean() for _ in range(permutations)]
    by_prompt = pd.Series(share(row)).groupby(row).agg(["mean", "size"])
    return stats.bootstrap(by_prompt["mean"], weights=by_prompt["size"], seed=seed, null=null)


def _calibration(log_probs, replies, seed):
    counts = pd.crosstab(replies["prompt_id"], replies["face"]).reindex(
        index=log_probs.index, columns=log_probs.columns, fill_value=0
    )
    asked = replies["prompt_id"].value_counts().reindex(log_probs.index).to_numpy(float)
    frequency = counts.to_numpy() / asked[:, None]
    logs = log_probs.to_numpy()
    place = np.clip(np.digitize(logs, np.linspace(-12, 0, BINS + 1)) - 1, 0, BINS - 1)
    tables = []
    for index in range(BINS):
        cells = place == index
        by_prompt = cells.sum(axis=1)
        used = by_prompt > 0
        if cells.sum() >= 5 and used.sum() >= 2:
            means = np.where(cells, frequency, 0).sum(axis=1)[used] / by_prompt[used]
            sampled = stats.bootstrap(means, weights=by_prompt[used], seed=seed, resamples=500)
            labels = {
                "log_prob": float(np.log(np.exp(logs[cells]).mean())),
                "cells": int(cells.sum()),
            }
            tables.append(results.frame({"sampled": sampled}, **labels))
    return pd.concat(tables, ignore_index=True)


def _fragments(log_probs, whole):
    parts = log_probs.columns[~whole]
    begins = [
        sum(other != part and other.startswith(part) for other in log_probs.columns)
        for part in parts
    ]
    found = pd.DataFrame(
        {
            "scored": parts,
            "probability": np.exp(log_probs[parts]).mean().to_numpy(),
            "begins": begins,
        }
    )
    return found.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def _spelling(log_probs, typed, exact, replies):
    asked = log_probs.index.isin(replies["prompt_id"])
    as_scored = set(typed.loc[exact, "face"])
    faces = {"as it was scored": as_scored, "in another spelling": set(typed["face"]) - as_scored}
    rows = []
    for name, kept in zip(faces, (exact, ~exact), strict=True):
        given = (
            np.exp(
                log_probs.loc[asked, [face for face in log_probs.columns if face in faces[name]]]
            )
            .sum(axis=1)
            .mean()
        )
        rows.append((name, int(kept.sum()), float(kept.sum() / max(len(replies), 1)), float(given)))
    return pd.DataFrame(rows, columns=["spelling", "replies", "sampled", "scored"])


def _worst(log_probs, typed, typed_as, replies, most=10):
    counts = typed["face"].value_counts()
    scored = np.exp(log_probs[counts.index]).mean()
    found = pd.DataFrame({"sampled": counts / replies, "scored": scored})
    found["typed as"] = [
        typed.loc[typed["face"] == face, typed_as].value_counts().index[0] for face in found.index
    ]
    ranked = (
        found.assign(gap=found["sampled"] - found["scored"])
        .sort_values("gap", ascending=False, kind="stable")
        .head(most)
    )
    return ranked.rename_axis("face").reset_index()[["face", "typed as", "sampled", "scored"]]
