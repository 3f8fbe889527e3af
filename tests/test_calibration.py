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


def sound(rng, effect):
    values = effect + rng.normal(size=20)
    signs = rng.choice([-1, 1], size=(99, 20))
    return stats.bootstrap(values, resamples=99, null=signs @ values / 20), effect


def unsound(rng, effect):
    return stats.Estimate(0.0, 0.0, 0.0, 9, "faces", 0.0, float(rng.random() ** 3))


def test_the_harness_tells_a_sound_test_from_an_unsound_one_and_runs_nothing_twice(tmp_path):
    text = "statistic,design,effect,size,simulate,simulations\n"
    text += f"toy.sound,noise,a shift,4,{__name__}.sound,100\ntoy.unsound,noise,,4,{__name__}.unsound,100\n"
    (tmp_path / "table.csv").write_text(text)
    harness.update(tmp_path / "table.csv", on_progress=lambda line: None)
    right, wrong = harness.load(tmp_path / "table.csv").to_dict("records")
    assert right["rate_low"] <= harness.LEVEL < wrong["rate_low"] and right["power"] > 0.95
    assert right["coverage"] > COVERED and np.isnan(wrong["coverage"])
    harness.update(tmp_path / "table.csv", on_progress=pytest.fail)


# Functions that permute through another one, which has the case.
THROUGH = {
    "distributions.compare": "distributions.similarity",
    "predict.against_text": "predict.difference",
    "predict.text_probes": "predict.from_states",
    "predict.from_text": "predict.from_states",
    "synthesis.permuted_vectors": "synthesis.word_space",
}


def test_every_test_of_the_library_has_its_error_rates():
    needed = set()
    for module in pkgutil.iter_modules(metrics.__path__):
        names = importlib.import_module(f"kaomoji_lib.metrics.{module.name}")
        for name, item in inspect.getmembers(names, inspect.isfunction):
            own = item.__module__ == names.__name__ and not name.startswith("_")
            if own and "permutations" in inspect.signature(item).parameters:
                needed.add(THROUGH.get(f"{module.name}.{name}", f"{module.name}.{name}"))
    have = {name.split()[0].strip(",") for name in harness.load()["statistic"]}
    assert sorted(needed - have) == [], "add a row to data/calibration.csv; make calibration"


def test_no_test_errs_more_often_than_it_says():
    table = harness.load().set_index(harness.KEY)
    assert (table["simulations"] >= 60).all()
    outside = (table["rate_low"] > harness.LEVEL) | (table["coverage"] < COVERED)
    assert list(table.index[outside]) == []
