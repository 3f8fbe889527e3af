"""Deriving the tables from the originals: verified, without texts, and one line for what went wrong."""

import base64
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.published import tables
from kaomoji_lib.runs.files import sha256

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data" / "published"))

import derive

PROMPTS = tables.prompts()
# What a reply says, what the article's extraction stored of it, and the outcome and face that ours reads.
ODD = [
    ("(⁄ ⁄•⁄ω", "(⁄", "truncated", None),
    ("(🚨) oh", "(🚨)", "emoji", None),
    ("(2024) was", "(2024)", "words", None),
    ("ᕕ( ᐛ )ᕗ so", "", "kaomoji", "(ᐛ)"),
]
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "published"
ORIGINALS = Path(os.environ.get(derive.PLACE) or BESIDE)
AXES = ["PC1", "PC2", "PC3"]


def write(path, rows):
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def packed(points):
    columns = zip("xyz", np.asarray(points, dtype="<f4").T, strict=True)
    coded = {axis: base64.b64encode(column.tobytes()).decode() for axis, column in columns}
    return {axis: {"dtype": "f4", "bdata": text} for axis, text in coded.items()}


def place(prompt):
    """Where a prompt lies in the figure."""
    return [tables.category([prompt])[0].startswith("H") * 5, int(prompt[2:]) / 50, 1.0]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """A small edition of the originals: their folder and its registry."""
    folder = tmp_path_factory.mktemp("mirror")
    (folder / "r").mkdir()
    source = {"scheme": "nine", "emissions": "r/raw.jsonl", "likelihoods": "r/scores.parquet"}
    known = {
        **tables.registry(),
        "sources": {"gemma": {**source, "figure": "r/figure.html"}},
        "judgements": {"opus": {"file": "r/opus.jsonl"}},
        "syntheses": "r/words.jsonl",
        "repositories": {"r": "http://127.0.0.1:9/sha/"},
    }
    names = ("raw.jsonl", "scores.parquet", "figure.html", "opus.jsonl", "words.jsonl")
    known["files"] = {f"r/{name}": "" for name in names}
    rows = [
        {"prompt_id": prompt, "prompt_text": "secret", "first_word": "(^_^)", "seed": seed}
        | {"text": "(^_^) a secret reply"}
        for prompt in PROMPTS["id"]
        for seed in range(5)
    ]
    for row, (text, stored, *_) in zip(rows, ODD, strict=False):
        row.update(text=text, first_word=stored)
    write(folder / "r/raw.jsonl", rows)
    scores = pd.MultiIndex.from_product([PROMPTS["id"], ["(^_^)", "("]])
    scores = scores.to_frame(index=False, name=["prompt_id", "first_word"])
    scores.assign(log_prob=-9.0, n_face_tokens=4).to_parquet(folder / "r/scores.parquet")
    judged = {f"opus_lik_{code}": 0.9 for code in tables.scheme().codes}
    write(folder / "r/opus.jsonl", [{"face": "(^_^)", **judged}])
    said = {"primary_affect": ["satisfied"], "stance_modality_function": ["wry", "proud"]}
    upload = {"count": 3, "lexicon_version": 2, "source_model": "m", "contributor": "one"}
    upload |= {"bundle": "bundle-1", "synthesis": said}
    write(folder / "r/words.jsonl", [{"kaomoji": "(^_^)", "descriptions": [upload]}])
    traces = [{"name": "axis", **packed([[0, 0, 0]])}]
    for code, ids in PROMPTS.groupby("category", sort=False)["id"]:
        points = [place(prompt) for prompt in ids for _ in range(5)]
        traces.append({"name": f"{code} (n={len(points)})", **packed(points)})
    shares = zip("xyz", (30, 12.5, 8), strict=True)
    scene = {f"{axis}axis": {"title": {"text": f"PC ({share}%)"}} for axis, share in shares}
    call = f'Plotly.newPlot( "id", {json.dumps(traces)},  {json.dumps({"scene": scene})})'
    (folder / "r/figure.html").write_text(f"<script>alert(1); {call}</script>", encoding="utf-8")
    known["files"] = {name: sha256(folder / name) for name in known["files"]}
    return folder, known


