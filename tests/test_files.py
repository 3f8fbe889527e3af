"""Files: old or new, never half; refused by the system in one line; damaged ones named with the remedy."""

import errno
import json
import os

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.scoring import score_file
from kaomoji_lib.runs import files, folder, registry
from kaomoji_lib.runs.folder import SCHEMA, RunFolder
from kaomoji_lib.stimuli import load_prompts

MODEL = next(name for name in registry.aliases() if registry.model(name).kind == "organism")
REFUSALS = {errno.ENOSPC: "no room on the disk", errno.EACCES: "read-only", errno.EIO: "error"}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "few.csv"
    load_prompts().groupby("category").head(1).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(few):
    return collected(few, few.with_name("run"))


def collected(few, out):
    return collect(MODEL, prompts=few, generations=1, out=out, progress=False)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
def test_a_refused_write_leaves_the_old_file_and_says_why(tmp_path, monkeypatch, number, step):
    files.write_json(tmp_path / "a.json", {"old": 1})

    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, step, refuse)
    with pytest.raises(KaomojiError, match=f"a.json could not be written.*{REFUSALS[number]}"):
        files.write_json(tmp_path / "a.json", {"new": 2})
    assert json.loads((tmp_path / "a.json").read_text()) == {"old": 1}
    with pytest.raises(ZeroDivisionError), files.atomic(tmp_path / "x"):
        raise ZeroDivisionError("an error of the body is not blamed on the disk")
    assert names(tmp_path) == {"a.json"}


