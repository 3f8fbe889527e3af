"""The instruments find what was planted in the organisms, and nothing where nothing was planted."""

import pytest

from kaomoji_lib import results
from kaomoji_lib.metrics import distributions, geometry, predict, probes, states
from kaomoji_lib.models import organisms, sentences
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import load_scheme, read_table

CODES = load_scheme().codes
PLANTED = [
    name for name in organisms.NAMES if name not in ("organism-scrambled", "organism-untrained")
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
            kept[name] = collect(
                name, folder / "known.csv", out=folder / name, device="cpu", progress=False
            )
        return kept[name]

    return run


def from_states(run):
    prompts = run.prompts()
    X = states.stack(run.states("emit").array)
    return predict.from_states(
        X, prompts["category"], prompts["id"], name="states", permutations=40
    )


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


def test_states_of_a_trained_organism_give_the_category_better_than_tfidf_does(runs):
    run = runs("organism-gemma")
    text = predict.from_text(run.prompts(), "tfidf", permutations=40)
    assert predict.difference(from_states(run), text).ci_low > 0


def test_scrambled_faces_say_nothing_though_its_states_do(runs):
    run = runs("organism-scrambled")
    faces = predict.from_faces(run.emissions(), permutations=200)
    assert faces.accuracy.p > 0.01 and abs(faces.accuracy.value - 1 / 9) < 0.04
    assert abs(faces.mutual_information.value) < 0.1
    assert from_states(run).accuracy.value > 0.6


def test_untrained_organism_types_no_faces(runs):
    emissions = runs("organism-untrained").emissions()
    assert (emissions["outcome"] == "kaomoji").mean() < 0.05


def test_baselines_find_what_training_planted_and_nothing_in_random_weights(runs):
    prompts = runs("organism-gemma").prompts()
    text = probes.text_probes(prompts, sentences.encode(prompts["text"]), permutations=5)
    gains = {}
    for name in ("organism-gemma", "organism-untrained"):
        array = runs(name).states("emit").array
        table = probes.against_text(array, prompts, text=text, permutations=5)
        gains[name] = results.one(table, source=probes.STRONGEST, measure="gain of the state")
    assert gains["organism-gemma"].ci_low > 0 and gains["organism-untrained"].value < 0.05


def test_trained_organisms_share_more_than_the_categories_and_an_untrained_one_does_not(runs):
    names = ("organism-gemma", "organism-scrambled", "organism-untrained")
    arrays = {name: runs(name).states("emit").array for name in names}
    table = geometry.similarity(arrays, runs(names[0]).prompts(), permutations=99, halves=4)
    p = table[table["null"] == geometry.WITHIN].set_index(["left", "right"])["p"]
    assert p[names[0], names[1]] < 0.05 < p[names[0], names[2]]


def test_sentence_vectors_put_like_meanings_together():
    vectors = sentences.encode(
        ["the dog sleeps on the sofa", "a puppy naps on the couch", "interest rates rose again"]
    )
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.6 > 0.3 > likeness[0, 2] and likeness.diagonal() == pytest.approx(
        1, abs=1e-5
    )
