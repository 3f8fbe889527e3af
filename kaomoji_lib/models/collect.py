"""Collect one model's replies and hidden states into a run folder; a killed run continues where it stopped."""

import dataclasses
import math
import platform
import time
from importlib.metadata import version
from pathlib import Path
from zlib import crc32

import pandas as pd

from kaomoji_lib import html, stimuli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import job
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import digest, folder_lock, remove_stale_temporary_files
from kaomoji_lib.runs.folder import SCHEMA, RunFolder, default_folder
from kaomoji_lib.stimuli import PROMPTS, load_prompts

ABOUT = ("alias", "title", "kind", "licence", "quantization", "quantize")
PROMPTS_PER_PART, PART = 60, "prompts_per_part"
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")
# Of :class:`.sample.Sampling`: smallest and largest value.
SAMPLING = {
    "generations": (1, math.inf, "at least 1"),
    "seed": (0, math.inf, "0 or more"),
    "temperature": (0, math.inf, "0 or more"),
    "top_p": (1e-9, 1, "above 0 and at most 1"),
    "max_new_tokens": (1, math.inf, "at least 1"),
}


def collect(
    model,
    prompts=None,
    out=None,
    *,
    perspective=stimuli.SELF,
    instruction=None,
    device="auto",
    dtype="auto",
    progress=True,
    **options,
):
    """Ask a model every prompt; keep its replies and hidden states.

    Parameters
    ----------
    model : str, an alias of the registry, a Hugging Face id or a folder.
    prompts : path of a CSV file with the columns id, category, text; default the prompts of this project.
    out : run folder, default ``runs/`` and :func:`run_name`. What it contains is kept: a killed run continues, a finished
        one is returned as it is.
    perspective : a name in ``data/perspectives.csv``: whose feeling the face expresses.
    instruction : str, put before every prompt; default the perspective's.
    device, dtype : see :func:`kaomoji_lib.models.loading.load`. progress : bool, report on stderr.
    options : generations (replies per prompt), seed, temperature, top_p, max_new_tokens of :class:`.sample.Sampling` (a
        reply ends earlier once its leading span has ended); weights, quantize, suppress, suppress_text, system, prefill of
        :func:`kaomoji_lib.runs.registry.model`.

    Returns
    -------
    RunFolder

    Raises KaomojiError if the folder contains another run (the differences are named), another process is writing to
    it, or the model, device or dtype is not available.
    """
    from kaomoji_lib.models.sample import Sampling

    sampling = Sampling(**{name: options.pop(name) for name in SAMPLING if name in options})
    spec, table = registry.model(model, **options), load_prompts(prompts)
    for name, (low, high, expected) in SAMPLING.items():
        value = getattr(sampling, name)
        if not low <= value <= high:
            raise KaomojiError(f"{name} is {value}; expected {expected}; correct it")
    perspective, instruction = stimuli.instruction_of(perspective, instruction)
    run = RunFolder(out or default_folder(run_name(spec, prompts, perspective)))
    settings = {
        "model": job.identity(spec),
        "prompts": digest(table.to_dict("records"))[:12],
        "perspective": perspective,
        "instruction": instruction,
        "interventions": list(spec.interventions),
        "adapter": spec.adapter,
        "quantize": spec.quantize,
        "dtype": dtype,
        **{name: getattr(sampling, name) for name in SAMPLING},
    }
    if run.exists:
        job.refuse_difference(run.path, run.manifest["settings"], settings)
    if run.complete:
        return run
    with folder_lock(run.path):
        remove_stale_temporary_files(run.path, run.path / "shards")
        if spec.is_local and spec.kind != "organism":
            run.keep_model_folder(spec.location)
        _fill(run, spec, table, settings, sampling, device, progress)
    return run


def run_name(spec, prompts=None, perspective=stimuli.SELF):
    """Return the name of a run's default folder: the model, ``--`` another file of prompts, ``--`` another perspective.

    ``data/prompts_b.csv`` adds ``b``, ``mine.csv`` adds ``mine``; instructions in the user's own words add nothing.
    """
    name = html.filename(spec.alias)
    if prompts is not None and Path(prompts).resolve() != PROMPTS.resolve():
        name += "--" + html.filename(Path(prompts).stem.removeprefix("prompts_"))
    known = perspective in (stimuli.SELF, stimuli.OWN_WORDS)
    return name if known else f"{name}--{perspective}"