@pytest.mark.parametrize("position", [0, 2, 5])
def test_a_disk_that_fills_up_stops_collecting_and_nothing_is_lost(
    tmp_path, few, run, monkeypatch, position
):
    real, left = os.fsync, [position]

    def filling(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", filling)
        with pytest.raises(KaomojiError, match="no room on the disk.*run the same command again"):
            collected(few, tmp_path / "full")
    again = collected(few, tmp_path / "full")
    pd.testing.assert_frame_equal(again.emissions(), run.emissions())
    assert (again.states("first").array == run.states("first").array).all()
    assert not list((tmp_path / "full").rglob("*.part"))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000]
    + [f'{{"schema": {one}}}'.encode() for one in ("1", '"2"', "null", SCHEMA)],
)
def test_a_damaged_manifest_or_one_of_another_version_is_named_with_the_remedy(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(KaomojiError, match="manifest.json .*expected.*collect again"):
        RunFolder(tmp_path).manifest
    text = json.dumps({"schema": SCHEMA, "status": "complete"})
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8-sig")
    assert RunFolder(tmp_path).complete


@pytest.mark.parametrize("name", ["emissions.parquet", "states-emit.safetensors"])
def test_a_file_that_the_manifest_does_not_vouch_for_is_refused(run, name):
    path = run.path / name
    content = path.read_bytes()
    flipped = content[:99] + bytes([content[99] ^ 0x10]) + content[100:]
    for wrong in (b"", content[:-1], b"\0" * len(content), flipped):
        path.write_bytes(wrong)
        with pytest.raises(KaomojiError, match=f"{name} is not the file that was written.*collect"):
            RunFolder(run.path).states("emit")
    path.write_bytes(content)
    assert len(RunFolder(run.path).states("emit").array) == 9


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_a_cut_part_of_a_run_is_named_and_only_it_is_collected_again(tmp_path, run, suffix):
    unfinished = RunFolder(tmp_path)
    rows = run.emissions().head(2)
    unfinished.write_shard(1, rows, {"first": torch.ones(2, 3)})
    pd.testing.assert_frame_equal(unfinished._read_shard(1)[0], rows, check_dtype=False)
    path = tmp_path / "shards" / f"00001{suffix}"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(KaomojiError, match=f"00001{suffix} is damaged.*run the same command again"):
        unfinished._read_shard(1)


# -- the cache, and runs that ship ------------------------------------------------------------------


def test_a_result_is_computed_once_per_settings_and_again_where_its_file_is_damaged(run):
    calls = []

    def table():
        calls.append(1)
        return pd.DataFrame({"face": ["(^_^)"], "n": [len(calls)]})

    found = [run.cached("x", {"a": settings}, table)["n"][0] for settings in (1, 1, 2)]
    assert found == [1, 1, 2]
    for path in (run.path / "cache").glob("x-*.*"):
        path.write_bytes(path.read_bytes()[:-12])
    assert run.cached("x", {"a": 1}, table)["n"][0] == 3


def test_a_run_that_ships_is_found_and_left_as_it_is(tmp_path, monkeypatch, run):
    shipped, own = tmp_path / "data" / "runs", tmp_path / "runs"
    monkeypatch.setattr(folder, "SHIPPED", shipped)
    monkeypatch.setenv("KAOMOJI_RUNS", str(own))
    with pytest.raises(KaomojiError, match="no run 'tiny'.*kaomoji collect tiny"):
        RunFolder.find("tiny")
    copy = shipped / "tiny"
    copy.mkdir(parents=True)
    manifest = dict(run.manifest, files=dict(run.manifest["files"]))
    for path in run.path.glob("*.*"):
        (copy / path.name).write_bytes(path.read_bytes())
    half = {"states": torch.from_numpy(run.states("emit").array).half()}
    save_file(half, copy / "states-emit.safetensors")
    manifest["files"]["states-emit.safetensors"] = files.sha256(copy / "states-emit.safetensors")
    RunFolder(copy).write_manifest(manifest)
    before = sorted(shipped.rglob("*"))
    found = RunFolder.find("tiny")
    states = found.states("emit")
    assert found.path == copy and states.array.dtype == np.float32
    np.testing.assert_allclose(states.array, run.states("emit").array, rtol=1e-3, atol=1e-3)
    found.cached("x", {}, lambda: pd.DataFrame({"n": [1]}))
    assert found.cached("x", {}, None)["n"].tolist() == [1]
    assert sorted(shipped.rglob("*")) == before and list((own / "tiny" / "cache").glob("x-*"))
    RunFolder(own / "tiny").write_manifest({**manifest, "status": "collecting"})
    assert RunFolder.find("tiny").path == copy, "an unfinished run does not hide a finished one"
    RunFolder(own / "tiny").write_manifest(manifest)
    assert RunFolder.find("tiny").path == own / "tiny"


def littered(place, *kept):
    """Leave half a file of two killed writers in a folder, beside files of the user."""
    place.mkdir(parents=True, exist_ok=True)
    for name in (".manifest.json.77.part", ".s.parquet.77.part", *kept):
        (place / name).write_text("half", encoding="utf-8")
    return place


def names(place):
    return {path.name for path in place.iterdir()}


def test_what_killed_writers_left_goes_with_the_next_run_and_nothing_else(tmp_path, few):
    others = {"notes.part", ".mine.part", "a.77.part"}
    path = tmp_path / "scores" / "s.parquet"
    score = lambda: score_file(MODEL, ["(^_^)", "(T_T)"], few, path, progress=False)
    place = littered(tmp_path / "run", *others)
    collected(few, place)
    assert {name for name in names(place) if name.endswith(".part")} == others
    littered(path.parent, *others)
    score()
    left = {"s.parquet", ".manifest.json.77.part", *others}
    assert names(path.parent) == left, "another run writes the other file"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(KaomojiError, match="s.parquet .*delete it"):
        score()
    files.remove_stale_temporary_files(littered(tmp_path / "[a]*"), name="[s]*")
    assert len(names(tmp_path / "[a]*")) == 2


def test_one_writer_per_folder(tmp_path):
    with files.folder_lock(tmp_path / "a"):
        with pytest.raises(KaomojiError, match="another process is writing to .*a;"):
            files.folder_lock(tmp_path / "a")
    files.folder_lock(tmp_path / "a").release()
    (tmp_path / "file").write_text("x")
    with pytest.raises(KaomojiError, match="cannot write to"):
        files.folder_lock(tmp_path / "file")


def test_other_weights_in_the_middle_of_a_large_file_are_another_model(tmp_path):
    weights, kept = tmp_path / "model.safetensors", files.folder_digest(tmp_path)
    with open(weights, "wb") as handle:
        handle.truncate(2**28)
    seen = {kept, files.folder_digest(tmp_path)}
    with open(weights, "r+b") as handle:
        handle.seek(2**27)
        handle.write(b"\1" * (2**28 // 32))
    assert files.folder_digest(tmp_path) not in seen and len(seen) == 2
