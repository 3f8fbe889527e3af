"""Collecting one model's replies and states into a run folder, in parts that a killed run keeps."""

import gc
import platform
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from kaomoji_lib.store import registry
from kaomoji_lib.store.files import digest
from kaomoji_lib.store.runs import SCHEMA, RunFolder, default_folder
from kaomoji_lib.study.errors import KaomojiError
from kaomoji_lib.study.stimuli import INSTRUCTION, load_prompts

PROMPTS_PER_SHARD = 10
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "kaomoji-lib")
SETTINGS_TO_OPTIONS = {
    "model": "MODEL", "prompts": "--prompts", "generations": "--generations", "seed": "--seed", "dtype": "--dtype",
    "layers": "--layers",
}


def collect(
    model, prompts=None, generations=8, seed=0, out=None, device="auto", dtype="auto", layers="all",
    temperature=1.0, top_p=1.0, max_new_tokens=40, instruction=INSTRUCTION, progress=True,
):
    """Ask a model every prompt and keep its replies and hidden states.

    Parameters
    ----------
    model : str, an alias of the registry, a Hugging Face id or a folder.
    prompts : path of a CSV file with the columns id, category, text; default the prompts of this project.
    generations : int, replies per prompt. seed : int; every (prompt, generation) has its own random stream.
    out : run folder, default ``runs/<model>``. What it holds already is kept: a killed run goes on, a finished one
        is returned as it is.
    device, dtype : see :func:`kaomoji_lib.engine.loading.load`.
    layers : ``all`` or a sequence of layer numbers (0 is the embedding output).
    temperature, top_p, max_new_tokens : sampling; a reply ends earlier once its leading span has ended.
    instruction : str, what every prompt is preceded by.

    Returns
    -------
    RunFolder

    Raises
    ------
    KaomojiError
        If the folder holds another run (the differences are named), another process is writing to it, or the
        model, device or dtype is not to be had.
    """
    from kaomoji_lib.engine.sampling import Sampling

    spec = registry.model(model)
    asked = load_prompts(prompts)
    _check(generations, temperature, top_p, max_new_tokens)
    sampling = Sampling(generations, seed, temperature, top_p, max_new_tokens)
    run = RunFolder(out or default_folder(spec.slug))
    wanted = _settings(spec, asked, sampling, dtype, layers, instruction)
    if run.exists:
        _refuse_another_run(run, wanted)
    if run.complete:
        return run
    with _alone(run):
        _fill(run, spec, asked, sampling, device, dtype, layers, instruction, wanted, progress)
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


def _settings(spec, asked, sampling, dtype, layers, instruction):
    """What makes two runs the same run, as far as it is known before the model is loaded."""
    from kaomoji_lib.engine.loading import local_revision

    return {
        "model": spec.id if local_revision(spec) is None else f"{spec.alias} ({local_revision(spec)[:12]})",
        "prompts": digest(asked.to_dict("records"))[:12],
        "instruction": instruction,
        "interventions": list(spec.interventions),
        "dtype": dtype,
        "layers": layers if layers == "all" else list(layers),
        **asdict(sampling),
    }


def _refuse_another_run(run, wanted):
    kept = run.manifest["settings"]
    different = [key for key in wanted if kept.get(key) != wanted[key]]
    if different:
        named = "; ".join(
            f"{SETTINGS_TO_OPTIONS.get(key, key)}: there {kept.get(key)!r}, asked for {wanted[key]!r}" for key in different
        )
        raise KaomojiError(f"{run.path} holds another run ({named}); give another --out, or delete the folder")


