"""Effects of steering, erasure and patching are found where they are planted; their error rates are in test_calibration."""

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib.metrics import interventions
from tests.calibration.designs_interventions import FACES, erased, patched, steered


def test_steering_is_found_where_it_works_and_only_there():
    found = interventions.steering(*steered(np.random.default_rng(0), 0.2))
    near, far = (part.set_index("measure") for _, part in found.groupby("layer"))
    assert near.loc["target", "p"] < 0.01 and near.loc["selectivity", "p"] < 0.01
    assert near.loc["target", "value"] == pytest.approx(0.14, abs=0.04)
    assert near.loc["selectivity", "ci_low"] > near.loc["shuffled", "ci_high"]
    assert far.loc["selectivity", "p"] > 0.05 and abs(far.loc["selectivity", "value"]) < 0.02
    assert (near.loc["target", "n"], near.loc["target", "unit"]) == (9, "directions")


def test_erasure_is_found_where_it_takes_more_than_its_control():
    found = interventions.erasure(*erased(np.random.default_rng(0), 0.4))
    drop = found[found["measure"] == "drop"].set_index("layer")
    assert drop.loc[1, "p"] < 0.01 and drop.loc[1, "value"] > 0.08
    assert (drop["p"][1:] > 0.05).all() and list(drop["condition"].unique()) == ["matched"]
    own = found[found["measure"] == "own category"].set_index(["layer", "condition"])["value"]
    assert own[0, "none"] > own[1, "matched"] > own[1, "category"]


def test_an_erasure_of_everything_is_not_selective_and_one_of_the_category_is():
    table, reading, asked = erased(np.random.default_rng(2), 0.0, layers=1)
    still = table.loc[table["condition"] == "none", FACES].to_numpy()
    category = asked["category"].factorize()[0]
    means = pd.DataFrame(still).groupby(category).transform("mean").to_numpy()
    # What is erased is the difference between categories; what is the prompt's own stays.
    only = np.maximum(still - means + means.mean(axis=0), 1e-6)
    everything = 0.3 * still + 0.7 * still.mean(axis=0)
    value = {}
    for name, cells in {"only": only, "everything": everything}.items():
        changed = table.copy()
        changed.loc[changed["condition"] == "category", FACES] = cells / cells.sum(axis=1)[:, None]
        found = interventions.erasure(changed, reading, asked).query("condition == 'category'")
        value[name] = found.set_index("measure").loc["selectivity"]
    assert value["only"]["ci_low"] > 0.2 and abs(value["everything"]["value"]) < 0.1


def test_the_deepest_layer_is_judged_against_the_deepest_layers():
    """With the p-value of the deepest of 20 layers alone, most null tables would pass."""
    passed, alone = 0, 0
    for seed in range(12):
        made = erased(np.random.default_rng(seed), 0.0, each=2, layers=20)
        found = interventions.erasure(*made, permutations=99)
        drop = found[found["measure"] == "drop"]
        passed += drop["p"].min() <= 0.05
        alone += (drop["value"] / (drop["ci_high"] - drop["ci_low"]) * 3.92).max() > 1.645
    assert passed <= 2 < 4 <= alone


def test_a_patch_brings_the_donors_faces_and_its_controls_do_not():
    found = interventions.patching(*patched(np.random.default_rng(0), 0.4))
    table = found.set_index(["layer", "condition"])
    assert table.loc[(1, "donor"), "p"] < 0.01 < 0.05 < table.loc[(2, "donor"), "p"]
    assert table.loc[(1, "other_topic"), "p"] < 0.01 < 0.05 < table.loc[(3, "other_topic"), "p"]
    shares = table["value"][1]
    assert shares["donor"] > shares["shuffled_position"] and shares["other_topic"] > 0.3
    assert table.loc[(1, "donor"), "null_mean"] == pytest.approx(shares["shuffled_position"])
    assert table.loc[(1, "same_category"), ["p", "null_mean"]].isna().all()


def test_a_whole_patch_recovers_everything_and_no_patch_nothing():
    table, reading = patched(np.random.default_rng(3), 0.0, layers=1)
    still = table[table["condition"] == "none"].set_index("prompt_id")[FACES]
    for column, share in (("donor_id", 1.0), ("prompt_id", 0.0)):
        changed, at = table.copy(), table["condition"] == "donor"
        changed.loc[at, FACES] = still.loc[table.loc[at, column]].to_numpy()
        found = interventions.patching(changed, reading).set_index("condition")
        assert found.loc["donor", "value"] == pytest.approx(share)
