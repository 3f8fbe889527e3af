"""Interventions while the prompt is read: exact, gone afterwards, and read rightly."""

import numpy as np
import pandas as pd
import pytest
import torch
from test_resampling import assert_level

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import erasure, exact, steering
from kaomoji_lib.metrics.distributions import reading
from kaomoji_lib.models import organisms
from kaomoji_lib.models import steer as engine_steering
from kaomoji_lib.models.score import scoring
from kaomoji_lib.models.steer import Addition, Map, applied, face_log_probs, plain_log_prob
from kaomoji_lib.models.steering_conditions import directions, split
from kaomoji_lib.stimuli import INSTRUCTION, load_prompts
from tests.small_models import engine

WORDS = ["(≖ᴗ≖)", "(^_~)", "(｡•́︿•̀｡)"]
CODES = tuple("ABCDE")


def encoded(model, count=3):
    return [
        model.encode(model.template.render(f"{INSTRUCTION} {text}"))
        for text in load_prompts()["text"].iloc[::37][:count]
    ]


def size(model):
    return model.model.config.get_text_config().hidden_size


@pytest.mark.parametrize("name", ["gemma", "qwen"])
def test_steered_and_erased_scores_equal_plain_forward_passes(name):
    model = engine(f"organism-{name}")
    prompts, rng = encoded(model), np.random.default_rng(0)
    vectors = 3 * rng.normal(size=(3, size(model))).astype(np.float32)
    matrix, centre = 0.1 * rng.normal(size=(size(model), size(model))), rng.normal(size=size(model))
    still = face_log_probs(model, prompts, WORDS)[0]
    for layer in (0, 2):
        added = face_log_probs(model, prompts, WORDS, Addition(layer, vectors))[0]
        mapped = face_log_probs(model, prompts, WORDS, Map(layer, matrix, centre))[0]
        for row, column in ((0, 0), (2, 1)):
            plain = plain_log_prob(
                model, prompts[row], WORDS[column], Addition(layer, vectors[row : row + 1])
            )
            assert added[row, column] == pytest.approx(plain, abs=1e-3)
            plain = plain_log_prob(model, prompts[row], WORDS[column], Map(layer, matrix, centre))
            assert mapped[row, column] == pytest.approx(plain, abs=1e-3)
        assert np.abs(added - still).max() > 0.1 and np.abs(mapped - still).max() > 0.01
    assert face_log_probs(model, prompts, WORDS)[0] == pytest.approx(still, abs=1e-4)


def test_a_way_to_steer_that_loses_the_vector_is_not_taken(monkeypatch):
    model = engine("organism-gemma")
    prompts, change = encoded(model), Addition(1, np.full((3, size(model)), 2.0))
    assert engine_steering.proven(model, prompts, WORDS, change) == "packed"
    monkeypatch.setattr(engine_steering, "reading", lambda change: engine_steering.prefill)
    with pytest.raises(KaomojiError, match="agrees with plain"):
        engine_steering.proven(model, prompts, WORDS, change)


def test_fewer_rows_are_tried_where_the_memory_does_not_suffice(monkeypatch):
    model, real = engine("organism-gemma"), engine_steering.measure
    expected = face_log_probs(model, encoded(model), WORDS)[0]

    def crowded(engine, prompts, *rest, **named):
        if len(prompts) > 1:
            raise MemoryError
        return real(engine, prompts, *rest, **named)

    monkeypatch.setattr(engine_steering, "measure", crowded)
    assert face_log_probs(model, encoded(model), WORDS)[0] == pytest.approx(expected, abs=1e-4)


def test_the_choice_itself_is_not_pushed():
    model = engine("organism-gemma")
    prompts = encoded(model)
    behind_last_block = Addition(len(model.blocks), np.full((3, size(model)), 50.0))
    assert face_log_probs(model, prompts, WORDS, behind_last_block)[0] == pytest.approx(
        face_log_probs(model, prompts, WORDS)[0], abs=1e-4
    )


def test_nothing_is_left_behind_when_something_fails():
    model = engine("organism-gemma")
    ids = torch.tensor([encoded(model, 1)[0]])
    before = model.model(input_ids=ids).logits
    with pytest.raises(ZeroDivisionError), applied(model, Addition(1, np.ones((1, size(model))))):
        raise ZeroDivisionError
    assert torch.equal(model.model(input_ids=ids).logits, before)
    with pytest.raises(KaomojiError, match="does not exist"):
        face_log_probs(model, encoded(model, 1), WORDS, Addition(9, np.ones((1, size(model)))))


