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
# A kaomoji that fits the message may describe the message, the writer, or anything else. We change the
# instruction and ask for the user's feeling, a bystander's, a plain symbol, or the opposite of the model's own. If the
# choice depended on the model's own state, asking for somebody else's feeling should change it. Chosen by
# {glue:text}`title` from the closed set: {glue:text}`verdict`

# %% tags=["parameters", "remove-cell"]
model: str = "smollm2-135m-instruct"  # alias or run folder
generations: int = 8  # draws per message from the exact probabilities
seed: int = 0  # random seed of draws, permutations and bootstraps
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps

# %% tags=["remove-cell"]

from kaomoji_lib import figures, page, results, stats, stimuli, tables
from kaomoji_lib.metrics import choices, human, information
from kaomoji_lib.models import choose
from kaomoji_lib.models.collect import find_or_collect

started = page.start()
source = page.read(find_or_collect(model))
scheme, labels = source.scheme, source.prompts.set_index("id")["category"]
instructions = stimuli.load_perspectives()
page.glue("title", source.title)

# %% [markdown]
# ## Five instructions

# %% tags=["hide-input"]
tables.table(
    instructions.reset_index()[["title", "instruction", "purpose"]].rename(
        columns={"title": "whose feeling"}
    )
)

# %% [markdown]
# ## Agreement with people's labels, by instruction
# For each instruction, the mean probability that people's labels give to the message's category, for the kaomoji that
# the model would choose from the closed set (standardised scores). Under *opposite* it should fall below chance; under
# *symbol* it should be at chance.

# %% tags=["hide-input"]
tables_by = {
    name: choose.closed_set(source.run, name, device=device) for name in instructions.index
}
shared = sorted(set.intersection(*(set(table["prompt_id"]) for table in tables_by.values())))
wide = {
    name: table.pivot(index="prompt_id", columns="face", values="log_prob_closed").loc[shared]
    for name, table in tables_by.items()
}

# %% tags=["hide-input"]
reference, rows = human.load(scheme), {}
for name, log_prob in wide.items():
    for kind in ("raw", "standardised"):
        chosen = choices.choice(log_prob, labels[shared], kind, seed)
        theta = reference.theta(chosen.columns)
        rows[instructions.loc[name, "title"], kind] = human.reading(
            chosen, labels[shared], theta, seed=seed
        )[0]
# %% tags=["hide-input"]
titles = instructions["title"]
adjusted = [item.value for (_, kind), item in rows.items() if kind == "standardised"]
chance = 1 / len(scheme.codes)
follows = max(abs(value - chance) for value in adjusted) >= stats.RELEVANT
page.glue("spread", f"between {min(adjusted):.3f} and {max(adjusted):.3f}")
page.glue(
    "meaning",
    "A choice that hardly changes with the instruction describes the message."
    if follows
    else f"All are within {stats.RELEVANT} of chance: the choice hardly follows the message at all, so it cannot say whose feeling.",
)
own, opposite = (rows[titles[name], "standardised"] for name in ("self", "opposite"))
page.glue(
    "verdict",
    f"the mean probability of the message's category is {own.value:.3f} when the model is asked how it feels, "
    f"{opposite.value:.3f} when asked for the opposite, and {chance:.3f} by chance.",
)
# %% tags=["hide-input"]
figures.forest(
    results.frame(rows),
    f"Agreement with people's labels under {len(titles)} instructions",
    f"{source.title}; {len(shared)} messages; closed set",
    x="probability of the message's category",
    lines={"chance": 1 / len(scheme.codes)},
)

# %% [markdown]
# ## What the model's own perspective repeats
# Two draws for the same message share information. The part of it that is *not* shared with draws under another
# instruction would be specific to the model's own perspective. Each term is corrected for chance and for how reliably
# the instruction repeats itself.

# %% tags=["hide-input"]
draws = {}
for name, table in tables_by.items():
    part = table[table["prompt_id"].isin(shared)]
    drawn = choose.draw(part, generations, seed, f"{source.spec.alias} {name}")
    draws[name] = drawn.assign(
        face=drawn["spelling"], category=labels[drawn["prompt_id"]].to_numpy()
    )
compared = information.contrast(draws, seed=seed)
measures = ["repeats", "shared with self", "repeats more reliably"]
overall = compared[compared["measure"].isin(measures) & (compared["given"] == "")]
figures.forest(
    overall.assign(source=overall["perspective"].replace(instructions["title"])),
    "Information shared between draws for the same message",
    f"{source.title}; {len(shared)} messages; bits, minus chance",
    x="bits",
)

# %% tags=["hide-input"]
tables.estimates(
    compared,
    labels=["perspective", "given", "measure"],
    fold="All contrasts, also within categories",
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# Under the five instructions the score lies {glue:text}`spread`. {glue:text}`meaning` A choice that did change would still not show that the model feels anything.
# ```

# %% tags=["hide-input"]
page.provenance(source.run, {"model": model, "generations": generations, "seed": seed}, started)
