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
# # Every claim, with its test
#
# One row a claim: the test, what it gave, what chance gives, and the page that shows it. The numbers are read from
# the pages themselves when the book is built; none is typed here.

# %% tags=["parameters", "remove-cell"]
pages: str = ""  # folder of executed pages; empty: those of the book
seed: int = 0  # of everything random: folds, permutations

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.show import claims, published

started = page.start()

# %%
found = claims.gather(pages)
page.glue("tally", claims.tally(found))
page.glue("twins", claims.twins(found))
page.glue("alarms", claims.alarms(pages))

# %% [markdown]
# ## What we claim
# The built-in models have a known answer. Some were trained on faces that follow the category, one on faces that do
# not, one not at all; a claim about the last two is right when nothing is found. Controls that show what they were
# built to show: {glue:text}`tally`. {glue:text}`twins` {glue:text}`alarms`

# %% tags=["hide-input"]
claims.ours(found)

# %% [markdown]
# ## What the article claims
# The same questions as the article's, with the controls that it lacks, asked of the models that this book was built
# on; and, where the published data are at hand, [what is left of the claim on those](published-study.ipynb).

# %% tags=["hide-input"]
judged = page.attempt(published.all_claims, page.attempt(published.study, seed))
claims.article(found, judged)

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(None, {"pages": pages, "seed": seed}, started)
