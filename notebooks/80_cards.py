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
# # Models and data
#
# What every number in this book was computed from: models with their size, source and licence, and data with their
# origin, licence and known limits.

# %% tags=["parameters", "remove-cell"]
models: list = []  # names of runs; empty: all that ship

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import page, stimuli, tables
from kaomoji_lib.metrics import human
from kaomoji_lib.published import tables as published
from kaomoji_lib.runs.folder import SHIPPED, RunFolder
from kaomoji_lib.stimuli import load_scheme

started = page.start()
shipped = sorted(path.parent.name for path in SHIPPED.glob("*/manifest.json"))
runs = {name: RunFolder.find(name) for name in models or shipped}
sources = {name: page.read(run) for name, run in runs.items()}
page.glue("attribution", published.attribution())

# %% [markdown]
# ## Runs that ship
# Collected on a CPU with this project's own commands, from quantised weights. Each run has 180 messages. States and
# replies were computed in 32-bit numbers; Qwen's scores of the closed set in bfloat16.

# %% tags=["hide-input"]
cards = [
    {
        "model": source.title,
        "sets of messages": name.partition("--")[2] or "main",
        "parameters": f"{(source.spec.parameters or source.run.manifest['model']['parameters']) / 1e6:,.0f} million",
        "licence": source.spec.licence,
        "replies": len(source.emissions),
        "layers": len(source.states.layers),
    }
    for name, source in sources.items()
]
gathered = {"sets of messages": ", ".join, "replies": "sum", "layers": "max"}
by_model = pd.DataFrame(cards).groupby(["model", "parameters", "licence"], sort=False)
tables.table(by_model.agg(gathered).reset_index())

# %% tags=["hide-input"]
weights = {
    source.title: (
        source.run.manifest["model"]["id"],
        source.spec.file,
        source.run.manifest["model"]["revision"],
    )
    for source in sources.values()
}
tables.table(
    pd.DataFrame(
        [(title, *rest) for title, rest in weights.items()],
        columns=["model", "repository", "file", "SHA-256"],
    ),
    fold="Where the weights come from",
)

# %% [markdown]
# ## Models of the article
# Their hidden states and raw replies are not published here; the derived tables are. {glue:text}`attribution`

# %% tags=["hide-input"]
titles = published.titles()
counts = {name: published.emissions(name) for name in titles if name != "claude-preamble"}
tables.table(
    pd.DataFrame(
        [
            (titles[name], len(table), table["prompt_id"].nunique(), table["face"].nunique())
            for name, table in counts.items()
        ],
        columns=["model", "replies", "messages", "different kaomoji"],
    )
)

# %% [markdown]
# ## Data

# %% tags=["hide-input"]
reference = human.load(load_scheme())
sets = {"prompts.csv": "main set", "prompts_b.csv": "second author, matched scenarios"}
sets |= {f"prompts_paraphrase{n}.csv": "paraphrases without shared words" for n in (1, 2)}
data = [
    (
        file,
        f"{len(stimuli.load_prompts(stimuli.DATA / file))} messages: {what}",
        "this project, MIT",
    )
    for file, what in sets.items()
]
labels = f"{len(reference.entries):,} kaomoji with labels that people gave"
data.append(("human/entries.csv.gz", labels, "kaomoji-dataset 1.0.6, CC BY 4.0"))
data.append(("published/", "tables derived from the article's data", "CC BY-SA 4.0"))
tables.table(pd.DataFrame(data, columns=["file in data/", "what it holds", "source and licence"]))

# %% [markdown]
# **Limits.** All messages are English and were written by language models; no human has rated them. The text was revised
# until word counts give little of the category, so it is harder than ordinary text. Set B shares first names and everyday
# objects with the messages that the toy models were trained on; the toys are never tested on it. The dictionary comes mostly from Japanese input
# methods, and models have read it.

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Everything in this book rests on three small open models that anyone can run, on data that the article published, and
# on English messages written by language models.
# ```

# %% tags=["hide-input"]
page.provenance(None, {"models": models}, started)
