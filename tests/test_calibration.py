"""The shipped table of error rates: complete, current in its names, and within its bounds."""

import numpy as np
import pytest

from kaomoji_lib import stats
from tests.calibration import harness

# Share of intervals that must cover the true value, where it is known.
COVERED = 0.9


@harness.case("toy.sound", "nothing is planted", design="noise", effect="a shift", size=4.0)
def sound(rng, effect):
    values = effect + rng.normal(size=20)
    signs = rng.choice([-1, 1], size=(99, 20))
    return stats.bootstrap(values, resamples=99, null=signs @ values / 20), effect


def unsound(rng, effect):
    return stats.Estimate(0.0, 0.0, 0.0, 9, "faces", 0.0, float(rng.random() ** 3))


def test_the_harness_tells_a_sound_test_from_an_unsound_one(tmp_path):
    good = harness.CASES.pop()
    bad = harness.Case("toy.unsound", "nothing is planted", "noise", unsound)
    table = harness.update([good, bad], tmp_path / "table.csv", on_progress=lambda line: None)
    right, wrong = table.set_index("statistic").loc[["toy.sound", "toy.unsound"]].to_dict("records")
    assert right["rate_low"] <= harness.LEVEL < wrong["rate_low"] and right["power"] > 0.95
    assert right["coverage"] > COVERED and np.isnan(wrong["coverage"])
    again = harness.update([good], tmp_path / "table.csv", on_progress=pytest.fail)
    assert list(again["statistic"]) == ["toy.sound"], "nothing is run twice, rows without case go"
