"""Resumable jobs: a model and prompts in parts; every finished part is kept, and a killed job continues from there.

Parts are done in this process or by the machines of a Ray cluster. The caller writes them, so that machines need not
share a file system.
"""

import logging
import os
import socket
from dataclasses import dataclass

import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.progress import Progress
from kaomoji_lib.runs.registry import ModelSpec

LOCAL = "local"


@dataclass(frozen=True)
class Job:
    """What is to be computed; picklable.

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


def run(job, waiting, write, ray=None, workers=None):
    """Do the parts ``waiting`` (list of int) and hand each to ``write(number, facts, table, tensors)``.

    ``ray``: address of a cluster (:func:`run_distributed`), None for this process; without parts, nothing is loaded.
    """
    if not waiting:
        return
    parts = job.parts
    finished = len(job.prompts) - sum(len(parts[number]) for number in waiting)
    with Progress(job.spec.title, len(job.prompts), finished, job.progress) as count:
        if ray is None:
            worker = job.worker(job)
            worker.on_progress = count
            for number in waiting:
                write(number, worker.facts, *worker.part(number))
            return
        for number, *result in run_distributed(job, waiting, ray, workers):
            write(number, *result)
            count(prompts=len(parts[number]))


def run_distributed(job, numbers, address=LOCAL, workers=None):
    """Do the parts ``numbers`` on a Ray cluster; yield (number, facts, table, tensors) in the order of completion.

    A part whose worker dies is done by its replacement. ``address``: of the cluster, ``auto`` for the one this machine
    belongs to, ``local`` to start one here. ``workers``: how many, each with a model of its own; default one per GPU,
    and one per machine where there are none.

    Raises
    ------
    KaomojiError
        If Ray is not installed, the cluster cannot be reached, or a worker cannot do its part, with its reason.
    """
    # Ray would report its use over the network.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.util
    except ImportError:
        raise KaomojiError(
            "Ray is not installed; expected it for more than one machine; pip install ray==2.60.0, or leave --ray out"
        ) from None
    try:
        if started := not ray.is_initialized():
            local = {"include_dashboard": False} if address == LOCAL else {}
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise KaomojiError(
            f"no Ray cluster at {address!r} ({reason}); start one with `ray start --head`, or leave the address out"
        ) from None
    gpus = int(ray.cluster_resources().get("GPU", 0))
    count = workers or gpus or sum(node["Alive"] for node in ray.nodes())
    needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    actor = ray.remote(max_restarts=-1, max_task_retries=-1, **needs)(_Actor)
    try:
        pool = ray.util.ActorPool([actor.remote(job) for _ in range(min(count, len(numbers)))])
        yield from pool.map_unordered(lambda one, number: one.part.remote(number), numbers)
    except ray.exceptions.RayError as error:
        if isinstance(cause := getattr(error, "cause", None), KaomojiError):
            raise KaomojiError(str(cause)) from None
        raise
    finally:
        if started:
            ray.shutdown()


class _Actor:
    """A worker on a cluster; it loads the model on its first part, whose error reaches the caller."""

    def __init__(self, job):
        self.job, self.worker = job, None

    def part(self, number):
        import torch

        # Gradient mode belongs to a thread.
        with torch.inference_mode():
            self.worker = self.worker or self.job.worker(self.job)
            table, tensors = self.worker.part(number)
        facts = {**self.worker.facts, "worker": f"{socket.gethostname()}:{os.getpid()}"}
        return number, facts, table, {name: one.clone() for name, one in tensors.items()}


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
