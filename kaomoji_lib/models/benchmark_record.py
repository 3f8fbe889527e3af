"""The benchmark at a size that takes minutes, kept with machine, date and versions in ``data/benchmark.json``."""

import dataclasses
import json
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import benchmark
from kaomoji_lib.models import benchmark_models as models
from kaomoji_lib.models import benchmark_peers as peers
from kaomoji_lib.runs.files import read_json, write_json
from kaomoji_lib.stimuli import DATA

RECORD = DATA / "benchmark.json"
DAMAGED = "delete it and run `make bench`"
PACKAGES = ("torch", "transformers", "lm_eval", "minicons")
FULL, TEMPLATES = "full attention", "scoring, templates"
SECTIONS = {
    **{
        f"scoring, {name}": lambda bench: benchmark.score_times(bench, ("packed", "plain"))
        for name in models.ARCHITECTURES
    },
    f"scoring, {FULL}": benchmark.score_times,
    TEMPLATES: lambda bench: benchmark.template_times(bench, ("packed", *peers.PEERS)),
    "sampling": benchmark.sample_times,
    "scaling": benchmark.scaling,
    "memory": benchmark.memory,
}
# Sections that need less of the large size: how cost grows does not depend on the width.
SHAPES = {
    "scaling": dict(hidden=256, layers=4),
    "scoring, mixture of experts": dict(sampled=8),
    f"scoring, {FULL}": dict(prompts=3, messages=(1, 2, 3)),
    "memory": dict(hidden=64, layers=1),
}


def measure(section, size="large", device="cpu", path=RECORD):
    """Measure one of ``SECTIONS`` and put it into the record. Returns its DataFrame."""
    if device == "cpu":
        torch.set_num_threads(1)
    kind = section.partition(", ")[2]
    shape = dataclasses.replace(
        models.SIZES[size], **SHAPES.get(section, {}) if size == "large" else {}
    )
    bench = models.make(shape, device, kind if kind in models.ARCHITECTURES else FULL)
    table = SECTIONS[section](bench)
    kept = read_json(path, DAMAGED) if Path(path).is_file() else {"sections": {}}
    kept["sections"][section] = {
        "made": made(bench, table),
        "rows": json.loads(table.to_json(orient="records", double_precision=9)),
    }
    write_json(path, kept)
    return table


def made(bench, table):
    """On what and with what a table of ``SECTIONS`` was measured: dict of words."""
    engine, size = bench.engine, bench.size
    where = (
        torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else _processor()
    )
    return {
        "model": f"random {type(engine.model).__name__}, {size.layers} layers of {size.hidden}, vocabulary {size.vocabulary:,}",
        "asked": _asked(bench, table),
        "machine": where,
        "threads": torch.get_num_threads(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "absent": list(peers.missing()),
    }


def _asked(bench, table):
    size, lengths = (
        bench.size,
        table["prompt_tokens"] if "prompt_tokens" in table else pd.Series(map(len, bench.prompts)),
    )
    if benchmark.OURS in set(table.get("alternative", ())):
        return f"{size.drawn} prompts x {size.generations} replies of {size.tokens} tokens"
    low, high = (f"{length:.0f}" for length in (lengths.min(), lengths.max()))
    return f"{len(bench.words)} faces x {len(bench.prompts)} prompts of {low if low == high else f'{low} to {high}'} tokens"


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def recorded(section, path=RECORD):
    """A kept table (DataFrame, ``attrs["made"]``: on what and with what).

    Raises
    ------
    KaomojiError
        If the section was never measured.
    """
    kept = read_json(path, DAMAGED)["sections"] if Path(path).is_file() else {}
    if section not in kept:
        raise KaomojiError(f"no measurement of {section!r} is kept; run `make bench`")
    table = pd.DataFrame(kept[section]["rows"])
    table.attrs["made"] = kept[section]["made"]
    return table


def main(arguments):
    for section in arguments or SECTIONS:
        print(f"\n{section}\n{measure(section).to_string(index=False)}", flush=True)
    for name in peers.missing():
        print(f"\n{name} is not installed and was left out")


if __name__ == "__main__":
    main(sys.argv[1:])
