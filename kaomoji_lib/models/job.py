"""Resumable jobs: a model and prompts in parts; every finished part is kept, and a killed job continues from there."""

from contextlib import closing
from dataclasses import dataclass

import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import workers as distribution
from kaomoji_lib.models.progress import Progress
from kaomoji_lib.runs.registry import ModelSpec


@dataclass(frozen=True)
class Job:
    """What is to be computed, for :mod:`.workers`; subclasses add settings and the worker class.

    ``prompts``: DataFrame[id, category, topic, text]; ``device``, ``dtype``: see :func:`.loading.load`; ``revision``: of
    a model of the hub, None for its newest.
    """

    spec: ModelSpec
    prompts: pd.DataFrame
    instruction: str
    device: str
    dtype: str
    revision: str | None

    prompts_per_part = 10

    @property
    def parts(self):
        """The prompts in consecutive tables of ``prompts_per_part`` rows: list of DataFrame."""
        starts = range(0, len(self.prompts), self.prompts_per_part)
        return [self.prompts.iloc[start : start + self.prompts_per_part] for start in starts]

    def messages(self, prompts):
        """The user messages: instruction, a space, text (list of str)."""
        return [f"{self.instruction} {text}" for text in prompts["text"]]

    def load(self):
        """Load the model: :class:`kaomoji_lib.models.loading.Engine`."""
        from kaomoji_lib.models import loading

        return loading.load(self.spec, self.device, self.dtype, self.revision)


def run(job, waiting, write, *, progress=True, ray=None, workers=None):
    """Do the parts ``waiting`` (list of int) and hand each to ``write(number, facts, frame, tensors)``.

    ``ray``: address of a cluster (:func:`.workers.run_distributed`), None for this process.
    """
    parts = job.parts
    finished = len(job.prompts) - sum(len(parts[number]) for number in waiting)
    with Progress(job.spec.title, len(job.prompts), finished, progress) as count:
        if ray is None:
            results = distribution.run_local(job, waiting, count)
        else:
            results = distribution.run_distributed(job, waiting, ray, workers)
        with closing(results):
            for number, facts, frame, tensors in results:
                write(number, facts, frame, tensors)
                if ray is not None:
                    count(prompts=len(parts[number]))


def identity(spec):
    """Return what makes two models the same: the id on the hub, or alias and digest of a local folder (str)."""
    from kaomoji_lib.models.loading import local_revision

    revision = local_revision(spec)
    return spec.id if revision is None else f"{spec.alias} ({revision[:12]})"


def refuse_difference(where, existing, settings, names=()):
    """Raise KaomojiError, naming the differences, unless ``existing`` equals ``settings`` (dicts).

    ``where``: what is named in the message; ``names``: dict from settings to options of the command line.
    """
    differences = [
        f"{dict(names).get(key, key)}: there {existing.get(key)!r}, asked for {value!r}"
        for key, value in settings.items()
        if existing.get(key) != value
    ]
    if differences:
        raise KaomojiError(
            f"{where} contains another run ({'; '.join(differences)}); give another --out, or delete it"
        )
