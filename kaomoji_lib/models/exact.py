"""Exact probabilities of every face under the model of a finished run, instead of eight samples per prompt."""

from kaomoji_lib.errors import KaomojiError

PROMPTS_PER_FORWARD = 16


def spellings(runs):
    """Return every spelling typed in the runs (list of RunFolder), and the organisms' pool where one is among them.

    Spellings that are no face by themselves are left out; order of first appearance.
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
    """Return :func:`.scoring.score` of the spellings (list of str) given every prompt of a run, cached in its folder."""
    from kaomoji_lib.models.forward import Sizes
    from kaomoji_lib.models.progress import Progress
    from kaomoji_lib.models.reloading import reload
    from kaomoji_lib.models.score import scoring

    def make():
        prompts, options = run.prompts(), {"instruction": run.manifest["instruction"]}
        with Progress(run.source, len(prompts)) as progress:
            options |= {"progress": progress, "sizes": Sizes(prompts=PROMPTS_PER_FORWARD)}
            return scoring.score(reload(run, device), words, prompts, **options)

    return run.cached("scores", {"spellings": list(words)}, make)
