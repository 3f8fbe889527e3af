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
# # Exactly, not eight times
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
models: list = []  # aliases, Hugging Face ids or run folders; empty: the organisms
generations: int = 8  # replies per prompt, for sources that are not collected yet
seed: int = 0  # of everything random: folds, permutations
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page, tables
from kaomoji_lib.show import across, exact

started = page.start()

# %% [markdown]
# Eight replies to a prompt are a rough picture of what a model would type. But the model itself holds the probability of every
# face, and a trie of all faces reads it off in one go. Where one spelling begins another, `(^_^)` and `(^_^)/`, each keeps
# only what the longer one does not take, so that nothing counts twice and the rest is *other*.
#
# ## How much of the opening do the listed faces account for?
# Listed is every spelling that any source on this page typed, and the organisms' pool of faces.

# %%
sources = across.gather(models, null, generations=generations, seed=seed, device=device)
found = exact.gather(sources, device)
page.glue("what", across.statement(sources))
exact.mass(found)

# %% [markdown]
# ## Do the samples look like draws from these probabilities?
# If sampler and scorer were of two minds, the points would leave the diagonal. Each point is a face in a category.

# %% tags=["hide-input"]
line = across.line(sources)
exact.sampled_against_exact(sources, found, line)

# %% [markdown]
# The first row of the table below tests it: the null draws as many faces as were sampled from the exact distribution, and a
# small p says that the samples lie further off than such draws. A source of which the list misses nearly everything
# that it opens with (the table above: *other*) is left out here: it cannot be tested.
#
# ## What do eight samples cost?
# The accuracy of a reader that knows one face, and the information of the face about the category, from exact probabilities and
# from the samples. {glue:text}`first`: {glue:text}`exact_accuracy` exactly, {glue:text}`sampled_accuracy` from eight samples a
# prompt; {glue:text}`exact_bits` bits exactly, {glue:text}`sampled_bits` from the samples.

# %% tags=["hide-input"]
numbers = exact.headlines(sources, found, seed=seed)
tables.by_source(numbers, "Sampled and exact, source by source")

# %% tags=["remove-cell"]
title = next(iter(numbers))
page.glue("first", title)
page.glue("exact_accuracy", exact.first(numbers, title, "face → category accuracy, exact"))
page.glue(
    "sampled_accuracy", exact.first(numbers, title, "face → category accuracy, eight samples")
)
page.glue(
    "exact_bits",
    exact.first(numbers, title, "information of the face about the category (bits), exact"),
)
page.glue(
    "sampled_bits", exact.first(numbers, title, "information (bits), eight samples, Miller-Madow")
)
page.glue(
    "least",
    exact.closest_to_nothing(numbers, "information of the face about the category (bits), exact"),
)

# %% [markdown]
# ```{warning}
# Exact probabilities carry no sampling noise, so even a trace passes its null: read the size, not the p alone. The source with the
# least information has {glue:text}`least` bits.
# ```
#
# ## How good could a score be?
# A similarity to counts has a floor (the marginal of the counts as the answer to every face) and a ceiling: whoever knows the true
# distribution of a face still differs from three or thirty draws of it. Here each source's exact distribution is judged by
# its own counts, which should come close to the ceiling: {glue:text}`share` of the range for {glue:text}`first`.

# %% tags=["hide-input"]
ranges = exact.ranges(sources, found, seed=seed)
page.glue("share", ranges[title].share)
exact.on_the_range(ranges, line)

# %% tags=["hide-input"]
tables.by_source(
    exact.range_rows(ranges),
    "Floor, score, ceiling and share of the range; where floor and ceiling coincide the share is not defined",
)

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    [source.run for source in sources],
    {"models": models, "generations": generations, "seed": seed, "null": null},
    started,
)
