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
# # Nine messages, run live
#
# The pages on small models read runs that ship with the project. This page asks {glue:text}`title` again, each time the
# book is built, on one message of each category: replies, hidden states and the probabilities of the closed set.
# {glue:text}`verdict`

# %% tags=["parameters", "remove-cell"]
model: str = "smollm2-135m-instruct"  # alias of a model whose run ships in data/runs
per_category: int = 1  # messages per category
device: str = "cpu"  # the shipped run was collected on a CPU

# %% tags=["remove-cell"]
import tempfile
from pathlib import Path

from kaomoji_lib import page, tables
from kaomoji_lib.metrics import reproduction
from kaomoji_lib.models import choose
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs.folder import SHIPPED, RunFolder

started = page.start()
shipped = page.read(RunFolder(SHIPPED / model))
scheme, settings = shipped.scheme, shipped.run.manifest["settings"]
asked = shipped.prompts.groupby("category", sort=False).head(per_category)
page.glue("title", shipped.title)
folder = tempfile.TemporaryDirectory()
file = Path(folder.name) / "messages.csv"
asked.to_csv(file, index=False)

# %% tags=["remove-cell"]
sampling = {name: settings[name] for name in ("generations", "seed", "max_new_tokens")}
options = {"device": device, "out": Path(folder.name) / "run", "progress": False}
run = page.attempt(collect, model, file, **sampling, **options)
out = Path(folder.name) / "closed.parquet"
options = {"device": device, "progress": False}
scored = page.attempt(choose.score_inventory, model, None, file, out, **options)

# %% [markdown]
# ## How closely the shipped run is met
# States are shipped in half precision, which alone makes a difference of about 0.05% of their norm.

# %% tags=["hide-input"]
kept = choose.closed_set(shipped.run)
met = page.attempt(reproduction.compare, shipped.run, run, kept, scored)
tables.table(met)

# %% [markdown]
# ## What it would choose, and what it replied
# *Live* and *shipped* are the likeliest kaomoji of the closed set, with their share among the set. The reply is the first
# of {glue:text}`generations` that were sampled live, as far as it was generated.

# %% tags=["hide-input"]
page.glue("generations", str(settings["generations"]))
replies = page.attempt(lambda folder: folder.emissions(), run)
pairs = page.attempt(reproduction.side_by_side, asked, kept, scored, replies)
named = page.attempt(lambda table: table.replace({"category": scheme.table["gloss"]}), pairs)
tables.table(named, faces=("live", "shipped"))

# %% tags=["remove-cell"]
made = not isinstance(met, page.Missing)
sentence = "All of it was computed while this book was built, and agrees with the shipped run as the first table says."
page.glue("verdict", sentence if made else f"This build could not do it: {met.reason}.")

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# What the other pages read from shipped files can be computed again on an ordinary computer in a few minutes.
# ```

# %% tags=["hide-input"]
page.provenance([] if isinstance(run, page.Missing) else run, {"model": model}, started)
