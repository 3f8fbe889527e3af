"""Null editions take out what they say and keep the rest; headline numbers are read back from executed pages."""

import json

import numpy as np
import pytest

from kaomoji_lib.engine.collect import collect
from kaomoji_lib.show import nulls, page
from kaomoji_lib.store import results
from kaomoji_lib.study.errors import KaomojiError
from kaomoji_lib.study.statistics import Estimate


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return collect("organism-gemma", generations=2, out=tmp_path_factory.mktemp("runs") / "gemma", device="cpu", progress=False)


def test_states_dealt_within_categories_keep_the_category_and_lose_the_message(run):
    own, dealt = page.read(run), page.read(run, null="within_category")
    moved = [next(row for row, state in enumerate(own.states.array) if np.array_equal(state, other)) for other in dealt.states.array]
    assert sorted(moved) == list(range(len(moved))) and np.mean(np.array(moved) == np.arange(len(moved))) < 0.2
    assert (own.labels[moved] == own.labels).all()
    for position in ("first", "face"):
        before, after = own.states_at(position), dealt.states_at(position)
        owner = dict(zip(own.prompts["id"].to_numpy()[moved], own.prompts["id"], strict=True))
        assert list(after.index["prompt_id"]) == [owner[name] for name in before.index["prompt_id"]]
        assert after.array is before.array or (after.array == before.array).all()
    assert "null edition" in dealt.line and "null edition" in dealt.heading and "null" not in own.line


def test_text_and_random_weights_take_the_place_of_states(run):
    text, twin = page.read(run, null="text_only"), page.read(run, null="untrained")
    assert text.states.array.shape == (180, 1, 384) and text.states.layers == ("text",)
    first = text.states_at("first")
    row = list(text.prompts["id"]).index(first.index["prompt_id"].iloc[5])
    assert (first.array[5, 0] == text.states.array[row, 0]).all()
    assert twin.states.array.shape == page.read(run).states.array.shape and not (twin.states.array == page.read(run).states.array).all()
    with pytest.raises(KaomojiError, match="emission position"):
        twin.states_at("face")
    with pytest.raises(KaomojiError, match="unknown null"):
        page.read(run, null="sideways")


def test_glued_estimates_are_read_back_from_an_executed_page(tmp_path):
    value = Estimate(0.5, 0.4, float("nan"), 180, "prompts", 0.1, 0.002)
    shown = page._Glued(str(value), results.fields(value))._repr_mimebundle_()
    data = {f"application/papermill.record/{name}": item for name, item in shown.items()}
    cell = {"outputs": [{"data": json.loads(json.dumps(data)), "metadata": {"scrapbook": {"name": "gain"}}}, {"output_type": "stream", "text": ""}]}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell, {"cell_type": "markdown"}]}), encoding="utf-8")
    (tmp_path / ".b.failed.ipynb").write_text("{}", encoding="utf-8")
    found = results.read(tmp_path)
    assert set(found) == {"a"} and found["a"]["gain"].p == 0.002 and np.isnan(found["a"]["gain"].ci_high)
    assert results.fields("words") is None and results.read(tmp_path / "absent") == {}
