"""The prompts give nothing away on their surface; the tables hold what they promise."""

import re

import pytest

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.models import organisms
from kaomoji_lib.runs import registry
from kaomoji_lib.stimuli import INSTRUCTION, load_lexicon, load_prompts, read_table

NAMES_OF_FEELINGS = re.compile(
    r"\b(?:happy|happily|happiness|joy\w*|glad|sad\w*|angry|anger|mad|furious|afraid|scared|fear\w*|anxi\w+|worr\w+|relie[fv]\w*|"
    r"grateful\w*|thankful\w*|excite\w*|content\w*|peaceful\w*|calm\w*|confus\w+|puzzl\w+|bored|boring|lonely|frustrat\w+|upset|"
    r"annoy\w*|delight\w*|thrill\w*|mischie\w+|playful\w*|proud\w*|griev\w+|grief|weary|tired)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def prompts():
    return load_prompts()


def test_twenty_prompts_for_each_of_the_categories(prompts):
    assert prompts["category"].value_counts().to_dict() == dict.fromkeys(load_scheme().codes, 20)
    assert prompts["id"].is_unique and prompts["text"].is_unique
    assert prompts["id"].str.fullmatch(r"[a-z]{2}\d{2}").all()
    assert (prompts["id"].str[:2].str.upper() == prompts["category"].str[:2]).all()


def test_prompts_are_written_as_people_type(prompts):
    words = prompts["text"].str.split().map(len)
    assert words.between(4, 25).all()
    assert (prompts["text"] == prompts["text"].str.lower()).all()
    assert not prompts["text"].str.contains(r"[?!]").any()
    assert prompts["text"].str.contains(r"\b(?:i|my|me|we|our|us|i'm|i've|mine)\b").mean() > 0.9


def test_no_prompt_names_its_feeling(prompts):
    assert (
        prompts.loc[prompts["text"].str.contains(NAMES_OF_FEELINGS), ["id", "text"]].values.tolist()
        == []
    )


def test_topics_are_spread_evenly_over_the_categories(prompts):
    counts = prompts.groupby(["category", "topic"]).size().unstack(fill_value=0)
    assert counts.shape == (9, 10)
    assert counts.to_numpy().min() >= 1 and counts.to_numpy().max() <= 3


def test_length_and_punctuation_do_not_tell_categories_apart(prompts):
    measures = (
        prompts.assign(
            words=prompts["text"].str.split().map(len),
            letters=prompts["text"].str.len(),
            commas=prompts["text"].str.count(","),
            apostrophes=prompts["text"].str.count("['’]"),
            exclamations=prompts["text"].str.count("!"),
        )
        .groupby("category")[["words", "letters", "commas", "apostrophes", "exclamations"]]
        .mean()
    )
    spread = measures.max() - measures.min()
    assert spread["words"] < 3 and spread["letters"] < 14
    assert spread["commas"] < 0.6 and spread["apostrophes"] < 0.4 and spread["exclamations"] == 0


def test_a_reader_of_six_surface_features_gets_little(prompts):
    found = prediction.from_text(prompts, "surface", permutations=20)
    assert found.accuracy.value < 0.25


def test_a_reader_of_surface_features_finds_a_giveaway(prompts):
    shouting = prompts.assign(
        text=prompts["text"]
        + prompts["category"].map(lambda code: "!" * load_scheme().codes.index(code))
    )
    assert prediction.from_text(shouting, "surface", permutations=20).accuracy.value > 0.4


def test_instruction_is_the_studys():
    assert INSTRUCTION == "Start each message with a kaomoji that best represents how you feel."


def test_lexicon_has_fifty_words_with_anchors_for_every_category():
    lexicon = load_lexicon()
    anchors = lexicon[lexicon["category"] != ""]
    assert len(lexicon) == 50 and len(anchors) == 26
    assert set(anchors["category"]) == set(load_scheme().codes)


def test_registry_lists_the_five_models_and_the_organisms():
    ids = {registry.model(alias).id for alias in registry.aliases()}
    assert {
        "google/gemma-4-31b-it",
        "Qwen/Qwen3.6-27B",
        "mistralai/Ministral-3-14B-Reasoning-2512",
        "openai/gpt-oss-20b",
        "ibm-granite/granite-4.1-30b",
    } <= ids
    assert set(organisms.NAMES) <= set(registry.aliases())
    assert registry.model("openai/gpt-oss-20b").alias == "gpt-oss-20b"
    assert registry.model("some/other-model").kind == "other"


@pytest.mark.parametrize(
    "text, named",
    [
        ("", "cannot be read|no rows|lacks"),
        ("id,category,text\n", "no rows"),
        ("id,text\na,b\n", "lacks the column"),
        ("id,category,text\na,LP,x\na,LP,y\n", "twice"),
        ("id,category,text\na,,x\n", "empty"),
    ],
)
def test_tables_that_do_not_serve_are_named(tmp_path, text, named):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(KaomojiError, match=named):
        load_prompts(tmp_path / "t.csv")


def test_cells_stay_text(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\nNA,1e5\n", encoding="utf-8")
    assert read_table(tmp_path / "t.csv", ("a", "b")).iloc[0].tolist() == ["NA", "1e5"]
