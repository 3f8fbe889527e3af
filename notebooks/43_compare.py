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
# # Comparing the three ways of asking
#
# Elicited, introspected and synthesized kaomoji, and the likelihoods of five open models, all give a distribution over
# categories per kaomoji. This page compares all of them with use on one set of {glue:text}`faces` kaomoji.
# The closest single source is {glue:text}`best`. The best average of several, chosen on one half of the kaomoji, is
# {glue:text}`gain` more similar to use than the best single one on the other half.

# %% tags=["parameters", "remove-cell"]
models: list = [
    "opus",
    "haiku",
    "synthesized",
    "gemma",
    "qwen",
    "ministral",
    "granite",
    "gpt-oss",
]  # sources
seed: int = 0  # random seed of permutations and bootstraps

# %% tags=["remove-cell"]
from kaomoji_lib import figures, page, tables
from kaomoji_lib.metrics import distributions
from kaomoji_lib.published import sources
from kaomoji_lib.published import tables as published
from kaomoji_lib.stimuli import load_scheme

started = page.start()
scheme = load_scheme()
found = sources.corrected()
read = {name: found.get(name) for name in models}
titles = {**published.titles(), **sources.TITLES}
scores = distributions.compare(found.elicited, read, found.faces, seed=seed)
scores["source"] = scores["source"].replace(titles)
plain = scores[(scores["weights"] == "uniform") & (scores["measure"] == "similarity")]
own = plain[plain["source"].isin([titles[name] for name in models])]
page.glue("faces", len(found.faces))
page.glue("best", own.loc[own["value"].idxmax(), "source"])
pooled = sources.held_out_pool("uniform", seed)
page.glue("gain", pooled["gain"])
page.glue("attribution", published.attribution())

# %% [markdown]
# ## Which source is closest to use
# The two guesses ignore the kaomoji. A source below the marginal guess says less than nothing about the single
# kaomoji. Qwen's likelihoods come from [the score file that lost its prompt](score-files).

# %% tags=["hide-input"]
closest = own.nlargest(2, "value")["source"]
figures.forest(
    plain.sort_values("value", ascending=False),
    f"Closest to use: {' and '.join(closest)}",
    f"Published data, corrected; {len(found.faces)} kaomoji for all rows",
    x="Jensen-Shannon similarity to elicited use",
)

# %% tags=["hide-input"]
tables.estimates(
    scores, labels=["source", "measure", "weights"], fold="All measures, with noise ceilings"
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# What a model says about a kaomoji, and how likely another model finds it, both predict use. Averaging several sources
# adds {glue:text}`gain` to the similarity of the best single one.
# ```
#
# {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(None, {"models": models, "seed": seed}, started)
