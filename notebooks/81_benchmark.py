# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Speed
#
# Exact scoring of kaomoji and sampling of replies, against other programs, on real weights. Scoring with this library is
# {glue:text}`scoring.least` to {glue:text}`scoring.most` times as fast as lm-evaluation-harness and minicons; sampling
# takes {glue:text}`sampling` of the time of `generate` with eight sequences at once.

# %% tags=["parameters", "remove-cell"]
reference: str = "kaomoji_lib"  # the program that the others are compared with

# %% tags=["remove-cell"]
import json

import pandas as pd

from kaomoji_lib import figures, page, tables
from kaomoji_lib.runs import registry
from kaomoji_lib.stimuli import DATA

# %% tags=["remove-cell"]
started = page.start()
record = json.loads((DATA / "benchmark.json").read_text(encoding="utf-8"))
rows = pd.DataFrame(record["rows"])
rows["model"] = [registry.model(name).title for name in rows["model"]]
keys = ["what", "model", "repeat"]
ours = rows[rows["alternative"] == reference].set_index(keys)["seconds"]
rows["ratio"] = rows["seconds"] / rows[keys].apply(tuple, axis=1).map(ours)
ratios = rows.groupby(["what", "model", "alternative"])["ratio"].agg(
    ["median", "min", "max", "size"]
)
ratios = ratios.reset_index().rename(
    columns={"median": "value", "min": "ci_low", "max": "ci_high", "size": "n"}
)
ratios = ratios.assign(null_mean=None, p=None, unit="repeats", source=ratios["alternative"])
others = ratios[ratios["alternative"] != reference]
made = record["made"]
caption = f"{made['machine']}, {made['threads']} thread, {made['date']}; median and range of repeats in one process"

# %% tags=["remove-cell"]
harnesses = others[others["alternative"].isin(["lm-evaluation-harness", "minicons"])]
batched = others[others["alternative"] == "generate(8)"]
page.glue("scoring.least", f"{harnesses['value'].min():.1f}")
page.glue("scoring.most", f"{harnesses['value'].max():.1f}")
page.glue("sampling", f"{(1 / batched['value']).max():.0%}")
floor = others[others["alternative"] == "arithmetic floor"].set_index("model")["value"]
axes = {"series": "model", "x": f"time relative to {reference}", "lines": {reference: 1}}
page.glue("floor", " and ".join(f"{1 / value:.2f} for {model}" for model, value in floor.items()))

# %% [markdown]
# ## Scoring: log P of 60 kaomoji given a message
# The folded table at the end has each program's largest difference from plain forward passes; a program with a large one did not
# compute the same thing. The *arithmetic floor* is the time of the
# multiplications that cannot be avoided, at the measured speed of matrix products. This library takes that time
# multiplied by {glue:text}`floor`. It scores all kaomoji of a message in one pass over the tree of their tokens.

# %% tags=["hide-input"]
figures.forest(
    others[others["what"] == "scoring"],
    "Time for the same scores, as a multiple of this library's",
    caption,
    **axes,
)

# %% [markdown]
# ## Sampling: eight replies per message
# Sampling stops as soon as no kaomoji can begin any more, and replies that share tokens share their computation.

# %% tags=["hide-input"]
figures.forest(
    others[others["what"] == "sampling"],
    "Time per token, as a multiple of this library's",
    caption,
    **axes,
)

# %% tags=["hide-input"]
measured = rows.groupby(["what", "model", "alternative"]).agg(
    seconds=("seconds", "median"), timed=("timed", "first"), off=("off", "max")
)
tables.table(
    measured.reset_index().rename(
        columns={"timed": "measured on", "off": "largest difference in nats"}
    ),
    formats={"seconds": ".3g", "largest difference in nats": ".1e"},
    fold="Seconds, how many were timed, and the largest difference from plain forward passes",
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Exact likelihoods of many kaomoji are affordable without an accelerator. `make bench` measures again on your machine.
# ```

# %% tags=["hide-input"]
page.provenance(None, {**made["versions"]}, started)
