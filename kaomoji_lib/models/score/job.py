"""Scores of one model in one Parquet file, written in parts that a killed process keeps."""

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import workers as crews
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import digest, read_json, read_parquet, sweep, write_json, write_parquet
from kaomoji_lib.runs.locks import alone
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

PROMPTS_PER_PART = 12
AGAIN = "delete it and run the same command again: that part alone is scored anew"


def score_file(
    model,
    faces,
    prompts=None,
    out=None,
    *,
    closed=True,
    algorithm="auto",
    device="auto",
    dtype="auto",
    instruction=INSTRUCTION,
    progress=True,
    ray=None,
    workers=None,
):
    """Score every spelling of a file behind every prompt of another, and write the table.

    Parameters
    ----------
    model : alias, Hugging Face id or folder. faces : path of a UTF-8 text file, one spelling a line.
    prompts : path of a CSV file with the columns id, category, text; default the prompts of this project.
    out : path of the Parquet file. Parts that a killed run left beside it are used; a finished file is returned as it is.
    closed, algorithm, instruction : see :func:`kaomoji_lib.models.score.scoring.score`.
    ray, workers : deal the prompts to the machines of a Ray cluster (:func:`kaomoji_lib.models.workers.dealt`); ``ray``
        is its address, None for this process alone.

    Returns
    -------
    DataFrame as :func:`kaomoji_lib.models.score.scoring.score` gives it; what it was made from is in ``attrs["scoring"]``,
    which the file keeps.

    Raises
    ------
    KaomojiError
        If the file holds other scores (the differences are named), another process is writing it, or something cannot
        be read.
    """
    if out is None:
        raise KaomojiError(
            "nowhere to write the scores; expected the path of a Parquet file; give --out FILE.parquet"
        )
    return _score(
        model,
        read_spellings(faces),
        load_prompts(prompts),
        Path(out),
        closed,
        algorithm,
        device,
        dtype,
        instruction,
        progress,
        ray,
        workers,
    )


def score_run(
    run,
    model=None,
    *,
    closed=True,
    algorithm="auto",
    device="auto",
    dtype="auto",
    progress=True,
    ray=None,
    workers=None,
):
    """Score every face that a run typed, as it was typed, behind every prompt of the run, into the run folder.

    ``run``: a finished :class:`kaomoji_lib.runs.folder.RunFolder`; ``model``: alias, id or folder, default the run's own.
    What the folder holds already is returned as it is. See :func:`score_file`.

    Raises
    ------
    KaomojiError
        Also if the run typed no face, or ``model`` is another than the run's.
    """
    from kaomoji_lib.models import reloading

    manifest = run.manifest
    typed = run.emissions()["raw_face"].dropna()
    if typed.empty:
        raise KaomojiError("no reply begins with a kaomoji, so that there is none to score")
    if run.likelihoods_path.is_file() and set(run.likelihoods()["spelling"]) >= set(typed):
        return run.likelihoods()
    spec = registry.model(model) if model else reloading.spec(run)
    if _identity(spec) != manifest["settings"]["model"]:
        raise KaomojiError(
            f"{run.path} was collected with {manifest['settings']['model']}, not with {_identity(spec)}; name that model"
        )
    name = spec.location if spec.kind == "other" else spec.alias
    return _score(
        name,
        list(typed.value_counts().index),
        run.prompts(),
        run.likelihoods_path,
        closed,
        algorithm,
        device,
        dtype,
        manifest["instruction"],
        progress,
        ray,
        workers,
        reloading.revision(run),
    )


def _identity(spec):
    from kaomoji_lib.models.loading import local_revision

    return (
        spec.id if local_revision(spec) is None else f"{spec.alias} ({local_revision(spec)[:12]})"
    )


def _score(
    model,
    spellings,
    asked,
    out,
    closed,
    algorithm,
    device,
    dtype,
    instruction,
    progress,
    ray,
    workers,
    revision=None,
):
    spec = registry.model(model)
    wanted = {
        "model": _identity(spec),
        "faces": digest(spellings)[:12],
        "prompts": digest(asked[["id", "text"]].to_dict("records"))[:12],
        "instruction": instruction,
        "closed": closed,
        "algorithm asked for": algorithm,
        "dtype asked for": dtype,
    }
    if out.exists():
        return _finished(out, wanted)
    parts = out.with_name(f".{out.name}.parts")
    with alone(parts):
        sweep(out.parent, out.name)
        _begin(parts, wanted, out)
        job = ScoringJob(
            spec,
            asked,
            spellings,
            closed,
            algorithm,
            instruction,
            device,
            dtype,
            revision or _begun_with(parts, spec),
        )
        frame = _fill(parts, job, wanted, progress, ray, workers)
        write_parquet(out, frame)
    shutil.rmtree(parts, ignore_errors=True)
    return frame


