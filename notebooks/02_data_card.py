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
# # Data card
#
# What the study is made of, who made it, and what it should not be used for. Rows and hashes are read from the files.

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.show import cards

started = page.start()
page.glue("overlap", cards.overlap())
page.glue("attribution", cards.attribution())

# %% [markdown]
# ## What is there?

# %% tags=["hide-input"]
cards.data()

# %% tags=["hide-input"]
cards.counts()

# %% [markdown]
# Messages that are asked and messages that the organisms were trained on have {glue:text}`overlap` in common.
#
# ## How was it made?
# The messages are short, in the first person, in English and in lower case. They were written for one category each;
# none names its emotion, and topics are spread over the categories. [What the models are shown](stimuli.ipynb)
# measures how much length, punctuation and words give away all the same.
#
# No message was collected from people or taken from a corpus. The people and events in them are invented.
#
# ## What is it for, and what not?
# For asking models that may answer with a face, and for training small controls. A message stands for the category it
# was written for, by its author's judgement; no rating by readers stands behind it. It is no test of how well a model
# recognises emotion, and says nothing about how people feel or should be answered.
#
# The categories divide valence and arousal coarsely; English kaomoji culture, informal writing and the topics chosen
# colour all of them. A study that needs other feelings, languages or people brings [its own messages](../your_model.md).
#
# ## What do the models leave behind?
# Replies and hidden states of a run lie in its run folder under `runs/`, which is never part of this repository: a
# manifest (model, revision, settings, versions), the replies as a table, the states as tensors.
#
# ## Which data is not ours?
# {glue:text}`attribution` None of it is kept in this repository: it is read from where it was published, or from a folder that one
# names, and checked against size and hash.

# %% tags=["hide-input"]
cards.published_files()

# %% [markdown]
# The data of this project is under the licence of its code (MIT).
#
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(None, {}, started)
