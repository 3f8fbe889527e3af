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
# # Can a scorer be trusted?
#
# A scorer says how likely each face is after each message. The article published such scores for five models, and one of the files is
# broken: nothing in it looks wrong until it is held against what the same model typed. These are the checks that show it.
#
# :::{container} kao-attribution
# {glue:text}`attribution`
# :::

# %% tags=["parameters", "remove-cell"]
seed: int = 0  # of permutations and resamples
model: str = "Gemma 4 31B"  # whose most misjudged faces are listed
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.show import published, published_figures

started = page.start()
line = published.line(null)
study = page.attempt(published.study, seed, null)
audits = published_figures.audits(study)
page.glue("attribution", published.attribution(null))

# %% [markdown]
# ## Does the score know its prompt?
# Each point is a face that was typed: how likely the scorer thinks it after the message that drew it, against the same face after all
# other messages. A scorer that knows its prompt lies above the line; one that has lost it lies on it.

# %% tags=["hide-input"]
published_figures.own_prompt(audits, line)

# %% tags=["hide-input"]
published_figures.audit_table(audits)

# %% [markdown]
# *Pairs won* is the share of (reply, other message) pairs in which the own message scores higher. A model that types the same few faces
# everywhere wins few of them without being wrong; the column beside it, the probability that was given to what was typed over how often
# it was typed, tells the two cases apart.
#
# ## Is what was scored what was sampled?
# Probabilities can be checked: of the faces that were given one in ten, one in ten should have been typed.

# %% tags=["hide-input"]
published_figures.calibration(audits, line)

# %% [markdown]
# ## What does one spelling cost?
# A face was scored in its canonical spelling alone. Models type others: another mouth, arms, a space. What was typed so was hardly
# given any probability at all.

# %% tags=["hide-input"]
published_figures.spelling_table(audits)

# %% tags=["hide-input"]
published_figures.worst_table(audits, model)

# %% [markdown]
# ## What else was scored?
# Among the scored spellings are pieces of faces. A lone bracket is what every face begins with, and nothing has to end the reply
# there: it is given the probability of all of them. Such pieces are left out of the figure above.

# %% tags=["hide-input"]
published_figures.fragment_table(audits)

# %% [markdown]
# ## What is done here instead?
# The scorer of this book scores the raw spellings that occur and adds a face's spellings up; before it is used it is compared with a
# plain forward pass without any cache, for every kind of cache. The broken file came from a cache that had lost the prompt.
#
# ## Where this comes from

# %% tags=["hide-input"]
published.provenance({"seed": seed, "model": model, "null": null}, started)
