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
# # Steering, patching, erasing
#
# That a state predicts the kaomoji does not show that the kaomoji depends on it. Here we change the state of
# {glue:text}`title` while it reads a message, and read off the exact probabilities of the closed set. At a scale of one
# the probability of the category steered to changes by {glue:text}`gain`.

# %% tags=["parameters", "remove-cell"]
model: str = "smollm2-135m-instruct"  # alias or run folder
words: int = 4  # kaomoji per category whose probabilities are measured
layers: list = [10, 20, 30]  # layers that are patched and erased
scales: list = [
    0.5,
    1.0,
    2.0,
]  # lengths of the added direction, in median lengths of a message token's state
prompts: int = 2  # tested messages per category; the others estimate the directions
seed: int = 0  # random seed of the design, permutations and bootstraps
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, stats, tables
from kaomoji_lib.metrics import distributions, human, interventions
from kaomoji_lib.models import choose, steer
from kaomoji_lib.models.collect import find_or_collect

started = page.start()
source = page.read(find_or_collect(model))
scheme, messages = source.scheme, source.prompts
inventory = choose.load_inventory()
spellings = list(inventory[~inventory["foil"]].groupby("category", sort=False).head(words)["face"])
theta = human.load(scheme).theta(spellings)
reading = distributions.Reading(theta, pd.Series(1.0, theta.index))
page.glue("title", source.title)

# %% [markdown]
# ## Steering toward a category
# A direction is the difference between the mean state of a category's messages and that of all, estimated on other
# messages. We add it at all prompt positions but the last. *Probability of a category* is what people's labels give to
# the chosen kaomoji. The control directions have the same length and no meaning: labels shuffled, and a random direction.

# %% tags=["hide-input"]
options = {"per_category": prompts, "seed": seed, "device": device}
steered = steer.intervene(source.run, "steering", spellings, targets=2, scales=scales, **options)
effects = interventions.steering(steered, reading, messages, seed=seed)
gain = results.one(effects, measure="target", scale=1.0)
moves = "moves" if stats.relevant(gain) else "does not move"
page.glue("gain", gain)
chances = steered.loc[steered["condition"] == "none", spellings].astype(float)
page.glue("floor", f"{chances.div(chances.sum(axis=1), axis=0).max(axis=1).mean():.0%}")
page.glue("moves", moves)
figures.curve(
    effects[effects["measure"].isin(["target", "selectivity", "shuffled", "isotropic"])],
    f"Steering {moves} probability to the category it points to",
    f"{source.title}; {prompts * len(scheme.codes)} messages; interval over directions and messages",
    x="scale",
    series="measure",
    y="probability gained",
)

# %% [markdown]
# ## One message, before and after
# Without steering, the most probable of the measured kaomoji has {glue:text}`floor` of their probability on average: where
# that is nearly all, there is little to move.

# %% tags=["hide-input"]
scale_one = steered[(steered["scale"] == 1.0) & (steered["condition"] == "category")].iloc[0]
before = steered[
    (steered["condition"] == "none") & (steered["prompt_id"] == scale_one["prompt_id"])
].iloc[0]
shares = pd.DataFrame(
    {"before": before[spellings].astype(float), "after": scale_one[spellings].astype(float)}
)
shares = shares / shares.sum()
text = messages.set_index("id")["text"][scale_one["prompt_id"]]

# %% tags=["hide-input"]
top = shares.max(axis=1).nlargest(5).index
long = (
    shares.loc[top]
    .rename_axis("face")
    .reset_index()
    .melt("face", var_name="when", value_name="probability")
)
figures.bars(
    long,
    f"Steered toward {scheme.gloss(scale_one['direction'])}: “{text}”",
    f"{source.title}; probability among the measured kaomoji",
    label="face",
    value="probability",
    series="when",
)

# %% [markdown]
# ## Interchange patching
# We replace the state of one message by that of a donor, a message of the same topic and a different category. *Recovered*
# is the share of the difference in log-odds between the two messages' kaomoji that the patch brings about. Controls: a donor of
# the same category, a donor of another topic, and states at shuffled positions.

# %% tags=["hide-input"]
patched = steer.intervene(source.run, "patching", spellings, layers=layers, **options)
recovered = interventions.patching(patched, reading, seed=seed)
shown = recovered[recovered["measure"] == "recovered"]
donors = shown[shown["condition"] == "donor"]
best = donors.loc[donors["value"].idxmax()]
where = f"layer {best['layer']}, {best['position']} position"
page.glue("patched", results.estimate(best), percent=True)
page.glue("where", where)
place = {"layer": best["layer"], "position": best["position"]}
page.glue("patched.same", results.one(shown, condition="same_category", **place), percent=True)
figures.curve(
    shown[shown["position"] == best["position"]].replace(r"_", " ", regex=True),
    f"How much of the donor's kaomoji a state patched at the {best['position']} position brings",
    f"{source.title}; share of the log-odds difference; controls: other donors, random positions",
    x="layer",
    series="condition",
    y="recovered share",
)

# %% [markdown]
# ## Erasing the category
# LEACE removes from the state at the last prompt token everything a linear probe could use to predict the category. The
# matched control changes as much variance and keeps the category.

# %% tags=["hide-input"]
erased = steer.intervene(source.run, "erasure", spellings, layers=layers, **options)
lost = interventions.erasure(erased, reading, messages, seed=seed)
drop = lost[lost["measure"] == "drop"]
figures.curve(
    drop,
    "Probability of the own category lost by erasing it, above each control",
    f"{source.title}; p for the best of all layers",
    x="layer",
    series="condition",
    y="probability lost",
)

# %% tags=["hide-input"]
every = pd.concat(
    [effects.assign(test="steering"), shown.assign(test="patching"), lost.assign(test="erasure")]
)
labels = [
    name for name in ("test", "layer", "scale", "condition", "position", "measure") if name in every
]
tables.estimates(every, labels=labels, fold="All numbers")

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Steering toward a category {glue:text}`moves` probability to its kaomoji. The best patch ({glue:text}`where`) moves
# the log-odds {glue:text}`patched` of the way to the donor's kaomoji; a donor of the same category moves them
# {glue:text}`patched.same`. The same page runs on any model.
# ```

# %% tags=["hide-input"]
page.provenance(
    source.run,
    {
        "model": model,
        "words": words,
        "layers": layers,
        "scales": scales,
        "prompts": prompts,
        "seed": seed,
    },
    started,
)
