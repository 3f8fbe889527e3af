"""Count how often each test of the library errs on simulated data: false positives, power and coverage.

``data/calibration.csv`` lists the cases and keeps their rates. A new case is a row with the columns :data:`CASE`; ``make
calibration`` computes the others, and again wherever the code of a row changed. ``simulate`` names a function ``(rng,
effect[, option])`` that makes one data set, calls the public function that is tested and returns its Estimate, or
``(Estimate, truth)`` where the true value is known. It gets 0 as ``effect`` under the null and ``size`` for the power;
``effect`` says in words what is planted (empty: power is not measured). ``statistic``: ``module.function`` in
``kaomoji_lib.metrics``, else in ``kaomoji_lib``, then what it measures.
"""

import ast
import importlib
import inspect
import textwrap
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

import kaomoji_lib

LEVEL = 0.05
PATH = Path(__file__).resolve().parents[2] / "data" / "calibration.csv"
KEY = ["statistic", "design"]
CASE = [*KEY, "null", "effect", "size", "simulate", "option", "simulations"]
RATES = [f"{name}{end}" for name in ("rate", "power", "coverage") for end in ("", "_low", "_high")]


def load(path=PATH):
    """Return the table: one row a case, numbers missing where nothing was computed yet."""
    text = dict.fromkeys(("null", "effect", "option"), "")
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str))
    table = table.reindex(columns=[*CASE, *RATES, "seconds", "code"])
    return table.astype(dict.fromkeys(text, object)).fillna(text)


def simulator(case):
    """Return the function of a case (row as dict) and its option as a list."""
    module, _, name = case["simulate"].rpartition(".")
    option = case["option"]
    option = float(option) if option[:1].isdigit() else option
    return getattr(importlib.import_module(module), name), [option] if option else []


def code(case):
    """Return a number that changes with what the case and the module that it tests compute, not with their words."""
    sources = [textwrap.dedent(inspect.getsource(simulator(case)[0]))]
    package = Path(kaomoji_lib.__file__).parent
    name = case["statistic"].split()[0].rpartition(".")[0].replace(".", "/")
    for path in (package / "metrics" / f"{name}.py", package / f"{name}.py"):
        sources += [path.read_text(encoding="utf-8")] if path.exists() else []
    settings = str((case["simulations"], case["size"], case["option"]))
    return zlib.crc32("".join([settings, *map(_logic, sources)]).encode())


def _logic(source):
    """The syntax tree of ``source`` without docstrings, as text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return ast.dump(tree)


def draw(case, effect, number):
    """Return what one simulated data set gives: (Estimate, truth or None)."""
    simulate, option = simulator(case)
    rng = np.random.default_rng([0, zlib.crc32(case["statistic"].encode()), number])
    made = simulate(rng, effect, *option)
    return made if isinstance(made, tuple) else (made, None)


def run(case):
    """Return the case (dict) with its rates, from ``simulations`` null data sets and half as many with the effect."""
    started, covered, rates = time.monotonic(), [], {}
    for name, effect in {
        "rate": 0.0,
        **({"power": case["size"]} if case["effect"] else {}),
    }.items():
        draws = case["simulations"] if name == "rate" else case["simulations"] // 2
        found = [draw(case, effect, number) for number in range(draws)]
        covered += [
            item.ci_low <= truth <= item.ci_high for item, truth in found if truth is not None
        ]
        rates |= share(name, [item.p <= LEVEL for item, _ in found if item.p is not None])
    rates |= share("coverage", covered)
    return {**case, **rates, "seconds": round(time.monotonic() - started, 1), "code": code(case)}


def share(name, hits):
    """Return ``name`` and its exact 95% bounds (Clopper & Pearson 1934) as a dict; empty without ``hits``."""
    if not hits:
        return {}
    interval = binomtest(int(np.sum(hits)), len(hits)).proportion_ci(method="exact")
    values = {name: np.mean(hits), f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: round(float(value), 4) for key, value in values.items()}


def update(path=PATH, *, only=(), jobs=1, on_progress=print):
    """Run the cases whose code changed, or of these the statistics that contain a word of ``only``; write each at once."""
    rows = {tuple(row[name] for name in KEY): row for row in load(path).to_dict("records")}
    stale = [row for row in rows.values() if row["code"] != code(row)]
    stale = [row for row in stale if not only or any(word in row["statistic"] for word in only)]
    with ProcessPoolExecutor(jobs) as pool:
        for row in pool.map(run, stale):
            on_progress(" ".join(f"{name}={row[name]}" for name in (*KEY, *RATES[::3], "seconds")))
            rows[tuple(row[name] for name in KEY)] = row
            table = pd.DataFrame(rows.values()).sort_values(KEY).astype({"code": "Int64"})
            table.to_csv(path, index=False, lineterminator="\n")
