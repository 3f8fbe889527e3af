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
# # Claude, synthesized: adjectives for a masked kaomoji
#
# A third way of asking shows a model only the text around a kaomoji, with the kaomoji masked, and asks for adjectives
# from a list of fifty. Twenty-six of them are anchors for the nine categories. Does the context alone point to the
# category for which the kaomoji is used? {glue:text}`verdict`

# %% tags=["parameters", "remove-cell"]
run: str = (
    "published"  # folder of `kaomoji claude synthesize`, or "published" for the article's data
)
elicited: str = (
    "published"  # folder of `kaomoji claude elicit`, or "published" for the article's data
)
seed: int = 0  # random seed of permutations and bootstraps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, stats, stimuli, tables
from kaomoji_lib.claude.method import AnswerFolder
from kaomoji_lib.metrics import distributions, synthesis
from kaomoji_lib.published import sources
from kaomoji_lib.published import tables as published
from kaomoji_lib.stimuli import load_scheme

started = page.start()
scheme, lexicon = load_scheme(), stimuli.load_lexicon()
ours = run != "published"
words = AnswerFolder(run).table() if ours else published.uploads_once(published.syntheses())
replies = (
    published.emissions("claude") if elicited == "published" else AnswerFolder(elicited).table()
)
page.glue("attribution", "collected by this project" if ours else published.attribution())

# %% tags=["remove-cell"]
used = distributions.elicited(replies, scheme.codes, arms=True)
described = synthesis.synthesized(words, lexicon, scheme.codes)
read = {"synthesized": distributions.look_up(described, used.table.index)}
shared = distributions.shared_faces(used, *read.values())
scores = distributions.compare(used, read, shared, seed=seed)
plain = scores[(scores["weights"] == "uniform") & (scores["measure"] == "similarity")]
gap = distributions.difference(
    used,
    read["synthesized"],
    distributions.baseline(used, "marginal", shared),
    faces=shared,
    seed=seed,
)
better = stats.relevant(gap)
page.glue(
    "verdict",
    "Yes, above a guess." if better else "No better than a guess that ignores the kaomoji.",
)
page.glue("gap", gap)

# %% [markdown]
# ## Compared with use
# Similarity to the distributions of use. The difference to the marginal guess is {glue:text}`gap`.

# %% tags=["hide-input"]
figures.forest(
    plain.assign(source=plain["source"].replace(sources.TITLES if not ours else {})),
    f"Adjectives are {tables.words(gap.value, '+.2f')} more similar to use than a guess that ignores the kaomoji",
    f"Published data; {len(shared)} kaomoji",
    x="Jensen-Shannon similarity to use",
)

# %% [markdown]
# ## Which categories the adjectives name
# The article suspected that the synthesizer reads contexts too positively. The mean share of each category, in use and
# in the adjectives:

# %% tags=["hide-input"]
both = {"use": used.table, "adjectives": read["synthesized"].table}
means = pd.DataFrame({name: table.loc[shared].mean() for name, table in both.items()})
means = means.rename(index=scheme.gloss).rename_axis("category").reset_index()
figures.bars(
    means.melt("category", var_name="source", value_name="share"),
    "Mean share of each category",
    f"Published data; {len(shared)} kaomoji",
    label="category",
    value="share",
    series="source",
    faces=False,
)

# %% [markdown]
# ## The space of adjectives
# Every kaomoji as a vector of adjectives, and its principal components. The null gives the adjectives to other
# descriptions.

# %% tags=["hide-input"]
space = synthesis.word_space(words, lexicon, seed=seed)
shares = {
    f"PC{place}, share of variance": item for place, item in enumerate(space.variance, start=1)
}
tables.estimates(results.frame(shares), labels=["measure"])

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Adjectives for masked contexts are a poor guide to how Claude uses a kaomoji. They describe the conversation, which is
# mostly pleasant, not the kaomoji.
# ```
#
# {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(None, {"run": run, "elicited": elicited, "seed": seed}, started)
