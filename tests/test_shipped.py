"""The runs that ship: whole, small enough, and met again where the weights are at hand."""

import copy
import dataclasses
import functools
import json

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import extract
from kaomoji_lib.metrics import reproduction
from kaomoji_lib.models import choose, loading, sample, scoring
from kaomoji_lib.models.collect import collect
from kaomoji_lib.models.templates import adapt
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import sha256
from kaomoji_lib.runs.folder import SHIPPED, RunFolder
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

RUNS = sorted(path.parent.name for path in SHIPPED.glob("*/manifest.json"))
MODELS = [name for name in RUNS if "--" not in name]
FEW_FACES, SAMPLES = 3, 100
LOAD = loading.load
SAMPLED = ("smollm2-135m-instruct", "gemma-3-270m")


@pytest.mark.parametrize("name", RUNS)
def test_every_file_has_its_hash_and_they_are_small(name):
    files = json.loads((SHIPPED / name / "manifest.json").read_text(encoding="utf-8"))["files"]
    paths = [path for path in (SHIPPED / name).rglob("*") if path.is_file()]
    there = {path.relative_to(SHIPPED / name).as_posix(): sha256(path) for path in paths}
    del there["manifest.json"]
    assert there == files and sum(path.stat().st_size for path in paths) < 10e6


@pytest.mark.parametrize("name", RUNS)
def test_faces_are_those_that_extraction_finds_today(name):
    kept = RunFolder(SHIPPED / name).emissions()
    cut = kept["outcome"] == "truncated"
    found = [extract(*reply) for reply in zip(kept["text"], cut)]
    assert [item.outcome for item in found] == list(kept["outcome"])
    assert [item.raw_face or "" for item in found] == list(kept["raw_face"].fillna(""))


@functools.cache
def load_float32(name):
    return LOAD(registry.model(name), "cpu", "float32")


@pytest.mark.parametrize("name", MODELS)
def test_cells_are_met_again(name, tmp_path, monkeypatch):
    """Two messages' states, three kaomoji's scores and common openings, by the code of today; weights are unpacked once."""
    monkeypatch.setattr(loading, "load", lambda spec, *_, **__: load_float32(spec.alias))
    kept = RunFolder(SHIPPED / name)
    asked = kept.prompts().groupby("category", sort=False).head(1).head(2)
    messages = tmp_path / "messages.csv"
    asked.to_csv(messages, index=False)
    try:
        made = collect(
            name, messages, generations=1, max_new_tokens=1, out=tmp_path / "run", progress=False
        )
    except KaomojiError as error:
        pytest.skip(f"the weights are not here: {error}")
    distance = reproduction.distances(kept, made)
    assert distance.size and distance.max() < 0.01
    if choose.is_scored(kept):
        table = choose.closed_set(kept)
        few = choose.load_inventory().head(FEW_FACES)
        made = choose.score_inventory(
            name, few, messages, tmp_path / "scores.parquet", dtype="float32", progress=False
        )
        both = made.merge(table, on=["prompt_id", "spelling"], suffixes=("", "_kept"))
        assert len(both) == FEW_FACES * len(asked)
        # Scores of Qwen were computed in bfloat16.
        assert (both["log_prob"] - both["log_prob_kept"]).abs().max() < 1.5
        assert np.corrcoef(both["log_prob"], both["log_prob_kept"])[0, 1] > 0.99
    if name in SAMPLED:
        replies_open_as_often_as_they_are_scored_to(load_float32(name))


def replies_open_as_often_as_they_are_scored_to(loaded):
    """Behind ``Assistant:`` nearly all replies begin with white space; sampling and scoring look past it."""
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.chat_template = None
    engine = dataclasses.replace(loaded, template=adapt(tokenizer, {}))
    asked = load_prompts().iloc[[3, 171]]
    messages = [f"{INSTRUCTION} {text}" for text in asked["text"]]
    drawn = sample.Sampling(SAMPLES, max_new_tokens=3)
    rows, _ = sample.sample(engine, messages, list(asked["id"]), drawn)
    first = pd.DataFrame(rows).set_index("prompt")["text"].str.lstrip().str[:1]
    assert first.ne("").mean() > 0.99
    common = first.value_counts().index[:10]
    scored = scoring.score(engine, common, asked)["log_prob_closed"].to_numpy().reshape(2, -1)
    shares = np.array([[(first[row] == letter).mean() for letter in common] for row in range(2)])
    error = np.sqrt(np.exp(scored) * (1 - np.exp(scored)) / SAMPLES)
    assert (abs(shares - np.exp(scored)) < 4 * error).all()
