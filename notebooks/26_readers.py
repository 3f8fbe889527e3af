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
# # Readers and emitters
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
models: list = []  # aliases, Hugging Face ids or run folders, at least three; empty: the organisms
generations: int = 8  # replies per prompt, for sources that are not collected yet
seed: int = 0  # of everything random: folds, resamples, permutations
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page, tables
from kaomoji_lib.show import across, readers

started = page.start()

# %% [markdown]
# If a model knew what *it* means by a face, it should read its own faces better than other models' faces, and better than
# other models read them. Good readers and readable models are no evidence: both are taken out of the matrix, row by row and column
# by column, and what is left on its diagonal is the **self-advantage**. Its null deals the readers to the emitters in every possible
# way.
#
# ## Asked cold
# Every model is asked the question of introspection about every face that any of them typed often: one face, no message, a
# likelihood for each category. Its answers are compared with how each emitter used the face.

# %%
sources = across.gather(models, null, generations=generations, seed=seed, device=device)
used = readers.emitters(sources)
said, digits = readers.by_question(sources, used, device)
line = across.line(sources)
page.glue("what", across.statement(sources))
readers.attention(digits)

# %% tags=["hide-input"]
from_question = page.attempt(readers.matrix, said, used, seed)
readers.heatmap(
    from_question,
    "Asked cold: similarity of what a reader says to how an emitter uses the faces",
    line,
)

# %% [markdown]
# Self-advantage when asked: {glue:text}`asked`. A reader that hardly ever answers with a digit (the table above) has not understood the
# question; its row is the floor of the method, reported as it is. So it is for the organisms, which have only learnt to open
# replies with faces.
#
# ## By likelihood
# A model can be read without being asked: by Bayes, a face says of the categories what the model's own probabilities
# P(face | prompt) say. Its own row is then close to its own use by construction: not self-knowledge, but what perfect self-knowledge would
# look like in this matrix, and a check that the test finds it.

# %% tags=["hide-input"]
likelihoods = readers.by_likelihood(sources, device)
from_likelihood = page.attempt(readers.matrix, likelihoods, used, seed)
readers.heatmap(
    from_likelihood,
    "By likelihood: similarity of each model's own probabilities to how an emitter uses the faces",
    line,
)

# %% [markdown]
# Self-advantage by likelihood: {glue:text}`likely`.
#
# ## Does a model's own state know its faces better than another model's state?
# The reader is now a regression on the emission states of one model, and what is read are the exact probabilities of another
# model's faces on prompts it was not fitted on. If states held only what the messages say, it would not matter whose they are.

# %% tags=["hide-input"]
states = page.attempt(readers.by_state, sources, likelihoods, seed)
readers.by_depth(states, line)

# %% tags=["hide-input"]
readers.state_heatmap(states, 0.5, line)

# %% [markdown]
# Best depth: {glue:text}`states`, against the best depth under every assignment. At the last block the own state decides the own
# face by the way the model is built; before it: {glue:text}`earlier`.
#
# ## What could have been found?

# %% tags=["hide-input"]
readers.power(
    {
        "asked": from_question,
        "by likelihood": from_likelihood,
        "states, all depths": states.advantage,
        "states, before the last block": states.earlier,
    }
)

# %% tags=["hide-input"]
numbers = readers.headlines(from_question, from_likelihood, states)
page.glue("asked", numbers["self-advantage, asked"])
page.glue("likely", numbers["self-advantage, by likelihood"])
page.glue("states", numbers["self-advantage of states, best depth"])
page.glue("earlier", numbers["self-advantage of states, best depth before the last block"])
tables.estimates(
    numbers, "What this page claims; n counts the models, intervals come from faces or prompts"
)

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    [source.run for source in sources],
    {"models": models, "generations": generations, "seed": seed, "null": null},
    started,
)
