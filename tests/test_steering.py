"""Interventions while the prompt is processed: exact, gone afterwards, and found where they were planted."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.covariance import ledoit_wolf
from small_models import engine

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import organisms, scoring, spellings, steer
from kaomoji_lib.models.steer import adding, applied, erasing, face_log_probs, replacing
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts, read_table

WORDS = ["(≖ᴗ≖)", "(^_~)", "(｡•́︿•̀｡)"]
CODES = tuple("ABCDE")


@pytest.fixture(scope="module", params=["gemma", "qwen"])
def setting(request):
    """Model, three prompts, a plan with white space before faces, and width of the states."""
    model = engine(f"organism-{request.param}")
    texts = load_prompts()["text"].iloc[::37][:3]
    prompts = [model.encode(model.template.render(f"{INSTRUCTION} {text}")) for text in texts]
    plan = spellings.plan(model, WORDS, leads=("", " "))
    return model, prompts, plan, model.model.config.get_text_config().hidden_size


def test_scores_under_interventions_equal_plain_forward_passes(setting, monkeypatch):
    model, prompts, plan, width = setting
    rng = np.random.default_rng(0)
    vectors = 3 * rng.normal(size=(3, width)).astype(np.float32)
    matrix, centre = 0.1 * rng.normal(size=(width, width)), rng.normal(size=width)
    still = face_log_probs(model, prompts, plan)[0]
    for layer in (0, 2):
        for change in (
            adding(vectors),
            erasing(matrix, centre),
            replacing(vectors, np.array([1, 3, 5])),
        ):
            changed = face_log_probs(model, prompts, plan, layer, change)[0]
            plain = face_log_probs(model, prompts, plan, layer, change, "plain")[0]
            assert changed == pytest.approx(plain, abs=1e-3)
            assert np.abs(changed - still).max() > 0.01
    # Nothing is left afterwards, and batches that do not fit are halved.
    real = steer.measuring.measure

    def crowded(engine, prompts, *rest, **named):
        if len(prompts) > 1:
            raise MemoryError
        return real(engine, prompts, *rest, **named)

    monkeypatch.setattr(steer.measuring, "measure", crowded)
    assert face_log_probs(model, prompts, plan)[0] == pytest.approx(still, abs=1e-4)


def test_without_an_intervention_the_event_is_the_one_that_is_scored(setting):
    model, _, _, _ = setting
    few = load_prompts().iloc[::37][:3]
    table = scoring.score(model, WORDS, few)
    plan = spellings.plan(model, WORDS, leads=table.attrs["scoring"]["leads"])
    ids = [model.encode(model.template.render(f"{INSTRUCTION} {text}")) for text in few["text"]]
    found = face_log_probs(model, ids, plan)[1]
    assert found.ravel() == pytest.approx(table["log_prob_closed"].to_numpy(), abs=1e-4)


def test_an_algorithm_that_loses_the_vector_is_not_used(setting, monkeypatch):
    model, prompts, plan, width = setting
    change = adding(np.full((3, width), 2.0))
    assert steer.verified_algorithm(model, prompts, plan, 1, change) == "packed"
    real = steer.measuring.measure
    monkeypatch.setattr(steer.measuring, "measure", lambda *given, read: real(*given))
    assert steer.verified_algorithm(model, prompts, plan, 1, change) == "plain"


def test_the_choice_itself_is_not_pushed_and_hooks_go(setting):
    model, prompts, plan, width = setting
    still = face_log_probs(model, prompts, plan)[0]
    push = adding(np.full((3, width), 50.0))
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
        whole = model.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    found = steer.prompt_states(model, prompts)
    assert np.allclose(found["end"][0, 2], whole[2][0, end - 1], atol=1e-4)
    assert np.allclose(found["message"][0, 2], whole[2][0, start:end].mean(dim=0), atol=1e-4)
    # The scale of a direction ignores the first tokens, whose states can be very long.
    lengths = whole[2][0, start:end].norm(dim=-1)
    assert found["norm"][0, 2] == pytest.approx(float(lengths.median()), rel=1e-4)


def clouds(apart, n=120, width=20, seed=0):
    rng = np.random.default_rng(seed)
    number = np.arange(n) % 5
    noise = rng.normal(size=(n, width)) @ rng.normal(size=(width, width))
    return apart * rng.normal(size=(5, width))[number] + noise, np.array(CODES)[number]


def erased(states, matrix, centre):
    return states - (states - centre) @ matrix


def test_leace_leaves_no_covariance_and_its_controls_do():
    states, labels = clouds(3.0)
    eraser = steer.leace(states, labels)
    left = pd.DataFrame(erased(states, *eraser)).groupby(labels).mean().to_numpy()
    assert round(np.trace(eraser[0])) == 4 and np.abs(left - left.mean(axis=0)).max() < 1e-8
    twice = erased(erased(states, *eraser), *eraser)
    assert twice == pytest.approx(erased(states, *eraser))
    matched = steer.matched_eraser(states, labels, eraser)
    assert steer.removed(states, *matched) == pytest.approx(steer.removed(states, *eraser))
    kept = pd.DataFrame(erased(states, *matched)).groupby(labels).mean().to_numpy()
    assert np.abs(kept - kept.mean(axis=0)).max() > 1


def test_leace_equals_the_equation_of_its_paper():
    states, labels = clouds(3.0)
    member = (labels[:, None] == np.unique(labels)[None]).astype(float)
    centred = states - states.mean(axis=0)
    cross = centred.T @ (member - member.mean(axis=0)) / len(states)
    values, vectors = np.linalg.eigh(ledoit_wolf(states)[0])
    whiten = vectors @ np.diag(values**-0.5) @ vectors.T
    white = whiten @ cross
    projection = white @ np.linalg.pinv(white)
    expected = states - centred @ (np.linalg.inv(whiten) @ projection @ whiten).T
    assert erased(states, *steer.leace(states, labels)) == pytest.approx(expected, abs=1e-6)


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
def run(monkeypatch):
    model = engine("organism-qwen")
    monkeypatch.setattr(steer.loading, "load_run", lambda run, device: model)
    return Run(manifest={"instruction": INSTRUCTION}, source="organism-qwen")


@pytest.fixture(scope="module")
def meaning():
    """P(category | spelling) as planted: DataFrame, one row per spelling."""
    table = organisms.planted("organism-qwen").pivot_table(
        index="spelling", columns="category", values="probability", fill_value=0.0
    )
    return table.div(table.sum(axis=1), axis=0)


def mass(table, meaning, categories):
    """Mass that each row of ``table`` gives to the category of the same place in ``categories``, among listed faces."""
    chances = table[meaning.index].to_numpy()
    columns = [meaning.columns.get_loc(one) for one in categories]
    masses = chances @ meaning.to_numpy() / chances.sum(axis=1, keepdims=True)
    return masses[np.arange(len(table)), columns]


def test_a_toy_model_is_steered_to_the_category_of_the_direction(run, meaning):
    table = steer.intervene(run, "steering", list(meaning.index), scales=(2.0,), per_category=1)
    still = table[table["condition"] == "none"].set_index("prompt_id")
    steered = table[table["condition"] == "category"]
    before = still.loc[steered["prompt_id"]]
    target = steered["direction"]
    gain = mass(steered, meaning, target) - mass(before, meaning, target)
    assert gain.mean() > 0.05 and (gain > 0).mean() > 0.7
    assert set(table["condition"]) == {"none", "category", "shuffled", "isotropic"}


def test_erasing_the_category_takes_it_from_the_face_and_erasing_the_topic_does_not(run, meaning):
    table = steer.intervene(run, "erasure", list(meaning.index), per_category=2, layers=(4,))
    category = run.prompts().set_index("id")["category"]
    own = pd.Series(mass(table, meaning, category[table["prompt_id"]]), table["condition"])
    means = own.groupby(level=0).mean()
    assert means["category"] < means["topic"] - 0.2 < means["none"] - 0.2
    removed = table.groupby("condition")["removed"].first()
    assert removed["none"] == 0
    assert removed["matched"] == pytest.approx(removed["category"], abs=0.1)
    assert {"topic", "matched"} <= set(means.index)


def test_a_patched_state_brings_the_faces_of_its_donor(run, meaning):
    table = steer.intervene(run, "patching", list(meaning.index), per_category=2, layers=(2, 4))
    category = run.prompts().set_index("id")["category"]
    last = table[(table["position"] == "emission") & (table["layer"] == 4)].set_index("condition")

    def donors_share(condition):
        rows = last.loc[[condition]]
        return mass(rows, meaning, category[rows["donor_id"]]).mean()

    donor = last.loc[["donor"]]
    assert donors_share("donor") > donors_share("shuffled_position") + 0.2
    assert donors_share("same_category") > donors_share("shuffled_position") + 0.2
    conditions_found = "none donor same_category other_topic shuffled_position"
    assert set(table["condition"]) == set(conditions_found.split())
    topics = run.prompts().set_index("id")["topic"]
    assert (topics[donor["donor_id"]].to_numpy() == donor["topic"].to_numpy()).all()
