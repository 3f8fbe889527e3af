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
# # Introspect: {glue:text}`title`
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
source: str = "auto"  # api (paid), published, stand-in; auto: published data when present, otherwise the stand-in
model: str = "claude-opus-4-7"  # model that is asked about the faces
elicited: str = "claude-opus-4-7"  # model whose faces they are
readers: list = []  # local models that get the same question: aliases, Hugging Face ids or folders
max_usd: float = 5.0  # with source api: US dollars that each folder may cost in all
batch: bool = False  # with source api: message batches, half the price
seed: int = 0  # of everything random
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.show import asked, claude, compared

started = page.start()

# %% [markdown]
# The second way of asking: show the model one face, nothing else, and let it say in which states it would type it.
#
# ## What was asked
# The system prompt grants the model functional emotional states and lists the categories with their adjectives. The
# user message is the face alone. The answer gives each category a likelihood of its own; what does not follow the
# schema to the letter is counted as unusable, not repaired.

# %%
emitted = page.attempt(asked.elicited, source, elicited, max_usd=max_usd, batch=batch)
found = page.attempt(asked.introspected, source, model, emitted, max_usd=max_usd, batch=batch)
emitted, found = asked.edition(null, emitted, found)
claude.judgements(
    found.table, found.scheme, "Likelihoods as they were given, independent of each other"
)

# %% tags=["remove-cell"]
page.glue("title", found.heading)
page.glue("what", found.statement)

# %% [markdown]
# ## Does it know its own faces?
# On the left what each face was typed for, on the right what the model says of it, its likelihoods divided by their sum.

# %% tags=["hide-input"]
typed = page.attempt(readings.elicited, emitted.table, emitted.scheme.codes)
said = page.attempt(compared.judged, found)
claude.readings({"elicited": typed, "introspected": said}, found.scheme, found.line)

# %% [markdown]
# How alike are they? Similarity is 1 where they are equal; the null shuffles the faces, so that it keeps what a
# reader gets who never looks at the face. Over faces alike: {glue:text}`uniform`. Weighted by how often they were
# typed: {glue:text}`weighted`. A uniform guess gets {glue:text}`guess`.

# %% tags=["hide-input"]
rows = page.attempt(compared.against, typed, {"introspected": said}, seed=seed)
page.glue("uniform", page.attempt(compared.cell, rows, "introspected", "uniform"))
page.glue("weighted", page.attempt(compared.cell, rows, "introspected", "weighted"))
page.glue("guess", page.attempt(compared.cell, rows, "uniform guess", "uniform"))
claude.similarities(rows, found.line)

# %% [markdown]
# Counts are draws: who knew what each face stands for would differ from them too. Of what lies between ignoring the face and
# knowing the truth, this is reached: {glue:text}`reached`.

# %% tags=["hide-input"]
reach = page.attempt(compared.on_range, typed, {"introspected": said}, seed=seed)
page.glue("reached", page.attempt(compared.share, reach, "introspected"))
claude.range_table(reach, "Where the score lies between ignoring the face and knowing the truth")

# %% [markdown]
# ## In which categories?

# %% tags=["hide-input"]
parts = page.attempt(compared.within, typed, {"introspected": said}, seed=seed)
claude.category_table(
    parts, "Similarity of what is said and what is typed, by the category a face is typed for most"
)

# %% [markdown]
# ## Would another reader say the same?
# A local model gets the same question. Its answer is begun for it and read from the probabilities of the next digit.

# %% tags=["hide-input"]
others = page.attempt(compared.read_by, readers, typed, found.scheme)
claude.similarity_table(
    page.attempt(compared.against, typed, others, seed=seed),
    "Local models as readers of the same faces",
)

# %% [markdown]
# ## What is missing?

# %% tags=["hide-input"]
asked.report([emitted, found])

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
asked.provenance(
    [emitted, found],
    {
        "source": source,
        "model": model,
        "elicited": elicited,
        "readers": readers,
        "seed": seed,
        "null": null,
    },
    started,
)