def simulated(effect, seed=0, prompts=20):
    """A table as ``steering_arms.table`` makes it, with three faces a category and two layers; ``effect``: mass moved to the target."""
    rng = np.random.default_rng(seed)
    faces = [f"({code}{number}_" for code in CODES for number in range(3)]
    home = np.repeat(np.arange(5), 3)
    asked = pd.DataFrame(
        {
            "id": [f"p{row}" for row in range(prompts)],
            "category": [CODES[row % 5] for row in range(prompts)],
        }
    )
    rows, cells = [], []
    # Every direction pushes somewhere, the same way in all prompts; without an effect that has nothing to do with its name.
    drift = 0.1 * rng.dirichlet(np.full(15, 0.5), size=(3, 2, 5))
    for row in range(prompts):
        base = rng.dirichlet(1 + 5 * (home == row % 5))
        rows.append((f"p{row}", 1, "none", "", 0.0))
        cells.append(base)
        for layer in (1, 2):
            for arm in ("category", "shuffled"):
                for step in rng.permutation(4)[:3]:
                    target = (row % 5 + 1 + step) % 5
                    moved = (
                        drift[layer, int(arm == "category"), target]
                        + effect * (arm == "category") * (layer == 1) * (home == target) / 3
                    )
                    cells.append(base * (1 - moved.sum()) + moved + 0.002 * rng.random(15))
                    rows.append(
                        (
                            f"p{row}",
                            layer,
                            arm,
                            CODES[target] if arm == "category" else str(target),
                            1.0,
                        )
                    )
    table = pd.concat(
        [
            pd.DataFrame(rows, columns=["prompt_id", "layer", "arm", "direction", "dose"]),
            pd.DataFrame(np.array(cells) * 0.9, columns=faces),
        ],
        axis=1,
    )
    meaning = reading(pd.DataFrame((home[:, None] == np.arange(5)) + 0.05, faces, CODES))
    return table, pd.Series(faces, faces), meaning, asked


def test_steering_is_found_where_it_works_and_only_there():
    near, far = steering.effects(*simulated(0.2))
    assert (
        near.target.p < 0.01
        and near.selectivity.p < 0.01
        and near.target.value == pytest.approx(0.16, abs=0.05)
    )
    assert (
        near.selectivity.value > near.wrong.value
        and near.selectivity.value > near.shuffled.value
        and near.isotropic is None
    )
    assert far.selectivity.p > 0.05 and abs(far.selectivity.value) < 0.01
    assert steering.best_layer(*simulated(0.2), 1.0).p < 0.01


def test_steering_that_does_nothing_has_the_level_it_claims():
    best, target = [], []
    for seed in range(200):
        made = simulated(0.0, seed=seed)
        best.append(steering.best_layer(*made, 1.0, permutations=39).p)
        target.append(steering.effects(*made, permutations=39)[0].target.p)
    assert_level(best)
    assert_level(target)


def test_a_face_that_the_reading_does_not_know_is_refused():
    table, faces, meaning, asked = simulated(0.1)
    with pytest.raises(KaomojiError, match="does not know"):
        steering.effects(table, faces, reading(meaning.table.iloc[1:]), asked)


def test_an_organism_is_steered_to_the_category_of_the_direction():
    model, table = engine("organism-qwen"), organisms.planted("organism-qwen")
    asked = load_prompts().groupby("category").head(5)
    words, codes = list(table["spelling"].unique()), list(dict.fromkeys(asked["category"]))
    prompts = [
        model.encode(model.template.render(f"{INSTRUCTION} {text}")) for text in asked["text"]
    ]
    fit, tried = split(asked, 1)
    layer = 2
    states = engine_steering.prompt_states(model, [prompts[row] for row in np.flatnonzero(fit)])[0][
        :, layer
    ]
    toward = (
        directions(states, asked["category"].to_numpy()[fit], codes)[4]
        * 2
        * np.linalg.norm(states, axis=1).mean()
    )
    asked_rows = [prompts[row] for row in tried if asked["category"].iloc[row] != codes[4]][::2]
    kept = np.exp(face_log_probs(model, asked_rows, words)[1])
    moved = np.exp(
        face_log_probs(
            model,
            asked_rows,
            words,
            Addition(layer, np.repeat(toward[None], len(asked_rows), 0).astype(np.float32)),
        )[1]
    )
    scores = pd.DataFrame(
        table.pivot_table(
            index="spelling", columns="category", values="probability", fill_value=0.0
        ).loc[words]
    )
    meaning = scores.div(scores.sum(axis=1), axis=0)[codes[4]].to_numpy()
    gain = moved @ meaning / moved.sum(axis=1) - kept @ meaning / kept.sum(axis=1)
    assert gain.mean() > 0.1 and (gain > 0).mean() > 0.8


