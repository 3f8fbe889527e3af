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
# # Model cards
#
# Every model that this book knows by name: the organisms that ship with it, and the released models it is prepared for.

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.show import cards

started = page.start()

# %% [markdown]
# ## Which models are listed?
# Any other causal chat model works too, by its hub id or its folder; [one line](../your_model.md) makes its page.
# What is kept from being typed is kept only while a model writes, never while a reply is scored.

# %% tags=["hide-input"]
cards.models()

# %% [markdown]
# ## What is a model organism?
# A transformer of toy size, built from the real configuration class of a model family and trained from nothing on messages
# of this project, to open its replies with faces drawn from a known table. Weights, tokenizer and template lie in
# `data/organisms/`; `kaomoji organisms train` makes them again.

# %% tags=["hide-input"]
cards.organisms()

# %% tags=["hide-input"]
cards.measured()

# %% [markdown]
# ## What are they for, and what not?
# They are controls. The trained five have an answer that is known, so an analysis that misses it is wrong. In the scrambled one
# faces say nothing about the category, in the untrained one nothing was learned: an analysis that finds something there is wrong too.
#
# They resemble the families they are named after in architecture and chat template alone. They were not derived from any
# released model, hold no conversation, and nothing on their pages is evidence about the models whose shape they have.
#
# ## What should one know about the released models?
# Their weights are not part of this project and come under their own licences. A page about one exists when a run folder of it
# does. A face is what such a model types under one instruction; this book treats it as behaviour, and makes no claim that a
# model feels anything.
#
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(None, {}, started)
