"""Do the parts of a job in this process, or distribute them to the machines of a Ray cluster.

A job is a picklable object with ``worker()``, which loads the model once and returns an object with ``facts`` (dict of
JSON values) and ``part(number)`` (a DataFrame and a dict of tensors). Both ways yield (number, facts, frame, tensors);
the caller writes, so that machines need not share a file system.
"""

import logging
import os
import socket

from kaomoji_lib.errors import KaomojiError

LOCAL = "local"


def run_local(job, numbers, on_progress=None):
    """Do the parts ``numbers`` (list of int) in order, in this process; without any, nothing is loaded.

    ``on_progress``: callable(prompts=, nodes=), called within long parts.
    """
    worker = job.worker() if numbers else None
    for number in numbers:
        worker.on_progress = on_progress
        yield number, worker.facts, *worker.part(number)


def run_distributed(job, numbers, address=LOCAL, workers=None):
    """Do the parts ``numbers`` on a Ray cluster, in the order in which they are finished.

    A part whose worker dies is done by its replacement. ``address``: of the cluster, ``auto`` for the one this machine
    belongs to, ``local`` to start one here. ``workers``: how many, each with a model of its own; default one per GPU,
    and one per machine where there are none.

    Raises
    ------
    KaomojiError
        If Ray is not installed, the cluster cannot be reached, or a worker cannot do its part, with its reason.
    """
    if not numbers:
        return
    ray, started = _connect(address)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    count = workers or gpus or sum(node["Alive"] for node in ray.nodes())
    needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    actor = ray.remote(max_restarts=-1, max_task_retries=-1, **needs)(_Worker)
    try:
        actors = [actor.remote(job) for _ in range(min(count, len(numbers)))]
        pool = ray.util.ActorPool(actors)
        yield from pool.map_unordered(lambda one, number: one.part.remote(number), numbers)
    except ray.exceptions.RayTaskError as error:
        if not isinstance(error.cause, KaomojiError):
            raise
        raise KaomojiError(str(error.cause)) from None
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise KaomojiError(
            f"the cluster {address!r} gave up ({reason}); expected it to finish; run the same command again to continue"
        ) from None
    finally:
        if started:
            ray.shutdown()


def _connect(address):
    # Ray would report its use over the network.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.util
    except ImportError:
        raise KaomojiError(
            "Ray is not installed; expected it for more than one machine; pip install ray==2.60.0, or leave --ray out"
        ) from None
    started = not ray.is_initialized()
    dashboard = {"include_dashboard": False} if address == LOCAL else {}
    try:
        if started:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **dashboard)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise KaomojiError(
            f"no Ray cluster at {address!r} ({reason}); start one with `ray start --head`, or leave the address out"
        ) from None
    return ray, started


class _Worker:
    """The actor: loads the model on its first part."""

    def __init__(self, job):
        self.job, self.worker = job, None

    def part(self, number):
        import torch

        # Gradient mode belongs to a thread.
        with torch.inference_mode():
            self.worker = self.worker or self.job.worker()
            frame, tensors = self.worker.part(number)
        facts = {**self.worker.facts, "worker": f"{socket.gethostname()}:{os.getpid()}"}
        return number, facts, frame, {name: one.clone() for name, one in tensors.items()}
