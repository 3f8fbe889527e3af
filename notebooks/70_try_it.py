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
# # Try it
#
# Choose a message and a model. The page shows the ten kaomoji that this model would most likely open its reply with, if
# it had to choose one of a fixed set, beside the labels that people gave them in a public dictionary.

# %% tags=["parameters", "remove-cell"]
models: list = []  # run folders or names of runs; empty: each that ships with scores of the closed set

# %% tags=["remove-cell"]
from kaomoji_lib import page, stimuli
from kaomoji_lib.explorer import picker
from kaomoji_lib.metrics import human
from kaomoji_lib.runs.folder import SHIPPED, RunFolder
from kaomoji_lib.stimuli import load_scheme

started = page.start()
reference = human.load(load_scheme())
scored = sorted(path.parent.name for path in SHIPPED.glob("*/closed-self.parquet"))
names = models or [name for name in scored if "--" not in name]  # one run per model
runs = [RunFolder(SHIPPED / name) if name in scored else RunFolder.find(name) for name in names]
# The page opens on the model that opens its own replies with a kaomoji most often.
runs.sort(key=lambda run: (run.emissions()["outcome"] == "kaomoji").mean(), reverse=True)

# %% tags=["hide-input"]
picker.Picker(picker.payload(runs, stimuli.load_prompts(), reference))

# %% [markdown]
# ## How to read it
# - **The bars** are probabilities given that the reply opens with one of the set, so over the whole set they sum to
#   100%. They are exact, not counted from replies. The longest bar is the likeliest kaomoji.
# - **The line above them** says how probable it is that the reply opens with any kaomoji of the set at all. Where that is
#   rare, the bars tell what the model would choose, not what it does.
# - **People's labels** come from a dictionary of kaomoji; only labels that fit one of the nine categories are shown. A
#   model that chose as people do would show other labels for a sad message than for an excited one.
#
# ## Ask about your own message
# In a terminal: `kaomoji ask smollm2-135m-instruct "my cat came home"`.

# %% tags=["hide-input"]
page.provenance(runs, {"models": models}, started)
