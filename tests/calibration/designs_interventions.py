"""Simulated tables of steering, erasure and patching, as ``models/steer`` makes them from real models."""

from dataclasses import replace

import numpy as np
import pandas as pd

from kaomoji_lib import results
from kaomoji_lib.metrics import interventions
from kaomoji_lib.metrics.distributions import reading

CODES = [f"C{number}" for number in range(9)]
FACES = [f"({code}{number}_" for code in CODES for number in range(3)]
HOME = np.repeat(np.arange(9), 3)
MEANING = reading(pd.DataFrame((HOME[:, None] == np.arange(9)) + 0.05, FACES, CODES))
PERMUTATIONS = 19


def prompts(each):
    category = np.repeat(np.arange(9), each)
    ids = [f"p{row}" for row in range(len(category))]
    topics = np.tile(["work", "home", "food", "pets"], len(ids))[: len(ids)]
    asked = {"id": ids, "category": [CODES[code] for code in category], "topic": topics}
    return pd.DataFrame(asked), category


def favourites(rng, category, alpha=5.0):
    """P(face | prompt), nested: each prompt has favourites of its own around its category's."""
    own = rng.dirichlet(np.full(27, 0.7), size=9) * 0.5 + 0.5 * (HOME == np.arange(9)[:, None]) / 3
    return np.array([rng.dirichlet(alpha * own[code] + 1e-3) for code in category])


def table(rows, columns, cells):
    meta = pd.DataFrame(rows, columns=columns)
    return pd.concat([meta, pd.DataFrame(0.9 * np.array(cells), columns=FACES)], axis=1)


def steered(rng, effect, each=3, layers=(1, 2)):
    """``effect``: mass moved to the target in the first layer. Every direction pushes somewhere, the same way in all prompts."""
    asked, category = prompts(each)
    base = favourites(rng, category)
    drift = 0.1 * rng.dirichlet(np.full(27, 0.3), size=(len(layers), 2, 9))
    rows, cells = [], []
    for row, prompt in enumerate(asked["id"]):
        rows.append((prompt, 1, "none", "", 0.0))
        cells.append(base[row])
        for place, layer in enumerate(layers):
            for kind, condition in enumerate(("category", "shuffled")):
                for step in rng.permutation(8)[:3]:
                    target = (category[row] + 1 + step) % 9
                    moved = drift[place, kind, target] * rng.gamma(2, 0.5)
                    if kind == place == 0:
                        moved = moved + effect * (HOME == target) / 3
                    name = str(target) if kind else CODES[target]
                    rows.append((prompt, layer, condition, name, 1.0))
                    cells.append(base[row] * (1 - moved.sum()) + moved)
    columns = ["prompt_id", "layer", "condition", "direction", "scale"]
    return table(rows, columns, cells), MEANING, asked


def erased(rng, effect, each=4, layers=5, size=0.3):
    """All erasures mix faces with those of the average prompt; ``effect``: how much more that of the category does it in layer 1."""
    asked, category = prompts(each)
    base = favourites(rng, category)
    rows, cells = [(prompt, 0, "none", 0.0) for prompt in asked["id"]], list(base)
    for layer in range(1, layers + 1):
        for condition in ("category", "matched"):
            for row, prompt in enumerate(asked["id"]):
                share = rng.beta(3, 3 / size - 3) + effect * (layer == 1) * (
                    condition == "category"
                )
                rows.append((prompt, layer, condition, 0.8))
                cells.append((1 - share) * base[row] + share * base.mean(axis=0))
    columns = ["prompt_id", "layer", "condition", "removed"]
    return table(rows, columns, cells), MEANING, asked


def patched(rng, effect, each=3, layers=3):
    """Patches move faces by random shares toward the donor's and any other's; ``effect``: further for a donor at its own position in layer 1."""
    asked, category = prompts(each)
    base = favourites(rng, category)
    rows = [(prompt, "", 0, "none", "none") for prompt in asked["id"]]
    cells = list(base)
    for row, prompt in enumerate(asked["id"]):
        pick = {"donor": int(rng.choice(np.flatnonzero(category != category[row])))}
        pick["shuffled_position"] = pick["donor"]
        same = np.flatnonzero((category == category[row]) & (np.arange(len(category)) != row))
        pick["same_category"] = int(rng.choice(same))
        pick["other_topic"] = int(rng.choice(np.flatnonzero(category == category[pick["donor"]])))
        for layer in range(1, layers + 1):
            for condition, donor in pick.items():
                share = rng.beta(2, 8) * (condition in ("donor", "shuffled_position"))
                planted = condition in ("donor", "other_topic") and layer == 1
                share, noise = share + effect * planted, rng.beta(2, 18)
                rows.append((prompt, asked["id"][donor], layer, "message", condition))
                other = base[rng.integers(len(base))]
                moved = (1 - share) * base[row] + share * base[donor]
                cells.append((1 - noise) * moved + noise * other)
    columns = ["prompt_id", "donor_id", "layer", "position", "condition"]
    return table(rows, columns, cells), MEANING


def best_and_first(found, effect):
    """The best of several, with the interval of the first under the null: that of the best is not meant to cover."""
    best, first = results.estimate(found.loc[found["p"].idxmin()]), results.estimate(found.iloc[0])
    return best if effect else (replace(first, p=best.p), 0.0)


def steer(rng, effect, measure):
    found = interventions.steering(*steered(rng, effect), permutations=PERMUTATIONS)
    made = best_and_first(found[found["measure"] == measure], effect)
    # What any push does to a category is in the target's null, so that its value under the null is not 0.
    return made if effect or measure == interventions.SELECTIVITY else made[0]


def erase(rng, effect):
    found = interventions.erasure(*erased(rng, effect), permutations=PERMUTATIONS)
    drop = (found["measure"] == interventions.DROP) & (found["condition"] == "matched")
    return best_and_first(found[drop], effect)


def patch(rng, effect, condition):
    found = interventions.patching(*patched(rng, effect), permutations=PERMUTATIONS)
    return best_and_first(found[found["condition"] == condition], 1)
