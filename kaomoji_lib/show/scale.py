"""What the analyses cost on a model of real size: random states of 180 prompts, 60 layers and 5,376 dimensions.

    python -m kaomoji_lib.show.scale          prints tables and writes data/scale.csv and data/growth.csv

After one product of the states with themselves per layer (n^2 d operations), nothing depends on their width d. Then a probe costs
permutations x n x components x classes per layer; a shared geometry permutations x n^2 x layers^2, for all layers in one
matrix product a permutation; the circle n and the number of categories alone.
"""

import datetime
import os
import platform
import resource
import sys
import time

import numpy as np
import pandas as pd

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.metrics import circumplex, geometry, layerwise
from kaomoji_lib.metrics import partial_similarity as given_text
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.stimuli import DATA, load_prompts

LAYERS, WIDTH = 60, 5_376
PATH, GROWTH = DATA / "scale.csv", DATA / "growth.csv"
SIZES = {"messages": (90, 180, 360), "layers of each model": (12, 24, 48), "models": (2, 4, 8)}


def states(seed, layers=LAYERS, width=WIDTH):
    """Random states with something of the category in them: float32 (prompts, layers, width)."""
    rng = np.random.default_rng(seed)
    labels = load_prompts()["category"].factorize()[0]
    found = rng.standard_normal((len(labels), layers, width), dtype=np.float32)
    found += rng.standard_normal((labels.max() + 1, layers, width), dtype=np.float32)[labels] / 4
    return found


def measure(layers=LAYERS, width=WIDTH, permutations=200):
    """CPU seconds and peak memory of each analysis: DataFrame[analysis, seconds, peak_gb]; the peak is of the process so far."""
    prompts, scheme = load_prompts(), load_scheme()
    labels, ids = prompts["category"].to_numpy(), prompts["id"]
    one, other = states(0, layers, width), states(1, layers, width)
    text = np.random.default_rng(2).normal(size=(len(prompts), 384))
    pair = {"one": one, "other": other}
    steps = {
        "principal components, circumplex reading": lambda: geometry.pca(
            geometry.stack(one), prompts, scheme
        ),
        "category from all layers together": lambda: prediction.from_states(
            geometry.stack(one), labels, ids
        ),
        "category from each layer": lambda: geometry.layer_curve(one, labels),
        **{
            f"shared geometry, {measure}, all pairs of layers, three nulls": lambda measure=measure: (
                layerwise.shared(
                    pair,
                    prompts,
                    measure=measure,
                    permutations=permutations if measure != "Procrustes" else permutations // 2,
                )
            )
            for measure in layerwise.MEASURES
        },
        **{
            f"shared geometry beyond text and category, {measure}": lambda measure=measure: (
                given_text.beyond_text(
                    pair, prompts, text, measure=measure, permutations=permutations // 2
                )
            )
            for measure in given_text.MEASURES
        },
        "circle and rivals": lambda: circumplex.circumplex(
            geometry.stack(one), labels, scheme, text
        ),
    }
    rows = []
    for name, step in steps.items():
        # CPU time: on a busy machine the clock on the wall measures the others.
        started = time.process_time()
        step()
        rows.append((name, time.process_time() - started, peak()))
        print(f"{name}: {rows[-1][1]:.1f} s, {rows[-1][2]:.2f} GB", flush=True)
    return pd.DataFrame(rows, columns=["analysis", "seconds", "peak_gb"])


def growth(sizes=None, permutations=40, width=256):
    """CPU seconds of shared geometry (CKA, three nulls) as one size grows: DataFrame[what, size, seconds].

    One size is varied at a time, the others being 180 messages, 24 layers and 2 models.
    """
    rows = []
    for what, values in (sizes or SIZES).items():
        for size in values:
            messages, layers, models = (
                size if what == name else usual
                for name, usual in zip(SIZES, (180, 24, 2), strict=True)
            )
            rng, of = np.random.default_rng(size), load_prompts()
            prompts = (
                pd.concat([of] * (-(-messages // len(of))), ignore_index=True)
                .iloc[rng.permutation(messages)]
                .reset_index(drop=True)
            )
            sources = {
                f"m{number}": rng.normal(size=(messages, layers, width)) for number in range(models)
            }
            started = time.process_time()
            layerwise.shared(sources, prompts, permutations=permutations, halves=4)
            rows.append((what, size, time.process_time() - started))
    return pd.DataFrame(rows, columns=["what", "size", "seconds"])


def peak():
    """Largest memory of this process so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main():
    found = measure()
    where = f"{platform.machine()} CPU, {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} core(s), Python {platform.python_version()}, numpy {np.__version__}"
    found = found.assign(
        machine=where,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        layers=LAYERS,
        width=WIDTH,
    )
    found.round({"seconds": 1, "peak_gb": 2}).to_csv(PATH, index=False)
    growth().assign(machine=where, date=found["date"].iloc[0]).round({"seconds": 2}).to_csv(
        GROWTH, index=False
    )
    print(
        f"together: {found['seconds'].sum():.0f} s, {found['peak_gb'].max():.2f} GB; written to {PATH.name}"
    )


if __name__ == "__main__":
    main()