@pytest.fixture
def known(mirror, monkeypatch):
    monkeypatch.setenv(derive.PLACE, str(mirror[0]))
    return mirror[1]


def fails(words, function, *arguments):
    with pytest.raises(KaomojiError, match=words) as error:
        function(*arguments)
    assert len(str(error.value).splitlines()) == 1 and "expected" in str(error.value)


def test_facts_are_derived_and_no_text(known):
    derived = derive.derive(known)
    assert tuple(derived) == tables.NAMES
    for name, table in derived.items():
        assert "secret" not in table.to_csv(), name
        assert list(table) == list(tables.read(name)), "the columns of the shipped table"
    emissions = derived["emissions.parquet"]
    assert len(emissions) == 900 and set(emissions["generation"]) == set(range(5))
    for row, (_, stored, outcome, face) in zip(emissions.itertuples(), ODD, strict=False):
        assert (row.outcome, row.published_raw or "") == (outcome, stored)
        assert (tables.canonical(row.raw_face) if row.raw_face else None) == face
    assert (emissions["outcome"][len(ODD) :] == "kaomoji").all()
    components = derived["components.csv"].set_index("prompt_id")
    assert np.allclose(components[AXES], [place(prompt) for prompt in components.index])
    assert len(components) == 180
    assert derived["variance.csv"].iloc[0, 1:].tolist() == [0.3, 0.125, 0.08]
    assert derived["words.csv"].iloc[0]["others"] == "wry proud"


def test_export_writes_what_verify_reads_and_verify_sees_a_change(known, tmp_path, monkeypatch):
    assert derive.export(tmp_path, known, "2026-01-01") == tmp_path
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["derived"] == "2026-01-01" and set(manifest["tables"]) == set(tables.NAMES)
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    tables.read.cache_clear()
    assert not any(derive.verify(known).values())
    text = (tmp_path / "judgements.csv").read_text(encoding="utf-8")
    (tmp_path / "judgements.csv").write_text(text.replace("0.9", "0.8", 1), encoding="utf-8")
    (tmp_path / "variance.csv").write_text("source,PC1,PC2,PC3\n")
    tables.read.cache_clear()
    differing = {name: rows for name, rows in derive.verify(known).items() if rows}
    assert differing == {"judgements.csv": 1, "variance.csv": 1}
    tables.read.cache_clear()


def test_what_is_missing_or_changed_or_differs_is_said_in_one_line(
    mirror, tmp_path, monkeypatch, capsys
):
    folder, known = mirror
    monkeypatch.setenv(derive.PLACE, str(tmp_path))
    fails("connect to the network", derive.locate, "r/words.jsonl", known)
    fails("cannot be had", derive.locate, "../../etc/passwd", known)
    path = tmp_path / "r" / "words.jsonl"
    path.write_bytes((folder / "r/words.jsonl").read_bytes())
    assert derive.locate("r/words.jsonl", known) == path
    path.write_bytes(b"changed")
    fails(f"SHA-256 {known['files']['r/words.jsonl']}", derive.locate, "r/words.jsonl", known)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert derive.main([]) == 2
    assert derive.PLACE in capsys.readouterr().err
    monkeypatch.setattr(derive, "verify", lambda: {"words.csv": 3, "variance.csv": 0})
    assert derive.main(["--verify"]) == 2
    assert "words.csv: 3 rows differ" in capsys.readouterr().out


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason="the originals are not on this machine")
def test_shipped_tables_are_what_the_originals_give(monkeypatch):
    """Reading the published replies again gives every shipped face."""
    listed = [line.split(maxsplit=1) for line in (ORIGINALS / "SHA256SUMS").open()]
    listed = {name.strip().removeprefix("./"): sha for sha, name in listed}
    assert listed.items() >= tables.registry()["files"].items()
    monkeypatch.setenv(derive.PLACE, str(ORIGINALS))
    assert derive.verify() == dict.fromkeys(tables.NAMES, 0)
