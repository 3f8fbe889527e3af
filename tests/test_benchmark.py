"""The benchmark counts the least arithmetic correctly, and all alternatives do the same work."""

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
    nodes, prompts = int(inner.sum()), [len(prompt) for prompt in bench.prompts]
    block = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64 + 2 * 32
    tokens = sum(prompts) + len(prompts) * (nodes - 1)
    below = plan.trie.depth[inner][1:]
    seen = sum(length * (length + 1) / 2 + sum(length + below) for length in prompts)
    head = len(prompts) * nodes * 2 * 32 * len(bench.engine.vocabulary)
    expected = 2 * 3 * block * tokens + 4 * 32 * 3 * seen + head
    assert speed.operations(bench, plan) == pytest.approx(expected)


def test_every_alternative_gives_the_same_scores_and_writes_as_many_tokens(bench):
    times = speed.score_times(bench, repeats=1)
    assert {speed.OURS, speed.PLAIN, speed.FLOOR} <= set(times["alternative"])
    assert times["off"].max() < 1e-3 and (times["seconds"] > 0).all()
    times = speed.sample_times(bench, generations=2, tokens=3, repeats=1)
    written = times.set_index("alternative")["timed"]
    assert written[speed.OURS] == written["generate(2)"] == 2 * 2 * 3