def read_spellings(path):
    """The spellings of a text file, one a line, without empty lines and repetitions.

    Raises
    ------
    KaomojiError
        If the file cannot be read as UTF-8, or holds none.
    """
    expected = "expected a UTF-8 text file with one spelling a line"
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise KaomojiError(f"{path} does not exist; {expected}; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KaomojiError(
            f"{path} cannot be read ({error}); {expected}; correct the file"
        ) from None
    found = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        raise KaomojiError(f"{path} holds no spelling; {expected}; add one")
    return found


def _finished(out, wanted):
    frame = read_parquet(out, "delete it, or give another --out")
    _refuse_other(out, frame.attrs.get("scoring", {}).get("settings", {}), wanted)
    return frame


def _refuse_other(where, kept, wanted):
    different = [
        f"{key}: there {kept.get(key)!r}, asked for {wanted[key]!r}"
        for key in wanted
        if kept.get(key) != wanted[key]
    ]
    if different:
        raise KaomojiError(
            f"{where} holds other scores ({'; '.join(different)}); give another --out, or delete it"
        )


def _begin(parts, wanted, out):
    settings = parts / "settings.json"
    if settings.is_file():
        _refuse_other(
            f"{parts} (unfinished, of {out.name})",
            read_json(settings, f"delete {parts} and score again"),
            wanted,
        )
    else:
        write_json(settings, wanted)


def _begun_with(parts, spec):
    """The revision of a model of the hub that the parts were scored with: a newer one would be another model."""
    from kaomoji_lib.models.loading import local_revision

    found = sorted(parts.glob("*.parquet")) if local_revision(spec) is None else []
    return read_parquet(found[0], AGAIN).attrs["scoring"]["revision"] if found else None


@dataclass(frozen=True)
class ScoringJob:
    """What is to be scored: prompts (DataFrame) and spellings (list of str), see :func:`score_file`."""

    spec: registry.ModelSpec
    asked: pd.DataFrame
    spellings: list
    closed: bool
    algorithm: str
    instruction: str
    device: str
    dtype: str
    revision: str | None = None

    @property
    def parts(self):
        return [
            self.asked.iloc[start : start + PROMPTS_PER_PART]
            for start in range(0, len(self.asked), PROMPTS_PER_PART)
        ]

    def worker(self):
        return ScoringWorker(self)


class ScoringWorker:
    """A model that has been loaded and has proven itself; ``facts``: revision and self-check."""

    def __init__(self, job):
        from kaomoji_lib.models import loading
        from kaomoji_lib.models import verify as selfcheck
        from kaomoji_lib.models.score import scoring

        self.job, self.engine, self.sizes = (
            job,
            loading.load(job.spec, job.device, job.dtype, job.revision),
            scoring.Sizes(),
        )
        messages = [f"{job.instruction} {text}" for text in job.asked["text"]]
        self.facts = {
            "revision": self.engine.revision,
            **selfcheck.scoring(self.engine, job.spellings, messages, job.algorithm),
        }

    def part(self, number):
        """The scores of a part (DataFrame), and no tensors."""
        from kaomoji_lib.models.score import scoring

        job = self.job
        return scoring.score(
            self.engine,
            job.spellings,
            job.parts[number],
            job.closed,
            instruction=job.instruction,
            check=self.facts,
            sizes=self.sizes,
        ), {}


def _fill(parts, job, wanted, progress, ray, workers):
    places = [
        parts / f"{number * PROMPTS_PER_PART:06d}.parquet" for number in range(len(job.parts))
    ]
    waiting = [number for number, path in enumerate(places) if not path.is_file()]
    done = len(job.asked) - sum(len(job.parts[number]) for number in waiting)
    found = crews.here(job, waiting) if ray is None else crews.dealt(job, waiting, ray, workers)
    with (
        closing(found),
        tqdm(
            total=len(job.asked),
            initial=done,
            unit="prompt",
            desc=job.spec.title,
            disable=not progress or None,
        ) as bar,
    ):
        for number, _, frame, _ in found:
            write_parquet(places[number], frame)
            bar.update(len(job.parts[number]))
    frames = [read_parquet(path, AGAIN) for path in places]
    return _joined(frames, wanted)


def _joined(frames, wanted):
    """One table of all parts. Where workers differed in their self-checks, the least favourable one stands for all."""
    checks = [frame.attrs["scoring"] for frame in frames]
    revisions = sorted({check["revision"] for check in checks})
    if len(revisions) > 1:
        raise KaomojiError(
            f"the parts were scored with different revisions of the model ({', '.join(revisions)}); delete the parts and score again"
        )
    merged = pd.concat(frames, ignore_index=True)
    merged.attrs["scoring"] = {
        **max(checks, key=lambda check: check["largest_difference"]),
        "settings": wanted,
    }
    return merged
