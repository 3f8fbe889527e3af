"""One model's replies and states to a table of prompts, part by part: what a worker of a collection does."""

import gc
import platform
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from kaomoji_lib import perspectives as frames
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.folder import SCHEMA
from kaomoji_lib.runs.registry import ModelSpec

PROMPTS_PER_SHARD = 10
LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "kaomoji-lib")


@dataclass(frozen=True)
class SamplingJob:
    """What is to be collected. ``layers``: ``all`` or a list of numbers; ``revision``: of a model of the hub, None for its newest."""

    spec: ModelSpec
    asked: pd.DataFrame
    sampling: object
    layers: object
    instruction: str
    device: str
    dtype: str
    revision: str | None = None
    frame: str = frames.SELF

    def keys(self, part):
        """Names of the prompts' random streams. Were they the same under all frames, equal distributions would give equal faces."""
        plain = self.frame in (frames.SELF, frames.OWN_WORDS)
        return list(part["id"]) if plain else [f"{self.frame}:{one}" for one in part["id"]]

    @property
    def parts(self):
        return [
            self.asked.iloc[start : start + PROMPTS_PER_SHARD]
            for start in range(0, len(self.asked), PROMPTS_PER_SHARD)
        ]

    def worker(self):
        return SamplingWorker(self)


class SamplingWorker:
    """A model that has been loaded and has proven itself.

    Raises
    ------
    KaomojiError
        If the model, device or dtype is not to be had, a layer does not exist, or the model disagrees with itself.
    """

    def __init__(self, job):
        from kaomoji_lib.models import loading
        from kaomoji_lib.models import verify as selfcheck

        self.job = job
        self.engine = loading.load(job.spec, job.device, job.dtype, job.revision)
        self.layers = _chosen_layers(self.engine, job.layers)
        self.check = selfcheck.sampling(self.engine, self._messages(job.asked))
        self.together = PROMPTS_PER_SHARD if self.check["algorithm"] == selfcheck.TOGETHER else 1

    @cached_property
    def facts(self):
        """What the manifest says of the model, the machine and the self-check."""
        import torch

        engine, spec = self.engine, self.job.spec
        names = engine.layers
        return {
            "model": {
                "class": type(engine.model).__name__,
                "revision": engine.revision,
                "family": spec.family or engine.model.config.model_type,
                "parameters": sum(parameter.numel() for parameter in engine.model.parameters()),
                "template_sha256": engine.template.hash,
                "template_notes": list(engine.template.notes),
            },
            "dtype": str(engine.dtype).removeprefix("torch."),
            "device": torch.cuda.get_device_name(engine.device)
            if engine.device.type == "cuda"
            else engine.device.type,
            "layers": list(
                names if self.layers is None else (names[layer] for layer in self.layers)
            ),
            "versions": {
                "python": platform.python_version(),
                **{name: _version(name) for name in LIBRARIES},
            },
            "self_check": self.check,
        }

    def part(self, number):
        """The emissions of a part (DataFrame) and its states (dict of tensors, :func:`kaomoji_lib.models.sample.sample`)."""
        part = self.job.parts[number]
        rows, tensors = self._sampled(part)
        return pd.DataFrame([self._emission(row, part) for row in rows]), tensors

    def _messages(self, part):
        return [f"{self.job.instruction} {text}" for text in part["text"]]

    def _sampled(self, part):
        """Sample at most ``together`` prompts at once, in halves where the memory does not suffice."""
        import torch

        from kaomoji_lib.models import sample as sampling

        try:
            if len(part) > self.together:
                return self._halves(part)
            return sampling.sample(
                self.engine,
                self._messages(part),
                self.job.keys(part),
                self.job.sampling,
                self.layers,
            )
        except (torch.OutOfMemoryError, MemoryError):
            if len(part) == 1:
                raise KaomojiError(
                    f"out of memory with {self.job.sampling.generations} replies to one prompt; use fewer --generations, a smaller "
                    "--dtype or another --device"
                ) from None
            self.together = len(part) // 2
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self._halves(part)

    def _halves(self, part):
        middle = len(part) // 2
        return _joined(
            [self._sampled(half) for half in (part.iloc[:middle], part.iloc[middle:])], middle
        )

    def _emission(self, row, part):
        prompt = part.iloc[row.pop("prompt")]
        return {
            "source": self.job.spec.alias,
            "prompt_id": prompt["id"],
            "category": prompt["category"],
            "seed": self.job.sampling.seed,
            **row,
        }


def manifest(job, facts, settings, started):
    """The manifest of a run that begins: what was asked, and ``facts`` of the worker. ``settings``: what makes two runs the same."""
    from kaomoji_lib.models.loading import local_revision

    spec = job.spec
    about = {
        "alias": spec.alias,
        "id": spec.id if spec.kind != "other" else settings["model"],
        "title": spec.title,
        "kind": spec.kind,
        "note": spec.note,
        "from_hub": local_revision(spec) is None,
    }
    return {
        "schema": SCHEMA,
        "status": "collecting",
        "source": spec.alias,
        "settings": settings,
        **facts,
        "model": {**about, **facts["model"]},
        "instruction": job.instruction,
        "interventions": list(spec.interventions),
        "prompts": job.asked.to_dict("records"),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
    }


def _chosen_layers(engine, layers):
    if layers == "all":
        return None
    beyond = [layer for layer in layers if not 0 <= layer < len(engine.layers)]
    if beyond:
        raise KaomojiError(
            f"layers {beyond} do not exist; this model has 0 (the embedding) to {len(engine.layers) - 1}"
        )
    return list(layers)


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _joined(halves, middle):
    import torch

    (rows, tensors), (more, others) = halves
    for row in more:
        row["prompt"] += middle
        row["first_row"] += len(tensors["first"]) if row["first_row"] >= 0 else 0
    return rows + more, {
        position: torch.cat([tensors[position], others[position]]) for position in tensors
    }
