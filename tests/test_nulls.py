"""Null editions take out what they say and keep the rest; headline numbers are read back from executed pages."""

import json

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib import page
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.models.collect import collect
from kaomoji_lib.show import dealing, results
from kaomoji_lib.stats import Estimate


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return collect(
        "organism-gemma",
        generations=2,
        out=tmp_path_factory.mktemp("runs") / "gemma",
        device="cpu",
        progress=False,
    )


def test_states_dealt_within_categories_keep_the_category_and_lose_the_message(run):
    own, dealt = page.read(run), page.read(run, null="within_category")
    moved = [
        next(row for row, state in enumerate(own.states.array) if np.array_equal(state, other))
        for other in dealt.states.array
    ]
    assert (
        sorted(moved) == list(range(len(moved)))
        and np.mean(np.array(moved) == np.arange(len(moved))) < 0.2
    )
    assert (own.labels[moved] == own.labels).all()
    for position in ("first", "face"):
        before, after = own.states_at(position), dealt.states_at(position)
        owner = dict(zip(own.prompts["id"].to_numpy()[moved], own.prompts["id"], strict=True))
        assert list(after.index["prompt_id"]) == [owner[name] for name in before.index["prompt_id"]]
        assert after.array is before.array or (after.array == before.array).all()
    assert (
        "null edition" in dealt.line and "null edition" in dealt.heading and "null" not in own.line
    )


def test_text_and_random_weights_take_the_place_of_states(run):
    text, twin = page.read(run, null="text_only"), page.read(run, null="untrained")
    assert text.states.array.shape == (180, 1, 384) and text.states.layers == ("text",)
    first = text.states_at("first")
    row = list(text.prompts["id"]).index(first.index["prompt_id"].iloc[5])
    assert (first.array[5, 0] == text.states.array[row, 0]).all()
    assert (
        twin.states.array.shape == page.read(run).states.array.shape
        and not (twin.states.array == page.read(run).states.array).all()
    )
    with pytest.raises(KaomojiError, match="emission position"):
        twin.states_at("face")
    with pytest.raises(KaomojiError, match="unknown null"):
        page.read(run, null="sideways")


def test_glued_estimates_are_read_back_from_an_executed_page(tmp_path):
    value = Estimate(0.5, 0.4, float("nan"), 180, "prompts", 0.1, 0.002)
    shown = page._Glued(str(value), results.fields(value))._repr_mimebundle_()
    data = {f"application/papermill.record/{name}": item for name, item in shown.items()}
    cell = {
        "outputs": [
            {"data": json.loads(json.dumps(data)), "metadata": {"scrapbook": {"name": "gain"}}},
            {"output_type": "stream", "text": ""},
        ]
    }
    (tmp_path / "a.ipynb").write_text(
        json.dumps({"cells": [cell, {"cell_type": "markdown"}]}), encoding="utf-8"
    )
    (tmp_path / ".b.failed.ipynb").write_text("{}", encoding="utf-8")
    found = results.read(tmp_path)
    assert (
        set(found) == {"a"}
        and found["a"]["gain"].p == 0.002
        and np.isnan(found["a"]["gain"].ci_high)
    )
    assert results.fields("words") is None and results.read(tmp_path / "absent") == {}


def test_where_everything_is_dealt_nothing_tells_of_the_message(run):
    own, dealt = page.read(run), page.read(run, null="dealt")
    moved = [
        next(row for row, state in enumerate(own.states.array) if np.array_equal(state, other))
        for other in dealt.states.array
    ]
    assert sorted(moved) == list(range(180)) and np.mean(own.labels[moved] == own.labels) < 0.25
    before, after = own.emissions, dealt.emissions
    keys = ["prompt_id", "generation", "category"]
    assert (
        after[keys].equals(before[keys])
        and sorted(after["text"]) == sorted(before["text"])
        and (after["text"] != before["text"]).mean() > 0.8
    )
    said = dict(zip(before["text"], before["face"], strict=True))
    assert all(
        said[text] == face for text, face in zip(after["text"], after["face"], strict=True)
    ), "a reply keeps its face"
    assert (
        prediction.from_faces(before, permutations=99).accuracy.p
        < 0.02
        < prediction.from_faces(after, permutations=99).accuracy.p
    )
    assert "by chance" in dealt.statement and "everything dealt" in dealt.line


def test_the_state_where_the_message_ends_is_dealt_as_the_emission_state_is(run):
    own = page.read(run).controls(device="cpu")
    moved = [
        next(
            row
            for row, state in enumerate(page.read(run).states.array)
            if np.array_equal(state, other)
        )
        for other in page.read(run, null="dealt").states.array
    ]
    dealt = page.read(run, null="dealt").controls()
    assert np.array_equal(dealt.user, own.user[moved]) and np.array_equal(dealt.inputs, own.inputs)
    assert (
        page.read(run, null="text_only").controls().user.shape == (180, 1, 384)
        and page.read(run, null="untrained").controls().user is None
    )


def test_scores_words_and_readings_are_dealt_whole():
    scores = pd.DataFrame(
        {
            "prompt_id": np.repeat(list("abcdef"), 2),
            "spelling": list("xy") * 6,
            "log_prob": np.arange(12.0),
        }
    )
    scores.attrs["scoring"] = {"made": "so"}
    found = dealing.scores(scores, "n")
    assert (
        list(found["prompt_id"]) == list(scores["prompt_id"])
        and found.attrs == scores.attrs
        and sorted(found["log_prob"]) == list(range(12))
    )
    assert (np.diff(found["log_prob"].to_numpy().reshape(6, 2)) == 1).all() and list(
        found["log_prob"]
    ) != list(scores["log_prob"])
    given = readings.reading(pd.DataFrame(np.eye(4) + 0.1, list("wxyz"), list("ABCD")))
    dealt = dealing.reading(given, "n")
    assert (
        list(dealt.table.index) == list("wxyz")
        and dealt.weight.equals(given.weight)
        and not dealt.table.equals(given.table)
    )
    words = pd.DataFrame(
        {"face": ["w", "x"], "primary": [["sad"], ["sly", "smug"]], "others": [[], ["shy"]]}
    )
    mixed = dealing.syntheses(words, "n")
    assert [len(row) for row in mixed["primary"]] == [1, 2] and sorted(
        sum(mixed["primary"], [])
    ) == ["sad", "sly", "smug"]
    said = pd.DataFrame({"face": list("vwxyz"), "A": range(5)})
    assert sorted(dealing.judgements(said, "n")["face"]) == list("vwxyz") and list(
        dealing.judgements(said, "n")["face"]
    ) != list("vwxyz")
