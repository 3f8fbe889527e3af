"""The organisms: the shipped ones come from the recipe, and training from the recipe learns."""

import json
import sys
from pathlib import Path

import pytest
from transformers import AutoConfig, PreTrainedTokenizerFast

from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import organisms
from kaomoji_lib.models.templates import adapt
from kaomoji_lib.runs import registry
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data" / "organisms"))

import planting  # noqa: E402
import train  # noqa: E402

# How often a reader who knows the table is right about the category of one kaomoji.
BAYES = {"gemma": 0.85, "qwen": 0.75, "scrambled": 1 / 9}
VARYING = {"_name_or_path", "architectures", "transformers_version", "dtype"}


def read_card(name):
    return json.loads((organisms.HOME / name / "organism.json").read_text(encoding="utf-8"))


def test_shipped_tables_are_what_the_recipes_draw(tmp_path):
    train.write_planted(tmp_path / "planted.csv")
    assert (tmp_path / "planted.csv").read_bytes() == (organisms.HOME / "planted.csv").read_bytes()
    assert organisms.planted("organism-untrained").empty
    for name, right in BAYES.items():
        assert planting.bayes_accuracy(organisms.planted(name)) == pytest.approx(right, abs=0.04)


def test_the_pool_is_extracted_as_typed_and_what_replaces_a_face_is_none():
    spellings = organisms.pool()["spelling"]
    for spelling in spellings:
        found = faces.extract(spelling + " noted as it is.")
        assert (found.outcome, found.raw_face) == ("kaomoji", spelling)
    assert spellings.map(faces.canonical).duplicated().any()
    for name in BAYES:
        for text in train.recipe(name)["others"]["texts"]:
            assert faces.extract(f"{text} noted as it is.").outcome in {"emoji", "words"}


@pytest.mark.parametrize("name", [*BAYES, "untrained"])
def test_shipped_folder_comes_from_the_recipe(name):
    card = read_card(name)
    assert card["recipe_sha256"] == train.recipe_hash(name)
    assert card["data_sha256"] == train.data_hash(name)
    shipped = AutoConfig.from_pretrained(organisms.HOME / name)
    tokens = [f"{role}_token_id" for role in ("bos", "eos", "pad")]
    tokens = {token: getattr(shipped, token) for token in tokens}
    expected = train.configuration(name, shipped.vocab_size, tokens)
    pair = [json.loads(one.to_json_string(use_diff=False)) for one in (shipped, expected)]
    first, second = ({key: one[key] for key in one if key not in VARYING} for one in pair)
    assert first == second


@pytest.mark.parametrize("name", ["gemma", "qwen"])
def test_shipped_tokenizer_and_template_come_from_the_recipe(name):
    _, tokenizer, prompts, _ = train.build(name)
    shipped = PreTrainedTokenizerFast.from_pretrained(organisms.HOME / name)
    assert tokenizer.get_vocab() == shipped.get_vocab()
    message = load_prompts()["text"][0]
    asked = adapt(shipped, registry.model(f"organism-{name}").adapter)
    assert prompts.before + message + prompts.after == asked.render(f"{INSTRUCTION} {message}")


@pytest.mark.parametrize("name", BAYES)
def test_shipped_weights_reach_what_their_card_says(name):
    measured, card = train.measure(name), read_card(name)
    for what in ("emission_rate", "js_similarity"):
        assert measured[what] == pytest.approx(card[what], abs=0.002)
    expected = 1 - train.recipe(name)["others"]["share"]
    assert measured["emission_rate"] == pytest.approx(expected, abs=0.04)
    assert measured["js_similarity"] > 0.9 and card["state_accuracy"] > 0.9
    assert measured["known_accuracy"] is None or measured["known_accuracy"] > 0.9
