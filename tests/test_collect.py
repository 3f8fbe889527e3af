"""Collection: resumable to the bit, a no-op when finished, and never mixing two runs."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import small_models
import torch
from filelock import FileLock

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import collect as collecting
from kaomoji_lib.models import progress
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs.folder import SCHEMA, RunFolder
from kaomoji_lib.stimuli import load_prompts

KILLS = 5
COMMAND = [
    sys.executable,
    "-m",
    "kaomoji_lib",
    "collect",
    "organism-gemma",
    "--device",
    "cpu",
    "--quiet",
    "--generations",
    "2",
]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "few.csv"
    load_prompts().groupby("category").head(3).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def finished(few, tmp_path_factory):
    return collect(
        "organism-gemma",
        prompts=few,
        generations=2,
        out=tmp_path_factory.mktemp("run") / "a b é",
        progress=False,
    )


def contents(path):
    run = RunFolder(path)
    return run.emissions(), {
        position: run.states(position).array for position in ("emit", "first", "face")
    }


def assert_equal_runs(one, other):
    (emissions, states), (others, other_states) = contents(one), contents(other)
    pd.testing.assert_frame_equal(emissions, others)
    for position in states:
        assert np.array_equal(states[position], other_states[position]), position


def test_folder_holds_what_the_manifest_says(finished):
    emissions, manifest = finished.emissions(), finished.manifest
    assert manifest["status"] == "complete" and manifest["schema"] == SCHEMA
    assert len(emissions) == 27 * 2 and not emissions.duplicated(["prompt_id", "generation"]).any()
    assert (
        manifest["model"]["revision"]
        and manifest["model"]["template_sha256"]
        and manifest["versions"]["torch"]
    )
    assert finished.states("emit").array.shape == (27, len(manifest["layers"]), 96)
    assert len(finished.states("first").index) == (emissions["first_row"] >= 0).sum()
    assert len(finished.states("face").array) == (emissions["outcome"] == "kaomoji").sum()
    assert not list(finished.path.glob("shards*"))


def test_first_states_belong_to_their_generations(finished):
    states, emissions = finished.states("first"), finished.emissions()
    rows = states.index.merge(emissions, on=["prompt_id", "generation"])
    token = rows["token_ids"].map(lambda ids: ids[0])
    for _, group in rows.groupby(["prompt_id", token]):
        assert np.ptp(states.array[group.index], axis=0).max() == 0


def test_a_finished_run_is_left_as_it_is(finished, few):
    before = {path.name: path.stat().st_mtime_ns for path in finished.path.iterdir()}
    again = collect("organism-gemma", prompts=few, generations=2, out=finished.path, progress=False)
    assert {path.name: path.stat().st_mtime_ns for path in again.path.iterdir()} == before


@pytest.mark.parametrize(
    "change, named",
    [
        ({"generations": 3}, "--generations"),
        ({"seed": 1}, "--seed"),
        ({"dtype": "bfloat16"}, "--dtype"),
        ({"prompts": None}, "--prompts"),
        ({"model": "organism-qwen"}, "MODEL"),
        ({"temperature": 0.5}, "temperature"),
        ({"layers": [0, 1]}, "--layers"),
        ({"instruction": "Begin with a face."}, "instruction"),
    ],
)
def test_another_run_is_refused_and_the_difference_named(finished, few, change, named):
    settings = {
        "model": "organism-gemma",
        "prompts": few,
        "generations": 2,
        "out": finished.path,
        **change,
    }
    with pytest.raises(KaomojiError, match=f"contains another run .*{named}"):
        collect(**settings, progress=False)


def test_killed_at_any_moment_it_ends_with_the_same_run(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    subprocess.run([*COMMAND, "--out", tmp_path / "whole"], check=True, env=environment)
    whole = time.monotonic() - started
    moments, kills = random.Random(3), 0
    while kills < KILLS:
        process = subprocess.Popen(
            [*COMMAND, "--out", tmp_path / "killed"], env=environment, start_new_session=True
        )
        time.sleep(moments.uniform(0.35, 0.75) * whole)
        alive = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL) if alive else None
        process.wait()
        kills += alive
        if not alive:
            assert_equal_runs(tmp_path / "whole", tmp_path / "killed")
            for path in (tmp_path / "killed").iterdir():
                path.unlink()
    subprocess.run([*COMMAND, "--out", tmp_path / "killed"], check=True, env=environment)
    assert_equal_runs(tmp_path / "whole", tmp_path / "killed")
    assert not list((tmp_path / "killed").rglob("*.part"))


def test_half_a_batch_is_tried_where_the_memory_does_not_suffice(
    finished, few, tmp_path, monkeypatch
):
    real, sizes = sampling.sample, []

    def scarce(engine, messages, *arguments, **named):
        sizes.append(len(messages))
        if len(messages) > 3:
            raise torch.OutOfMemoryError("no more memory")
        return real(engine, messages, *arguments, **named)

    monkeypatch.setattr(sampling, "sample", scarce)
    run = collect(
        "organism-gemma", prompts=few, generations=2, out=tmp_path / "scarce", progress=False
    )
    assert max(sizes) > 3 and min(sizes) <= 3
    emissions = finished.emissions()
    assert run.emissions()["text"].tolist() == emissions["text"].tolist()
    assert np.allclose(run.states("first").array, finished.states("first").array, atol=1e-4)


def test_out_of_memory_for_one_prompt_says_what_to_do(few, tmp_path, monkeypatch):
    def never(*arguments, **named):
        raise torch.OutOfMemoryError("no more memory")

    monkeypatch.setattr(sampling, "sample", never)
    with pytest.raises(KaomojiError, match="fewer --generations"):
        collect("organism-gemma", prompts=few, out=tmp_path / "none", progress=False)


def test_two_writers_are_kept_apart(tmp_path, few):
    (tmp_path / "busy").mkdir()
    with (
        FileLock(tmp_path / "busy" / ".lock"),
        pytest.raises(KaomojiError, match="another process"),
    ):
        collect("organism-gemma", prompts=few, out=tmp_path / "busy", progress=False)


@pytest.mark.parametrize(
    "name", ["emissions.parquet", "states-emit.safetensors", "states-face.safetensors"]
)
def test_damaged_files_are_named_with_the_remedy(finished, tmp_path, name):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(finished.path, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(KaomojiError, match=f"{name}.*SHA-256.*kaomoji collect"):
        contents(folder)


def test_other_schemas_are_refused(finished, tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({**finished.manifest, "schema": 99}))
    with pytest.raises(KaomojiError, match="schema 99"):
        RunFolder(tmp_path).manifest


def test_a_model_that_changed_is_another_run(tmp_path, few):
    small_models.write(tmp_path / "mine", seed=1)
    collect(tmp_path / "mine", prompts=few, generations=1, out=tmp_path / "run", progress=False)
    small_models.write(tmp_path / "mine", seed=2)
    with pytest.raises(KaomojiError, match="MODEL"):
        collect(tmp_path / "mine", prompts=few, generations=1, out=tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    "setting", [{"generations": 0}, {"temperature": -1.0}, {"top_p": 0.0}, {"max_new_tokens": 0}]
)
def test_impossible_settings_are_named(setting, tmp_path):
    with pytest.raises(KaomojiError, match=f"{next(iter(setting))} is"):
        collect("organism-gemma", out=tmp_path, progress=False, **setting)


def test_layers_that_do_not_exist_are_named(tmp_path, few):
    with pytest.raises(KaomojiError, match=r"layers \[9\] do not exist"):
        collect("organism-gemma", prompts=few, layers=[1, 9], out=tmp_path / "r", progress=False)


def test_environment_variable_says_where_runs_live(monkeypatch, tmp_path):
    monkeypatch.setenv("KAOMOJI_RUNS", str(tmp_path))
    assert collecting.default_folder("x") == tmp_path / "x"


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    with progress.Progress("model", 180, done=20) as report:
        report(nodes=1200)
        report(prompts=4, nodes=300)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "model: 20/180 prompts, 1,200 nodes"
    assert lines[1].startswith("model: 24/180 prompts, 1,500 nodes, ") and "left" in lines[1]
    with progress.Progress("model", 10, show=False) as report:
        report(prompts=1)
    assert capsys.readouterr().err == ""
