"""Score a model's faces into one Parquet file, in parts that a killed process keeps."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import job as jobs
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import (
    digest,
    folder_lock,
    read_json,
    read_parquet,
    remove_stale_temporary_files,
    write_json,
    write_parquet,
)
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts


def score_file(
    model,
    faces,
    prompts=None,
    out=None,
    *,
    revision=None,
    instruction=INSTRUCTION,
    make_job=None,
    **options,
):
    """Score every spelling given every prompt, and write the table.

    Parameters
    ----------
    model : alias, Hugging Face id, folder or :class:`.registry.ModelSpec`. faces : path of a UTF-8 text file, one
        spelling per line, or a list of str.
    prompts : path of a CSV file with the columns id, category, text, or such a DataFrame; default this project's.
    out : path of the Parquet file. Parts that a killed run left next to it are used; a finished file is returned.
    closed, algorithm, instruction : see :func:`.scoring.score`. device, dtype : see :func:`.loading.load`.
    progress, ray, workers : see :func:`kaomoji_lib.models.job.run`. make_job : a subclass of :class:`ScoringJob`;
        see :func:`kaomoji_lib.models.choose.score_inventory`.

    Returns
    -------
    DataFrame of :func:`.scoring.score`; what it was computed from is in ``attrs["scoring"]``, which the file keeps.

    Raises
    ------
    KaomojiError
        If the file contains other scores (the differences are named), another process is writing it, or something
        cannot be read.
    """
    if out is None:
        raise KaomojiError(
            "nowhere to write the scores; expected the path of a Parquet file; give --out FILE.parquet"
        )
    options = {
        **dict(closed=True, algorithm="auto", device="auto", dtype="auto"),
        **dict(progress=True, ray=None, workers=None),
        **options,
    }
    spec = model if isinstance(model, registry.ModelSpec) else registry.model(model)
    spellings = list(faces) if isinstance(faces, list | tuple) else read_spellings(faces)
    table = prompts if isinstance(prompts, pd.DataFrame) else load_prompts(prompts)
    settings = {
        "model": jobs.identity(spec),
        "faces": digest(spellings)[:12],
        "prompts": digest(table[["id", "text"]].to_dict("records"))[:12],
        "instruction": instruction,
        "adapter": spec.adapter,
        **{name: options[name] for name in ("closed", "algorithm", "dtype")},
    }
    out = Path(out)
    if out.exists():
        frame = read_parquet(out, "delete it, or give another --out")
        jobs.refuse_difference(out, frame.attrs.get("scoring", {}).get("settings", {}), settings)
        return frame
    folder = out.with_name(f".{out.name}.parts")
    with folder_lock(folder):
        remove_stale_temporary_files(out.parent, out.name)
        _begin(folder, settings)
        begun = revision or _begun_with(folder, settings)
        how = options["device"], options["dtype"], begun, spellings, options["closed"]
        how = *how, options["algorithm"]
        job = (make_job or ScoringJob)(spec, table, instruction, *how)
        running = {name: options[name] for name in ("progress", "ray", "workers")}
        frame = _fill(folder, job, settings, running)
        write_parquet(out, frame)
    shutil.rmtree(folder, ignore_errors=True)
    return frame


def score_run(run, model=None, **options):
    """Score every face that a run typed, as it was typed, given every prompt of the run, into the run folder.

    ``run``: a finished :class:`kaomoji_lib.runs.folder.RunFolder`; ``model``: alias, id or folder, default the run's;
    other options as in :func:`score_file`. What the folder contains already is returned as it is.

    Raises
    ------
    KaomojiError
        Also if the run typed no face, or ``model`` is another than the run's.
    """
    from kaomoji_lib.models import reloading

    typed = run.emissions()["raw_face"].dropna()
    if typed.empty:
        raise KaomojiError(
            "no reply begins with a kaomoji; expected one to score; suppress emoji, or score an inventory of faces"
        )
    if run.likelihoods_path.is_file() and set(run.likelihoods()["spelling"]) >= set(typed):
        return run.likelihoods()
    spec = reloading.spec(run, model)
    expected = run.manifest["settings"]["model"]
    if jobs.identity(spec) != expected:
        raise KaomojiError(
            f"{run.path} was collected with {expected}, not with {jobs.identity(spec)}; expected the same; name that model"
        )
    options |= {"revision": reloading.revision(run), "instruction": run.manifest["instruction"]}
    spellings = list(typed.value_counts().index)
    return score_file(spec, spellings, run.prompts(), run.likelihoods_path, **options)


def read_spellings(path):
    """Read the spellings of a UTF-8 text file, one per line, without empty lines and repetitions: list of str.

    Raises
    ------
    KaomojiError
        If the file cannot be read as UTF-8, or has none.
    """
    expected = "expected a UTF-8 text file with one spelling per line"
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise KaomojiError(f"{path} does not exist; {expected}; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KaomojiError(
            f"{path} cannot be read ({error}); {expected}; correct the file"
        ) from None
    spellings = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not spellings:
        raise KaomojiError(f"{path} has no spelling; {expected}; add one")
    return spellings


def _begin(folder, settings):
    path = folder / "settings.json"
    if path.is_file():
        existing = read_json(path, f"delete {folder} and score again")
        jobs.refuse_difference(f"{folder} (unfinished)", existing, settings)
    else:
        write_json(path, settings)


def _begun_with(folder, settings):
    """Return the commit of a model of the hub that the parts were scored with: a newer one would be another model."""
    parts = [] if settings["model"].endswith(")") else sorted(folder.glob("*.parquet"))
    return _read(parts[0]).attrs["scoring"]["revision"] if parts else None


def _read(path):
    return read_parquet(
        path, "delete it and run the same command again: only that part is scored again"
    )


def _fill(folder, job, settings, running):
    paths = [folder / f"{number:05d}.parquet" for number in range(len(job.parts))]

    def write(number, facts, frame, tensors):
        write_parquet(paths[number], frame)

    jobs.run(job, [row for row, path in enumerate(paths) if not path.is_file()], write, **running)
    frames = [_read(path) for path in paths]
    checks = [frame.attrs["scoring"] for frame in frames]
    first = {"revision": checks[0]["revision"]}
    for check in checks:
        jobs.refuse_difference(folder, first, {"revision": check["revision"]})
    merged = pd.concat(frames, ignore_index=True)
    # If self-checks differ between workers, record the worst.
    worst = max(checks, key=lambda check: check["largest_difference"])
    merged.attrs["scoring"] = {**worst, "settings": settings}
    return job.finish(merged)


@dataclass(frozen=True)
class ScoringJob(jobs.Job):
    """``spellings``: list of str; ``closed``, ``algorithm``: see :func:`.scoring.score`."""

    spellings: list
    closed: bool
    algorithm: str

    prompts_per_part = 12

    def worker(self):
        return ScoringWorker(self)

    def finish(self, table):
        """Return the whole table as it is written; for subclasses."""
        return table


class ScoringWorker:
    """A loaded model that passed the self-check; ``facts``: revision and self-check."""

    on_progress = None

    def __init__(self, job):
        from kaomoji_lib.models import verify
        from kaomoji_lib.models.forward import Sizes

        self.job, self.engine, self.sizes = job, job.load(), Sizes()
        self.prepare()
        messages = job.messages(job.prompts)
        check = verify.scoring(self.engine, job.spellings, messages, job.algorithm)
        self.facts = {"revision": self.engine.revision, **check}

    def prepare(self):
        """Change the engine before the self-check; for subclasses."""

    def part(self, number):
        """Score a part: a DataFrame, and no tensors."""
        return self.score(self.engine, number), {}

    def score(self, engine, number):
        """Score a part with ``engine``: DataFrame."""
        from kaomoji_lib.models.score import scoring

        job = self.job
        options = {"check": self.facts, "sizes": self.sizes, "progress": self.on_progress}
        options |= {"closed": job.closed, "instruction": job.instruction}
        return scoring.score(engine, job.spellings, job.parts[number], **options)
