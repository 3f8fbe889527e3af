"""The instruments find what was planted in the organisms, and nothing where nothing was planted."""

import pytest

from kaomoji_lib import results
from kaomoji_lib.metrics import distributions, geometry, information, predict, states
from kaomoji_lib.models import organisms, sentences
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import load_scheme, read_table

CODES = load_scheme().codes
PLANTED = [
    name for name in organisms.NAMES if name.partition("-")[2] not in ("scrambled", "untrained")
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, kept = tmp_path_factory.mktemp("runs"), {}
    unique = ["category", "situation", "topic"]
    known = read_table(organisms.HOME / "messages.csv", (*unique, "text")).drop_duplicates(unique)
    known = known.assign(id=known["topic"] + "-" + known["situation"])
    known[["id", "category", "topic", "text"]].to_csv(folder / "known.csv", index=False)

    def run(name):
        if name not in kept:
            options = {"out": folder / name, "device": "cpu", "progress": False}
            kept[name] = collect(name, folder / "known.csv", **options)
        return kept[name]

    return run


@pytest.mark.parametrize("name", PLANTED)
def test_planted_tables_are_recovered(runs, name):
    emissions, planted = runs(name).emissions(), organisms.planted(name)
    chances = planted.pivot_table(index="face", columns="category", values="probability")
    truth = distributions.reading(chances.reindex(columns=CODES).fillna(0))
    likeness = distributions.similarity(distributions.elicited(emissions, CODES), truth)
    assert likeness.value > 0.85 and likeness.p < 0.01
    lookup = predict.from_faces(emissions).accuracy
    best = chances.max(axis=1).sum() / len(CODES)
    assert abs(lookup.value - best) < 0.08 and lookup.p < 0.05


def test_scrambled_faces_say_nothing_though_its_states_do_and_an_untrained_one_types_none(runs):
    run = runs("organism-scrambled")
    faces = predict.from_faces(run.emissions(), permutations=200).accuracy
    assert faces.p > 0.01 and abs(faces.value - 1 / 9) < 0.04
    assert abs(information.from_emissions(run.emissions(), permutations=1).value) < 0.1
    X, prompts = states.stack(run.states("emit").array), run.prompts()
    found = predict.from_states(X, prompts["category"], prompts["id"], permutations=5)
    assert found.accuracy.value > 0.6
    untrained = runs("organism-untrained").emissions()
    assert (untrained["outcome"] == "kaomoji").mean() < 0.05


def test_states_say_more_than_the_text_probes_find_after_training_and_nothing_in_random_weights(
    runs,
):
    prompts, gains = runs("organism-gemma").prompts(), {}
    vectors = sentences.encode(prompts["text"])
    for name in ("organism-gemma", "organism-untrained"):
        array = runs(name).states("emit").array
        table = predict.against_text(array, prompts, vectors, permutations=5)
        gains[name] = results.one(table, source=predict.STRONGEST, measure="gain of the state")
    assert gains["organism-gemma"].ci_low > 0 and gains["organism-untrained"].value < 0.05


def test_trained_organisms_share_more_than_the_categories_and_an_untrained_one_does_not(runs):
    names = ("organism-gemma", "organism-scrambled", "organism-untrained")
    arrays = {name: runs(name).states("emit").array for name in names}
    table = geometry.similarity(arrays, runs(names[0]).prompts(), permutations=99, halves=4)
    p = table.set_index(["left", "right"])["p"]
    assert p[names[0], names[1]] < 0.05 < p[names[0], names[2]]
