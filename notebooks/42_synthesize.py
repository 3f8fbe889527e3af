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
# # Synthesize: {glue:text}`title`
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
source: str = "auto"  # api (paid), published, stand-in; auto: published data when present, otherwise the stand-in
model: str = "claude-haiku-4-5"  # model that describes the exchanges
elicited: str = "claude-opus-4-7"  # model whose replies are described when no file is named
exchanges: str = ""  # file of exchanges (JSON lines, a journal, or an export's conversations.json); empty: the elicited replies
max_usd: float = 2.0  # with source api: US dollars that each folder may cost in all
batch: bool = False  # with source api: message batches, half the price
seed: int = 0  # of everything random: samples of exchanges, resampling
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.metrics import synthesis
from kaomoji_lib.show import asked, claude, compared

started = page.start()

# %% [markdown]
# The third way: do not ask who types the face, but someone who sees it at work. In up to four exchanges per face and
# model the face is hidden wherever it occurs, and a reader chooses words for what stands behind the mask.
#
# ## What was chosen?
# The words come from a fixed lexicon: anchors, each of one category, and others. Only counts and chosen words reach this
# page; the exchanges themselves stay on the machine they lie on, apart from the request.

# %%
emitted = page.attempt(asked.elicited, source, elicited, max_usd=max_usd, batch=batch)
found = page.attempt(
    asked.synthesized,
    source,
    model,
    emitted,
    exchanges=exchanges,
    seed=seed,
    max_usd=max_usd,
    batch=batch,
)
emitted, found = asked.edition(null, emitted, found)
said = page.attempt(compared.synthesized, found)
masses = page.attempt(synthesis.word_masses, found.table, asked.lexicon())
claude.words(
    said, masses, "Faces with the most exchanges, and the words that were chosen for them most"
)

# %% tags=["remove-cell"]
page.glue("title", found.heading)
page.glue("what", found.statement)

# %% [markdown]
# ## Do the words form a space?
# Each face is a mixture of words; the picture shows the two directions in which faces differ most. The first holds
# {glue:text}`pc1` of the variance, the second {glue:text}`pc2`. The null deals every word to the faces anew.

# %% tags=["hide-input"]
space = page.attempt(synthesis.word_space, found.table, asked.lexicon(), seed=seed)
page.glue("pc1", page.part(space, "variance", 0))
page.glue("pc2", page.part(space, "variance", 1))
claude.word_space(space, said, found.scheme, found.line)

# %% [markdown]
# ## Do the words agree with how the face is used?
# Over faces alike: {glue:text}`uniform`; weighted by use: {glue:text}`weighted`; a uniform guess: {glue:text}`guess`.

# %% tags=["hide-input"]
typed = page.attempt(compared.typed, emitted)
rows = page.attempt(compared.against, typed, {"synthesized": said}, seed=seed)
page.glue("uniform", page.attempt(compared.cell, rows, "synthesized", "uniform"))
page.glue("weighted", page.attempt(compared.cell, rows, "synthesized", "weighted"))
page.glue("guess", page.attempt(compared.cell, rows, "uniform guess", "uniform"))
claude.similarities(rows, found.line)

# %% [markdown]
# Counts are draws: who knew what each face stands for would differ from them too. Of what lies between ignoring the face and
# knowing the truth, this is reached: {glue:text}`reached`.

# %% tags=["hide-input"]
reach = page.attempt(compared.on_range, typed, {"synthesized": said}, seed=seed)
page.glue("reached", page.attempt(compared.share, reach, "synthesized"))
claude.range_table(reach, "Where the score lies between ignoring the face and knowing the truth")

# %% tags=["hide-input"]
claude.readings({"elicited": typed, "synthesized": said}, found.scheme, found.line)

# %% [markdown]
# ## What is missing?

# %% tags=["hide-input"]
asked.report([emitted, found])

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
asked.provenance(
    [emitted, found],
    {"source": source, "model": model, "elicited": elicited, "seed": seed, "null": null},
    started,
)
