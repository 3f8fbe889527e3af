"""Interventions while the prompt is processed: exact, gone afterwards, and found where they were planted."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from small_models import engine

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions, interventions
from kaomoji_lib.models import organisms, scoring, spellings, steer
from kaomoji_lib.models.steer import adding, applied, erasing, face_log_probs, replacing
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts, read_table

WORDS = ["(≖ᴗ≖)", "(^_~)", "(｡•́︿•̀｡)"]
FEW = load_prompts().iloc[::37][:3]


@pytest.fixture(scope="module", params=["gemma", "qwen"])
def setting(request):
    """Model, three prompts, a plan with the white space before faces that is scored, and width of the states."""
    model = engine(f"organism-{request.param}")
    prompts = list(steer.encoded(model, FEW["text"], INSTRUCTION)["ids"])
    leads = scoring.self_check(model, WORDS, FEW)["leads"]
    plan = spellings.plan(model, WORDS, leads=leads)
    return model, prompts, plan, model.model.config.get_text_config().hidden_size


def test_scores_under_interventions_equal_plain_forward_passes(setting):
    model, prompts, plan, width = setting
    rng = np.random.default_rng(0)
    vectors = 3 * rng.normal(size=(3, width)).astype(np.float32)
    matrix, centre = 0.1 * rng.normal(size=(width, width)), rng.normal(size=width)
    changes = adding(vectors), erasing(matrix, centre), replacing(vectors, np.array([1, 3, 5]))
    still, closed = face_log_probs(model, prompts, plan)
    table = scoring.score(model, WORDS, FEW)
    assert closed.ravel() == pytest.approx(table["log_prob_closed"].to_numpy(), abs=1e-4)
    for change in changes:
        for layer in (0, 2):
            changed = face_log_probs(model, prompts, plan, layer, change)[0]
            plain = face_log_probs(model, prompts, plan, layer, change, "plain")[0]
            assert changed == pytest.approx(plain, abs=1e-3)
            assert np.abs(changed - still).max() > 0.01


def test_an_algorithm_that_loses_the_vector_is_not_used(setting, monkeypatch):
    model, prompts, plan, width = setting
    asked = model, prompts, plan, 1, adding(np.full((3, width), 2.0))
    assert steer.verified_algorithm(*asked) == "packed"
    real = steer.measuring.measure
    monkeypatch.setattr(steer.measuring, "measure", lambda *given, read: real(*given))
    assert steer.verified_algorithm(*asked) == "plain"


def test_the_choice_itself_is_not_pushed_and_hooks_go(setting):
    model, prompts, plan, width = setting
    still, push = face_log_probs(model, prompts, plan)[0], adding(np.full((3, width), 50.0))
    pushed = face_log_probs(model, prompts, plan, len(model.blocks), push)[0]
    assert pushed == pytest.approx(still, abs=1e-4)
    with pytest.raises(ZeroDivisionError), applied(model, 1, push, [0]):
        raise ZeroDivisionError
    assert face_log_probs(model, prompts, plan)[0] == pytest.approx(still, abs=1e-4)
    with pytest.raises(KaomojiError, match="does not exist"):
        face_log_probs(model, prompts, plan, 9, push)


def test_the_message_is_found_in_the_prompt():
    model, text = engine("organism-qwen"), load_prompts()["text"][7]
    prompts = steer.encoded(model, [text], INSTRUCTION)
    ids, start, end = prompts.iloc[0]
    assert model.decode(ids[start:end]).strip() == text and end < len(ids)
    assert ids == model.encode(model.template.render(f"{INSTRUCTION} {text}"))
    with torch.inference_mode():
        whole = model.model(torch.tensor([ids]), output_hidden_states=True).hidden_states[2][0]
    found = {name: array[0, 2] for name, array in steer.prompt_states(model, prompts).items()}
    assert np.allclose(found["end"], whole[end - 1], atol=1e-4)
    assert np.allclose(found["message"], whole[start:end].mean(dim=0), atol=1e-4)
    # The scale of a direction ignores the first tokens, whose states can be very long.
    lengths = whole[start:end].norm(dim=-1)
    assert found["norm"] == pytest.approx(float(lengths.median()), rel=1e-4)


def erased(states, matrix, centre):
    return states - (states - centre) @ matrix


def test_leace_is_that_of_its_paper_and_its_control_keeps_the_categories():
    rng, labels = np.random.default_rng(0), np.array(list("ABCDE") * 24)
    noise = rng.normal(size=(120, 20)) @ rng.normal(size=(20, 20))
    states = 3 * rng.normal(size=(5, 20))[np.arange(120) % 5] + noise
    eraser = steer.leace(states, labels)
    left = pd.DataFrame(erased(states, *eraser)).groupby(labels).mean().to_numpy()
    assert np.abs(left - left.mean(axis=0)).max() < 1e-8
    matched = steer.matched_eraser(states, labels, eraser)
    assert steer.removed(states, *matched) == pytest.approx(steer.removed(states, *eraser))
    kept = pd.DataFrame(erased(states, *matched)).groupby(labels).mean().to_numpy()
    assert np.abs(kept - kept.mean(axis=0)).max() > 1
    member = (labels[:, None] == np.unique(labels)[None]).astype(float)
    centred = states - states.mean(axis=0)
    values, vectors = np.linalg.eigh(ledoit_wolf(states)[0])
    whiten = vectors @ np.diag(values**-0.5) @ vectors.T
    white = whiten @ centred.T @ (member - member.mean(axis=0))
    projection = np.linalg.inv(whiten) @ white @ np.linalg.pinv(white) @ whiten
    expected = states - centred @ projection.T
    assert erased(states, *eraser) == pytest.approx(expected, abs=1e-6)


def test_tested_prompts_are_not_estimated_on_and_their_topics_vary():
    prompts = load_prompts()
    train, tested = steer.train_test_prompts(prompts, 3)
    table = prompts.iloc[tested]
    assert not train[tested].any() and (table["category"].value_counts() == 3).all()
    assert table["topic"].nunique() > 5


# -- tables on a toy model whose answer is known -----------------------------------------------------


class Run(SimpleNamespace):
    """As much of a run folder as the tables read."""

    def prompts(self):
        messages = read_table(organisms.HOME / "messages.csv", ("category", "topic", "text"))
        few = messages.groupby(["category", "topic"]).head(1).reset_index(drop=True)
        return few.assign(id=[f"m{row}" for row in range(len(few))])

    def cached(self, name, settings, make):
        return make()


@pytest.fixture
def toy(monkeypatch):
    """A function of kind and settings (table of a toy), the planted reading of its faces, and its messages."""
    model = engine("organism-qwen")
    monkeypatch.setattr(steer.loading, "load_run", lambda run, device: model)
    run = Run(manifest={"instruction": INSTRUCTION, "source": "organism-qwen"})
    table = organisms.planted("organism-qwen").pivot_table(
        index="spelling", columns="category", values="probability", fill_value=0.0
    )
    reading = distributions.Reading(table.div(table.sum(axis=1), axis=0), table.sum(axis=1))

    def make(kind, **settings):
        return steer.intervene(run, kind, list(table.index), **settings)

    return make, reading, run.prompts()


def test_a_toy_model_is_steered_to_the_category_of_the_direction(toy):
    make, *about = toy
    effects = interventions.steering(make("steering", scales=[2.0], per_category=1), *about)
    found = effects.set_index("measure")
    assert found["value"]["target"] > 0.05 and found["p"]["target"] < 0.05
    assert found["value"]["target"] > found["value"][["shuffled", "isotropic"]].max()


def test_erasing_the_category_takes_it_from_the_face_and_erasing_the_topic_does_not(toy):
    make, *about = toy
    table = make("erasure", layers=[4])
    lost = interventions.erasure(table, *about).set_index(["measure", "condition"])["value"]
    own = lost["own category"]
    assert own["category"] < own["topic"] - 0.2 < own["none"] - 0.2
    removed = table.groupby("condition")["removed"].first()
    assert removed["none"] == 0
    assert removed["matched"] == pytest.approx(removed["category"], abs=0.1)


def test_a_patched_state_brings_the_faces_of_its_donor(toy):
    make, reading, prompts = toy
    with pytest.raises(KaomojiError, match="layer 99 does not exist; expected 0"):
        make("patching", layers=[2, 99])
    table = make("patching", layers=[2, 4])
    found = interventions.patching(table, reading).query("position == 'emission' and layer == 4")
    recovered = found.set_index("condition")["value"]
    for condition in ("donor", "other_topic"):
        assert recovered[condition] > recovered[["same_category", "shuffled_position"]].max() + 0.2
    topics = prompts.set_index("id")["topic"]
    donor = table[table["condition"] == "donor"]
    assert (topics[donor["donor_id"]].to_numpy() == donor["topic"]).all()
