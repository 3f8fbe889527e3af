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
# # One of five score files has lost its prompt
#
# The article scored log P(kaomoji | prompt) for 770 kaomoji, 180 messages and five models. A score file can be checked
# against the replies of the same model: a kaomoji that the model produced for a message must be likelier given that
# message than given another one. In {glue:text}`lost` it hardly is.

# %% tags=["parameters", "remove-cell"]
models: list = ["gemma", "qwen", "ministral", "granite", "gpt-oss"]  # models of the published data
seed: int = 0  # random seed of permutations and bootstraps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, tables
from kaomoji_lib.published import scorer_audit
from kaomoji_lib.published import tables as published

started = page.start()
titles = published.titles()
audits = {titles[name]: scorer_audit.audit(name, seed) for name in models}
lost = [title for title, item in audits.items() if item.verdict == scorer_audit.LOST]
page.glue("lost", " and ".join(lost) or "no file")
page.glue("attribution", published.attribution())

# %% [markdown]
# ## The test: own message against another
# For every reply we compare the score of its kaomoji under its own message with the score under other messages. A
# scorer that ignores the message wins half of the comparisons.

# %% tags=["hide-input"]
figures.forest(
    results.BySource(audits).frame(lambda item: {"own message scores higher": item.better}),
    f"{' and '.join(lost) or 'No file'}: the own message hardly matters",
    "Published scores and replies; share of comparisons in which the own message scores higher",
    x="share of comparisons",
    percent=True,
    lines={"no information": 0.5},
)

# %% tags=["hide-input"]
tables.table(
    pd.DataFrame(
        [
            (title, item.own, item.elsewhere, item.own - item.elsewhere, item.verdict)
            for title, item in audits.items()
        ],
        columns=["model", "own message", "other messages", "difference", "verdict"],
    ),
    "Median log P (nat) of the kaomoji that were produced",
)

# %% [markdown]
# ## The cause, and how to notice it
# Qwen's layers are a hybrid: most of them keep a recurrent state instead of keys and values. A scorer that caches the
# prompt once and continues from the cache has to copy that state. If it does not, every continuation after the first
# starts from a state that has already moved on, and the prompt is gone. Nothing crashes; the scores only stop depending
# on the message. The check above needs no model, only the replies.
#
# ## A second problem: the spelling that is scored
# Scores were computed for a canonical spelling. Models type other spellings of the same kaomoji, and the probability
# of those is missing from the file.

# %% tags=["hide-input"]
spelling = pd.concat([item.spelling.assign(model=title) for title, item in audits.items()])
tables.table(
    spelling[["model", "spelling", "replies", "sampled", "scored"]],
    "Share of replies and scored probability, by whether the scored spelling is the one that was typed",
    formats={"sampled": ".1%", "scored": ".2%"},
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Before using likelihoods of any model, check that a produced kaomoji scores higher under its own message. This
# project's scorer runs that check when it loads a model, and compares its fast path with plain forward passes.
# ```
#
# {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(None, {"models": models, "seed": seed}, started)
