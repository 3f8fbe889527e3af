"""Effects of steering and erasure: found where they are planted, at the stated error rate where they are not."""

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import erasure, exact, steering
from kaomoji_lib.metrics.distributions import reading

CODES = tuple("ABCDE")


def simulated(effect, seed=0, prompts=20):
    """A table as ``steering_table`` makes it, with three faces a category and two layers; ``effect``: mass moved to the target."""
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
        rows.append((f"p{row}", "", 1, "none", "", 0.0))
        cells.append(base)
        for layer in (1, 2):
            for condition in ("category", "shuffled"):
                for step in rng.permutation(4)[:3]:
                    target = (row % 5 + 1 + step) % 5
                    moved = (
                        drift[layer, int(condition == "category"), target]
                        + effect * (condition == "category") * (layer == 1) * (home == target) / 3
                    )
                    cells.append(base * (1 - moved.sum()) + moved + 0.002 * rng.random(15))
                    rows.append(
                        (
                            f"p{row}",
                            "",
                            layer,
                            condition,
                            CODES[target] if condition == "category" else str(target),
                            1.0,
                        )
                    )
    table = pd.concat(
        [
            pd.DataFrame(rows, columns=list(steering.META)),
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


def erased(drop, seed=0, prompts=30):
    """A table as ``erasure_table`` makes it; ``drop``: what erasing takes from the own category's mass."""
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
        for layer, condition, number in (
            (0, "none", 0),
            (1, "category", 0),
            (1, "random", 0),
            (1, "random", 1),
        ):
            taken = drop * (condition == "category") * base * (home == row % 5)
            noise = 0.02 * rng.random(5) * (condition != "none")
            cells.append((base - taken + taken.sum() / 5 + noise) / (1 + noise.sum()))
            rows.append((f"p{row}", "", layer, condition, number, 0.0))
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


def test_exact_reading_needs_all_categories():
    table = pd.DataFrame([[0.5, 0.4]], ["p0"], ["(^_^)", "(;_;)"])
    with pytest.raises(KaomojiError, match="no scored prompt"):
        exact.reading(
            exact.Exact(table, 1 - table.sum(axis=1)),
            pd.DataFrame({"id": ["p0"], "category": ["A"]}),
            CODES,
        )
