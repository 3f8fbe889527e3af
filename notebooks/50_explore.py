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
# # Explore the kaomoji
#
# {glue:text}`count` kaomoji from {glue:text}`sources` sources: models that typed them, Claude saying what they mean, and a
# dictionary that people made. Start with one of the three tours, or search for a kaomoji that you use yourself.

# %% tags=["parameters", "remove-cell"]
models: list = []  # run folders or names of runs; empty: the run of each model that ships
seed: int = 0  # random seed of bootstraps and permutations

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import page, results, tables
from kaomoji_lib.explorer import gather
from kaomoji_lib.explorer.widget import Explorer
from kaomoji_lib.published import tables as published
from kaomoji_lib.runs.folder import SHIPPED, RunFolder

started = page.start()
shipped = sorted(path.parent.name for path in SHIPPED.glob("*/manifest.json"))
names = models or [name for name in shipped if "--" not in name]  # one run per model
runs = results.BySource(zip(names, names)).map(lambda name: page.read(RunFolder.find(name)))
ours = runs.map(lambda run: gather.of_run(run, seed))
typing = [*gather.published(seed), *ours.values()]
bundle = gather.bundle([*typing, *gather.meanings(typing, seed)])
page.glue("count", str(len(bundle.faces)))
page.glue("sources", str(len(bundle.sources)))
page.glue("attribution", published.attribution())

# %% tags=["remove-cell"]
counts = pd.DataFrame({source.id: source.reading.weight for source in typing})
shared = counts[counts[list(published.LOCAL)].ge(3).all(axis=1)].index
debated = bundle.disagreement.reindex(shared).idxmax()
page.glue("debated", debated)

# %% tags=["hide-input"]
tours = [
    (
        "Where do frustrated and fearful overlap?",
        "Both are unpleasant and aroused. See which kaomoji Gemma types for them, and where their 95% ellipses meet.",
        {"search": "frustrated, fearful", "ellipses": True, "source": "gemma", "zoom": 0.75},
    ),
    (
        "One kaomoji, five models",
        f"{debated} is typed by all of them, for different emotions. Its card shows how often each model used it for what.",
        {"source": "qwen", "face": debated},
    ),
    (
        "What people call it and how Claude uses it",
        "A dictionary beside Claude's replies. The redder a kaomoji, the more the two disagree about it.",
        {"source": "people", "compare": "claude", "colour": "disagreement"},
    ),
]
Explorer(bundle, tours)

# %% [markdown]
# ## How to read it
# - **A kaomoji is a mark.** Its colour and the small symbol beside it give the emotion it was typed for most often; larger
#   means more often. A thin line leads from a kaomoji that had to move aside to its place.
# - **Near means alike.** For the five published models and for runs of this project, a kaomoji lies at the mean hidden
#   state of the messages that it was typed for (principal components; of the article's models, the three published ones).
#   For all other sources it lies by its shares of the nine emotions.
# - **Click a kaomoji** for its card: what each source makes of it, with 95% intervals over messages, its spellings and its
#   nearest neighbours. Drag to move, hold Ctrl and use the wheel to zoom, or go from kaomoji to kaomoji with the arrow keys.
# - **Select** with the lasso and download the selection. *Copy link* keeps the view in the address.
# - **Clusters** come from a tree by average linkage (*View: Tree*). Their number is the one whose silhouette exceeds chance
#   most; a single cluster means that none did. *Stability* is how well a bootstrap finds a cluster again (Jaccard, 0 to 1).

# %% [markdown]
# ## The sources

# %% tags=["hide-input"]
listed = [
    {
        "source": source.title,
        "what it is": source.what,
        "kaomoji": len(source.faces),
        "placed by": next(iter(source.layouts)),
    }
    for source in bundle.sources
]
tables.table(pd.DataFrame(listed), "What there is to explore")

# %% tags=["hide-input"]
missing = [(name, reason) for name, reason in {**runs.missing, **ours.missing}.items()]
tables.table(
    pd.DataFrame(missing or [("none", "")], columns=["run", "reason"]), fold="Runs left out"
)

# %% [markdown]
# {glue:text}`attribution` The human dictionary is derived from kaomoji-dataset (CC-BY-4.0).
#
# ```{admonition} Take-away
# :class: tip
# The same kaomoji is used for different emotions by different models, {glue:text}`debated` most of all. A kaomoji is a
# reading of one model's state only through that model's own use of it, not through what people call it.
# ```

# %% tags=["hide-input"]
page.provenance([run.run for run in runs.values()], {"models": models, "seed": seed}, started)
