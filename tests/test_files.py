"""Files: old or new, never half; refused by the system in one line; damaged ones named with what repairs them."""

import errno
import json
import os
import re

import pandas as pd
import pytest

from kaomoji_lib.claude.answers import AnswerFolder
from kaomoji_lib.claude.replies import ReplyStore
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.score.job import score_file
from kaomoji_lib.runs import files
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import load_prompts

REFUSALS = {
    errno.ENOSPC: "no room on the disk",
    errno.EDQUOT: "no room",
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.EIO: "error",
}


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
    assert json.loads((tmp_path / "a.json").read_text()) == {"old": 1} and [
        path.name for path in tmp_path.iterdir()
    ] == ["a.json"]


def test_an_error_of_the_body_is_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(ZeroDivisionError), files.atomic(tmp_path / "x"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("position", [0, 2, 5, 8])
def test_a_disk_that_fills_up_stops_collecting_and_nothing_is_lost(
    tmp_path, few, monkeypatch, position
):
    whole = collect(
        "organism-gemma", prompts=few, generations=1, out=tmp_path / "whole", progress=False
    )
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
            collect(
                "organism-gemma", prompts=few, generations=1, out=tmp_path / "full", progress=False
            )
    again = collect(
        "organism-gemma", prompts=few, generations=1, out=tmp_path / "full", progress=False
    )
    pd.testing.assert_frame_equal(again.emissions(), whole.emissions())
    assert (again.states("first").array == whole.states("first").array).all() and not list(
        (tmp_path / "full").rglob("*.part")
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schema": 1', b"[" * 100_000, b'{"schema": 1}'],
)
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
        yield content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
    yield from (
        b"",
        content[:middle],
        content[:-1],
        content[:16],
        b"\0" * len(content),
        content[:middle] + b"\0" * (len(content) - middle),
    )


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
    settings = {
        "prompts": place / "few.csv",
        "generations": 1,
        "out": place / "run",
        "progress": False,
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RunFolder, "merge", lambda run, count, **facts: None)
        collect("organism-gemma", **settings)
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
    named = {
        "faces": tmp_path / "faces.txt",
        "prompts": few,
        "out": tmp_path / "s.parquet",
        "progress": False,
    }
    whole = score_file("organism-gemma", **named)
    for wrong in damaged((tmp_path / "s.parquet").read_bytes()):
        (tmp_path / "s.parquet").write_bytes(wrong)
        refused_or_equal(
            lambda: score_file("organism-gemma", **named), whole, "s.parquet .*delete it"
        )


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"usd": 1}', b"\xff"])
def test_a_damaged_reply_is_named_and_not_paid_for_again_unasked(tmp_path, content):
    store = ReplyStore(tmp_path)
    store.put("ab1", {"text": "first", "usd": 1.0})
    path = tmp_path / "replies" / "ab" / "ab1.json"
    path.write_bytes(content)
    with pytest.raises(KaomojiError, match="ab1.json is damaged.*pay"):
        store.get("ab1")


def sealed(path):
    files.write_sealed(
        path,
        {"text": "(◕‿◕) 7 < 8", "usd": 0.25, "about": {"generation": 1}, "dropped": ("top_p",)},
    )
    return path.read_bytes()


def test_no_bit_of_a_sealed_file_turns_over_unseen(tmp_path):
    content, noticed = sealed(tmp_path / "a.json"), 0
    whole = files.read_sealed(tmp_path / "a.json", "mend it")
    assert whole == {
        "text": "(◕‿◕) 7 < 8",
        "usd": 0.25,
        "about": {"generation": 1},
        "dropped": ["top_p"],
    }
    for place in range(len(content)):
        (tmp_path / "a.json").write_bytes(
            content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :]
        )
        try:
            found = files.read_sealed(tmp_path / "a.json", "mend it")
        except KaomojiError as error:
            noticed += "a.json is damaged" in str(error) and "mend it" in str(error)
            continue
        # The name of the digest is the one thing that the digest does not cover.
        assert {name: found.get(name) for name in whole} == whole and b"sha256_of_the_rest" not in (
            tmp_path / "a.json"
        ).read_bytes()
    assert noticed == len(content) - len(files.SEAL)


