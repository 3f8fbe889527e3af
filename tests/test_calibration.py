"""The shipped table of error rates: complete, current in its names, and within its bounds."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

from kaomoji_lib import metrics, stats
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
    good = next(case for case in harness.CASES if case.statistic == "toy.sound")
    harness.CASES.remove(good)
    bad = harness.Case("toy.unsound", "nothing is planted", "noise", unsound)
    table = harness.update([good, bad], tmp_path / "table.csv", on_progress=lambda line: None)
    right, wrong = table.set_index("statistic").loc[["toy.sound", "toy.unsound"]].to_dict("records")
    assert right["rate_low"] <= harness.LEVEL < wrong["rate_low"] and right["power"] > 0.95
    assert right["coverage"] > COVERED and np.isnan(wrong["coverage"])
    again = harness.update([good], tmp_path / "table.csv", on_progress=pytest.fail)
    assert list(again["statistic"]) == ["toy.sound"], "nothing is run twice, rows without case go"


# Functions that permute through another one, which has the case.
THROUGH = {
    "agreement.compare": "distributions.similarity",
    "probes.against_text": "predict.difference",
    "probes.text_probes": "predict.from_states",
    "predict.from_text": "predict.from_states",
    "synthesis.permuted_vectors": "synthesis.word_space",
}


def permuting():
    """Public functions of the metrics that permute something: ``module.function``."""
    for module in pkgutil.iter_modules(metrics.__path__):
        names = vars(importlib.import_module(f"kaomoji_lib.metrics.{module.name}"))
        for name, item in names.items():
            own = inspect.isfunction(item) and item.__module__.endswith(f".{module.name}")
            public = own and not name.startswith("_")
            if public and "permutations" in inspect.signature(item).parameters:
                yield f"{module.name}.{name}"


def test_every_test_of_the_library_has_its_error_rates():
    have = {name.split()[0].strip(",") for name in harness.load()["statistic"]}
    needed = {THROUGH.get(name, name) for name in permuting()}
    assert sorted(needed - have) == [], "add a case in tests/calibration; make calibration"


def test_no_test_errs_more_often_than_it_says():
    table = harness.load().set_index(harness.KEY)
    assert (table["simulations"] >= 60).all()
    outside = (table["rate_low"] > harness.LEVEL) | (table["coverage"] < COVERED)
    assert list(table.index[outside]) == []
