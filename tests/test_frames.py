"""Perspectives: recorded, kept apart, drawn independently."""

import pytest

from kaomoji_lib import perspectives as study
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import INSTRUCTION


def test_the_table_of_frames_and_its_words():
    table = study.load_frames()
    assert {"self", "user", "third_party", "symbol", "opposite"} <= set(table.index)
    assert study.instruction_of("self") == ("self", INSTRUCTION) and study.instruction_of(
        "self", "Say hi."
    ) == (study.OWN_WORDS, "Say hi.")
    with pytest.raises(KaomojiError, match="unknown frame"):
        study.instruction_of("nobody")
    with pytest.raises(KaomojiError, match="both"):
        study.instruction_of("user", "Say hi.")


def test_a_collection_keeps_its_frame_and_refuses_another(tmp_path, monkeypatch):
    monkeypatch.setenv("KAOMOJI_RUNS", str(tmp_path / "runs"))
    prompts = tmp_path / "prompts.csv"
    prompts.write_text(
        "id,category,text\na1,HP-D,the gnome moved again\na2,LN,the house is quiet now\n",
        encoding="utf-8",
    )
    options = dict(prompts=prompts, generations=3, progress=False)
    plain, user = (
        collect("organism-gemma", **options),
        collect("organism-gemma", frame="user", **options),
    )
    assert (
        plain.frame == "self" and user.frame == "user" and user.path.name == "organism-gemma--user"
    )
    assert user.manifest["instruction"] == study.load_frames().at["user", "instruction"]
    assert collect("organism-gemma", frame="user", **options).path == user.path
    with pytest.raises(KaomojiError, match="--frame: there 'user', asked for 'symbol'"):
        collect("organism-gemma", frame="symbol", out=user.path, **options)


def test_a_run_from_before_there_were_frames_goes_on(tmp_path):
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("id,category,text\na1,HP-D,the gnome moved again\n", encoding="utf-8")
    run = collect(
        "organism-gemma", prompts=prompts, generations=1, out=tmp_path / "run", progress=False
    )
    settings = {key: value for key, value in run.manifest["settings"].items() if key != "frame"}
    run.write_manifest({**run.manifest, "settings": settings})
    assert run.frame == "self"
    assert collect(
        "organism-gemma", prompts=prompts, generations=1, out=tmp_path / "run", progress=False
    ).complete


def test_equal_frames_do_not_draw_equal_faces(monkeypatch, tmp_path):
    prompts = tmp_path / "prompts.csv"
    prompts.write_text(
        "id,category,text\n" + "\n".join(f"a{row},HP-D,the gnome moved again" for row in range(4)),
        encoding="utf-8",
    )
    table = study.load_frames()
    table.loc["user", "instruction"] = INSTRUCTION
    monkeypatch.setattr(study, "load_frames", lambda path=None: table)
    runs = [
        collect(
            "organism-gemma",
            prompts=prompts,
            generations=8,
            frame=frame,
            out=tmp_path / frame,
            progress=False,
        )
        for frame in ("self", "user")
    ]
    texts = [list(run.emissions()["text"]) for run in runs]
    assert sum(a == b for a, b in zip(*texts, strict=True)) < 20
