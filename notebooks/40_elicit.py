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
# # Elicit: {glue:text}`title`
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
source: str = "auto"  # api (paid), published, stand-in; auto: published data when present, otherwise the stand-in
model: str = "claude-opus-4-7"  # model name of the service
prompts: str = ""  # CSV file with columns id, category, text; empty: the prompts of this project
runs: int = 8  # generations per prompt at most; a category ends earlier once it brings nothing new
max_usd: float = 5.0  # with source api: US dollars that the run's folder may cost in all
batch: bool = False  # with source api: message batches, half the price
seed: int = 0  # of everything random
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import figures, page, tables
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import emission
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.show import asked, claude

started = page.start()

# %% [markdown]
# Some models cannot be opened: their states are not to be had, only their replies. What can be asked of such a model is
# what is asked of every other: to begin its message with a kaomoji that best represents how it feels.
#
# ## What was asked
# One user message, no system message: the instruction and the prompt. Run after run, one reply to each prompt, until
# a category has brought at most one new face and nearly the same distribution as before. So no more messages that tell
# of fear or loss are sent than are needed.

# %%
replies = page.attempt(
    asked.elicited, source, model, prompts=prompts, runs=runs, max_usd=max_usd, batch=batch
)
(found,) = asked.edition(null, replies)
claude.saturation(
    found.table,
    found.scheme,
    "Runs and replies of each category, and what the last run still brought",
)

# %% tags=["remove-cell"]
page.glue("title", found.heading)
page.glue("what", found.statement)

# %% [markdown]
# ## How does it begin its replies?
# A refusal and a reply without a face are outcomes, not gaps: {glue:text}`rate` of all replies begin with a kaomoji.

# %% tags=["hide-input"]
report = page.attempt(emission.report, found.table, seed=seed)
page.glue("rate", page.attempt(emission.rate, found.table, seed=seed))
figures.emission(report, found.scheme, found.line)

# %% tags=["hide-input"]
tables.emission(report, found.scheme, "Replies per category, and how those without a kaomoji began")

# %% [markdown]
# ## Which faces?

# %% tags=["hide-input"]
tables.typed_faces(
    found.table, found.scheme, "The most typed faces of each category, with their counts"
)

# %% [markdown]
# ## What does a face say about the category?
# Each row is a face, each cell the share of its uses that fell into a category.

# %% tags=["hide-input"]
reading = page.attempt(readings.elicited, found.table, found.scheme.codes)
claude.readings({"elicited": reading}, found.scheme, found.line)

# %% [markdown]
# ## Could one guess the category from the face?
# A reader that knows only the face takes the category in which it met that face most often, on prompts it has not
# seen: {glue:text}`accuracy`. The face carries {glue:text}`bits` bits about the category.

# %% tags=["hide-input"]
guessed = page.attempt(prediction.from_faces, found.table, name="typed face", seed=seed)
page.glue("accuracy", guessed.accuracy)
page.glue("bits", guessed.mutual_information)
figures.confusion(guessed, found.scheme, found.line)

# %% [markdown]
# ## What is missing?

# %% tags=["hide-input"]
asked.report([found])

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
asked.provenance(
    [found],
    {
        "source": source,
        "model": model,
        "prompts": prompts,
        "runs": runs,
        "seed": seed,
        "null": null,
    },
    started,
)