def test_a_bit_of_a_table_does_not_turn_over_unseen(tmp_path):
    whole, path = (
        pd.DataFrame({"face": ["(^_^)", files.PARQUET_SEAL.decode(), None], "n": [1, 2, 3]}),
        tmp_path / "a.parquet",
    )
    whole.attrs["revision"] = "x"
    files.write_parquet(path, whole)
    content = path.read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)
    assert files.read_parquet(path, "mend it").attrs == {"revision": "x"}
    for place in range(0, len(content), 5):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :])
        refused_or_equal(
            lambda: files.read_parquet(path, "mend it"), whole, "a.parquet is damaged.*mend it"
        )
    at = content.rindex(b'"face"')
    path.write_bytes(content[:at] + b'"fade"' + content[at + 6 :])
    with pytest.raises(KaomojiError, match="a.parquet is damaged"):
        files.read_parquet(path, "mend it")


def test_tables_from_before_there_were_digests_are_read(tmp_path):
    whole = pd.DataFrame({"face": ["(^_^)"], "n": [1]})
    whole.to_parquet(tmp_path / "a.parquet", index=False)
    pd.testing.assert_frame_equal(files.read_parquet(tmp_path / "a.parquet", "mend it"), whole)


def test_files_from_before_there_were_digests_are_read(tmp_path):
    files.write_json(tmp_path / "a.json", {"text": "old"})
    assert files.read_sealed(tmp_path / "a.json", "mend it") == {"text": "old"}


@pytest.mark.parametrize(("old", "new"), [(b'"first"', b'"firsu"'), (b"1.0", b"9.0")])
def test_a_reply_that_was_changed_is_not_believed(tmp_path, old, new):
    store = ReplyStore(tmp_path)
    store.put("ab1", {"text": "first", "usd": 1.0})
    path = tmp_path / "replies" / "ab" / "ab1.json"
    path.write_bytes(path.read_bytes().replace(old, new))
    for read in (lambda: store.get("ab1"), store.records, store.spent):
        with pytest.raises(KaomojiError, match="ab1.json is damaged.*SHA-256 differs.*pay"):
            read()


@pytest.mark.parametrize(
    ("folder", "remedy"),
    [
        (RunFolder, "delete .*run and collect again"),
        (AnswerFolder, "run `kaomoji claude run` again"),
    ],
)
def test_a_manifest_that_was_changed_is_not_believed(tmp_path, folder, remedy):
    folder(tmp_path / "run").write_manifest({"schema": 1, "status": "complete", "seed": 3})
    path = tmp_path / "run" / "manifest.json"
    assert folder(path.parent).manifest == {"schema": 1, "status": "complete", "seed": 3}
    path.write_bytes(path.read_bytes().replace(b'"seed": 3', b'"seed": 7'))
    with pytest.raises(KaomojiError, match=f"manifest.json is damaged.*{remedy}"):
        folder(path.parent).manifest


def test_a_batch_that_was_changed_is_not_believed(tmp_path):
    store = ReplyStore(tmp_path)
    path = (
        tmp_path
        / "batches"
        / f"{store.write_batch({'stamp': '1', 'asks': {}, 'state': 'submitted'})['stamp']}.json"
    )
    assert store.batches()[0]["state"] == "submitted"
    path.write_bytes(path.read_bytes().replace(b"submitted", b"submitte_"))
    with pytest.raises(KaomojiError, match="1.json is damaged"):
        store.batches()


def test_no_bit_of_the_losses_turns_over_unseen(tmp_path):
    store, path = ReplyStore(tmp_path), tmp_path / "losses.json"
    noted = [
        {"key": "ab1", "usd": 0.25, "kind": "cut-body"},
        {"key": "cd2", "usd": None, "kind": "timeout"},
    ]
    for one in noted:
        store.lose(**one)
    content = path.read_bytes()
    assert store.losses() == noted and store.spent() == 0.25
    for wrong in (
        *(
            content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
            for place in range(len(content))
        ),
        *(content[:end] for end in range(len(content) - 1)),
    ):
        path.write_bytes(wrong)
        try:
            assert store.losses() == noted and b"sha256_of_the_rest" not in wrong, (
                "only the name of the digest may change unseen"
            )
        except KaomojiError as error:
            assert re.search("losses.json is damaged.*delete it", str(error))
    path.write_bytes(content)
    (tmp_path / "losses.jsonl").write_text(
        '{"key": "old", "usd": 2.0, "kind": "timeout"}\n{"key": "cu', encoding="utf-8"
    )
    assert store.spent() == 2.25, "notes of earlier versions count"


