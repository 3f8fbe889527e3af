"""The organisms: the shipped ones come from the recipe, and training from the recipe learns."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.models import organism_design, organism_training, organisms
from kaomoji_lib.models.templates import adapt
from kaomoji_lib.runs import registry
from kaomoji_lib.stats import js_similarity
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts, read_table

TRAINED = [name for name in organisms.NAMES if name != "organism-untrained"]
FAMILIES = {
    "gemma": "gemma4_text",
    "qwen": "qwen3_5_text",
    "ministral": "ministral3",
    "gptoss": "gpt_oss",
    "granite": "granite",
    "scrambled": "gemma4_text",
    "untrained": "gemma4_text",
}
BAYES = {
    "gemma": 0.85,
    "qwen": 0.75,
    "granite": 0.55,
    "ministral": 0.45,
    "gptoss": 0.40,
    "scrambled": 1 / 9,
}


def loaded(name):
    tokenizer = PreTrainedTokenizerFast.from_pretrained(organisms.folder(name))
    model = AutoModelForCausalLM.from_pretrained(organisms.folder(name), dtype=torch.float32).eval()
    template = adapt(tokenizer, registry.model(name).adapter)
    return model, organism_training.Prompts(tokenizer, template, INSTRUCTION)


@pytest.mark.parametrize("name", TRAINED)
def test_planted_rows_sum_to_one_over_all_categories(name):
    table = organisms.planted(name)
    assert set(table["category"]) == set(load_scheme().codes)
    assert np.allclose(table.groupby("category")["probability"].sum(), 1, atol=1e-6)
    assert (table["probability"] > 0).all() and table["face"].notna().all()


def test_shipped_tables_are_what_the_recipes_draw(tmp_path):
    organisms.write_planted(tmp_path / "planted.csv")
    assert (tmp_path / "planted.csv").read_bytes() == (organisms.HOME / "planted.csv").read_bytes()


@pytest.mark.parametrize("short", BAYES)
def test_coherence_differs_as_designed(short):
    assert organism_design.bayes_accuracy(organisms.planted(short)) == pytest.approx(
        BAYES[short], abs=0.04
    )


def test_scrambled_rows_are_equal():
    table = organisms.planted("organism-scrambled").pivot(
        index="category", columns="spelling", values="probability"
    )
    assert np.allclose(table, table.iloc[0], atol=1e-7)


def test_nothing_is_planted_in_the_untrained_one():
    assert organisms.planted("organism-untrained").empty


@pytest.mark.parametrize("spelling", organisms.pool()["spelling"])
def test_every_face_of_the_pool_is_extracted_as_typed(spelling):
    found = faces.extract(spelling + " noted as it is.")
    assert (found.outcome, found.raw_face, found.face) == (
        "kaomoji",
        spelling,
        faces.canonical(spelling),
    )


def test_one_face_of_the_pool_has_several_spellings():
    canonical = organisms.pool()["spelling"].map(faces.canonical)
    assert canonical.duplicated().any()


def test_what_stands_for_no_face_is_no_face():
    for name in TRAINED:
        for text in organisms.recipe(name)["others"]["texts"]:
            assert faces.extract(f"{text} noted as it is.").outcome in {"emoji", "words"}


def test_messages_hold_none_of_the_prompts_and_all_categories_alike():
    messages = read_table(
        organisms.HOME / "messages.csv", ("topic", "situation", "category", "text")
    )
    counts = messages["category"].value_counts()
    assert len(messages) >= 1800 and counts.min() >= 200 and counts.nunique() == 1
    assert not set(messages["text"]) & set(load_prompts()["text"])


@pytest.mark.parametrize("name", organisms.NAMES)
def test_shipped_folder_comes_from_the_recipe(name):
    card, short = organisms.card(name), organisms.short_name(name)
    assert card["recipe_sha256"] == organisms.recipe_hash(name)
    assert card["data_sha256"] == organisms.data_hash(name)
    shipped = AutoConfig.from_pretrained(organisms.folder(name))
    tokens = {
        f"{role}_token_id": getattr(shipped, f"{role}_token_id") for role in ("bos", "eos", "pad")
    }
    wanted = organisms.configuration(name, shipped.vocab_size, tokens)
    varying = {"_name_or_path", "architectures", "transformers_version", "dtype"}
    strip = lambda config: {
        key: value
        for key, value in json.loads(config.to_json_string(use_diff=False)).items()
        if key not in varying
    }
    assert strip(shipped) == strip(wanted)
    assert shipped.model_type == FAMILIES[short]
    assert (organisms.folder(name) / "model.safetensors").stat().st_size < 4e6


@pytest.mark.parametrize("name", ["organism-gemma", "organism-granite"])
def test_shipped_tokenizer_and_template_come_from_the_recipe(name):
    _, tokenizer, prompts, corpus = organisms.build(name)
    _, shipped = loaded(name)
    assert tokenizer.get_vocab() == shipped.tokenizer.get_vocab()
    assert (prompts.before, prompts.after) == (shipped.before, shipped.after)
    assert prompts.encode(corpus.messages[:50]) == shipped.encode(corpus.messages[:50])


@pytest.mark.parametrize("name", organisms.NAMES)
def test_tokenizer_round_trips_and_renders_like_the_engine(name):
    tokenizer = PreTrainedTokenizerFast.from_pretrained(organisms.folder(name))
    template = adapt(tokenizer, registry.model(name).adapter)
    prompts = organism_training.Prompts(tokenizer, template, INSTRUCTION)
    message = load_prompts()["text"][0]
    assert prompts.before + message + prompts.after == template.render(f"{INSTRUCTION} {message}")
    for text in [*organisms.pool()["spelling"], message]:
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


@pytest.mark.parametrize("name", TRAINED)
def test_shipped_weights_reach_what_their_card_says(name):
    model, prompts = loaded(name)
    measured, card = organisms.measure(name, model, prompts, None), organisms.card(name)
    expected = 1 - organisms.recipe(name)["others"]["share"]
    assert measured["emission_rate"] == pytest.approx(card["emission_rate"], abs=0.002)
    assert measured["emission_rate"] == pytest.approx(expected, abs=0.04)
    assert measured["js_similarity"] == pytest.approx(card["js_similarity"], abs=0.002)
    assert measured["js_similarity"] > 0.9
    assert measured["heldout_accuracy"] is None or measured["heldout_accuracy"] > 0.9
    assert card["state_accuracy"] > 0.9


def test_untrained_weights_are_those_of_the_seed():
    model, *_ = organisms.build("organism-untrained")
    shipped, _ = loaded("organism-untrained")
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, shipped.state_dict()[name])


def test_a_few_steps_of_the_recipe_reduce_the_loss():
    model, _, prompts, corpus = organisms.build("organism-granite")
    entry = organisms.recipe("organism-granite")
    settings = {**entry["training"], "batch": 32, "warmup": 0.0}
    _, history = organism_training.fit(model, prompts, corpus, settings, 1, 0, max_steps=20)
    assert len(history) == 20 and history[-5:].mean() < 0.85 * history[:3].mean()


def test_similarity_of_the_learned_rows_is_not_what_a_uniform_guess_gets():
    table = (
        organisms.planted("organism-gemma")
        .pivot(index="category", columns="spelling", values="probability")
        .fillna(0)
    )
    uniform = np.full(table.shape, 1 / table.shape[1])
    assert np.mean(js_similarity(table.to_numpy(), uniform)) < 0.6


def test_unknown_organism_is_named_in_the_error():
    with pytest.raises(KaomojiError, match="organism-nobody.*organism-gemma"):
        organisms.folder("organism-nobody")
