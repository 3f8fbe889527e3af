"""Deriving the tables from the originals: verified, and one line for what went wrong."""

import json
import os
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.published import tables

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data" / "published"))

import derive

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "published"
ORIGINALS = Path(os.environ.get(derive.PLACE) or BESIDE)


@pytest.fixture
def known(tmp_path, monkeypatch):
    """A registry of one original, which can be had nowhere yet."""
    monkeypatch.setenv(derive.PLACE, str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    (tmp_path / "r").mkdir()
    digest = sha256(b'{"kaomoji": "(^_^)"}\n').hexdigest()
    return {"files": {"r/words.jsonl": digest}, "repositories": {"r": "http://127.0.0.1:9/sha/"}}


def fails(words, function, *arguments):
    with pytest.raises(KaomojiError, match=words) as error:
        function(*arguments)
    assert len(str(error.value).splitlines()) == 1 and "expected" in str(error.value)


def test_an_original_is_verified_and_kept(known, tmp_path, capsys):
    path = tmp_path / "r" / "words.jsonl"
    fails("connect to the network", derive.locate, "r/words.jsonl", known)
    fails("cannot be had", derive.locate, "../../etc/passwd", known)
    path.write_text('{"kaomoji": "(^_^)"}\n', encoding="utf-8")
    assert derive.locate("r/words.jsonl", known) == path
    path.write_bytes(b"changed")
    fails(f"SHA-256 {known['files']['r/words.jsonl']}", derive.locate, "r/words.jsonl", known)
    assert derive.main([]) == 2
    assert derive.PLACE in capsys.readouterr().err


def test_export_writes_what_verify_reads_and_verify_sees_a_change(monkeypatch, tmp_path, capsys):
    shipped = {name: tables.read(name) for name in tables.NAMES}
    monkeypatch.setattr(derive, "derive", lambda known: shipped)
    assert derive.export(tmp_path, today="2026-01-01") == tmp_path
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["derived"] == "2026-01-01" and set(manifest["tables"]) == set(tables.NAMES)
    assert not any(derive.verify().values())
    changed = shipped["judgements.csv"].copy()
    changed.loc[0, "LP"] += 0.1
    shipped |= {"judgements.csv": changed, "variance.csv": shipped["variance.csv"][1:]}
    assert derive.main(["--verify"]) == 2
    said = capsys.readouterr().out
    assert "judgements.csv: 1 rows differ" in said and "variance.csv: 5 rows differ" in said
    assert "words.csv: as derived" in said


def test_a_figure_is_read_and_not_executed():
    call = 'Plotly.newPlot( "id", [{"name": "LP (n=2)"}],  {"scene": {"xaxis": 1}})'
    traces, layout = derive.figure(f"<script>alert(1); {call}</script>")
    assert (traces, layout) == ([{"name": "LP (n=2)"}], {"scene": {"xaxis": 1}})


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason="the originals are not on this machine")
def test_shipped_tables_are_what_the_originals_give(monkeypatch):
    """Reading the published replies again gives every shipped face."""
    listed = [line.split(maxsplit=1) for line in (ORIGINALS / "SHA256SUMS").open()]
    listed = {name.strip().removeprefix("./"): sha for sha, name in listed}
    assert listed.items() >= tables.registry()["files"].items()
    monkeypatch.setenv(derive.PLACE, str(ORIGINALS))
    assert derive.verify() == dict.fromkeys(tables.NAMES, 0)
