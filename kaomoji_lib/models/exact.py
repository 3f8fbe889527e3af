"""The model behind a finished run, asked again: its exact probabilities of every face, instead of eight samples a prompt."""

import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.cache import derived

PROMPTS_PER_FORWARD = 16


def spellings(runs):
    """What may open a reply: every spelling that the runs (list of RunFolder) hold, and the pool where organisms are among them.

    Spellings that are no face by themselves are left out. Order of first appearance, so that the same runs give the
    same list.
    """
    from kaomoji_lib.models import organisms
    from kaomoji_lib.models.score.scoring import canonical_face

    pooled = any(run.manifest["model"]["kind"] == "organism" for run in runs)
    typed = [list(run.emissions()["raw_face"].dropna()) for run in runs]
    every = dict.fromkeys(
        [
            *(organisms.pool()["spelling"] if pooled else ()),
            *(one for part in typed for one in part),
        ]
    )
    found = [one for one in every if canonical_face(one) is not None]
    if not found:
        raise KaomojiError(
            "no face was typed in these runs; expected at least one; collect with an instruction that asks for faces"
        )
    return found


def scores(run, words, device="auto"):
    """log P of every spelling (list of str) behind every prompt of a run: the table of :func:`.scoring.score`, kept in its folder."""
    from kaomoji_lib.models.reloading import reload
    from kaomoji_lib.models.score import scoring

    def make():
        return scoring.score(
            reload(run, device),
            words,
            pd.DataFrame(run.prompts()),
            instruction=run.manifest["instruction"],
            sizes=scoring.Sizes(prompts=PROMPTS_PER_FORWARD),
        )

    return derived(run, "scores", {"spellings": list(words)}, make)