def find_or_collect(model, prompts=None, perspective=stimuli.SELF, **options):
    """Return the run of ``model``: a run folder, a finished run (also one that ships), else collect it.

    ``model``: path of a run folder, or what :func:`collect` takes; ``options``: of :func:`collect`. A finished run is
    looked for under its :func:`run_name`; with ``prompts``, it must have asked them.
    """
    if RunFolder(model).exists:
        return RunFolder(model)
    try:
        run = RunFolder.find(run_name(registry.model(model), prompts, perspective))
        wanted = run.prompts() if prompts is None else load_prompts(prompts)
        if run.complete and run.manifest["prompts"] == wanted.to_dict("records"):
            return run
    except KaomojiError:
        pass
    return collect(model, prompts, perspective=perspective, **options)


def _fill(run, spec, prompts, settings, sampling, device, progress):
    """Sample the parts that the run lacks, and finish it."""
    from kaomoji_lib.models import loading, verify
    from kaomoji_lib.models.forward import Sizes

    # Parts are known by number, so a run keeps the size that it began with; once it was 10 for all.
    begun = run.manifest if run.exists else {PART: PROMPTS_PER_PART}
    started, parts, engine = time.time(), job.in_parts(prompts, begun.get(PART, 10)), None
    for number, part, report in job.unfinished(spec.title, parts, run.has_shard, progress):
        if engine is None:
            revision = loading.run_revision(run) if run.exists else None
            engine = loading.load(spec, device, settings["dtype"], revision, progress)
            check = verify.sampling(engine, _messages(prompts, settings))
            _begin(run, engine, prompts, settings, check, started)
            sizes = Sizes(PROMPTS_PER_PART if check["algorithm"] == verify.TOGETHER else 1, nodes=1)
            cached = check["algorithm"] != verify.UNCACHED
            model = spec.alias if spec.kind != "other" else engine.revision
            words = f"{settings['perspective']}\n{settings['instruction']}"
            stream = crc32(model.encode()), crc32(words.encode())
            sampling = dataclasses.replace(sampling, stream=stream)
        run.write_shard(number, *_sample(engine, part, settings, sampling, sizes, cached, report))
    run.merge(len(parts), seconds=round(time.time() - started, 1))


def _messages(prompts, settings):
    return [f"{settings['instruction']} {text}" for text in prompts["text"]]


def _begin(run, engine, prompts, settings, check, started):
    """Write the manifest, or refuse to continue with another model than the run began with."""
    import torch

    spec, cuda = engine.spec, engine.device.type == "cuda"
    model = {name: getattr(spec, name) for name in ABOUT} | {
        "id": settings["model"] if spec.kind == "other" else spec.id,
        "from_hub": not spec.is_local,
        "class": type(engine.model).__name__,
        "revision": engine.revision,
        "family": engine.model.config.model_type,
        "parameters": spec.parameters or sum(p.numel() for p in engine.model.parameters()),
        "template_sha256": engine.template.hash,
        "notes": [*engine.notes, *engine.template.notes],
    }
    if not run.exists:
        run.write_manifest(
            {
                "schema": SCHEMA,
                "status": "collecting",
                "prompts": prompts.to_dict("records"),
                PART: PROMPTS_PER_PART,
                "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
                "source": spec.alias,
                "settings": settings,
                "instruction": settings["instruction"],
                "interventions": settings["interventions"],
                "model": model,
                "dtype": engine.dtype_name,
                "device": torch.cuda.get_device_name(engine.device) if cuda else engine.device.type,
                "layers": engine.layers,
                "versions": {"python": platform.python_version()}
                | {name: version(name) for name in LIBRARIES},
                "self_check": check,
            }
        )
    same = ("template_sha256", "revision")
    job.refuse_difference(run.path, run.manifest["model"], {name: model[name] for name in same})


def _sample(engine, prompts, settings, sampling, sizes, cached, report):
    """Sample a part: emissions (DataFrame) and states (dict of tensors, :func:`.sample.sample`)."""
    import torch

    from kaomoji_lib.models.forward import in_batches
    from kaomoji_lib.models.sample import sample

    rows, tensors, offset = [], [], 0
    how = {"cached": cached, "report": report}

    def draw(batch):
        part = prompts.iloc[batch]
        return sample(engine, _messages(part, settings), list(part["id"]), sampling, **how)

    for batch, (drawn, states) in in_batches(range(len(prompts)), draw, sizes):
        for row in drawn:
            prompt = prompts.iloc[batch[row.pop("prompt")]]
            row["first_row"] += offset if row["first_row"] >= 0 else 0
            about = {"source": engine.spec.alias, "prompt_id": prompt["id"]}
            rows.append(about | {"category": prompt["category"], "seed": sampling.seed} | row)
        offset += len(states["first"])
        tensors.append(states)
    joined = {name: torch.cat([part[name] for part in tensors]) for name in tensors[0]}
    return pd.DataFrame(rows), joined
