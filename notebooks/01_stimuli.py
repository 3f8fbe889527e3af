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
# # What the models are shown
#
# Short first-person messages in nine emotional categories, none of which names its emotion.
# No model has been near this page: it looks at the question alone.

# %% tags=["parameters", "remove-cell"]
prompts: str = (
    ""  # CSV file with columns id, category, topic, text; empty: the prompts of this project
)
categories: str = ""  # CSV file of a category scheme; empty: the nine categories of this project
seed: int = 0  # of everything random: folds, permutations

# %% tags=["remove-cell"]
from kaomoji_lib import categories as schemes
from kaomoji_lib import figures, page, stimuli, tables
from kaomoji_lib.metrics import predict as prediction

started = page.start()
scheme = schemes.load_scheme(categories or None)
asked = stimuli.load_prompts(prompts or None)
page.glue("count", len(asked))
page.glue("instruction", stimuli.INSTRUCTION)

# %% [markdown]
# ## Which feelings?
# The first letter of a code is arousal (**H**igh, **N**eutral, **L**ow), the second valence (**P**ositive,
# **B**aseline, **N**egative); **D** and **S** part high and low dominance: is the speaker in charge, or is it the situation?

# %% tags=["hide-input"]
figures.circumplex(scheme, page.stimuli_line(asked))

# %% tags=["hide-input"]
tables.scheme(scheme, "The categories")

# %% [markdown]
# ## What exactly is asked?
# Each message follows this instruction, in one user turn: *{glue:text}`instruction`*

# %% tags=["hide-input"]
tables.prompts(asked, scheme, "All prompts")

# %% [markdown]
# ## Could the topic give the category away?
# Work, family, money and the rest are spread over all categories.

# %% tags=["hide-input"]
tables.topics(asked, scheme, "Prompts per category and topic")

# %% [markdown]
# ## Could length or punctuation?
# Means per prompt. The less the rows differ, the less there is to hold on to without understanding.

# %% tags=["hide-input"]
tables.surface(asked, scheme, "Surface of the prompts")

# %% [markdown]
# ## What do a reader of punctuation and a reader of words get?
# Two readers that know no language. Whatever a model's states say about the category has to be
# measured from here, not from chance. Length and punctuation: {glue:text}`surface`. The words: {glue:text}`words`.

# %% tags=["hide-input"]
words = page.attempt(prediction.from_text, asked, "tfidf", name="words (tf-idf)", seed=seed)
surface = page.attempt(
    prediction.from_text, asked, "surface", name="length and punctuation", seed=seed
)
page.glue("words", words.accuracy)
page.glue("surface", surface.accuracy)
figures.accuracies([words, surface], page.stimuli_line(asked))

# %% tags=["hide-input"]
tables.predictions(
    [words, surface],
    "Accuracy on held-out prompts; shuffled: the same with categories dealt to other prompts",
)

# %% [markdown]
# Where the words go wrong shows which feelings share a vocabulary.

# %% tags=["hide-input"]
figures.confusion(words, scheme, page.stimuli_line(asked))

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    None,
    {
        "prompts": prompts or "data/prompts.csv",
        "categories": categories or "data/categories.csv",
        "seed": seed,
    },
    started,
)
