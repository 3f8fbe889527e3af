"""Collect one model's replies and hidden states into a run folder; a killed run continues where it stopped."""

import dataclasses
import platform
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from zlib import crc32

import pandas as pd

from kaomoji_lib import perspectives
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import job as jobs
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import digest, folder_lock
from kaomoji_lib.runs.folder import SCHEMA, RunFolder, default_folder
from kaomoji_lib.stimuli import load_prompts

LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "kaomoji-lib")
OPTIONS = {
    **{name: f"--{name}" for name in ("prompts", "generations", "seed", "dtype", "layers")},
    "model": "MODEL",
    "perspective": "--perspective",
    "top_p": "--top-p",
    "interventions": "--suppress",
    "adapter": "--system, --prefill",
    "quantize": "--quantize",
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
    ray=None,
    workers=None,
    perspective=perspectives.SELF,
    suppress=None,
    suppress_text=(),
    system=None,
    prefill=None,
    weights=None,
    quantize="",
):
    """Ask a model every prompt; keep its replies and hidden states.

    Parameters
    ----------
    model : str, an alias of the registry, a Hugging Face id or a folder.
    prompts : path of a CSV file with the columns id, category, text; default the prompts of this project.
    generations : int, replies per prompt. seed : int; every (model, instruction, prompt, generation) has its own
        random stream.
    out : run folder, default ``runs/<model>``, for a perspective other than ``self`` ``runs/<model>--<perspective>``.
        What it contains is kept: a killed run continues, a finished one is returned as it is.
    device, dtype : see :func:`kaomoji_lib.models.loading.load`.
    layers : ``all`` or a sequence of layer numbers (0 is the embedding output).
    temperature, top_p, max_new_tokens : sampling; a reply ends earlier once its leading span has ended.
    instruction : str, put before every prompt; default the perspective's.
    progress : bool, report on stderr. ray, workers : see :func:`kaomoji_lib.models.job.run`.
    perspective : a name in ``data/perspectives.csv``: whose feeling the face expresses.
    suppress : ``emoji``, ``none``, or None for what the registry says; suppress_text : strings never to be typed.
    system, prefill : str, the system message and the beginning of the reply; default what the template needs.
    weights : path of the model's GGUF file or folder; quantize : ``8bit`` or ``4bit``, on a CUDA device.

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

    spec = registry.model(
        model,
        weights=weights,
        quantize=quantize,
        suppress=suppress,
        suppress_text=suppress_text,
        system=system,
        prefill=prefill,
    )
    table = load_prompts(prompts)
    _check(generations, temperature, top_p, max_new_tokens)
    sampling = Sampling(generations, seed, temperature, top_p, max_new_tokens)
    perspective, instruction = perspectives.instruction_of(perspective, instruction)
    plain = perspective in (perspectives.SELF, perspectives.OWN_WORDS)
    run = RunFolder(out or default_folder(spec.slug if plain else f"{spec.slug}--{perspective}"))
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
        **{key: value for key, value in asdict(sampling).items() if key != "stream"},
    }
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
        job = SamplingJob(
            spec, table, instruction, device, dtype, revision, sampling, layers, perspective
        )
        _fill(run, job, settings, progress, ray, workers)
    return run


def find_or_collect(model, **options):
    """Return the run of ``model``: a run folder, a finished run (also one that ships), else collect it.

    ``model``: path of a run folder, or what :func:`collect` takes; ``options``: of :func:`collect`.
    """
    if RunFolder(model).exists:
        return RunFolder(model)
    try:
        run = RunFolder.find(registry.model(model).slug)
    except KaomojiError:
        return collect(model, **options)
    return run if run.complete else collect(model, **options)


def _check(generations, temperature, top_p, max_new_tokens):
    for name, value, right, expected in (
        ("generations", generations, generations >= 1, "at least 1"),
        ("temperature", temperature, temperature >= 0, "0 or more"),
        ("top_p", top_p, 0 < top_p <= 1, "above 0 and at most 1"),
        ("max_new_tokens", max_new_tokens, max_new_tokens >= 1, "at least 1"),
    ):
        if not right:
            raise KaomojiError(f"{name} is {value}; expected {expected}; correct it")


def _fill(run, job, settings, progress, ray, workers):
    started, count = time.time(), len(job.parts)

    def write(number, facts, emissions, tensors):
        if not run.exists:
            run.write_manifest(manifest(job, facts, settings, started))
        for name in ("template_sha256", "revision"):
            begun, now = run.manifest["model"][name], facts["model"][name]
            jobs.refuse_difference(run.path, {f"model {name}": begun}, {f"model {name}": now})
        run.write_shard(number, emissions, tensors)

    waiting = [number for number in range(count) if not run.has_shard(number)]
    jobs.run(job, waiting, write, progress=progress, ray=ray, workers=workers)
    run.merge(count, seconds=round(time.time() - started, 1))


def manifest(job, facts, settings, started):
    """Return the manifest of a run that begins: ``settings``, and ``facts`` of the worker (dict)."""
    from kaomoji_lib.models.loading import local_revision

    spec = job.spec
    about = {
        **{
            name: getattr(spec, name)
            for name in (
                "alias",
                "id",
                "title",
                "kind",
                "note",
                "licence",
                "quantization",
                "quantize",
            )
        },
        "from_hub": local_revision(spec) is None,
    }
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


@dataclass(frozen=True)
class SamplingJob(jobs.Job):
    """``sampling``: :class:`.sample.Sampling`; ``layers``: ``all`` or a list of numbers; ``perspective``: its name."""

    sampling: object
    layers: object
    perspective: str = perspectives.SELF

    def worker(self):
        return SamplingWorker(self)


class SamplingWorker:
    """A loaded model that passed the self-check.

    Raises
    ------
    KaomojiError
        If the model, device or dtype is not available, a layer does not exist, or the self-check fails.
    """

    on_progress = None

    def __init__(self, job):
        from kaomoji_lib.models import verify
        from kaomoji_lib.models.forward import Sizes

        self.job, self.engine = job, job.load()
        names, self.layers = self.engine.layers, None
        if job.layers != "all":
            self.layers = list(job.layers)
            beyond = [layer for layer in self.layers if not 0 <= layer < len(names)]
            if beyond:
                raise KaomojiError(
                    f"layers {beyond} do not exist; expected 0 (the embedding) to {len(names) - 1}; correct --layers"
                )
        self.check = verify.sampling(self.engine, job.messages(job.prompts))
        together = self.check["algorithm"] == verify.TOGETHER
        self.cached = self.check["algorithm"] != verify.UNCACHED
        self.sizes = Sizes(job.prompts_per_part if together else 1, nodes=1)
        words = f"{job.perspective}\n{job.instruction}"
        model = job.spec.alias if job.spec.kind != "other" else self.engine.revision
        self.stream = (crc32(model.encode()), crc32(words.encode()))

    @cached_property
    def facts(self):
        """What the manifest says of the model, the machine and the self-check (dict)."""
        import torch

        engine, names = self.engine, self.engine.layers
        cuda = engine.device.type == "cuda"
        return {
            "model": {
                "class": type(engine.model).__name__,
                "revision": engine.revision,
                "family": self.job.spec.family or engine.model.config.model_type,
                "parameters": sum(parameter.numel() for parameter in engine.model.parameters()),
                "template_sha256": engine.template.hash,
                "notes": [*engine.notes, *engine.template.notes],
            },
            "dtype": str(engine.dtype).removeprefix("torch."),
            "device": torch.cuda.get_device_name(engine.device) if cuda else engine.device.type,
            "layers": [names[layer] for layer in self.layers or range(len(names))],
            "versions": {
                "python": platform.python_version(),
                **{name: _version(name) for name in LIBRARIES},
            },
            "self_check": self.check,
        }

    def part(self, number):
        """Sample a part: emissions (DataFrame) and states (dict of tensors, :func:`.sample.sample`)."""
        import torch

        from kaomoji_lib.models import sample
        from kaomoji_lib.models.forward import in_batches

        prompts = self.job.parts[number]
        sampling = dataclasses.replace(self.job.sampling, stream=self.stream)

        def draw(batch):
            part = prompts.iloc[batch]
            keys = list(part["id"])
            return sample.sample(
                self.engine, self.job.messages(part), keys, sampling, self.layers, self.cached
            )

        rows, tensors = [], []
        for batch, (drawn, states) in in_batches(range(len(prompts)), draw, self.sizes):
            offset = sum(len(part["first"]) for part in tensors)
            for row in drawn:
                prompt = prompts.iloc[batch[row.pop("prompt")]]
                row["first_row"] += offset if row["first_row"] >= 0 else 0
                about = {"source": self.job.spec.alias, "prompt_id": prompt["id"]}
                rows.append(about | {"category": prompt["category"], "seed": sampling.seed} | row)
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
