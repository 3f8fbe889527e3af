"""Collect one model's replies and hidden states into a run folder; a killed run continues where it stopped."""

import dataclasses
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zlib import crc32

import pandas as pd

from kaomoji_lib import html, stimuli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import job as jobs
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import digest, folder_lock
from kaomoji_lib.runs.folder import SCHEMA, RunFolder, default_folder
from kaomoji_lib.stimuli import PROMPTS, load_prompts

ABOUT = ("alias", "id", "title", "kind", "note", "licence", "quantization", "quantize")
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "kaomoji-lib")
OPTIONS = {
    **{name: f"--{name}" for name in ("prompts", "generations", "seed", "dtype", "layers")},
    **{name: f"--{name}" for name in ("quantize", "perspective")},
    "model": "MODEL",
    "top_p": "--top-p",
    "interventions": "--suppress",
    "adapter": "--system, --prefill",
}


def collect(
    model,
    prompts=None,
    generations=8,
    seed=0,
    out=None,
    device="auto",
    dtype="auto",
    layers="all",
    temperature=1.0,
    top_p=1.0,
    max_new_tokens=40,
    instruction=None,
    progress=True,
    perspective=stimuli.SELF,
    **changes,
):
    """Ask a model every prompt; keep its replies and hidden states.

    Parameters
    ----------
    model : str, an alias of the registry, a Hugging Face id or a folder.
    prompts : path of a CSV file with the columns id, category, text; default the prompts of this project.
    generations : int, replies per prompt. seed : int; every (model, instruction, prompt, generation) has its own
        random stream.
    out : run folder, default ``runs/`` and :func:`run_name`. What it contains is kept: a killed run continues, a finished
        one is returned as it is.
    device, dtype : see :func:`kaomoji_lib.models.loading.load`.
    layers : ``all`` or a sequence of layer numbers (0 is the embedding output).
    temperature, top_p, max_new_tokens : sampling; a reply ends earlier once its leading span has ended.
    instruction : str, put before every prompt; default the perspective's.
    progress : bool, report on stderr.
    perspective : a name in ``data/perspectives.csv``: whose feeling the face expresses.
    changes : weights, quantize, suppress, suppress_text, system, prefill of :func:`kaomoji_lib.runs.registry.model`.

    Returns
    -------
    RunFolder

    Raises
    ------
    KaomojiError
        If the folder contains another run (the differences are named), another process is writing to it, or the
        model, device or dtype is not available.
    """
    from kaomoji_lib.models.sample import Sampling

    spec, table = registry.model(model, **changes), load_prompts(prompts)
    _check(generations, temperature, top_p, max_new_tokens)
    sampling = Sampling(generations, seed, temperature, top_p, max_new_tokens)
    perspective, instruction = stimuli.instruction_of(perspective, instruction)
    run = RunFolder(out or default_folder(run_name(spec, prompts, perspective)))
    settings = {
        "model": jobs.identity(spec),
        "prompts": digest(table.to_dict("records"))[:12],
        "perspective": perspective,
        "instruction": instruction,
        "interventions": list(spec.interventions),
        "adapter": spec.adapter,
        "quantize": spec.quantize,
        "dtype": dtype,
        "layers": layers if layers == "all" else list(layers),
        **dataclasses.asdict(sampling),
    }
    del settings["stream"]
    if run.exists:
        jobs.refuse_difference(run.path, run.manifest["settings"], settings, OPTIONS)
    if run.complete:
        return run
    with folder_lock(run.path):
        run.remove_stale_temporary_files()
        if spec.is_local and not spec.is_organism:
            run.keep_model_folder(spec.location)
        begun = run.manifest["model"] if run.exists else {}
        revision = begun.get("revision") if begun.get("from_hub") else None
        options = {"sampling": sampling, "layers": layers, "perspective": perspective}
        how = instruction, device, dtype, revision, options, progress
        _fill(run, jobs.Job(SamplingWorker, spec, table, *how), settings)
    return run


def run_name(spec, prompts=None, perspective=stimuli.SELF):
    """Return the name of a run's default folder: the model, ``--`` another file of prompts, ``--`` another perspective.

    ``data/prompts_b.csv`` adds ``b``, ``mine.csv`` adds ``mine``; instructions in the user's own words add nothing.
    """
    name = spec.slug
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
        asked = prompts is None or run.manifest["prompts"] == load_prompts(prompts).to_dict(
            "records"
        )
    except KaomojiError:
        asked = False
    if asked and run.complete:
        return run
    return collect(model, prompts, perspective=perspective, **options)


