"""Resumable jobs: a model and prompts in parts; every finished part is kept, and a killed job continues from there."""

from dataclasses import dataclass

import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.progress import Progress
from kaomoji_lib.runs.registry import ModelSpec


@dataclass(frozen=True)
class Job:
    """What is to be computed.

    ``worker``: class that is called with the job and loads the model; its objects have ``facts`` (dict of JSON values)
    and ``part(number)``, which returns a DataFrame and a dict of tensors, and may call ``on_progress(prompts=, nodes=)``.
    ``prompts``: DataFrame[id, category, topic, text]; ``device``, ``dtype``: see :func:`.loading.load`; ``revision``: of
    a model of the hub, None for its newest; ``options``: dict, what else the worker needs; ``progress``: bool.
    """

    worker: type
    spec: ModelSpec
    prompts: pd.DataFrame
    instruction: str
    device: str
    dtype: str
    revision: str | None
    options: dict
    progress: bool = True

    @property
    def parts(self):
        """The prompts in consecutive tables of the worker's ``prompts_per_part`` rows: list of DataFrame."""
        size = self.worker.prompts_per_part
        return [self.prompts.iloc[at : at + size] for at in range(0, len(self.prompts), size)]

    def messages(self, prompts):
        """Return the user messages: instruction, a space, text (list of str)."""
        return [f"{self.instruction} {text}" for text in prompts["text"]]

    def load(self):
        """Load the model: :class:`kaomoji_lib.models.loading.Engine`."""
        from kaomoji_lib.models import loading

        return loading.load(self.spec, self.device, self.dtype, self.revision, self.progress)


def run(job, waiting, write):
    """Do the parts ``waiting`` (list of int) and hand each to ``write(number, facts, table, tensors)``.

    Without parts, nothing is loaded.
    """
    if not waiting:
        return
    finished = len(job.prompts) - sum(len(job.parts[number]) for number in waiting)
    with Progress(job.spec.title, len(job.prompts), finished, job.progress) as count:
        worker = job.worker(job)
        worker.on_progress = count
        for number in waiting:
            write(number, worker.facts, *worker.part(number))


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
