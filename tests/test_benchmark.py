"""The benchmark counts the least arithmetic correctly, and all alternatives do the same work."""

import pandas as pd
import pytest
import small_models
from benchmarks import speed

from kaomoji_lib.models import spellings


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = small_models.write(tmp_path_factory.mktemp("model"), "llama")
    return speed.make(small_models.engine(folder), faces=10, prompts=2)


def test_the_least_arithmetic_is_counted_by_hand(bench):
    plan = spellings.plan(bench.engine, bench.faces)
    inner = plan.trie.internal
    nodes = int(inner.sum())
    block = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64 + 2 * 32
    prompts = [len(prompt) for prompt in bench.prompts]
    tokens = sum(prompts) + len(prompts) * (nodes - 1)
    seen = sum(
        length * (length + 1) / 2 + sum(length + plan.trie.depth[inner][1:]) for length in prompts
    )
    head = len(prompts) * nodes * 2 * 32 * len(bench.engine.vocabulary)
    expected = 2 * 3 * block * tokens + 4 * 32 * 3 * seen + head
    assert speed.operations(bench, plan) == pytest.approx(expected)


def test_every_alternative_gives_the_same_scores(bench):
    times = speed.score_times(bench, repeats=1)
    assert {speed.OURS, speed.PLAIN, speed.FLOOR} <= set(times["alternative"])
    assert times["off"].max() < 1e-3 and (times["seconds"] > 0).all()


def test_all_samplers_write_the_same_number_of_tokens(bench):
    times = speed.sample_times(bench, generations=2, tokens=3, repeats=1)
    written = times.set_index("alternative")["timed"]
    assert written[speed.OURS] == written["generate(2)"] == 2 * 2 * 3


def test_ratios_are_taken_within_a_repeat():
    columns = ["alternative", "repeat", "seconds"]
    rows = [(speed.OURS, 0, 1.0), ("plain", 0, 10.0), (speed.OURS, 1, 2.0), ("plain", 1, 20.0)]
    assert speed.ratios(pd.DataFrame(rows, columns=columns))["plain"] == 10