def clouds(apart, n=120, width=20, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.array(CODES)[np.arange(n) % 5]
    return apart * rng.normal(size=(5, width))[np.arange(n) % 5] + rng.normal(
        size=(n, width)
    ) @ rng.normal(size=(width, width)), labels


def test_leace_leaves_no_covariance_and_a_random_subspace_does():
    states, labels = clouds(3.0)
    eraser = erasure.leace(states, labels)
    left = pd.DataFrame(eraser(states)).groupby(labels).mean().to_numpy()
    assert eraser.rank == 4 and np.abs(left - left.mean(axis=0)).max() < 1e-8
    again = eraser(eraser(states))
    assert again == pytest.approx(eraser(states))
    kept = (
        pd.DataFrame(erasure.random_like(states, eraser.rank, np.random.default_rng(0))(states))
        .groupby(labels)
        .mean()
        .to_numpy()
    )
    assert np.abs(kept - kept.mean(axis=0)).max() > 1


def test_leace_equals_the_equation_of_its_paper():
    from sklearn.covariance import ledoit_wolf

    states, labels = clouds(3.0)
    covariance = ledoit_wolf(states)[0]
    member = (labels[:, None] == np.unique(labels)[None]).astype(float)
    cross = (states - states.mean(axis=0)).T @ (member - member.mean(axis=0)) / len(states)
    values, vectors = np.linalg.eigh(covariance)
    whiten = vectors @ np.diag(values**-0.5) @ vectors.T
    white = whiten @ cross
    projection = white @ np.linalg.pinv(white)
    expected = (
        states - (states - states.mean(axis=0)) @ (np.linalg.inv(whiten) @ projection @ whiten).T
    )
    assert erasure.leace(states, labels)(states) == pytest.approx(expected, abs=1e-6)


def erased(drop, seed=0, prompts=30):
    """A table as ``erasure.table`` makes it; ``drop``: what erasing takes from the own category's mass."""
    rng = np.random.default_rng(seed)
    faces, home = [f"({code}_" for code in CODES], np.arange(5)
    asked = pd.DataFrame(
        {
            "id": [f"p{row}" for row in range(prompts)],
            "category": [CODES[row % 5] for row in range(prompts)],
        }
    )
    rows, cells = [], []
    for row in range(prompts):
        base = rng.dirichlet(1 + 8 * (home == row % 5))
        for layer, arm, number in (
            (0, "none", 0),
            (1, "category", 0),
            (1, "random", 0),
            (1, "random", 1),
        ):
            taken = drop * (arm == "category") * base * (home == row % 5)
            noise = 0.02 * rng.random(5) * (arm != "none")
            cells.append((base - taken + taken.sum() / 5 + noise) / (1 + noise.sum()))
            rows.append((f"p{row}", layer, arm, number))
    table = pd.concat(
        [pd.DataFrame(rows, columns=list(erasure.META)), pd.DataFrame(cells, columns=faces)], axis=1
    )
    return (
        table,
        pd.Series(faces, faces),
        reading(pd.DataFrame(np.eye(5) + 0.01, faces, CODES)),
        asked,
    )


def test_erasure_is_found_where_it_takes_something_and_not_elsewhere():
    (found,) = erasure.effects(*erased(0.5))
    assert found.drop.p < 0.01 and found.drop.value > 0.1 and found.after.value < found.random.value
    assert_level(
        [erasure.effects(*erased(0.0, seed, 20), permutations=99)[0].drop.p for seed in range(200)]
    )


def test_split_keeps_estimate_and_trial_apart():
    asked = load_prompts()
    fit, tried = split(asked, 3)
    assert not fit[tried].any() and (asked["category"].iloc[tried].value_counts() == 3).all()


def test_exact_reading_needs_all_categories():
    table = pd.DataFrame([[0.5, 0.4]], ["p0"], ["(^_^)", "(;_;)"])
    with pytest.raises(KaomojiError, match="no scored prompt"):
        exact.reading(
            exact.Exact(table, 1 - table.sum(axis=1)),
            pd.DataFrame({"id": ["p0"], "category": ["A"]}),
            CODES,
        )


def test_scoring_refuses_to_steer_without_a_cache():
    model = engine("organism-gemma")
    with pytest.raises(TypeError):
        face_log_probs(
            model,
            encoded(model, 1),
            WORDS,
            Addition(1, np.ones((1, size(model)))),
            algorithm="plain",
        )
    assert scoring.canonical_face("(^_^)") == "(^_^)"
