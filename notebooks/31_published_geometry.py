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
# # Five real models in three components
#
# The states of the five models were never published. But the article's interactive figures hold three principal-component
# scores of every reply, and all replies to one message share one state. Decoded from those figures, this is the shape of
# five real models.
#
# :::{container} kao-attribution
# {glue:text}`attribution`
# :::

# %% tags=["parameters", "remove-cell"]
seed: int = 0  # of permutations and resamples
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.show import published, published_figures

started = page.start()
line = published.line(null)
study = page.attempt(published.study, seed, null)
clouds = published_figures.clouds(study)
laid = published_figures.alignments(clouds, seed=seed)
page.glue("attribution", published.attribution(null))

# %% [markdown]
# ## Do the categories lie in the same places?
# The category centroids of each model are turned, mirrored if need be, and scaled as one piece onto those of the first.
# Colour is the category, symbol the model. Degrees of such a turn mean nothing, since it may mirror.

# %% tags=["hide-input"]
published_figures.centroids(clouds, laid, line)

# %% [markdown]
# ## How well do they fit?
# The null deals the categories to other centroids: only a residual below it says that something is shared.

# %% tags=["hide-input"]
published_figures.residuals(laid, line)

# %% [markdown]
# :::{caution}
# Nine centroids in three dimensions are little. A bag of words has nine centroids too, and no model inside; whether more than the
# category is shared can be asked only with whole states: [models side by side](across_models.ipynb) asks it of models that one can run.
# :::
#
# ## Where does each message lie?

# %% tags=["hide-input"]
published_figures.aligned_prompts(clouds, laid, line)

# %% [markdown]
# ## Is the first component valence, the second arousal?
# A correlation with the coordinates of the nine categories, against coordinates that were dealt to other categories. A correlation
# that does not beat them means no more than that categories cluster, whatever the axis is called.

# %% tags=["hide-input"]
published_figures.cloud_table(clouds)

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
published.provenance({"seed": seed, "null": null}, started)
