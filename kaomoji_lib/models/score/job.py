"""Score a model's faces into one Parquet file, in parts that a killed process keeps."""

import shutil
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
    prompts,
    out,
    *,
    algorithm="auto",
    instruction=INSTRUCTION,
    continued=False,
    finish=None,
    revision=None,
    device="auto",
    dtype="auto",
    progress=True,
):
    """Score every spelling given every prompt, and write the table.

    Parameters
    ----------
    model : alias, Hugging Face id, folder or :class:`.registry.ModelSpec`. faces : path of a UTF-8 text file, one
        spelling per line, or a list of str.
    prompts : path of a CSV file with the columns id, category, text, or such a DataFrame; default this project's.
    out : path of the Parquet file. Parts that a killed run left next to it are used; a finished file is returned.
    algorithm, instruction, continued : see :func:`.scoring.score`. finish : callable that changes the table
        before it is written. revision, device, dtype : see :func:`.loading.load`. progress : bool, report on stderr.

    Returns
    -------
    DataFrame of :func:`.scoring.score`; what it was computed from is in ``attrs["scoring"]``, which the file keeps.

    Raises
    ------
    KaomojiError
        If the file contains other scores (the differences are named), another process is writing it, or something
        cannot be read.
    """
    spec = registry.model(model)
    spellings = list(faces) if isinstance(faces, list | tuple) else read_spellings(faces)
    table = prompts if isinstance(prompts, pd.DataFrame) else load_prompts(prompts)
    settings = {
        "model": jobs.identity(spec),
        "faces": digest(spellings)[:12],
        "prompts": digest(table[["id", "text"]].to_dict("records"))[:12],
        "instruction": instruction,
        "adapter": spec.adapter,
        "algorithm": algorithm,
        "dtype": dtype,
        "continued": continued,
    }
    out = Path(out)
    if out.exists():
        table = read_parquet(out, "delete it, or give another --out")
        jobs.refuse_difference(out, table.attrs.get("scoring", {}).get("settings", {}), settings)
        return table
    folder = out.with_name(f".{out.name}.parts")
    with folder_lock(folder):
        remove_stale_temporary_files(out.parent, out.name)
        options = {"spellings": spellings, "algorithm": algorithm, "continued": continued}
        begun = _begin(folder, settings) if revision is None else revision
        how = instruction, device, dtype, begun, options, progress
        result = _fill(folder, jobs.Job(ScoringWorker, spec, table, *how), settings)
        result = finish(result) if finish else result
        write_parquet(out, result)
    shutil.rmtree(folder, ignore_errors=True)
    return result


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
    except (OSError, UnicodeDecodeError) as error:
        raise KaomojiError(
            f"{path} cannot be read ({error}); {expected}; correct path or file"
        ) from None
    spellings = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not spellings:
        raise KaomojiError(f"{path} has no spelling; {expected}; add one")
    return spellings


def _begin(folder, settings):
    """Write the settings, or refuse to continue others; return the commit of a hub model that finished parts come from.

    A newer commit would be another model.
    """
    path = folder / "settings.json"
    if not path.is_file():
        write_json(path, settings)
        return None
    existing = read_json(path, f"delete {folder} and score again")
    jobs.refuse_difference(f"{folder} (unfinished)", existing, settings)
    parts = [] if settings["model"].endswith(")") else sorted(folder.glob("*.parquet"))
    return _read(parts[0]).attrs["scoring"]["revision"] if parts else None


def _read(path):
    return read_parquet(
        path, "delete it and run the same command again: only that part is scored again"
    )


def _fill(folder, job, settings):
    paths = [folder / f"{number:05d}.parquet" for number in range(len(job.parts))]

    def write(number, facts, table, tensors):
        write_parquet(paths[number], table)

    waiting = [number for number, path in enumerate(paths) if not path.is_file()]
    jobs.run(job, waiting, write)
    tables = [_read(path) for path in paths]
    checks = [table.attrs["scoring"] for table in tables]
    for check in checks:
        one, other = ({"revision": item["revision"]} for item in (checks[0], check))
        jobs.refuse_difference(folder, one, other)
    merged = pd.concat(tables, ignore_index=True)
    # If self-checks differ between processes, record the worst.
    worst = max(checks, key=lambda check: check["largest_difference"])
    merged.attrs["scoring"] = {**worst, "settings": settings}
    return merged


class ScoringWorker:
    """A loaded model that passed the self-check; ``facts``: revision and self-check."""

    prompts_per_part = 12
    on_progress = None

    def __init__(self, job):
        from kaomoji_lib.models.forward import Sizes
        from kaomoji_lib.models.score import scoring

        self.job, self.engine, self.options = job, job.load(), dict(job.options)
        self.options |= {"instruction": job.instruction, "sizes": Sizes()}
        how = self.options.pop("algorithm"), job.instruction, job.options["continued"]
        check = scoring.self_check(self.engine, job.options["spellings"], job.prompts, *how)
        self.facts = {"revision": self.engine.revision, **check}

    def part(self, number):
        """Score a part: a DataFrame, and no tensors."""
        from kaomoji_lib.models.score import scoring

        options = {**self.options, "check": self.facts, "progress": self.on_progress}
        return scoring.score(self.engine, prompts=self.job.parts[number], **options), {}
