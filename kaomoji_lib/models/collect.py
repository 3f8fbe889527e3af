"""Collecting one model's replies and states into a run folder, in parts that a killed run keeps."""

import time
from contextlib import closing
from dataclasses import asdict

from tqdm.auto import tqdm

from kaomoji_lib import perspectives as frames
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import workers as crews
from kaomoji_lib.models.job import SamplingJob, manifest
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import digest
from kaomoji_lib.runs.folder import RunFolder, default_folder
from kaomoji_lib.runs.locks import alone
from kaomoji_lib.stimuli import load_prompts

SETTINGS_TO_OPTIONS = {
    "model": "MODEL",
    "prompts": "--prompts",
    "generations": "--generations",
    "seed": "--seed",
    "dtype": "--dtype",
    "layers": "--layers",
    "frame": "--frame",
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
    frame=frames.SELF,
):
    """Ask a model every prompt and keep its replies and hidden states.

    Parameters
    ----------
    model : str, an alias of the registry, a Hugging Face id or a folder.
    prompts : path of a CSV file with the columns id, category, text; default the prompts of this project.
    generations : int, replies per prompt. seed : int; every (prompt, generation) has its own random stream.
    out : run folder, default ``runs/<model>``, under another frame than ``self`` ``runs/<model>--<frame>``. What it holds already is kept: a killed run goes on, a finished one
        is returned as it is.
    device, dtype : see :func:`kaomoji_lib.models.loading.load`.
    layers : ``all`` or a sequence of layer numbers (0 is the embedding output).
    temperature, top_p, max_new_tokens : sampling; a reply ends earlier once its leading span has ended.
    frame : whose feeling the face is to stand for, a name in ``data/frames.csv``; every frame has its own random streams.
    instruction : str, what every prompt is preceded by; default the frame's.
    ray, workers : deal the prompts to the machines of a Ray cluster (:func:`kaomoji_lib.models.workers.dealt`); ``ray``
        is its address, None for this process alone.

    Returns
    -------
    RunFolder

    Raises
    ------
    KaomojiError
        If the folder holds another run (the differences are named), another process is writing to it, or the
        model, device or dtype is not to be had.
    """
    from kaomoji_lib.models.sample import Sampling

    spec = registry.model(model)
    asked = load_prompts(prompts)
    _check(generations, temperature, top_p, max_new_tokens)
    sampling = Sampling(generations, seed, temperature, top_p, max_new_tokens)
    frame, instruction = frames.instruction_of(frame, instruction)
    framed = frame not in (frames.SELF, frames.OWN_WORDS)
    run = RunFolder(out or default_folder(f"{spec.slug}--{frame}" if framed else spec.slug))
    wanted = _settings(spec, asked, sampling, dtype, layers, instruction, frame)
    if run.exists:
        _refuse_another_run(run, wanted)
    if run.complete:
        return run
    with alone(run.path):
        run.sweep()
        if spec.kind == "other" and spec.is_folder:
            run.keep_model_folder(spec.location)
        _fill(
            run,
            SamplingJob(
                spec, asked, sampling, layers, instruction, device, dtype, _begun_with(run), frame
            ),
            wanted,
            progress,
            ray,
            workers,
        )
    return run


def _check(generations, temperature, top_p, max_new_tokens):
    for name, value, right, expected in (
        ("generations", generations, generations >= 1, "at least 1"),
        ("temperature", temperature, temperature >= 0, "0 or more"),
        ("top_p", top_p, 0 < top_p <= 1, "above 0 and at most 1"),
        ("max_new_tokens", max_new_tokens, max_new_tokens >= 1, "at least 1"),
    ):
        if not right:
            raise KaomojiError(f"{name} is {value}; expected {expected}")


def _settings(spec, asked, sampling, dtype, layers, instruction, frame):
    """What makes two runs the same run, as far as it is known before the model is loaded."""
    from kaomoji_lib.models.loading import local_revision

    return {
        "model": spec.id
        if local_revision(spec) is None
        else f"{spec.alias} ({local_revision(spec)[:12]})",
        "prompts": digest(asked.to_dict("records"))[:12],
        "frame": frame,
        "instruction": instruction,
        "interventions": list(spec.interventions),
        "dtype": dtype,
        "layers": layers if layers == "all" else list(layers),
        **asdict(sampling),
    }


def _refuse_another_run(run, wanted):
    kept = {"frame": run.frame, **run.manifest["settings"]}
    different = [key for key in wanted if kept.get(key) != wanted[key]]
    if different:
        named = "; ".join(
            f"{SETTINGS_TO_OPTIONS.get(key, key)}: there {kept.get(key)!r}, asked for {wanted[key]!r}"
            for key in different
        )
        raise KaomojiError(
            f"{run.path} holds another run ({named}); give another --out, or delete the folder"
        )


def _begun_with(run):
    """The revision of a model of the hub that a run was begun with: a newer one would be another model."""
    model = run.manifest["model"] if run.exists else {}
    return model.get("revision") if model.get("from_hub") else None


def _fill(run, job, wanted, progress, ray, workers):
    started, parts = time.time(), job.parts
    waiting = [number for number in range(len(parts)) if not run.has_shard(number)]
    done = len(job.asked) - sum(len(parts[number]) for number in waiting)
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
        for number, facts, emissions, tensors in found:
            if not run.exists:
                run.write_manifest(manifest(job, facts, wanted, started))
            _refuse_other_model(run, facts)
            run.write_shard(number, emissions, tensors)
            bar.update(len(parts[number]))
    run.merge(len(parts), seconds=round(time.time() - started, 1))


def _refuse_other_model(run, facts):
    for name, what in (("template_sha256", "chat template"), ("revision", "revision of the model")):
        if run.manifest["model"][name] != facts["model"][name]:
            raise KaomojiError(
                f"{run.path} was begun with another {what}; give another --out, or delete the folder"
            )
