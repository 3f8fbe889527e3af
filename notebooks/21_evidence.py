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
# # What a sceptic asks
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
from kaomoji_lib.show import across, evidence

started = page.start()

# %% [markdown]
# A state that predicts the category of a message has shown little: the words of the message predict it too. Two
# models that arrange messages alike have shown little: both tell the categories apart. This page puts every such
# finding beside the dullest explanation of it, and says in words what is left.
#
# ## What does the state add to the text?
# Readers of the category, from those that know least of the model: punctuation; words and characters; a sentence
# encoder that never saw the study; the model's own input embeddings, averaged; the same architecture with random
# weights; the state where the message ends; and the emission state, from which the first token of the face is chosen.
# All have the same classifier and the same folds.

# %%
sources = across.gather(
    models, null, generations=generations, seed=seed, device=device, dtype=dtype
)
page.glue("what", across.statement(sources))
page.glue("reference", sources[0].title)
line = across.line(sources)
vectors = evidence.sentences(sources)
ladders = evidence.ladders(sources, vectors, seed=seed, device=device, dtype=dtype)
figures.accuracies_across(evidence.rungs(ladders), line)

# %% [markdown]
# The headline is a difference: the emission state minus the *strongest* reader of the text, on the same prompts. The
# choice of the strongest favours the text. p: signs of the differences flipped at random.

# %% tags=["hide-input"]
page.glue("increment", ladders[sources[0].title].increment)
page.glue_each("increment", sources, evidence.increments(ladders))
page.glue("increment_general", page.attempt(evidence.over_models, ladders, sources))
evidence.ladder_figure(ladders, line)

# %% [markdown]
# For {glue:text}`reference`: {glue:text}`increment`. Over all sources that are no negative control, with an interval
# that holds for new models as well as for new messages: {glue:text}`increment_general`.

# %% tags=["hide-input"]
tables.by_source(
    evidence.all_increments(ladders),
    "Emission state minus each other reader, share of prompts put into the right category",
)

# %% tags=["hide-input"]
evidence.readers(ladders)

# %% [markdown]
# An increment near 0 over the *input embeddings* says that training put the category into single words, not into
# what the model makes of the sentence; one over *random weights* says that training did anything at all.
#
# ## Do models share more than the categories?
# Every layer of every source is compared with every layer of every other, and the most alike pair is reported. Such a
# maximum is large by itself; it is compared with *maxima*: the messages are relabelled, all layers together, and the
# best pair is sought anew. Three ways to relabel, side by side. Whoever beats the first shares an arrangement of the
# messages. Whoever beats the second shares more than the nine categories. Whoever beats the third shares more than
# category and topic together. The last source is the sentence encoder: no chat model at all.

# %% tags=["hide-input"]
shared = evidence.shared(sources, vectors, seed=seed)
page.glue_family("shared", sources, shared, "within category")
page.glue_family("strict", sources, shared, "within category and topic")
evidence.shared_figure(shared, line)

# %% tags=["hide-input"]
evidence.licences(shared, sources)

# %% tags=["hide-input"]
evidence.layers_figure(shared, sources, line)

# %% [markdown]
# Ringed: beyond the within-category null, with all pairs of layers counted.
#
# CKA weighs directions by their variance. Two other measures, and one that must predict: neighbours shared, ranks of
# distances, and a turn fitted on half of each category's messages and scored on the other half.

# %% tags=["hide-input"]
neighbours = evidence.shared(sources, vectors, "mutual kNN", seed=seed, permutations=300)
evidence.licences(neighbours, sources)

# %% tags=["hide-input"]
ranks = evidence.shared(sources, vectors, "RSA", seed=seed, permutations=300)
evidence.licences(ranks, sources)

# %% tags=["hide-input"]
turns = evidence.shared(sources, vectors, "Procrustes", seed=seed, permutations=200)
evidence.licences(turns, sources)

# %% [markdown]
# ### And more than the text?
# The vectors of the sentence encoder are regressed out of every state, then the categories too. What two models share
# after that is neither in the words, as far as a linear reader can tell, nor in the category. Where a category's messages are
# spread widely in every model, that alone would look shared: all categories are brought to one spread first.

# %% tags=["hide-input"]
beyond_text = page.attempt(evidence.beyond_text, sources, vectors, seed=seed, permutations=199)
page.glue_family("beyond_text", sources, beyond_text, "given text and category")
evidence.beyond_text_figure(beyond_text, line)

# %% tags=["hide-input"]
page.attempt(evidence.licences, beyond_text, sources, "given text and category")

# %% [markdown]
# The same by RSA, the ranks of the distances between what is left of the states. In words: {glue:text}`partial_said`

# %% tags=["hide-input"]
partial = page.attempt(evidence.beyond_text, sources, vectors, "RSA", seed=seed, permutations=99)
page.glue("partial_said", page.attempt(evidence.agree, beyond_text, partial))
page.glue_family("partial", sources, partial, "given text and category")
page.attempt(evidence.licences, partial, sources, "given text and category")

# %% [markdown]
# ## Is it a circle?
# The circumplex says that feelings lie on a circle of valence and arousal. Its order can be tested: of any two pairs of
# categories, is the one that is farther apart on the circle also farther apart in the states?

# %% tags=["hide-input"]
circles = evidence.circles(sources, vectors, seed=seed)
page.glue("order", circles[sources[0].title].order)
page.glue_each("order", sources, evidence.orders(circles))
evidence.order_figure(circles, line)

# %% [markdown]
# In {glue:text}`reference`: {glue:text}`order`, against the categories in other orders. A circle has rivals: a line of
# valence, a plane of valence and arousal in which the middle is not on the rim, and the text itself. Each is fitted on
# half of every category's messages and scored on the other half. That all categories are equally far apart scores 0.

# %% tags=["hide-input"]
evidence.rivals_figure(circles, line)

# %% tags=["hide-input"]
tables.by_source(
    evidence.rivals(circles),
    "Held-out correlation of each hypothesis with the distances between categories, and differences between rivals",
)

# %% [markdown]
# A positive *circle against plane* would speak for a circle, a negative one for a plane; *beyond text* asks whether
# either is needed once the text is granted.
#
# ## Does the face say more than the message?
# Before the face is chosen, all replies to a message have one state. If faces of the same category come from different
# states, faces tell messages apart that the category does not. The faces of whole messages are dealt to others of
# the category.

# %% tags=["hide-input"]
told = evidence.faces_beyond(sources, seed=seed)
page.glue_each("before", sources, evidence.before(told))
evidence.before_figure(told, line)

# %% [markdown]
# After the face is typed the state has *read* it. That faces explain the state there is therefore no finding, and the
# scrambled organism, whose faces mean nothing, shows as much of it:

# %% tags=["hide-input"]
tables.by_source(
    told,
    "Share of the state's variance that the face explains on held-out prompts, when the category, or the prompt itself, is known",
)

# %% [markdown]
# ## What does it cost?
# Each layer is multiplied with itself once; after that, nothing depends on how wide the states are. A permutation of
# shared geometry gathers each layer's entries, one for every two messages, and multiplies all pairs of layers at once: the cost
# grows with the square of the messages, and with the layers of all models, at first in proportion, with the square once there are
# many.

# %% tags=["hide-input"]
page.attempt(evidence.cost)

# %% tags=["hide-input"]
page.attempt(evidence.growth)

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    [source.run for source in sources],
    {"models": models, "generations": generations, "seed": seed, "null": null},
    started,
)
