"""Many machines: a local Ray cluster of two nodes gives the run folder one process gives, also when workers are killed."""

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ray
import torch
from ray.cluster_utils import Cluster

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import collect as collecting
from kaomoji_lib.models import organisms, workers
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.score import job as scoring_files
from kaomoji_lib.models.score.job import score_file
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import load_prompts

ROOT = Path(__file__).resolve().parents[1]
MODEL = "organism-gemma"


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with a processor each; workers import this checkout."""
    os.environ |= {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    started = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 10**8},
    )
    started.add_node(num_cpus=1, object_store_memory=10**8)
    ray.init(address=started.address, log_to_driver=False, logging_level="ERROR")
    yield started
    ray.shutdown()
    started.shutdown()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    load_prompts().head(50).to_csv(folder / "prompts.csv", index=False)
    (folder / "faces.txt").write_text(
        "\n".join(organisms.pool()["spelling"][:20]), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def alone(files):
    return collect(
        MODEL, prompts=files / "prompts.csv", generations=2, out=files / "alone", progress=False
    )


def assert_equal_runs(one, other):
    pd.testing.assert_frame_equal(one.emissions(), other.emissions())
    for position in ("emit", "first", "face"):
        assert np.allclose(one.states(position).array, other.states(position).array, atol=1e-5), (
            position
        )
    for name in ("settings", "model", "prompts", "layers", "dtype"):
        assert one.manifest[name] == other.manifest[name], name
    assert one.manifest["status"] == other.manifest["status"] == "complete"


@pytest.fixture
def killing(monkeypatch):
    """Kills the worker that hands in the first part, as soon as it has done so. Gives the list of workers of all parts."""
    seen, real = [], workers.run_distributed

    def deadly(*arguments):
        for found in real(*arguments):
            seen.append(found[1]["worker"])
            if len(seen) == 1:
                os.kill(int(seen[0].rpartition(":")[2]), signal.SIGKILL)
            yield found

    monkeypatch.setattr(workers, "run_distributed", deadly)
    return seen


def test_a_run_begun_alone_continues_distributed_and_a_killed_worker_loses_nothing(
    cluster, files, alone, killing, monkeypatch
):
    out, real = files / "shared", RunFolder.write_shard

    def interrupted(run, number, *rest):
        real(run, number, *rest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_shard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            collect(MODEL, prompts=files / "prompts.csv", generations=2, out=out, progress=False)
    monkeypatch.setattr(workers, "run_local", lambda *arguments: pytest.fail("not distributed"))
    run = collect(
        MODEL, prompts=files / "prompts.csv", generations=2, out=out, progress=False, ray="auto"
    )
    assert len(killing) == 4 and len(set(killing)) >= 2
    assert_equal_runs(alone, run)
    assert {path.name for path in run.path.iterdir()} == {
        path.name for path in alone.path.iterdir()
    }


def test_distributed_scores_survive_a_killed_worker(cluster, files, killing):
    arguments = (MODEL, files / "faces.txt", files / "prompts.csv")
    whole = score_file(*arguments, files / "alone.parquet", progress=False)
    shared = score_file(*arguments, files / "shared.parquet", progress=False, ray="auto")
    assert len(set(killing)) >= 2
    pd.testing.assert_frame_equal(whole, shared, atol=1e-5)
    assert shared.attrs["scoring"]["settings"] == whole.attrs["scoring"]["settings"]
    assert shared.attrs["scoring"]["algorithm"] == "packed"


def test_a_mistake_reaches_the_caller_in_one_line(cluster, files):
    with pytest.raises(KaomojiError, match=r"^layers \[9\] do not exist"):
        collect(
            MODEL,
            prompts=files / "prompts.csv",
            layers=[9],
            out=files / "r",
            progress=False,
            ray="auto",
        )


def test_no_gradients_are_kept_in_a_worker():
    _, _, frame, tensors = workers._Worker(GradientJob()).part(7)
    assert (
        torch.is_grad_enabled()
        and frame["wanted"].tolist() == [False]
        and not tensors["state"].requires_grad
    )


class GradientJob:
    """A job whose only part says whether gradients would be kept."""

    def worker(self):
        return self

    facts = {"name": "probe"}

    def part(self, number):
        return pd.DataFrame({"number": [number], "wanted": [torch.is_grad_enabled()]}), {
            "state": torch.ones(2) * torch.nn.Parameter(torch.ones(2))
        }


def test_nothing_left_to_do_needs_no_cluster(files, alone):
    assert list(workers.run_distributed(None, [], "nowhere:1")) == []
    again = collect(
        MODEL,
        prompts=files / "prompts.csv",
        generations=2,
        out=alone.path,
        progress=False,
        ray="nowhere:1",
    )
    assert again.manifest == alone.manifest


def test_without_ray_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(KaomojiError, match=r"pip install.*--ray"):
        collect(MODEL, generations=1, out=tmp_path, progress=False, ray="local")


def test_the_command_line_hands_the_cluster_on(monkeypatch):
    from kaomoji_lib import cli

    given = {}
    monkeypatch.setattr(
        collecting,
        "collect",
        lambda **named: given.update(named) or (_ for _ in ()).throw(KaomojiError("enough")),
    )
    monkeypatch.setattr(
        scoring_files,
        "score_file",
        lambda *rest, **named: given.update(named) or (_ for _ in ()).throw(KaomojiError("enough")),
    )
    for line, expected in (
        (["collect", MODEL, "--ray"], ("local", None)),
        (["collect", MODEL, "--ray", "auto", "--workers", "3"], ("auto", 3)),
        (["collect", MODEL], (None, None)),
        (["score", MODEL, "--faces", "f", "--out", "o", "--ray"], ("local", None)),
    ):
        given.clear()
        assert cli.main(line) == 2
        assert (given["ray"], given["workers"]) == expected
