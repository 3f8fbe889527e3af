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
# # Claude, introspected: what would a kaomoji mean?
#
# Here the model is shown one kaomoji and asked how likely each category is. This is zero-shot: it sees no message and no
# reply. On {glue:text}`faces` kaomoji that Claude itself uses, its answers resemble its use:
# similarity {glue:text}`similarity`.

# %% tags=["parameters", "remove-cell"]
judges: list = [
    "opus",
    "haiku",
]  # judges of the published data, or folders of `kaomoji claude introspect`
elicited: str = (
    "published"  # folder of `kaomoji claude elicit`, or "published" for the article's data
)
seed: int = 0  # random seed of permutations and bootstraps

# %% tags=["remove-cell"]

from kaomoji_lib import figures, page, tables
from kaomoji_lib.claude.method import AnswerFolder
from kaomoji_lib.metrics import distributions
from kaomoji_lib.published import sources
from kaomoji_lib.published import tables as published
from kaomoji_lib.stimuli import load_scheme

started = page.start()
scheme = load_scheme()
ours = elicited != "published"
replies = AnswerFolder(elicited).table() if ours else published.emissions("claude")
asked = {
    name: published.judgements(name) if name in published.JUDGES else AnswerFolder(name).table()
    for name in judges
}
page.glue("attribution", "collected by this project" if ours else published.attribution())

# %% tags=["remove-cell"]
used = distributions.elicited(replies, scheme.codes, arms=True)
read = {name: distributions.judged(table, scheme.codes) for name, table in asked.items()}
read = {name: distributions.look_up(item, used.table.index) for name, item in read.items()}
shared = distributions.shared_faces(used, *read.values())
scores = distributions.compare(used, read, shared, seed=seed)
plain = scores[(scores["weights"] == "uniform") & (scores["measure"] == "similarity")]
page.glue("faces", len(shared))
page.glue("similarity", distributions.similarity(used, read[judges[0]], faces=shared, seed=seed))

# %% [markdown]
# ## Judgement against use
# Jensen-Shannon similarity of two distributions over categories, averaged over kaomoji: 1 when they are equal. The
# marginal guess gives every kaomoji the same distribution. The null gives a judge's answers to other kaomoji.

# %% tags=["hide-input"]
means = plain.set_index("source")["value"]
figures.forest(
    plain.assign(source=plain["source"].replace(sources.TITLES)),
    f"{judges[0].capitalize()} reaches {means[judges[0]]:.2f}, a guess that ignores the kaomoji {means['marginal guess']:.2f}",
    f"Published data; {len(shared)} kaomoji that Claude used at least three times",
    x="Jensen-Shannon similarity to use",
)

# %% tags=["hide-input"]
tables.estimates(
    scores,
    labels=["source", "measure", "weights"],
    fold="All measures, uniform and weighted by use",
)

# %% [markdown]
# ## Nine examples
# For each category, the kaomoji that Claude uses most there, with the judged likelihoods.

# %% tags=["hide-input"]
primary = used.table.loc[shared].idxmax(axis=1)
examples = [
    used.weight[primary.index[primary == code]].idxmax()
    for code in scheme.codes
    if (primary == code).any()
]
judged = read[judges[0]].table.loc[examples]
figures.matrix(
    judged.set_axis([scheme.gloss(code) for code in judged.columns], axis=1),
    "Judged likelihoods of nine kaomoji",
    f"Judge: {sources.TITLES.get(judges[0], judges[0])}; rows in the order of the categories that the kaomoji are used for",
    text=".0%",
    faces=True,
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Asked about a kaomoji, Claude describes its own use better than a guess that ignores the kaomoji. That is knowledge of a
# convention, which anyone who has read the web could have. It is not evidence of introspection.
# ```
#
# {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(None, {"judges": judges, "elicited": elicited, "seed": seed}, started)
