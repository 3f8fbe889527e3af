"""The benchmark: what it counts is right, what it keeps can be read, and the kept figures hold what the book says of them."""

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import Missing
from kaomoji_lib.models import benchmark, benchmark_peers
from kaomoji_lib.models import benchmark_models as models
from kaomoji_lib.models import benchmark_record as record
from kaomoji_lib.models.score import spellings
from kaomoji_lib.show import benchmark as show

TINY = models.Size(
    hidden=32,
    layers=4,
    faces=20,
    sampled=2,
    repeats=2,
    tokens=3,
    generations=2,
    counts=(10, 20),
    askings=(1, 2),
    vocabularies=(4_000, 8_000),
)


def test_faces_are_different():
    assert len(set(models.faces(800))) == 800


def test_the_least_arithmetic_is_counted_by_hand():
    bench = models.make(TINY)
    plan = spellings.plan(bench.engine, bench.words)
    nodes, body = int(plan.trie.internal.sum()), 4 * (4 * 32 * 32 + 3 * 32 * 128 + 2 * 32)
    prompts = [len(prompt) for prompt in bench.prompts]
    tokens = sum(prompts) + len(prompts) * (nodes - 1)
    attention = sum(
        4
        * 32
        * 4
        * (length * (length + 1) / 2 + sum(length + plan.trie.depth[plan.trie.internal][1:]))
        for length in prompts
    )
    head = len(prompts) * nodes * 2 * 32 * TINY.vocabulary
    assert models.operations(bench, plan) == pytest.approx(2 * body * tokens + attention + head)


def test_of_experts_the_chosen_ones_count_and_windows_and_recurrences_shorten_attention():
    count = {name: models.make(TINY, architecture=name) for name in models.ARCHITECTURES}
    routed = count["mixture of experts"].engine
    experts = sum(
        parameter.numel()
        for block in routed.blocks
        for parameter in block.parameters()
        if parameter.ndim == 3
    )
    every = sum(parameter.numel() for block in routed.blocks for parameter in block.parameters())
    assert every - experts < models._active(routed) < every - experts / 2 + 1
    bench = count["sliding attention"]
    plan = spellings.plan(bench.engine, bench.words)
    wide = models.operations(bench, plan)
    bench.engine.model.config.sliding_window = 4
    assert models.operations(bench, plan) < wide


@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_every_alternative_gives_the_same_scores(name):
    times = benchmark.score_times(models.make(TINY, architecture=name))
    assert {"packed", "levels", "batched", "plain", benchmark.FLOOR} <= set(times["alternative"])
    assert times["off"].max() < 1e-3 and (times["seconds"] > 0).all()
    assert set(benchmark.ratios(times)["alternative"]) == set(times["alternative"]) - {"packed"}


def test_all_samplers_type_the_same_number_of_tokens():
    times = benchmark.sample_times(models.make(TINY)).set_index("alternative")["timed"]
    everything = TINY.drawn * TINY.generations * TINY.tokens
    assert (
        set(times[benchmark.OURS])
        == set(times[f"generate, {TINY.generations} at once"])
        == {everything}
    )


def test_scaling_counts_what_is_computed_and_memory_what_is_held():
    bench = models.make(TINY)
    table = benchmark.scaling(bench)
    nodes = {
        count: int(spellings.plan(bench.engine, bench.words[:count]).trie.internal.sum())
        for count in TINY.counts
    }
    assert table["computed"].tolist() == [nodes[10] * 2, nodes[20] * 2, nodes[20], nodes[20] * 2]
    assert 0 <= benchmark.linearity(table) <= 1
    assert benchmark.memory(bench)["vocabulary"].tolist() == list(TINY.vocabularies)


def test_ratios_are_taken_within_a_repeat():
    times = pd.DataFrame(
        {
            "alternative": ["packed", "plain"] * 2,
            "repeat": [0, 0, 1, 1],
            "seconds": [1.0, 10.0, 2.0, 20.0],
            "timed": 4,
            "off": 0.0,
        }
    )
    ratio = benchmark.ratios(times).set_index("alternative").loc["plain", "times"]
    assert (ratio.value, ratio.ci_low, ratio.ci_high) == (10, 10, 10)


def test_peers_are_looked_for_and_named(monkeypatch):
    assert set(benchmark_peers.available()) | set(benchmark_peers.missing()) == set(
        benchmark_peers.PEERS
    )
    monkeypatch.setattr(benchmark_peers, "find_spec", lambda module: None)
    assert (
        benchmark_peers.missing() == tuple(benchmark_peers.PEERS)
        and benchmark_peers.available() == {}
    )
    assert isinstance(
        show.of(pd.DataFrame({"alternative": ["plain"], "times": [1.0]}), "minicons"), Missing
    )


def test_a_measurement_is_kept_beside_the_others(tmp_path, monkeypatch):
    monkeypatch.setitem(models.SIZES, "small", TINY)
    path = tmp_path / "benchmark.json"
    measured = record.measure("scaling", "small", path=path)
    record.measure("scoring, recurrent layers", "small", path=path)
    kept = record.recorded("scaling", path)
    pd.testing.assert_frame_equal(kept, measured, check_dtype=False, rtol=1e-6, atol=1e-8)
    assert "Qwen3_5" in show.line(
        record.recorded("scoring, recurrent layers", path)
    ) and "of 38 to 40 tokens" in show.line(kept)
    with pytest.raises(KaomojiError, match="make bench"):
        record.recorded("memory", path)


def test_the_kept_figures_are_within_what_is_promised():
    kept = {name: record.recorded(name) for name in record.SECTIONS}
    for name, most in (
        ("full attention", 1.35),
        *((name, 1.5) for name in models.ARCHITECTURES if name != "full attention"),
    ):
        assert benchmark.over_floor(kept[f"scoring, {name}"]).value <= most, name
    peers = benchmark.ratios(kept["scoring, full attention"]).set_index("alternative")["times"]
    assert all(peers[name].value >= 20 for name in benchmark_peers.PEERS)
    drawn = benchmark.ratios(kept["sampling"], benchmark.OURS).set_index("alternative")["times"]
    assert drawn["generate, one by one"].value >= 8 and drawn["generate, 8 at once"].value >= 2.2
    assert benchmark.linearity(kept["scaling"]) > 0.98
    assert kept["memory"]["gigabytes"].max() < 0.5 and kept["memory"]["vocabulary"].max() == 250_000
    assert all(
        table["off"].max() < 1e-3
        for name, table in kept.items()
        if name.startswith("scoring") and np.isfinite(table["off"]).all()
    )
