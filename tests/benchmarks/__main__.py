"""Run the benchmark on real models and write ``data/benchmark.json``: ``python tests/benchmarks [MODEL ...]``."""

import json
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import speed
import torch

from kaomoji_lib.models import loading
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import write_json
from kaomoji_lib.stimuli import DATA

MODELS = ("smollm2-135m-instruct", "gemma-3-270m")
PACKAGES = ("torch", "transformers", "lm_eval", "minicons")


def machine():
    """Return the processor's name, the threads used, the date and the versions of what was compared: dict."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "machine": next(iter(names), platform.machine()),
        "threads": torch.get_num_threads(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": {name: installed(name) for name in PACKAGES},
    }


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def main(names):
    torch.set_num_threads(1)
    tables = []
    for name in names or MODELS:
        bench = speed.make(loading.load(registry.model(name), dtype="float32"))
        for what, measure in (("scoring", speed.score_times), ("sampling", speed.sample_times)):
            table = measure(bench).assign(model=name, what=what)
            tables.append(table)
            rows = json.loads(pd.concat(tables).to_json(orient="records", double_precision=6))
            write_json(DATA / "benchmark.json", {"made": machine(), "rows": rows})
            print(f"\n{name}, {what}\n{speed.ratios(table).round(2).to_string()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
