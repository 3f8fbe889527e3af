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
# # Do they choose kaomoji as people do?
#
# A public dictionary labels {glue:text}`entries` kaomoji with what people use them for. We hold the models' use of kaomoji
# against it. Nothing is trained here: a kaomoji counts as right when its label fits the message.

# %% tags=["parameters", "remove-cell"]
models: list = [
    "smollm2-135m-instruct"
]  # aliases or run folders of local models with closed-set scores
published_models: list = [
    "gemma",
    "qwen",
    "claude",
    "granite",
    "gpt-oss",
    "ministral",
]  # of the article
seed: int = 0  # random seed of permutations and bootstraps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, tables
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.metrics import closed, distributions, human
from kaomoji_lib.models import choose
from kaomoji_lib.models.collect import find_or_collect
from kaomoji_lib.published import tables as published

started = page.start()
scheme = load_scheme()
reference = human.load(scheme)
page.glue("entries", f"{len(reference.entries):,}")
page.glue("attribution", published.attribution())

# %% [markdown]
# ## From labels to categories
# The dictionary's labels are groups of synonyms. Each group stands for a set of candidate categories, fixed before any
# model was compared: *happy* may be excited, content or relieved. Relieved has almost no label of its own, so no score
# here expects a nine-way answer.

# %% tags=["hide-input"]
groups = pd.DataFrame(
    [
        (name, ", ".join(scheme.gloss(code) for code in members) or "none")
        for name, members in reference.members.items()
    ],
    columns=["label group", "candidate categories"],
)
tables.table(groups, "The mapping", fold="The whole mapping")

# %% tags=["hide-input"]
ceiling = human.ceiling(reference, seed=seed)
tables.estimates(
    results.frame(ceiling, source="dictionary"),
    "How far the dictionary agrees with itself: two entries that are one kaomoji",
    labels=["measure"],
)

# %% [markdown]
# ## Valence mostly fits, in every larger model
# Valence of a kaomoji: the mean valence of the messages that elicited it, against the mean valence of its labels.

# %% tags=["hide-input"]
replies = {published.titles()[name]: published.emissions(name) for name in published_models}
used = {title: distributions.elicited(table, scheme.codes) for title, table in replies.items()}
frequent = {title: item.table[item.weight >= 3] for title, item in used.items()}
labelled = {title: reference.coordinates(table.index) for title, table in frequent.items()}
scores = results.BySource({title: (frequent[title], labelled[title]) for title in used}).frame(
    lambda pair: {
        "sign of valence agrees": human.same_sign(*pair, scheme, seed=seed),
        "valence, rank correlation": human.correlation(*pair, scheme, seed=seed),
        "arousal, rank correlation": human.correlation(*pair, scheme, "arousal", seed=seed),
    }
)
signs = scores[scores["measure"] == "sign of valence agrees"]
for name in published_models:
    page.glue(f"sign.{name}", results.one(signs, source=published.titles()[name]), percent=True)
figures.forest(
    scores,
    "Valence agrees with people's labels; arousal less",
    "Published replies; kaomoji used at least three times; null: labels given to other kaomoji",
    x="share or correlation",
)

# %% [markdown]
# ## Reading replies with the dictionary
# The mean probability that the dictionary gives to a message's category, from the kaomoji that the model used. Ignoring
# the message gives exactly one ninth; kaomoji that are not in the dictionary count as that. *Glyphs only* replaces the
# dictionary by a classifier of characters that has not seen the model's kaomoji: it shows how much the shapes alone say.

# %% tags=["hide-input"]
rows = {}
for title, table in replies.items():
    choice, labels = human.choices(table), table.drop_duplicates("prompt_id")["category"]
    rows[title, "dictionary"], covered, _ = human.reading(
        choice, labels, reference.theta(choice.columns), seed=seed
    )
    rows[title, "glyphs only"] = human.reading(
        choice, labels, human.glyph_theta(reference, list(choice.columns)), seed=seed
    )[0]
    rows[title, "share of replies covered"] = covered
reading = results.frame(rows)
figures.forest(
    reading[reading["measure"] != "share of replies covered"],
    "A dictionary recovers the category above chance from the replies of most models",
    "Published replies; null: categories permuted over messages",
    x="probability of the message's category",
    lines={"chance": 1 / 9},
)

# %% tags=["hide-input"]
tables.estimates(
    reading, labels=["source", "measure"], fold="All numbers, with the share of replies covered"
)

# %% [markdown]
# ## The small models, on the closed set
# The same score for what the small models would choose if they had to choose from the closed set.

# %% tags=["hide-input"]
rows = {}
for model in models:
    source = page.read(find_or_collect(model))
    scored = choose.closed_set(source.run)
    log_prob = scored.pivot(index="prompt_id", columns="face", values="log_prob_closed")
    labels = source.prompts.set_index("id")["category"][log_prob.index]
    for kind in closed.KINDS:
        chosen = closed.choice(log_prob, labels, kind, seed)
        theta = reference.theta(chosen.columns)
        rows[source.title, kind] = human.reading(chosen, labels, theta, seed=seed)[0]
figures.forest(
    results.frame(rows),
    "What the small models would choose, against people's labels",
    "Closed set of 120 kaomoji; raw is the behaviour, the other scores are sensitivity analyses",
    x="probability of the message's category",
    lines={"chance": 1 / 9},
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# The larger models use kaomoji with the valence that people give them, and a dictionary reads the category from their
# replies above chance. Models have read such dictionaries, so this shows a shared convention, not introspection.
# ```
#
# Labels: kaomoji-dataset 1.0.6 (CC BY 4.0). Published data: {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(
    None, {"models": models, "published_models": published_models, "seed": seed}, started
)