def _check(generations, temperature, top_p, max_new_tokens):
    for name, value, right, expected in (
        ("generations", generations, generations >= 1, "at least 1"),
        ("temperature", temperature, temperature >= 0, "0 or more"),
        ("top_p", top_p, 0 < top_p <= 1, "above 0 and at most 1"),
        ("max_new_tokens", max_new_tokens, max_new_tokens >= 1, "at least 1"),
    ):
        if not right:
            raise KaomojiError(f"{name} is {value}; expected {expected}; correct it")


def _fill(run, job, settings):
    started, count = time.time(), len(job.parts)

    def write(number, facts, emissions, tensors):
        if not run.exists:
            run.write_manifest(_manifest(job, facts, settings, started))
        for name in ("template_sha256", "revision"):
            begun, now = run.manifest["model"][name], facts["model"][name]
            jobs.refuse_difference(run.path, {f"model {name}": begun}, {f"model {name}": now})
        run.write_shard(number, emissions, tensors)

    waiting = [number for number in range(count) if not run.has_shard(number)]
    jobs.run(job, waiting, write)
    run.merge(count, seconds=round(time.time() - started, 1))


def _manifest(job, facts, settings, started):
    spec = job.spec
    about = {name: getattr(spec, name) for name in ABOUT} | {"from_hub": not spec.is_local}
    if spec.kind == "other":
        about["id"] = settings["model"]
    return {
        "schema": SCHEMA,
        "status": "collecting",
        "source": spec.alias,
        "settings": settings,
        **facts,
        "model": {**about, **facts["model"]},
        "instruction": job.instruction,
        "interventions": list(spec.interventions),
        "prompts": job.prompts.to_dict("records"),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
    }


class SamplingWorker:
    """A loaded model that passed the self-check; ``facts``: what the manifest says of model, machine and self-check."""

    prompts_per_part = 36
    on_progress = None

    def __init__(self, job):
        import torch

        from kaomoji_lib.models import verify
        from kaomoji_lib.models.forward import Sizes, layer_names

        self.job, self.engine, self.layers = job, job.load(), job.options["layers"]
        engine, spec = self.engine, job.spec
        if self.layers == "all":
            self.layers = range(len(engine.layers))
        names = layer_names(engine, self.layers)
        check = verify.sampling(engine, job.messages(job.prompts))
        together = check["algorithm"] == verify.TOGETHER
        self.cached = check["algorithm"] != verify.UNCACHED
        self.sizes = Sizes(self.prompts_per_part if together else 1, nodes=1)
        words = f"{job.options['perspective']}\n{job.instruction}"
        model = spec.alias if spec.kind != "other" else engine.revision
        stream = crc32(model.encode()), crc32(words.encode())
        self.sampling = dataclasses.replace(job.options["sampling"], stream=stream)
        self.facts = {
            "model": {
                "class": type(engine.model).__name__,
                "revision": engine.revision,
                "family": spec.family or engine.model.config.model_type,
                "parameters": sum(parameter.numel() for parameter in engine.model.parameters()),
                "template_sha256": engine.template.hash,
                "notes": [*engine.notes, *engine.template.notes],
            },
            "dtype": engine.dtype_name,
            "device": torch.cuda.get_device_name(engine.device)
            if engine.device.type == "cuda"
            else engine.device.type,
            "layers": names,
            "versions": {"python": platform.python_version()} | {n: _version(n) for n in LIBRARIES},
            "self_check": check,
        }

    def part(self, number):
        """Sample a part: emissions (DataFrame) and states (dict of tensors, :func:`.sample.sample`)."""
        import torch

        from kaomoji_lib.models import sample
        from kaomoji_lib.models.forward import in_batches

        prompts, rows, tensors = self.job.parts[number], [], []

        def draw(batch):
            part = prompts.iloc[batch]
            words = self.job.messages(part), list(part["id"])
            return sample.sample(self.engine, *words, self.sampling, self.layers, self.cached)

        for batch, (drawn, states) in in_batches(range(len(prompts)), draw, self.sizes):
            offset = sum(len(part["first"]) for part in tensors)
            for row in drawn:
                prompt = prompts.iloc[batch[row.pop("prompt")]]
                row["first_row"] += offset if row["first_row"] >= 0 else 0
                about = {"source": self.job.spec.alias, "prompt_id": prompt["id"]}
                about |= {"category": prompt["category"], "seed": self.sampling.seed}
                rows.append(about | row)
            tensors.append(states)
            if self.on_progress:
                self.on_progress(prompts=len(batch))
        joined = {name: torch.cat([part[name] for part in tensors]) for name in tensors[0]}
        return pd.DataFrame(rows), joined


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
