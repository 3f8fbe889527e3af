"""Collect one model's replies and hidden states into a run folder; a killed run continues where it stopped."""

import dataclasses
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
from kaomoji_lib.runs.files import digest, folder_lock
from kaomoji_lib.runs.folder import SCHEMA, RunFolder, default_folder
from kaomoji_lib.stimuli import PROMPTS, load_prompts

ABOUT = ("alias", "id", "title", "kind", "note", "licence", "quantization", "quantize")
PROMPTS_PER_PART, PART = 60, "prompts_per_part"
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")
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
        "model": job.identity(spec),
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
        job.refuse_difference(run.path, run.manifest["settings"], settings, OPTIONS)
    if run.complete:
        return run
    with folder_lock(run.path):
        run.remove_stale_temporary_files()
        if spec.is_local and not spec.is_organism:
            run.keep_model_folder(spec.location)
        _fill(run, spec, table, settings, sampling, device, progress)
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


def _fill(run, spec, prompts, settings, sampling, device, progress):
    from kaomoji_lib.models import loading

    # Parts are known by number, so a run keeps the size that it began with; once it was 10 for all.
    begun = run.manifest if run.exists else {PART: PROMPTS_PER_PART}
    started, parts, sampler = time.time(), job.in_parts(prompts, begun.get(PART, 10)), None
    for number, part, report in job.unfinished(spec.title, parts, run.has_shard, progress):
        if sampler is None:
            revision = loading.run_revision(run) if run.exists else None
            engine = loading.load(spec, device, settings["dtype"], revision, progress)
            sampler = _Sampler(engine, prompts, settings, sampling)
            _begin(run, sampler, prompts, started)
        run.write_shard(number, *sampler.part(part, report))
    run.merge(len(parts), seconds=round(time.time() - started, 1))


def _begin(run, sampler, prompts, started):
    """Write the manifest, or refuse to continue with another model than the run began with."""
    if not run.exists:
        run.write_manifest(
            {
                "schema": SCHEMA,
                "status": "collecting",
                "prompts": prompts.to_dict("records"),
                PART: PROMPTS_PER_PART,
                "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
                **sampler.facts,
            }
        )
    begun, now = run.manifest["model"], sampler.facts["model"]
    names = ("template_sha256", "revision")
    job.refuse_difference(
        run.path, *({f"model {name}": model[name] for name in names} for model in (begun, now))
    )


class _Sampler:
    """A loaded model that passed the self-check; ``facts``: what the manifest says of model, machine and self-check."""

    def __init__(self, engine, prompts, settings, sampling):
        import torch

        from kaomoji_lib.models import verify
        from kaomoji_lib.models.forward import Sizes, layer_names

        self.engine, self.instruction = engine, settings["instruction"]
        self.layers = (
            range(len(engine.layers)) if settings["layers"] == "all" else settings["layers"]
        )
        names, spec = layer_names(engine, self.layers), engine.spec
        check = verify.sampling(engine, self.messages(prompts))
        together = check["algorithm"] == verify.TOGETHER
        self.cached = check["algorithm"] != verify.UNCACHED
        self.sizes = Sizes(PROMPTS_PER_PART if together else 1, nodes=1)
        words = f"{settings['perspective']}\n{self.instruction}"
        model = spec.alias if spec.kind != "other" else engine.revision
        stream = crc32(model.encode()), crc32(words.encode())
        self.sampling = dataclasses.replace(sampling, stream=stream)
        cuda = engine.device.type == "cuda"
        self.facts = {
            "source": spec.alias,
            "settings": settings,
            "instruction": self.instruction,
            "interventions": list(spec.interventions),
            "model": self._model(settings["model"]),
            "dtype": engine.dtype_name,
            "device": torch.cuda.get_device_name(engine.device) if cuda else engine.device.type,
            "layers": names,
            "versions": {"python": platform.python_version()} | {n: version(n) for n in LIBRARIES},
            "self_check": check,
        }

    def messages(self, prompts):
        """Return the user messages: instruction, a space, text (list of str)."""
        return [f"{self.instruction} {text}" for text in prompts["text"]]

    def _model(self, identity):
        engine, spec = self.engine, self.engine.spec
        return {
            **{name: getattr(spec, name) for name in ABOUT},
            **({"id": identity} if spec.kind == "other" else {}),
            "from_hub": not spec.is_local,
            "class": type(engine.model).__name__,
            "revision": engine.revision,
            "family": spec.family or engine.model.config.model_type,
            "parameters": spec.parameters or sum(p.numel() for p in engine.model.parameters()),
            "template_sha256": engine.template.hash,
            "notes": [*engine.notes, *engine.template.notes],
        }

    def part(self, prompts, report):
        """Sample a part: emissions (DataFrame) and states (dict of tensors, :func:`.sample.sample`)."""
        import torch

        from kaomoji_lib.models import sample
        from kaomoji_lib.models.forward import in_batches

        rows, tensors, offset = [], [], 0

        def draw(batch):
            part = prompts.iloc[batch]
            words = self.messages(part), list(part["id"])
            return sample.sample(
                self.engine, *words, self.sampling, self.layers, self.cached, report
            )

        for batch, (drawn, states) in in_batches(range(len(prompts)), draw, self.sizes):
            for row in drawn:
                prompt = prompts.iloc[batch[row.pop("prompt")]]
                row["first_row"] += offset if row["first_row"] >= 0 else 0
                about = {"source": self.engine.spec.alias, "prompt_id": prompt["id"]}
                about |= {"category": prompt["category"], "seed": self.sampling.seed}
                rows.append(about | row)
            offset += len(states["first"])
            tensors.append(states)
        return pd.DataFrame(rows), {
            name: torch.cat([part[name] for part in tensors]) for name in tensors[0]
        }
