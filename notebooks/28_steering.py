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
model: str = "organism-gemma"  # alias, Hugging Face id, folder of a chat model, or run folder
layer: int = (
    -1
)  # behind which block the dose is varied, 0 the embedding; -1: a quarter of the way up
doses: list = [0.5, 1.0, 2.0]  # lengths of what is added, in mean lengths of a state
prompts: int = 3  # prompts of each category that are steered; the others estimate the directions
generations: int = 8  # replies per prompt, for a source that is not collected yet
seed: int = 0  # of everything random: targets, directions without meaning, permutations
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.show import steering

started = page.start()

# %% [markdown]
# That a state *predicts* the face does not say that the face *depends* on it. Here the state is changed while the model reads the
# message, and the exact probabilities of all faces are read off afterwards.
#
# A direction is the difference between the mean state of a category's messages and that of all, estimated on prompts that are not
# used again. It is added at every position of the prompt except the last, whose output chooses the face, and gone before
# anything is typed: the face can change only through what the model has noted about the message.

# %%
source = steering.gather(model, generations=generations, seed=seed, device=device)
trial = page.attempt(steering.prepare, source, device)
page.glue("title", f"Steering: {source.title}")
page.glue("what", source.statement)

# %% [markdown]
# ## Does more of the direction mean more of its category?
# The mass of a category is what the faces say about it when nothing is done. Four directions of equal length: to the category, to a
# wrong one, one without meaning that lies where the states vary (categories shuffled before taking means), and one that
# points anywhere. The band holds what single directions without meaning do to single categories.
#
# At the largest dose the steered category gains {glue:text}`gain`, {glue:text}`selectivity` more than the mean of the others that
# are neither target nor the prompt's own. The null renames the directions. Selective steering: **{glue:text}`verdict`**.

# %% tags=["hide-input"]
moved = page.attempt(steering.steered, trial, None if layer < 0 else layer, doses, prompts, seed)
effects = page.attempt(steering.effects, trial, moved, seed)
steering.dose_response(effects, source.line)

# %% tags=["hide-input"]
steering.table(
    effects,
    "Each layer and dose: mass gained, change of entropy, and of the probability to open with no listed face",
)

# %% [markdown]
# ```{note}
# Probabilities are exact, without sampling noise, so that a trace of an effect already passes its null. *Found* is what also
# reaches a hundredth of the mass.
# ```
#
# ## What if the category is taken out?
# LEACE takes out of the state at the prompt's last position what a linear reader could tell the category from, and nothing else. If
# the face is chosen from that, the prompt's own category loses mass; erasing a random subspace of the same rank is the
# control. The largest loss beyond the control is {glue:text}`lost`: **{glue:text}`lost_verdict`**.

# %% tags=["hide-input"]
gone = page.attempt(steering.erased, trial, seed=seed)
steering.by_layer(effects, gone, source.line)

# %% tags=["hide-input"]
steering.erased_table(
    gone, "Mass that the face gives to the prompt's own category, before and after erasing"
)

# %% tags=["hide-input"]
numbers = page.attempt(steering.headlines, trial, moved, effects, gone, seed)
steering.headline_table(numbers, "What this page claims")

# %% tags=["remove-cell"]
page.glue("gain", steering.number(numbers, 0))
page.glue("selectivity", steering.number(numbers, 1))
page.glue("verdict", steering.said(steering.number(numbers, 1)))
page.glue("lost", steering.number(numbers, 3))
page.glue("lost_verdict", steering.said(steering.number(numbers, 3)))

# %% [markdown]
# Erasure at the last position is linear; a model that reads the category in another way keeps it, and later layers may look it up in the message
# again.
#
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    source.run,
    {"model": model, "layer": layer, "doses": doses, "prompts": prompts, "seed": seed},
    started,
)
