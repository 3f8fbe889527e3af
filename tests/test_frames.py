"""Frames: recorded, kept apart, drawn independently; and self-specificity found only where it is planted."""

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib import perspectives as study
from kaomoji_lib import resampling
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import frames
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import INSTRUCTION


def emissions(own, shared, prompts=60, seed=0, names=("self", "user", "symbol")):
    """Faces of three categories. ``own``: share of self faces that a private trait of the prompt decides; ``shared``: of all faces,
    a trait that every frame reads from the message."""
    rng = np.random.default_rng(seed)
    category, trait, private = (
        np.arange(prompts) % 3,
        rng.integers(2, size=prompts),
        rng.integers(2, size=prompts),
    )
    found = {}
    for name in names:
        rows = []
        for prompt in range(prompts):
            for generation in range(8):
                draw = rng.random()
                if draw < own * (name == "self"):
                    face = f"own{private[prompt]}"
                elif draw < own * (name == "self") + shared:
                    face = f"shared{trait[prompt]}"
                else:
                    face = f"{category[prompt]}{rng.integers(2)}"
                rows.append((f"p{prompt}", f"C{category[prompt]}", generation, face))
        found[name] = pd.DataFrame(rows, columns=["prompt_id", "category", "generation", "face"])
    return found


def test_what_only_the_self_face_holds_is_found():
    found = frames.self_specificity(emissions(0.5, 0.0), permutations=99)
    assert found.beyond_all.p < 0.05 and found.beyond_all.value > 0.1
    assert all(item.within.p < 0.05 and item.within.ci_low > 0 for item in found.frames)
    assert found.repeated.within.p < 0.05


def test_what_every_frame_reads_from_the_message_is_not_self_specific():
    found = frames.self_specificity(emissions(0.0, 0.5), permutations=99)
    assert found.repeated.within.p < 0.05 and found.frames[0].shared.within.p < 0.05
    assert abs(found.frames[0].within.value) < 0.1


def drawn(rng, prompts=24, slots=4):
    """Slots of two self faces and one other, all drawn alike from what every frame reads from the message: ints (prompts, slots) each; and the categories."""
    category, trait = np.arange(prompts) % 3, rng.integers(2, size=prompts)
    own = np.where(
        rng.random((3, prompts, slots)) < 0.5,
        6 + trait[:, None],
        2 * category[:, None] + rng.integers(2, size=(3, prompts, slots)),
    )
    return *own, category


def test_frames_that_type_alike_and_faces_that_repeat_nothing_keep_the_level(monkeypatch):
    monkeypatch.setattr(frames, "HALVES", 2)
    rng, alike, free, nothing = np.random.default_rng(1), [], [], []
    for seed in range(200):
        A, B, O, category = drawn(rng)  # noqa: E741
        alike.append(frames._difference(A, B, O, category, 19, seed).p)
        free.append(frames._difference(A, B, O, np.zeros_like(category), 19, seed).p)
        nothing.append(
            frames._shared(A, B[resampling.orders(category, 1, seed)[0]], category, 19, seed).p
        )
    for ps in (alike, free, nothing):
        assert_level(ps)


def test_faces_that_ignore_the_message_repeat_nothing():
    found = frames.self_specificity(emissions(0.0, 0.0), permutations=99)
    assert found.repeated.bits.p < 0.05 and found.repeated.within.p > 0.05
    assert abs(found.repeated.within.value) < 0.1 and found.beyond_all.p > 0.05


def test_information_equals_its_definition():
    left, right = np.array([[0], [0], [1], [1]] * 50), np.array([[0], [0], [1], [1]] * 50)
    assert frames.information(left, right, np.zeros(200, dtype=int)) == pytest.approx(1, abs=0.01)
    assert frames.information(left, right, left[:, 0]) == pytest.approx(0, abs=0.01)
    assert frames.information(
        np.where(left == 1, -1, left), right, np.zeros(200, dtype=int)
    ) == pytest.approx(0, abs=0.01)


def test_frames_of_other_prompts_or_missing_frames_are_refused():
    found = emissions(0.0, 0.0, prompts=6)
    with pytest.raises(KaomojiError, match="at least one other"):
        frames.self_specificity({"self": found["self"]})
    with pytest.raises(KaomojiError, match="other prompts"):
        frames.self_specificity(
            {"self": found["self"], "user": found["user"][found["user"]["prompt_id"] != "p0"]}
        )


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
