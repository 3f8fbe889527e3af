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
# # Messages and categories
#
# We send a model short first-person messages. Each was written for one of nine emotion categories, and none of them
# names its emotion. This page looks at the messages alone: how they are spread, and how much of the category a
# program can recover from the text without any language model.

# %% tags=["parameters", "remove-cell"]
prompts: str = (
    ""  # CSV file with the columns id, category, topic, text; empty: the messages of this project
)
categories: str = ""  # CSV file of a category scheme; empty: the nine categories of this project
seed: int = 0  # random seed of folds and permutations

# %% tags=["remove-cell"]
from kaomoji_lib import figures, page, results, stimuli, tables
from kaomoji_lib.metrics import predict
from kaomoji_lib.models import sentences

started = page.start()
scheme = stimuli.load_scheme(categories or None)
messages = stimuli.load_prompts(prompts or None)
page.glue("count", len(messages))
page.glue("instruction", stimuli.INSTRUCTION)

# %% [markdown]
# ## Nine categories on the plane of valence and arousal
# The categories follow Russell's circumplex {cite:p}`russell1980`, with dominance {cite:p}`mehrabian1996` to separate
# playful from excited and frustrated from fearful.

# %% tags=["hide-input"]
scheme_table = scheme.table.reset_index()[["gloss", "description", "valence", "arousal", "code"]]
tables.table(
    scheme_table.rename(columns={"gloss": "category", "code": "code in files"}), "The categories"
)

# %% [markdown]
# ## One example of each
# Every message follows the same instruction in one user turn: *{glue:text}`instruction`* There are
# {glue:text}`count` messages, two per category and topic (work, family, money, health, travel, home, food, study,
# pets, weather).

# %% tags=["hide-input"]
listed = messages.sort_values("category", key=lambda codes: codes.map(scheme.codes.index))
listed["category"] = [scheme.gloss(code) for code in listed["category"]]
tables.table(
    listed.groupby("category", sort=False).first().reset_index()[["category", "text"]],
    "One message of each category",
)

# %% tags=["hide-input"]
tables.table(listed[["id", "category", "topic", "text"]], fold=f"All {len(listed)} messages")

# %% [markdown]
# ## What the text alone gives away
# A hidden state is computed from the text. It cannot contain more about the category than the text does; it can only
# make it easier to read off. So every result about hidden states in this book is compared with classifiers that see
# the text alone, with the same folds. Accuracy from length and punctuation: {glue:text}`surface`. From words and
# character sequences (tf-idf): {glue:text}`words`. From a small sentence encoder (MiniLM): {glue:text}`sentences`.

# %% tags=["hide-input"]
baselines = predict.text_probes(messages, sentences.encode(messages["text"]), seed=seed)
accuracies = {name: probe.accuracy for name, probe in baselines.items()}
for key, accuracy in zip(("surface", "words", "sentences"), accuracies.values(), strict=True):
    page.glue(key, accuracy, percent=True)
figures.forest(
    results.frame(accuracies, source="messages"),
    "The category from the text alone",
    f"Cross-validated accuracy on {len(messages)} messages; no language model is involved",
    y="measure",
    series="source",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# The categories are balanced over topics and lengths, but words alone still carry part of the category. A claim about a
# model's hidden state has to be measured from these baselines, not from chance.
# ```

# %% tags=["hide-input"]
page.provenance(None, {"prompts": prompts, "categories": categories, "seed": seed}, started)
