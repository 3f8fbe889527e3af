"""Readers by emitters: self-advantage is found where it was planted, its p has its level, its power is what is stated."""

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import readers, state_readers
from kaomoji_lib.metrics.distributions import reading

CODES = ("A", "B", "C", "D")


def scores(own, n=6, seed=0, places=1):
    rng = np.random.default_rng(seed)
    base = (
        0.6
        + 0.1 * rng.normal(size=(1, n, 1))
        + 0.1 * rng.normal(size=(1, 1, n))
        + 0.05 * rng.normal(size=(places, n, n))
    )
    return base + own * np.eye(n) * (np.arange(places) == places - 1)[:, None, None]


def test_self_advantage_is_found_and_good_readers_alone_are_not():
    found = readers.advantage(scores(0.2))
    assert found.value.p == pytest.approx(found.smallest_p) and found.exact
    assert found.value.value == pytest.approx(0.2 * 5 / 6, abs=0.05)
    one_good_reader = np.full((1, 5, 5), 0.4)
    one_good_reader[0, 2] += 0.3
    assert abs(readers.advantage(one_good_reader + 0.01 * scores(0.0, 5)).value.value) < 0.01


def test_the_best_of_several_depths_is_compared_with_the_best_of_several():
    assert (
        readers.advantage(scores(0.2, places=5)).value.p < 0.01
        and readers.advantage(scores(0.2, places=5)).place == 4
    )
    naive = [
        min(item.p for item in readers.advantage(scores(0.0, 5, seed, places=6)).by_place)
        for seed in range(40)
    ]
    assert np.mean(np.array(naive) <= 0.1) > 0.2


@pytest.fixture
def quick(monkeypatch):
    """Without intervals worth the name and without the power that is stated beside a test: neither enters its p."""
    monkeypatch.setattr(readers, "detectable", lambda *_, **__: 0.0)
    for module in (readers, state_readers):
        monkeypatch.setattr(module, "RESAMPLES", 2)


def test_the_best_of_several_depths_keeps_its_level(quick):
    assert_level([readers.advantage(scores(0.0, 5, seed, places=6)).value.p for seed in range(200)])


def test_the_detectable_advantage_is_found_as_often_as_stated():
    needed = readers.detectable(scores(0.0, 6, seed=3)[0])
    assert 0.01 < needed < 0.2
    found = [
        readers.advantage(scores(needed * 6 / 5, 6, seed)).value.p <= 0.05 for seed in range(40)
    ]
    assert np.mean(found) > 0.5
    assert readers.detectable(scores(0.0, 3)[0]) == float("inf")


def test_two_models_are_too_few():
    with pytest.raises(KaomojiError, match="at least 3"):
        readers.advantage(scores(0.1, 2))


def tables(own, models=5, faces=24, seed=0):
    """Readers and emitters. ``own``: how much of a model's use of faces is its own, and known to itself."""
    rng = np.random.default_rng(seed)
    names, words = [f"m{row}" for row in range(models)], [f"f{row}" for row in range(faces)]
    shared = rng.dirichlet(np.full(4, 0.5), faces)
    uses = {
        name: (1 - own) * shared + own * rng.dirichlet(np.full(4, 0.3), faces) for name in names
    }
    emitters = {
        name: reading(pd.DataFrame([rng.multinomial(20, row) for row in use], words, CODES))
        for name, use in uses.items()
    }
    said = {
        name: reading(
            pd.DataFrame(0.8 * use + 0.2 * rng.dirichlet(np.ones(4), faces), words, CODES)
        )
        for name, use in uses.items()
    }
    return said, emitters


def test_matrix_finds_models_that_know_their_own_faces_and_only_those():
    found = readers.matrix(*tables(0.7), permutations=99)
    assert found.advantage.value.p < 0.02 and found.advantage.value.ci_low > 0
    assert found.values.shape == (5, 5) and found.scores["m0", "m0"].p < 0.05


def test_readers_that_know_nothing_of_their_own_keep_the_level(quick):
    found = [
        readers.matrix(*tables(0.0, models=4, faces=8, seed=seed), permutations=9)
        for seed in range(200)
    ]
    assert_level([item.advantage.value.p for item in found])


def test_an_emitter_without_faces_is_left_out():
    said, emitters = tables(0.5, models=3)
    few = reading(pd.DataFrame([[1, 0, 0, 0]], ["f0"], CODES))
    found = readers.matrix(said, {**emitters, "m2": few}, permutations=9)
    assert list(found.values.columns) == ["m0", "m1"] and found.advantage is None


def states(own, n=4, prompts=90, seed=0):
    """States that carry the category, and ``own``: what else decides the own faces, from the third of four layers on."""
    rng = np.random.default_rng(seed)
    label = np.arange(prompts) % 3
    layers, faces = {}, {}
    for row in range(n):
        private = rng.normal(size=(prompts, 3))
        layer = rng.normal(size=(prompts, 4, 12))
        layer[:, 1:, :3] += 4 * np.eye(3)[label][:, None]
        layer[:, 2:, 3:6] += 4 * private[:, None]
        logits = (
            1.5 * np.eye(6)[label]
            + own * private @ rng.normal(size=(3, 6))
            + 0.2 * rng.normal(size=(prompts, 6))
        )
        layers[f"m{row}"], faces[f"m{row}"] = (
            layer,
            np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True),
        )
    return layers, faces, label


def test_own_states_predict_own_faces_where_planted():
    found = state_readers.compare(*states(1.0))
    assert found.advantage.value.p == pytest.approx(1 / 24) and found.advantage.place >= 1
    assert found.own[-1].value > found.other[-1].value + 0.1


def test_states_of_no_ones_own_keep_the_level(quick):
    found = [
        state_readers.compare(*states(0.0, prompts=24, seed=seed), depths=(0.5, 1.0))
        for seed in range(200)
    ]
    assert_level([item.advantage.value.p for item in found])
    assert_level([item.earlier.value.p for item in found])


def test_states_of_other_prompts_are_refused():
    layers, faces, label = states(0.5, n=3)
    with pytest.raises(KaomojiError, match="same ones"):
        state_readers.compare({**layers, "m0": layers["m0"][:9]}, faces, label)
