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
# # Across models
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
models: list = []  # aliases, Hugging Face ids or run folders, the reference first; empty: the organisms
generations: int = 8  # replies per prompt, for sources that are not collected yet
seed: int = 0  # of everything random: sampling, folds, permutations
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps
dtype: str = "auto"  # auto, float32, bfloat16, float16
null: str = ""  # within_category, text_only, untrained or dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import figures, page, tables
from kaomoji_lib.show import across

started = page.start()

# %% [markdown]
# The same messages went to several models with different tokenizers and architectures. Do their states
# arrange the messages in the same way? Do their faces? And is what they share more than the category?
#
# ## Who is compared

# %%
sources = across.gather(
    models, null, generations=generations, seed=seed, device=device, dtype=dtype
)
page.glue("what", across.statement(sources))
page.glue("reference", sources[0].title)
across.cast(sources)

# %% [markdown]
# ## How often do they type a face at all?

# %% tags=["hide-input"]
line = across.line(sources)
figures.emission_across(across.rates(sources, seed=seed), line)

# %% [markdown]
# ## How much of the variance do three components hold?
# And do the first two follow valence and arousal? Their null deals the coordinates to other categories.

# %% tags=["hide-input"]
components = across.components(sources, seed=seed)
tables.by_source(
    across.variance(components), "Shares of variance and the circumplex reading of each source"
)

# %% [markdown]
# ## Do the categories lie in the same places?
# Each source's nine centroids are turned, mirrored if need be, and scaled as one piece onto those of
# {glue:text}`reference`. Colour is the category, symbol the source; lines tie each centroid to its counterpart.

# %% tags=["hide-input"]
alignments = across.alignments(sources, components, seed=seed)
figures.centroids(alignments, sources[0].title, sources[0].scheme, line)

# %% [markdown]
# What is left over after the turn, against the same with shuffled categories:

# %% tags=["hide-input"]
page.glue_each("residual", sources, across.residual(alignments))
figures.residuals(alignments, line)

# %% tags=["hide-input"]
tables.by_source(
    across.residuals(alignments),
    "Relative Procrustes residual; 0 = the same shape; p: shuffled categories fit as well",
)

# %% [markdown]
# ## Is more shared than the category?
# Centroids hide everything inside a category. CKA compares the arrangement of all prompts. Of its two nulls, the
# first shuffles all prompts, the second only prompts of the same category: a source that beats the second
# shares with the other how it arranges messages *within* a category. One source is the text itself, no
# model at all. Of the models, {glue:text}`shared`.

# %% tags=["hide-input"]
pairs = across.cka(sources, seed=seed)
page.glue("shared", across.shared(pairs))
figures.cka(pairs, line)

# %% tags=["hide-input"]
tables.cka(pairs, "Debiased linear CKA of the states of every two sources, with both nulls")

# %% [markdown]
# ## What can be read from states, from faces, from the text?
# {glue:text}`finding`

# %% tags=["hide-input"]
accuracies = across.accuracies(sources, seed=seed)
page.glue("finding", across.finding(accuracies, sources))
figures.dumbbells(accuracies, line)

# %% tags=["hide-input"]
tables.accuracies_across(accuracies, "Accuracy on held-out prompts")

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    [source.run for source in sources],
    {"models": models, "generations": generations, "seed": seed, "null": null},
    started,
)
