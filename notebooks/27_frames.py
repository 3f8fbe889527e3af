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
# # Whose feeling?
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
models: list = [
    "organism-gemma",
    "organism-scrambled",
]  # aliases, Hugging Face ids or folders of chat models
names: list = []  # frames beside self (data/frames.csv); empty: all
generations: int = 8  # replies per prompt and frame
seed: int = 0  # of everything random: sampling, permutations
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps
null: str = ""  # dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import page, tables
from kaomoji_lib.show import across, frames

started = page.start()

# %% [markdown]
# A face that fits the message can be a reading of the message: how its writer feels, not how the model does. So the same prompts are
# asked again under other instructions, and what counts is what the self face tells that faces under the other frames do
# not.

# %%
found = frames.gather(
    models, names, null, generations=generations, seed=seed, device=device, progress=False
)
page.glue("what", across.statement([item.source for item in found.values()]))
frames.instructions("The frames: the instruction before every prompt")

# %% tags=["hide-input"]
frames.summary(found)

# %% [markdown]
# ## What do the faces tell about each other?
# Two self faces of one prompt tell about each other whatever the self frame repeats about the message. A face under another frame
# tells of the self face what the two frames have in common. Bits are what is left above faces dealt to other prompts.

# %% tags=["hide-input"]
line = frames.line(found)
frames.told(found, line)

# %% tags=["hide-input"]
tables.by_source(
    frames.shared(found),
    "Bits that a second face tells about a self face, beyond chance; the last rows: beyond the category",
)

# %% [markdown]
# ## What is the self face's own?
# Self-specific is the difference: what a second self face tells of the first, less what another frame's face tells. It is 0 where the
# frames type alike. Its null lets the two change places, prompt by prompt. Against the frame that tells most, given the
# category: {glue:text}`beyond`; the self face repeats {glue:text}`repeated` bits at all.

# %% tags=["hide-input"]
page.glue(
    "beyond", frames.first(found, "self-specific against every frame, given the category (bits)")
)
page.glue("repeated", frames.first(found, "repeated by the self face (bits)"))
page.glue("license", frames.license(found))
tables.by_source(
    frames.headlines(found), "What the self face holds that one other frame's face does not tell"
)

# %% [markdown]
# ```{important}
# {glue:text}`license`
# ```
#
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    frames.runs(found),
    {"models": models, "frames": names, "generations": generations, "seed": seed, "null": null},
    started,
)
