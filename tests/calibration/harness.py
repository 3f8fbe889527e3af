"""Count how often each test of the library errs on simulated data: false positives, power and coverage, one row a case.

A case is a function ``simulate(rng, effect, **options)`` that makes one data set, calls the public function that is
tested and returns its Estimate, or ``(Estimate, truth)`` where the true value is known. ``effect`` is 0 under the null.
"""

import ast
import importlib
import inspect
import textwrap
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

import kaomoji_lib

LEVEL, DRAWS = 0.05, 100
PATH = Path(__file__).resolve().parents[2] / "data" / "calibration.csv"
CASES = []
KEY = ["statistic", "design"]
COLUMNS = [*KEY, "null", "simulations", "rate", "rate_low", "rate_high", "effect", "power"]
COLUMNS += ["power_low", "power_high", "coverage", "coverage_low", "coverage_high", "seconds"]
COLUMNS += ["code"]
SHOWN = [*KEY, "rate", "power", "coverage", "seconds"]


@dataclass(frozen=True)
class Case:
    """``statistic``: ``module.function`` in ``kaomoji_lib.metrics``, else in ``kaomoji_lib`` (``published.faces.accuracy``), then what it measures."""

    statistic: str
    null: str
    design: str
    simulate: object
    effect: str = ""
    size: float = 1.0
    draws: int = DRAWS
    options: dict = field(default_factory=dict)

    @property
    def code(self):
        """A number that changes with what the case and the module that it tests compute, not with their words."""
        sources = [textwrap.dedent(inspect.getsource(self.simulate))]
        package = Path(kaomoji_lib.__file__).parent
        name = self.statistic.split()[0].rpartition(".")[0].replace(".", "/")
        for path in (package / "metrics" / f"{name}.py", package / f"{name}.py"):
            sources += [path.read_text(encoding="utf-8")] if path.exists() else []
        settings = str((self.draws, self.size, self.options))
        return zlib.crc32("".join([settings, *map(_logic, sources)]).encode())


def _logic(source):
    """The syntax tree of ``source`` without docstrings and decorators, as text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
            node.decorator_list = []
    return ast.dump(tree)


def case(statistic, null, *, design, effect="", size=1.0, draws=DRAWS, **options):
    """Register the decorated ``simulate`` as a case; decorate it several times for several designs.

    ``null``: the null hypothesis in one sentence. ``effect``: what is planted for the power, in words (empty: power is
    not measured); ``size``: the number for it that ``simulate`` receives. ``options``: passed on to ``simulate``.
    """

    def register(simulate):
        CASES.append(Case(statistic, null, design, simulate, effect, size, draws, options))
        return simulate

    return register


def run(case, seed=0):
    """Return the row (dict, see ``COLUMNS``) of one case: ``draws`` null data sets, half as many with the effect."""
    started, covered = time.monotonic(), []
    rates = {}
    for name, effect in {"rate": 0.0, **({"power": case.size} if case.effect else {})}.items():
        ps = []
        for draw in range(case.draws if name == "rate" else case.draws // 2):
            rng = np.random.default_rng([seed, zlib.crc32(case.statistic.encode()), draw])
            made = case.simulate(rng, effect, **case.options)
            estimate, truth = made if isinstance(made, tuple) else (made, None)
            ps += [] if estimate.p is None else [estimate.p]
            if truth is not None:
                covered.append(estimate.ci_low <= truth <= estimate.ci_high)
        rates |= share(name, np.array(ps) <= LEVEL)
    row = {"statistic": case.statistic, "design": case.design, "null": case.null}
    row |= {"simulations": case.draws, "effect": case.effect, **rates, **share("coverage", covered)}
    row |= {"seconds": round(time.monotonic() - started, 1), "code": case.code}
    return {name: row.get(name) for name in COLUMNS}


def share(name, hits):
    """Return ``name`` and its exact 95% bounds (Clopper & Pearson 1934) as a dict; empty without ``hits``."""
    if not len(hits):
        return {}
    interval = binomtest(int(np.sum(hits)), len(hits)).proportion_ci(method="exact")
    values = {name: np.mean(hits), f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: round(float(value), 4) for key, value in values.items()}


def load(path=PATH):
    """Return the shipped table, or an empty one."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)


def collect():
    """Import every ``designs*.py`` of this folder and return the cases that they register."""
    for path in sorted(Path(__file__).parent.glob("designs*.py")):
        importlib.import_module(f"tests.calibration.{path.stem}")
    return CASES


def update(cases, path=PATH, *, only=(), jobs=1, on_progress=print):
    """Run the cases whose code changed, drop rows without a case, and write the table after each: DataFrame.

    ``only``: words of which one has to occur in the statistic of a case that is run; others keep their row.
    """
    rows = {(row["statistic"], row["design"]): row for row in load(path).to_dict("records")}
    rows = {
        (item.statistic, item.design): rows.get((item.statistic, item.design)) for item in cases
    }
    chosen = [item for item in cases if not only or any(word in item.statistic for word in only)]
    stale = [item for item in chosen if (rows[_key(item)] or {}).get("code") != item.code]
    with ProcessPoolExecutor(jobs) as pool:
        for item, row in zip(stale, pool.map(run, stale)):
            on_progress(" ".join(f"{name}={row[name]}" for name in SHOWN if row[name] is not None))
            rows[_key(item)] = row
            _write(rows, path)
    return _write(rows, path)


def _key(item):
    return item.statistic, item.design


def _write(rows, path):
    table = pd.DataFrame([row for row in rows.values() if row], columns=COLUMNS)
    table.sort_values(KEY).to_csv(path, index=False, lineterminator="\n")
    return table
