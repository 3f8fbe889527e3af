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
# # Claude, elicited: which kaomoji does it choose?
#
# For a closed model only the replies can be read. Claude gets the same instruction and the same messages as the local
# models, through the Messages API. {glue:text}`rate` of its replies open with a kaomoji. From the kaomoji alone, a lookup
# recovers the category of {glue:text}`accuracy` of the messages.

# %% tags=["parameters", "remove-cell"]
run: str = "published"  # folder of `kaomoji claude elicit`, or "published" for the article's data
seed: int = 0  # random seed of folds, permutations and bootstraps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, tables
from kaomoji_lib.claude.method import AnswerFolder
from kaomoji_lib.metrics import choices, distributions, human, information, predict
from kaomoji_lib.published import tables as published
from kaomoji_lib.stimuli import load_scheme

started = page.start()
scheme = load_scheme()
ours = run != "published"
replies = AnswerFolder(run).table() if ours else published.emissions("claude")
caption = (
    f"{AnswerFolder(run).manifest['model']['title']}, {run}"
    if ours
    else "Claude Opus 4.7, published data"
)
page.glue("attribution", "collected by this project" if ours else published.attribution())

# %% [markdown]
# ## Favourites
# Claude has a large repertoire. The most frequent kaomoji of each category:

# %% tags=["hide-input"]
reading = distributions.elicited(replies, scheme.codes)
counts = replies.dropna(subset=["face"]).groupby("category")["face"].value_counts()
favourites = {code: counts[code].head(5) for code in scheme.codes if code in counts}
tables.table(
    pd.DataFrame(
        [
            (
                scheme.gloss(code),
                tables.GAP.join(f"{face}\u00a0{n}" for face, n in top.items()),
                counts[code].size,
            )
            for code, top in favourites.items()
        ],
        columns=["category", "most frequent kaomoji", "different kaomoji"],
    ),
    caption,
    faces=("most frequent kaomoji",),
)

# %% [markdown]
# ## Kaomoji on the circumplex
# Each kaomoji is placed at the mean valence and arousal of the messages that elicited it, so its place shows use, not
# looks. Size follows frequency; the colour is its most frequent category.

# %% tags=["hide-input"]
top = reading.weight.nlargest(28).index
places = human.coordinates(reading.table.loc[top], scheme).assign(
    face=top,
    weight=reading.weight[top],
    category=reading.table.loc[top].idxmax(axis=1),
    hover=[f"{face}: {reading.weight[face]:.0f} replies" for face in top],
)
figures.circumplex(
    places,
    scheme,
    "Kaomoji spread over the circumplex by use",
    f"{caption}; the 28 most frequent kaomoji",
)

# %% [markdown]
# ## How much the kaomoji tell
# Accuracy of a lookup on held-out messages, and the information that one kaomoji carries about the category. Both are
# compared with permuted categories.

# %% tags=["hide-input"]
lookup = predict.from_faces(replies, seed=seed)
rate = choices.rate(replies, seed=seed)
page.glue("rate", rate, percent=True)
page.glue("accuracy", lookup.accuracy, percent=True)
tables.estimates(
    results.frame(
        {
            "replies that open with a kaomoji": rate,
            "kaomoji → category accuracy": lookup.accuracy,
            "information in bits": information.from_emissions(replies, seed=seed),
        },
        source=caption,
    ),
    labels=["measure"],
)

# %% tags=["hide-input"]
order = [code for code in scheme.codes if code in lookup.confusion]
confusion = lookup.confusion.loc[order, order]
confusion = confusion.div(confusion.sum(axis=1), axis=0)
names = [scheme.gloss(code) for code in confusion.index]
valence = scheme.table["valence"]
same = [[valence[a] == valence[b] and a != b for b in confusion] for a in confusion.index]
wrong = [[a != b for b in confusion] for a in confusion.index]
kept = confusion.to_numpy()[same].sum() / confusion.to_numpy()[wrong].sum()
figures.matrix(
    confusion.set_axis(names, axis=0).set_axis(
        [scheme.gloss(c) for c in confusion.columns], axis=1
    ),
    f"{kept:.0%} of the confusions stay within the same valence",
    f"{caption}; rows: category of the message, columns: category that its kaomoji points to",
    text=".0%",
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Claude's kaomoji carry the category of the message about as well as those of the best open models. That a kaomoji fits
# the message does not show that Claude feels anything: it may describe the message.
# ```
#
# {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(None, {"run": run, "seed": seed}, started)