def test_damaged_controls_are_named_with_the_remedy(tmp_path):
    from types import SimpleNamespace

    from kaomoji_lib.runs import control_states as controls

    facts = {
        "model": {"revision": "1", "template_sha256": "2"},
        "settings": {"prompts": "3"},
        "instruction": "4",
    }
    run = SimpleNamespace(path=tmp_path, manifest=facts)
    import torch

    controls.write(
        run,
        {"user": torch.ones(2, 1, 3), "inputs": torch.ones(2, 3), "twin-0": torch.zeros(2, 1, 3)},
        {"seeds": [0]},
    )
    assert controls.read(run).user.shape == (2, 1, 3) and len(controls.read(run).twins) == 1
    content = (tmp_path / "controls.json").read_bytes()
    for wrong in (b"", content[:-9], b"[]", b"\0" * 40, content.replace(b'"3"', b'"5"')):
        (tmp_path / "controls.json").write_bytes(wrong)
        for look in (controls.present, controls.read):
            with pytest.raises(KaomojiError, match="controls.json is damaged.*delete it.*anew"):
                look(run)
    (tmp_path / "controls.json").write_bytes(content)
    (tmp_path / "controls.safetensors").write_bytes(
        (tmp_path / "controls.safetensors").read_bytes()[:-4]
    )
    with pytest.raises(KaomojiError, match="controls.safetensors is not the file that was written"):
        controls.read(run)


LEFT = (".manifest.json.77.part", ".states-emit.safetensors.77.part")
OTHERS = ("notes.part", ".mine.part", "a.77.part")


def littered(folder, names=(*LEFT, *OTHERS)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("half", encoding="utf-8")
    return folder


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_only_temporary_files_are_swept(tmp_path):
    littered(littered(tmp_path) / "deep")
    files.sweep(tmp_path, LEFT[0][1:-8])
    assert names(tmp_path) == {"deep", LEFT[1], *OTHERS}
    files.sweep(tmp_path)
    assert names(tmp_path) == {"deep", *OTHERS} and names(tmp_path / "deep") == {*LEFT, *OTHERS}
    files.sweep(tmp_path, below=True)
    assert names(tmp_path) == {"deep", *OTHERS} and names(tmp_path / "deep") == set(OTHERS)


def test_what_killed_writers_left_goes_when_the_next_one_holds_the_lock(tmp_path, few):
    run = littered(tmp_path / "run")
    littered(run / "derived")
    collect("organism-gemma", prompts=few, generations=1, out=run, progress=False)
    assert names(run) >= set(OTHERS) and not names(run) & set(LEFT)
    assert names(run / "derived") == {*LEFT, *OTHERS}, (
        "tables that are worked out have locks of their own"
    )
    (tmp_path / "faces.txt").write_text("(^_^)\n", encoding="utf-8")
    scores = littered(tmp_path / "scores", (".s.parquet.77.part", ".t.parquet.77.part"))
    score_file(
        "organism-gemma",
        faces=tmp_path / "faces.txt",
        prompts=few,
        out=scores / "s.parquet",
        progress=False,
    )
    assert names(scores) == {"s.parquet", ".t.parquet.77.part"}, "another run writes the other file"


def test_clocks_that_go_wrong_change_nothing(tmp_path, few):
    run = collect(
        "organism-gemma", prompts=few, generations=1, out=tmp_path / "run", progress=False
    )
    for path in run.path.iterdir():
        os.utime(path, (4_000_000_000, 4_000_000_000))
    again = collect(
        "organism-gemma", prompts=few, generations=1, out=tmp_path / "run", progress=False
    )
    pd.testing.assert_frame_equal(again.emissions(), run.emissions())
