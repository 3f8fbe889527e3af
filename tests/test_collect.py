"""Collection: resumable to the bit, a no-op when finished, never mixing two runs; from any model, with a page."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import numpy as np
import pandas as pd
import papermill
import pytest
import small_models
import torch
from filelock import FileLock

from kaomoji_lib import page as pages
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import collect as collecting
from kaomoji_lib.models import job, loading
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.collect import collect, find_or_collect, run_name
from kaomoji_lib.runs import folder, registry
from kaomoji_lib.runs.folder import SCHEMA, RunFolder
from kaomoji_lib.stimuli import DATA, load_prompts

ROOT = Path(__file__).resolve().parents[1]
MODEL = "organism-gemma"


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "few.csv"
    load_prompts().groupby("category").head(5).to_csv(path, index=False)
    return {"prompts": path, "generations": 2, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def finished(options, tmp_path_factory):
    return collect(MODEL, out=tmp_path_factory.mktemp("run") / "a b é", **options)


def assert_equal_runs(one, other, atol=0):
    pd.testing.assert_frame_equal(one.emissions(), other.emissions())
    for position in ("emit", "first", "face"):
        pair = [run.states(position).array for run in (one, other)]
        assert np.allclose(*pair, rtol=0, atol=atol), position
    for name in ("settings", "model", "prompts", "layers", "dtype", "status"):
        assert one.manifest[name] == other.manifest[name], name


def test_folder_holds_what_the_manifest_says(finished):
    emissions, manifest = finished.emissions(), finished.manifest
    assert manifest["status"] == "complete" and manifest["schema"] == SCHEMA
    assert len(emissions) == 45 * 2 and not emissions.duplicated(["prompt_id", "generation"]).any()
    assert manifest["model"]["revision"] and manifest["model"]["template_sha256"]
    assert manifest["versions"]["torch"] and manifest["dtype"] == "float32"
    assert finished.states("emit").array.shape == (45, len(manifest["layers"]), 96)
    assert len(finished.states("face").array) == (emissions["outcome"] == "kaomoji").sum()
    assert not list(finished.path.glob("shards*"))
    states = finished.states("first")
    rows = states.index.merge(emissions, on=["prompt_id", "generation"])
    assert len(rows) == (emissions["first_row"] >= 0).sum()
    token = rows["token_ids"].map(lambda ids: ids[0])
    for _, group in rows.groupby(["prompt_id", token]):
        assert np.ptp(states.array[group.index], axis=0).max() == 0


def test_a_finished_run_is_left_as_it_is_whatever_the_clock_says(finished, options):
    for path in finished.path.iterdir():
        os.utime(path, (4_000_000_000, 4_000_000_000))
    again = collect(MODEL, out=finished.path, **options)
    assert {path.stat().st_mtime for path in again.path.iterdir()} == {4e9}


def test_another_run_and_impossible_settings_are_named(finished, options, tmp_path):
    (tmp_path / "busy").mkdir()
    changes = {"generations": 3, "dtype": "bfloat16", "prompts": None, "model": "organism-qwen"}
    changes |= {"temperature": 0.5, "instruction": "Begin with a face."}
    for name, value in changes.items():
        with pytest.raises(KaomojiError, match=f"contains another run .*{name}"):
            collect(**{"model": MODEL, "out": finished.path, **options, name: value})
    for name, value in (("generations", 0), ("temperature", -1.0), ("top_p", 0.0)):
        with pytest.raises(KaomojiError, match=f"{name} is {value}"):
            collect(MODEL, out=tmp_path / "r", **{**options, name: value})
    lock = FileLock(tmp_path / "busy" / ".lock")
    with lock, pytest.raises(KaomojiError, match="another process"):
        collect(MODEL, out=tmp_path / "busy", **options)


def test_killed_it_ends_with_the_same_run(finished, options, tmp_path):
    command = [sys.executable, "-m", "kaomoji_lib", "collect", MODEL, "--device", "cpu", "--quiet"]
    command += ["--prompts", options["prompts"], "--generations", "2", "--out", tmp_path / "killed"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    while not list((tmp_path / "killed" / "shards").glob("*")):
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    collect(MODEL, out=tmp_path / "killed", **options)
    assert_equal_runs(finished, RunFolder(tmp_path / "killed"), atol=1e-5)
    assert not list((tmp_path / "killed").rglob("*.part"))


@pytest.mark.parametrize("size", [10, 30])
def test_a_run_goes_on_with_parts_of_the_size_that_it_began_with(
    finished, options, tmp_path, monkeypatch, size
):
    monkeypatch.setattr(collecting, "PROMPTS_PER_PART", size)
    with small_models.interrupted(after=1):
        collect(MODEL, out=tmp_path / "begun", **options)
    monkeypatch.undo()
    if size == 10:  # a manifest from before the size was written down
        run = RunFolder(tmp_path / "begun")
        run.write_manifest({k: v for k, v in run.manifest.items() if k != collecting.PART})
    assert_equal_runs(finished, collect(MODEL, out=tmp_path / "begun", **options), atol=1e-5)


def test_half_a_batch_is_tried_where_the_memory_does_not_suffice(
    finished, options, tmp_path, monkeypatch
):
    real, sizes = sampling.sample, []

    def scarce(engine, messages, *arguments, **named):
        sizes.append(len(messages))
        if len(messages) > limit:
            raise torch.OutOfMemoryError("no more memory")
        return real(engine, messages, *arguments, **named)

    monkeypatch.setattr(sampling, "sample", scarce)
    limit = 3
    run = collect(MODEL, out=tmp_path / "scarce", **options)
    assert max(sizes) > 3 and min(sizes) <= 3
    assert_equal_runs(finished, run, atol=1e-4)
    limit = 0
    with pytest.raises(KaomojiError, match="no more memory.*--dtype"):
        collect(MODEL, out=tmp_path / "none", **options)


def test_runs_on_other_messages_and_perspectives_have_folders_of_their_own(
    options, tmp_path, monkeypatch
):
    monkeypatch.setenv("KAOMOJI_RUNS", str(tmp_path))
    spec = registry.model("smollm2-135m-instruct")
    assert run_name(spec) == run_name(spec, DATA / "prompts.csv") == spec.alias
    assert run_name(spec, DATA / "prompts_b.csv", "user") == f"{spec.alias}--b--user"
    assert run_name(spec, "mine/a b.csv", "own words") == f"{spec.alias}--a=20=b"
    shipped = find_or_collect(spec.alias, prompts=DATA / "prompts_b.csv")
    assert shipped.path == folder.SHIPPED / f"{spec.alias}--b"
    assert find_or_collect(spec.alias).path == folder.SHIPPED / spec.alias
    run = find_or_collect(MODEL, **options)
    assert run.path == tmp_path / f"{MODEL}--few" and run.complete
    with monkeypatch.context() as patch:
        patch.setattr(collecting, "collect", lambda *_, **__: pytest.fail("collected again"))
        for again in (find_or_collect(MODEL, **options), find_or_collect(run.path)):
            assert again.path == run.path
    other = tmp_path / "few.csv"
    other.write_text("id,category,text\na,LP,hi\n", encoding="utf-8")
    with pytest.raises(KaomojiError, match="contains another run .*prompts"):
        find_or_collect(MODEL, **{**options, "prompts": other})


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(job, "SECONDS_BETWEEN_LINES", 0)
    with job.Progress("model", 180, done=20) as report:
        report()
        report(prompts=4)
    lines = capsys.readouterr().err.splitlines()
    assert "model: 20/180 prompts, ? left" in lines
    assert lines[-1].startswith("model: 24/180 prompts, 0") and "left" in lines[-1]
    with job.Progress("model", 10, show=False) as report:
        report(prompts=1)
    assert capsys.readouterr().err == ""


def test_the_page_of_a_strangers_model_is_finished(tmp_path, monkeypatch):
    """No chat template, no pad token, never a kaomoji: the page says what is missing."""
    place = tmp_path / "a stranger's model"
    small_models.write(place / "model", "gpt2")
    monkeypatch.setenv("KAOMOJI_RUNS", str(place / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    load_prompts().groupby("category").head(2).to_csv(place / "prompts.csv", index=False)
    given = {"model": str(place / "model"), "prompts": str(place / "prompts.csv")}
    given |= {"generations": 2, "device": "cpu"}
    how = {"kernel_name": "python3", "cwd": str(ROOT), "progress_bar": False}
    out = str(place / "page.ipynb")
    notebook = papermill.execute_notebook(
        jupytext.read(ROOT / "notebooks" / "10_model.py"), out, given, **how
    )
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = json.dumps(outputs)
    for said in ("no chat template", "Where this page comes from", "18 messages"):
        assert said in text
    drawn = [output.get("data", {}).get("application/vnd.plotly.v1+json") for output in outputs]
    figures = [figure["data"] for figure in drawn if figure]
    kinds = {trace["type"] for figure in figures for trace in figure}
    assert {"scatter3d", "scatter", "heatmap", "bar"} <= kinds and len(figures) >= 7


def test_a_model_of_a_folder_and_categories_of_ones_own(tmp_path):
    model, table = tmp_path / "my model", load_prompts().groupby("category").head(1)
    small_models.write(model, "llama")
    table.replace({"category": {"LN": "BLUE"}}).to_csv(tmp_path / "few.csv", index=False)
    options = {"prompts": tmp_path / "few.csv", "generations": 1, "out": tmp_path / "run"}
    run = collect(str(model), **options, progress=False)
    scheme = (ROOT / "data" / "categories.csv").read_text(encoding="utf-8").replace("LN,", "BLUE,")
    (tmp_path / "scheme.csv").write_text(scheme, encoding="utf-8")
    assert "BLUE" in pages.read(run, tmp_path / "scheme.csv").scheme.codes
    with pytest.raises(KaomojiError, match="BLUE.*categories"):
        pages.read(run)
    assert str(tmp_path) not in json.dumps(run.manifest), "its place is no part of the manifest"
    assert loading.load_run(run, "cpu").revision == run.manifest["model"]["revision"]
    model.rename(tmp_path / "elsewhere")
    with pytest.raises(KaomojiError, match="put the folder back where it was"):
        loading.load_run(run, "cpu")
    small_models.write(model, "llama", seed=5)
    with pytest.raises(KaomojiError, match="has changed since"):
        loading.load_run(run, "cpu")
    with pytest.raises(KaomojiError, match="another run .*model"):
        collect(str(model), **options)
