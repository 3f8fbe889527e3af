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
# # Kaomoji that Claude uses
#
# Outside any experiment, people have let their own tools collect the faces that open Claude's replies, and a model has described the
# contexts of each face with adjectives from a fixed list. The texts themselves were never shared. What do the adjectives say
# about the vocabulary?
#
# :::{container} kao-attribution
# {glue:text}`attribution`
# :::

# %% tags=["parameters", "remove-cell"]
corpus: str = "published"  # published (the article's copy), a Hugging Face dataset such as a9lim/llmoji, or a folder of bundles
seed: int = 0  # of resamples and permutations
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import figures, page
from kaomoji_lib.show import published, published_figures, vocabulary

started = page.start()
found = page.attempt(vocabulary.gather, corpus, null)
space = page.attempt(vocabulary.space, found, seed=seed)
page.glue("attribution", vocabulary.whose(corpus, found, null))
page.glue("pc1", page.part(space, "variance", 0))
page.glue("chosen", space.chosen)

# %% [markdown]
# ## What is in the corpus?
# Uploads of one machine grow and repeat each other; each is counted once. Words of different lists are never mixed.

# %% tags=["hide-input"]
vocabulary.bundles(found)

# %% [markdown]
# Not every face in it is Claude's: the tools that collect them hear other assistants too.

# %% tags=["hide-input"]
vocabulary.assistants(found)

# %% tags=["hide-input"]
vocabulary.skipped(found)

# %% [markdown]
# ## How do the faces lie by their words?
# Each face is a vector of adjectives. The first component holds {glue:text}`pc1` of the variance between faces. The size of a
# face is how often it was typed, its colour the category that most of its anchor words name; pointing at it shows its words.

# %% tags=["hide-input"]
line = vocabulary.line(found, null)
published_figures.vocabulary(space, vocabulary.SCHEME, line)

# %% [markdown]
# ## How many clusters are there?
# The tree of average linkage is cut into more and more parts. The silhouette says how well the parts stand apart; the dotted line is
# the same for words that were dealt to the faces at random. The criterion is the largest distance between the two: {glue:text}`chosen`.

# %% tags=["hide-input"]
figures.criterion(space, line)

# %% tags=["hide-input"]
vocabulary.clusters(space)

# %% [markdown]
# ## Which words do the most typed faces carry?

# %% tags=["hide-input"]
vocabulary.profiles(space)

# %% [markdown]
# ## Can I see my own?
# `kaomoji corpus --local ~/.llmoji` reads your own bundle, and nothing leaves your machine. This page runs on any corpus:
#
# ```shell
# papermill notebooks/33_published_claude_uses.ipynb mine.ipynb \
#   -p corpus ~/.llmoji
# papermill notebooks/33_published_claude_uses.ipynb living.ipynb \
#   -p corpus a9lim/llmoji
# ```
#
# ## Where this comes from

# %% tags=["hide-input"]
published.provenance(
    {"corpus": corpus, "seed": seed, "null": null}, started, vocabulary.whose(corpus, found, null)
)
