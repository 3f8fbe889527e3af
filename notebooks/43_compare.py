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
# # {glue:text}`title`
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
source: str = "auto"  # api (paid), published, stand-in; auto: published data when present, otherwise the stand-in
model: str = "claude-opus-4-7"  # model whose elicited faces are the reference
judges: list = ["claude-opus-4-7", "claude-haiku-4-5"]  # models that introspect
synthesizer: str = "claude-haiku-4-5"  # model that describes exchanges
local: list = []  # local models beside them: aliases, run folders; empty: gemma (published data: its likelihoods)
readers: list = []  # local models that answer the question of introspection
runs: int = 8  # generations per prompt at most
max_usd: float = 5.0  # with source api: US dollars that each folder may cost in all
seed: int = 0  # of everything random: resampling, halves of the faces, permutations
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.metrics import agreement
from kaomoji_lib.show import asked, claude, compared

started = page.start()

# %% [markdown]
# One face, several readings: how the model uses it, what it says about it, what others see in it at work, what a local
# model would type it for. Do they agree, beyond what anyone gets who never looks at the face?
#
# ## Who reads the faces?

# %%
found = page.attempt(
    compared.gather,
    source,
    model,
    judges,
    synthesizer,
    local=local,
    readers=readers,
    runs=runs,
    max_usd=max_usd,
    null=null,
    seed=seed,
)
page.glue("title", page.attempt(compared.heading, found))
page.glue("what", page.attempt(compared.statement, found))
page.attempt(compared.cast, found)

# %% [markdown]
# ## Who is nearest to how the face is used?
# Every row stands on the same faces. A row means something only beyond the guesses and beyond its own null, the same
# source with its faces shuffled. Nearest: {glue:text}`best`, {glue:text}`nearest`. A uniform guess gets {glue:text}`guess`.

# %% tags=["hide-input"]
rows = page.attempt(compared.table, found, seed=seed)
page.glue("best", page.part(page.attempt(compared.best, rows), "parts", 0))
page.glue("nearest", page.part(page.attempt(compared.best, rows), "parts", 1))
page.glue("guess", page.attempt(compared.cell, rows, "uniform guess", "uniform"))
claude.similarities(rows, found.line)

# %% tags=["hide-input"]
claude.similarity_table(
    rows,
    "Similarity of every source to the elicited faces, and of every two sources; all on the same faces",
)

# %% [markdown]
# ### How near could anyone be?
# The reference is counts: even a reader who knew what each face stands for would differ from a few draws of it (the ceiling), and one
# who ignores the face gets the floor. Of what lies between, {glue:text}`best` reaches {glue:text}`reached`.

# %% tags=["hide-input"]
reach = page.attempt(compared.on_range, found.reference, found.sources, seed=seed)
page.glue(
    "reached",
    page.attempt(compared.share, reach, page.part(page.attempt(compared.best, rows), "parts", 0)),
)
claude.range_table(reach, "Where each score lies between ignoring the face and knowing the truth")

# %% tags=["hide-input"]
claude.readings(page.attempt(compared.panels, found), found.scheme, found.line)

# %% [markdown]
# ## In which categories do they agree?
# A face belongs where it was typed most often. In brackets: the number of faces.

# %% tags=["hide-input"]
parts = page.attempt(agreement.by_category, found.reference, found.sources, seed=seed)
claude.by_category(parts, found.scheme, found.line)

# %% tags=["hide-input"]
claude.category_table(parts, "Similarity within each category; few faces make wide intervals")

# %% [markdown]
# ## Which faces do they read most differently?

# %% tags=["hide-input"]
claude.divergent(
    page.attempt(agreement.divergent, found.reference, found.sources),
    "The faces with the lowest mean similarity: first category and similarity of each source",
)

# %% [markdown]
# ## Who agrees with whom on the first category?
# All sources find the category a face is typed for most in {glue:text}`all` of the faces.

# %% tags=["hide-input"]
patterns = page.attempt(agreement.patterns, found.reference, found.sources, seed=seed)
page.glue("all", patterns.all_agree)
claude.patterns(
    patterns, "Share of faces whose first category a source finds; null: its faces shuffled"
)

# %% tags=["hide-input"]
claude.pattern_counts(
    patterns,
    "Which sources agree with the elicited category, by number of faces and share of emissions",
)

# %% [markdown]
# ## Is reading together better?
# A pool is the mean of several readings. Which one is chosen on one half of the faces and scored on the other, over and
# over: {glue:text}`pooled`. The best single source, chosen in the same way: {glue:text}`single`. What pooling gains:
# {glue:text}`gain`. A pool that was chosen on the faces it is scored on would claim {glue:text}`insample`.

# %% tags=["hide-input"]
pooling = page.attempt(agreement.pooling, found.reference, found.sources, seed=seed)
page.glue("pooled", pooling.held_out)
page.glue("single", pooling.single)
page.glue("gain", pooling.gain)
page.glue("insample", pooling.in_sample)
claude.pooling(pooling, "On faces that were held out, uniform over faces")

# %% tags=["hide-input"]
claude.pooling(
    page.attempt(agreement.pooling, found.reference, found.sources, weighted=True, seed=seed),
    "The same, weighted by use",
)

# %% tags=["hide-input"]
claude.pools(pooling, "Pools that were chosen, and every single source")

# %% [markdown]
# ## What is missing?

# %% tags=["hide-input"]
asked.report(page.attempt(compared.everything, found))

# %% tags=["hide-input"]
page.attempt(compared.absent, found)

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
params = {
    "source": source,
    "model": model,
    "judges": judges,
    "synthesizer": synthesizer,
    "local": local,
    "readers": readers,
    "seed": seed,
    "null": null,
}
asked.provenance(page.attempt(compared.everything, found), params, started)
