"""Files: old or new, never half; refused by the system in one line; damaged ones named with what repairs them."""

import errno
import json
import os
import re

import pandas as pd
import pytest

from kaomoji_lib.engine.collect import collect
from kaomoji_lib.engine.scoring_files import score_file
from kaomoji_lib.store import files
from kaomoji_lib.store.replies import ReplyStore
from kaomoji_lib.store.runs import RunFolder
from kaomoji_lib.study.errors import KaomojiError
from kaomoji_lib.study.stimuli import load_prompts

REFUSALS = {errno.ENOSPC: "no room on the disk", errno.EDQUOT: "no room", errno.EROFS: "read-only", errno.EACCES: "read-only", errno.EIO: "error"}


@pytest.fixture
def few(tmp_path):
    load_prompts().groupby("category").head(2).to_csv(tmp_path / "few.csv", index=False)
    return tmp_path / "few.csv"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
def test_a_refused_write_leaves_the_old_file_and_says_why(tmp_path, monkeypatch, number, step):
    files.write_json(tmp_path / "a.json", {"old": 1})

    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, step, refuse)
    with pytest.raises(KaomojiError, match=f"a.json could not be written.*{REFUSALS[number]}"):
        files.write_json(tmp_path / "a.json", {"new": 2})
    assert json.loads((tmp_path / "a.json").read_text()) == {"old": 1} and [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_an_error_of_the_body_is_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(ZeroDivisionError), files.atomic(tmp_path / "x"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("position", [0, 2, 5, 8])
def test_a_disk_that_fills_up_stops_collecting_and_nothing_is_lost(tmp_path, few, monkeypatch, position):
    whole = collect("organism-granite", prompts=few, generations=1, out=tmp_path / "whole", progress=False)
    real, left = os.fsync, [position]

    def filling(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", filling)
        patched.setattr(files, "_flush_folder", lambda folder: None)
        with pytest.raises(KaomojiError, match="no room on the disk.*run the same command again"):
            collect("organism-granite", prompts=few, generations=1, out=tmp_path / "full", progress=False)
    again = collect("organism-granite", prompts=few, generations=1, out=tmp_path / "full", progress=False)
    pd.testing.assert_frame_equal(again.emissions(), whole.emissions())
    assert (again.states("first").array == whole.states("first").array).all() and not list((tmp_path / "full").rglob("*.part"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schema": 1', b"[" * 100_000, b'{"schema": 1}'])
def test_a_damaged_manifest_is_named_with_the_remedy(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(KaomojiError, match="manifest.json .*collect again"):
        RunFolder(tmp_path).manifest


@pytest.mark.parametrize("schema", [0, 2, 99, "1", None, [], 1.5])
def test_another_schema_is_refused(tmp_path, schema):
    (tmp_path / "manifest.json").write_text(json.dumps({"schema": schema, "status": "complete"}))
    with pytest.raises(KaomojiError, match="expected 1, which this version reads"):
        RunFolder(tmp_path).manifest


def damaged(content):
    middle = len(content) // 2
    for place in range(40, len(content) - 8, max(1, len(content) // 9)):
        yield content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1:]
    yield from (b"", content[:middle], content[:-1], content[:16], b"\0" * len(content), content[:middle] + b"\0" * (len(content) - middle))


def refused_or_equal(read, whole, named):
    """A damaged file is refused by name, or the damage hit nothing that is read; it is never misread."""
    try:
        found = read()
    except KaomojiError as error:
        assert re.search(named, str(error))
        return
    pd.testing.assert_frame_equal(found, whole, check_flags=False)


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """A run of two parts that stopped before they were joined."""
    place = tmp_path_factory.mktemp("unfinished")
    load_prompts().head(12).to_csv(place / "few.csv", index=False)
    settings = {"prompts": place / "few.csv", "generations": 1, "out": place / "run", "progress": False}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RunFolder, "merge", lambda run, count, **facts: None)
        collect("organism-granite", **settings)
    return settings


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_a_damaged_part_of_a_run_is_named_and_asked_for_anew(unfinished, suffix):
    path = unfinished["out"] / "shards" / f"00001{suffix}"
    content = path.read_bytes()

    def read():
        return RunFolder(unfinished["out"])._read_shard(1)[0]

    whole = read()
    assert len(whole) == 2
    for wrong in damaged(content):
        path.write_bytes(wrong)
        refused_or_equal(read, whole, f"00001{suffix} is damaged.*run the same command again")
    path.write_bytes(content)


def test_damaged_scores_are_named(tmp_path, few):
    (tmp_path / "faces.txt").write_text("(^_^)\n(T_T)\n", encoding="utf-8")
    named = {"faces": tmp_path / "faces.txt", "prompts": few, "out": tmp_path / "s.parquet", "progress": False}
    whole = score_file("organism-granite", **named)
    for wrong in damaged((tmp_path / "s.parquet").read_bytes()):
        (tmp_path / "s.parquet").write_bytes(wrong)
        refused_or_equal(lambda: score_file("organism-granite", **named), whole, "s.parquet .*delete it")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"usd": 1}', b"\xff"])
def test_a_damaged_reply_is_named_and_not_paid_for_again_unasked(tmp_path, content):
    store = ReplyStore(tmp_path)
    store.put("ab1", {"text": "first", "usd": 1.0})
    path = tmp_path / "replies" / "ab" / "ab1.json"
    path.write_bytes(content)
    with pytest.raises(KaomojiError, match="ab1.json is damaged.*pay"):
        store.get("ab1")


def test_clocks_that_go_wrong_change_nothing(tmp_path, few):
    run = collect("organism-granite", prompts=few, generations=1, out=tmp_path / "run", progress=False)
    for path in run.path.iterdir():
        os.utime(path, (4_000_000_000, 4_000_000_000))
    again = collect("organism-granite", prompts=few, generations=1, out=tmp_path / "run", progress=False)
    pd.testing.assert_frame_equal(again.emissions(), run.emissions())
