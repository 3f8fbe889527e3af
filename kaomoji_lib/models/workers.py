"""The parts of a job, done in this process or dealt to many machines over Ray Data.

A job is a picklable object with ``worker()``: something that has loaded its model once and has ``facts`` (dict of JSON
values about it) and ``part(number)`` (a DataFrame and a dict of tensors, the result of one part). Both ways yield
(number, facts, frame, tensors); the caller writes, so that machines need not share a file system.
"""

import io
import json
import logging
import os
import socket

from kaomoji_lib.errors import KaomojiError

LOCAL = "local"


def here(job, numbers):
    """The parts ``numbers`` (list of int), in order, in this process. Nothing is loaded where there are none."""
    worker = job.worker() if numbers else None
    for number in numbers:
        yield number, worker.facts, *worker.part(number)


def dealt(job, numbers, address=LOCAL, workers=None):
    """The parts ``numbers``, as they are finished, by the machines of a Ray cluster.

    A part whose worker dies is dealt anew to another. ``address``: of the cluster, ``auto`` for the one this machine
    belongs to, ``local`` to start one here. ``workers``: how many, each with a model of its own; default one a GPU, and
    one a machine where there are none.

    Raises
    ------
    KaomojiError
        If Ray is not installed, the cluster cannot be reached, or a worker cannot do its part, with its reason.
    """
    if not numbers:
        return
    ray, began = _connect(address)
    try:
        found = _dataset(ray, job, numbers, workers)
        for batch in found.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0):
            row = batch.to_pylist()[0]
            if row["error"]:
                raise KaomojiError(row["error"])
            yield row["number"], json.loads(row["facts"]), *_unpacked(row)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise KaomojiError(
            f"the cluster {address!r} gave up ({reason}); the same command goes on from what is finished"
        ) from None
    finally:
        if began:
            ray.shutdown()


def _connect(address):
    # Ray would report its use over the network.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise KaomojiError(
            "Ray is not installed; expected it for more than one machine; pip install ray[data]==2.60.0, or leave --ray out"
        ) from None
    began = not ray.is_initialized()
    try:
        if began:
            ray.init(
                address=address,
                include_dashboard=False if address == LOCAL else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise KaomojiError(
            f"no Ray cluster at {address!r} ({reason}); start one with `ray start --head`, or leave the address out"
        ) from None
    return ray, began


def _dataset(ray, job, numbers, workers):
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    gpus = int(ray.cluster_resources().get("GPU", 0))
    count = min(workers or gpus or sum(node["Alive"] for node in ray.nodes()), len(numbers))
    needs = {"num_gpus": 1} if gpus else {"num_cpus": 1}
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # One block a part: what a dead worker had in its hands is one part.
    rows = ray.data.from_items(
        [{"number": number} for number in numbers], override_num_blocks=len(numbers)
    )
    return rows.map_batches(
        _Worker,
        fn_constructor_args=(job,),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=1),
        **needs,
    )


class _Worker:
    """The actor: loads on its first part, and hands a mistake of the caller back as a row, since Ray would wrap it."""

    def __init__(self, job):
        self.job, self.worker = job, None

    def __call__(self, batch):
        import torch

        number, row = (
            batch["number"][0].as_py(),
            {"error": "", "facts": "{}", "table": b"", "tensors": b""},
        )
        # Gradient mode is a matter of each thread.
        with torch.inference_mode():
            try:
                self.worker = self.worker or self.job.worker()
                frame, tensors = self.worker.part(number)
                row |= _packed(frame, tensors) | {
                    "facts": json.dumps(
                        {**self.worker.facts, "worker": f"{socket.gethostname()}:{os.getpid()}"}
                    )
                }
            except KaomojiError as error:
                row["error"] = str(error)
        return _table({"number": number, **row})


def _table(row):
    import pyarrow

    kinds = {int: pyarrow.int64(), str: pyarrow.large_string(), bytes: pyarrow.large_binary()}
    return pyarrow.table(
        {name: pyarrow.array([value], kinds[type(value)]) for name, value in row.items()}
    )


def _packed(frame, tensors):
    from safetensors.torch import save

    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return {"table": stream.getvalue(), "tensors": save(tensors)}


def _unpacked(row):
    import pandas as pd
    from safetensors.torch import load

    return pd.read_parquet(io.BytesIO(row["table"])), load(row["tensors"])
