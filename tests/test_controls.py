"""The instruments find what was planted in the organisms, and nothing where nothing was planted."""

import pytest

from kaomoji_lib.analysis import geometry, prediction, readings
from kaomoji_lib.engine import organisms
from kaomoji_lib.engine.collect import collect
from kaomoji_lib.study.categories import load_scheme

CODES = load_scheme().codes
PLANTED = [name for name in organisms.NAMES if name not in ("organism-scrambled", "organism-untrained")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, kept = tmp_path_factory.mktemp("runs"), {}

    def run(name):
        if name not in kept:
            kept[name] = collect(name, out=folder / name, device="cpu", progress=False)
        return kept[name]

    return run


def from_states(run):
    prompts = run.prompts()
    X = geometry.stack(run.states("emit").array)
    return prediction.from_states(X, prompts["category"], prompts["id"], name="states", permutations=40)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_tables_are_recovered(runs, name):
    emissions = runs(name).emissions()
    found = readings.recovery(emissions, organisms.planted(name), CODES)
    assert found.similarity.value > 0.85 and found.similarity.p < 0.01
    assert found.expected.value - found.similarity.value < 0.06
    assert abs(found.measured_accuracy.value - found.bayes_accuracy) < 0.08
    assert found.measured_accuracy.p < 0.05


def test_states_of_a_trained_organism_hold_the_category_beyond_the_text(runs):
    run = runs("organism-gemma")
    states, text = from_states(run).accuracy, prediction.from_text(run.prompts(), "tfidf", permutations=40).accuracy
    assert states.ci_low > text.ci_high and states.p < 0.05


def test_scrambled_faces_say_nothing_though_its_states_do(runs):
    run = runs("organism-scrambled")
    faces = prediction.from_faces(run.emissions(), permutations=200)
    assert faces.accuracy.p > 0.01 and abs(faces.accuracy.value - 1 / 9) < 0.04
    assert abs(faces.mutual_information.value - faces.mutual_information.null_mean) < 0.1
    assert from_states(run).accuracy.value > 0.6


def test_untrained_organism_says_nothing_beyond_the_text(runs):
    run = runs("organism-untrained")
    emissions, text = run.emissions(), prediction.from_text(run.prompts(), "tfidf", permutations=40)
    assert (emissions["outcome"] == "kaomoji").mean() < 0.05
    assert from_states(run).accuracy.ci_low < text.accuracy.ci_high