def _alone(run):
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(run.path / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise KaomojiError(f"another process is writing to {run.path}; wait for it, or give another --out") from None
    except OSError as error:
        raise KaomojiError(f"cannot write to {run.path} ({error.strerror}); give another --out") from None
    return lock


def _fill(run, spec, asked, sampling, device, dtype, layers, instruction, wanted, progress):
    from kaomoji_lib.engine import loading, selfcheck

    started = time.time()
    engine = loading.load(spec, device, dtype)
    chosen = _chosen_layers(engine, layers)
    check = selfcheck.sampling(engine, [f"{instruction} {text}" for text in asked["text"]])
    together = PROMPTS_PER_SHARD if check["algorithm"] == selfcheck.TOGETHER else 1
    if not run.exists:
        run.write_manifest(_manifest(engine, asked, wanted, chosen, instruction, started) | {"self_check": check})
    elif run.manifest["model"]["template_sha256"] != engine.template.hash:
        raise KaomojiError(f"{run.path} was begun with another chat template; give another --out, or delete the folder")
    parts = [asked.iloc[start:start + PROMPTS_PER_SHARD] for start in range(0, len(asked), PROMPTS_PER_SHARD)]
    done = sum(len(part) for number, part in enumerate(parts) if run.has_shard(number))
    with tqdm(total=len(asked), initial=done, unit="prompt", desc=spec.title, disable=not progress or None) as bar:
        for number, part in enumerate(parts):
            if not run.has_shard(number):
                rows, tensors = _part(engine, part, sampling, chosen, instruction, together)
                run.write_shard(number, [_emission(row, part, spec, sampling) for row in rows], tensors)
                bar.update(len(part))
    run.merge(len(parts), seconds=round(time.time() - started, 1))


def _chosen_layers(engine, layers):
    if layers == "all":
        return None
    beyond = [layer for layer in layers if not 0 <= layer < len(engine.layers)]
    if beyond:
        raise KaomojiError(f"layers {beyond} do not exist; this model has 0 (the embedding) to {len(engine.layers) - 1}")
    return list(layers)


def _manifest(engine, asked, wanted, chosen, instruction, started):
    import torch

    spec, names = engine.spec, engine.layers
    return {
        "schema": SCHEMA,
        "status": "collecting",
        "source": spec.alias,
        "settings": wanted,
        "model": {
            "alias": spec.alias, "id": spec.id if spec.kind != "other" else wanted["model"], "title": spec.title,
            "kind": spec.kind, "family": spec.family or engine.model.config.model_type, "note": spec.note,
            "class": type(engine.model).__name__, "revision": engine.revision,
            "parameters": sum(parameter.numel() for parameter in engine.model.parameters()),
            "template_sha256": engine.template.hash, "template_notes": list(engine.template.notes),
        },
        "instruction": instruction,
        "interventions": list(spec.interventions),
        "dtype": str(engine.dtype).removeprefix("torch."),
        "device": torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else engine.device.type,
        "layers": list(names if chosen is None else (names[layer] for layer in chosen)),
        "prompts": asked.to_dict("records"),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
    }


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _part(engine, part, sampling, layers, instruction, together):
    """Sample a part of at most ``together`` prompts at once, in halves where the memory does not suffice."""
    import torch

    from kaomoji_lib.engine.sampling import sample

    try:
        if len(part) > together:
            return _halves(engine, part, sampling, layers, instruction, together)
        messages = [f"{instruction} {text}" for text in part["text"]]
        return sample(engine, messages, list(part["id"]), sampling, layers)
    except (torch.OutOfMemoryError, MemoryError):
        if len(part) == 1:
            raise KaomojiError(
                f"out of memory with {sampling.generations} replies to one prompt; use fewer --generations, a smaller "
                "--dtype or another --device"
            ) from None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return _halves(engine, part, sampling, layers, instruction, together)


def _halves(engine, part, sampling, layers, instruction, together):
    middle = len(part) // 2
    halves = (part.iloc[:middle], part.iloc[middle:])
    return _joined([_part(engine, half, sampling, layers, instruction, together) for half in halves], middle)


def _joined(halves, middle):
    import torch

    (rows, tensors), (more, others) = halves
    for row in more:
        row["prompt"] += middle
        row["first_row"] += len(tensors["first"]) if row["first_row"] >= 0 else 0
    return rows + more, {position: torch.cat([tensors[position], others[position]]) for position in tensors}


def _emission(row, part, spec, sampling):
    prompt = part.iloc[row.pop("prompt")]
    return {"source": spec.alias, "prompt_id": prompt["id"], "category": prompt["category"], "seed": sampling.seed, **row}

