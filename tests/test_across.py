"""The sentences of the landing page: they say what the numbers say."""

from types import SimpleNamespace

import pandas as pd

from kaomoji_lib import figures
from kaomoji_lib.metrics.predict import Prediction
from kaomoji_lib.missing import Missing
from kaomoji_lib.show import across
from kaomoji_lib.stats import Estimate


def estimate(value, p=0.005, null=0.11):
    return Estimate(value, value - 0.02, value + 0.02, 180, "prompts", null_mean=null, p=p)


def source(title, alias, organism=True):
    return SimpleNamespace(
        title=title,
        spec=SimpleNamespace(alias=alias),
        is_organism=organism,
        run=SimpleNamespace(path=SimpleNamespace(name=alias)),
    )


def reading(states, faces):
    return [
        SimpleNamespace(accuracy=estimate(states)),
        faces if isinstance(faces, Missing) else SimpleNamespace(accuracy=estimate(faces)),
    ]


SOURCES = [
    source("A", "organism-gemma"),
    source("B", "organism-qwen"),
    source("Blind", "organism-scrambled"),
    source("New", "organism-untrained"),
]
FOUND = {
    "A": reading(0.95, 0.83),
    "B": reading(0.99, 0.34),
    "Blind": reading(0.98, 0.12),
    "New": reading(0.16, Missing("no face")),
}


def test_finding_gives_the_range_of_the_trained_and_the_value_of_the_blind():
    said = across.finding(FOUND, SOURCES)
    assert "In two trained organisms" in said and "95–99%" in said and "34–83%" in said
    assert "drawn blindly, the face gives 12%, and guessing 11%" in said


def test_finding_names_other_models_as_sources_and_needs_no_control():
    said = across.finding(
        {"M": reading(0.5, Missing("no face")), "N": reading(0.5, Missing("no face"))},
        [source("M", "m", organism=False), source("N", "n", organism=False)],
    )
    assert (
        "In two sources" in said
        and "category of 50% of the messages" in said
        and "an unknown share" in said
        and "blindly" not in said
    )


def pairs(ps):
    return {
        (f"m{number}", "n"): (
            estimate(0.5 + number / 100),
            estimate(0.5 + number / 100, p=p, null=0.4),
        )
        for number, p in enumerate(ps)
    }


def test_shared_counts_pairs_beyond_the_categories_corrected_for_their_number():
    assert across.shared(pairs([0.002] * 10)).startswith(
        "10 of 10 pairs"
    ) and "0.50 to 0.59" in across.shared(pairs([0.002] * 10))
    assert across.shared(pairs([0.02] * 10)) == "none of 10 pairs shares more than the categories"
    assert across.shared(pairs([0.002, 0.5])).startswith("1 of 2 pairs")


def test_shared_leaves_the_bare_text_out():
    found = {**pairs([0.002]), ("m0", across.TEXT): (estimate(0.9), estimate(0.9, p=0.002))}
    assert across.shared(found).startswith("1 of 1 pairs")


def prediction(name, value):
    found = estimate(value)
    return Prediction(
        name, found, found, pd.Series(dtype=float), pd.DataFrame(), 0.11, pd.Series(dtype=float)
    )


def test_the_finding_is_drawn_with_what_words_and_guessing_get():
    table = {
        "Loyal-shaped organism": [
            prediction("hidden states", 0.95),
            prediction("typed face", 0.83),
        ],
        "New organism": [prediction("hidden states", 0.16), Missing("no face")],
        "no model": [prediction("words", 0.75)],
    }
    fig = figures.dumbbells(table, "here")
    assert list(fig.layout.yaxis.ticktext) == ["New organism", "Loyal organism"], "first on top"
    states, faces = (trace for trace in fig.data if trace.mode == "markers")
    assert list(states.x) == [0.16, 0.95] and list(faces.x) == [0.83] and list(faces.y) == [1]
    assert [note.text for note in fig.layout.annotations] == ["guessing: 11%", "words alone: 75%"]
    assert isinstance(figures.dumbbells({"A": [Missing("x"), Missing("y")]}, "here"), Missing)
