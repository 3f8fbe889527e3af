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
# # Do the models use kaomoji as people do?
#
# A public dictionary labels {glue:text}`entries` kaomoji with what people use them for. We hold the models' use of kaomoji
# against it. No model's kaomoji train anything here: a kaomoji counts as right when its label fits the message.

# %% tags=["parameters", "remove-cell"]
models: list = [
    "smollm2-135m-instruct",
    "gemma-3-270m",
    "qwen2.5-coder-1.5b-instruct",
]  # aliases or run folders of local models with closed-set scores
published_models: list = [
    "gemma",
    "qwen",
    "claude",
    "granite",
    "gpt-oss",
    "ministral",
]  # of the article
placed: str = "gemma"  # the model of the article whose kaomoji are placed on the circumplex
seed: int = 0  # random seed of permutations and bootstraps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, tables
from kaomoji_lib.metrics import choices, distributions, human
from kaomoji_lib.models import choose
from kaomoji_lib.models.collect import find_or_collect
from kaomoji_lib.published import tables as published
from kaomoji_lib.stimuli import DATA, load_scheme

started = page.start()
scheme = load_scheme()
reference = human.load(scheme)
page.glue("entries", f"{len(reference.entries):,}")
page.glue("attribution", published.attribution())

# %% [markdown]
# ## From labels to categories
# The dictionary's labels are groups of synonyms. Each group stands for a set of candidate categories, fixed before any
# model was compared: *happy* may be excited, content or relieved. Relieved has almost no label of its own, so no score
# here expects a nine-way answer. Two raters, both language models, mapped the groups independently; their agreement (Krippendorff's α) is
# {glue:text}`alpha`, and where they differ the set is the union of both;
# a group that one of them left empty has no category.

# %% tags=["hide-input"]
groups = pd.DataFrame(
    [
        (name, ", ".join(scheme.gloss(code) for code in members) or "none")
        for name, members in reference.members.items()
    ],
    columns=["label group", "candidate categories"],
)
page.glue("alpha", human.rater_agreement(seed=seed))
tables.table(groups, "The mapping", fold="The whole mapping")

# %% tags=["hide-input"]
ceiling = human.ceiling(reference, seed=seed)
tables.estimates(
    results.frame(ceiling, source="dictionary"),
    "How far the dictionary agrees with itself: two entries that are one kaomoji",
    labels=["measure"],
)

# %% [markdown]
# ## Valence and arousal
# Valence of a kaomoji: the mean valence of the messages that elicited it, against the mean valence of its labels.

# %% tags=["hide-input"]
replies = {published.titles()[name]: published.emissions(name) for name in published_models}
used = {title: distributions.elicited(table, scheme.codes) for title, table in replies.items()}
frequent = {title: item.table[item.weight >= 3] for title, item in used.items()}
labelled = {
    title: human.coordinates(reference.theta(table.index, prior=0), scheme)
    for title, table in frequent.items()
}
scores = results.BySource({title: (frequent[title], labelled[title]) for title in used}).frame(
    lambda pair: {
        "sign of valence agrees": human.same_sign(*pair, scheme, seed=seed),
        "valence, rank correlation": human.correlation(*pair, scheme, seed=seed),
        "arousal, rank correlation": human.correlation(*pair, scheme, "arousal", seed=seed),
    }
)

# %% tags=["hide-input"]
signs = scores[scores["measure"] == "sign of valence agrees"]
for name in published_models:
    page.glue(f"sign.{name}", results.one(signs, source=published.titles()[name]), percent=True)
ordered = signs.sort_values("value")
page.glue("sign.chance", f"{signs['null_mean'].min():.0%} to {signs['null_mean'].max():.0%}")
page.glue("sign.least", results.estimate(ordered.iloc[0]), percent=True)
page.glue("sign.most", results.estimate(ordered.iloc[-1]), percent=True)

# %% tags=["hide-input"]
agreeing = results.count_findings(signs)
page.glue("agreeing", f"{agreeing} of {len(signs)}")
figures.forest(
    scores,
    f"The sign of valence agrees with people's labels above chance in {agreeing} of {len(signs)} models",
    "Published replies; kaomoji used at least three times; null: labels given to other kaomoji",
    x="share or correlation",
)

# %% [markdown]
# A second reference for the sign of valence is CAO, a system that computes the emotion of a kaomoji from its eyes and mouth
# {cite:p}`ptaszynski2010`. It knows {glue:text}`cao.known` of a model's kaomoji, too few for a verdict:

# %% tags=["hide-input"]
cao = pd.read_csv(DATA / "human" / "cao.csv.gz").drop_duplicates("face").set_index("face")
by_cao = results.BySource(frequent).frame(
    lambda table: {
        "sign of valence agrees with CAO": human.same_sign(table, cao, scheme, seed=seed)
    }
)
page.glue("cao.known", f"{by_cao['n'].min()} to {by_cao['n'].max()}")
tables.estimates(by_cao, labels=["source", "measure"], percent=True, fold="Valence against CAO")

# %% [markdown]
# The same kaomoji on the circumplex, placed by people's labels and by one model's use:

# %% tags=["hide-input"]
shown = published.titles()[placed]
both = frequent[shown].index.intersection(labelled[shown].dropna().index)
weight = used[shown].weight[both].nlargest(28)
by_people = (
    labelled[shown]
    .loc[weight.index]
    .assign(
        face=weight.index,
        weight=weight,
        category=reference.theta(weight.index, prior=0).idxmax(axis=1),
        hover=[", ".join(sorted(set(g))) for g in reference.groups(weight.index).values()],
    )
)
figures.circumplex(
    by_people,
    scheme,
    "Where people's labels put them",
    f"Dictionary labels of the {len(weight)} labelled kaomoji that {shown} uses most",
)

# %% tags=["hide-input"]
use = used[shown].table.loc[weight.index]
by_model = human.coordinates(use, scheme).assign(
    face=weight.index,
    weight=weight,
    category=use.idxmax(axis=1),
    hover=[f"{face}: {count:.0f} replies" for face, count in weight.items()],
)
figures.circumplex(
    by_model,
    scheme,
    f"Where {shown}'s use puts them",
    f"{shown}, published replies; mean valence and arousal of the messages that elicited them",
)

# %% [markdown]
# *Inside the candidate sets* is a stricter question: which share of a kaomoji's use falls into the categories that its
# labels allow?

# %% tags=["hide-input"]
inside = results.BySource(used).frame(
    lambda item: {
        "inside the candidate sets": human.set_mass(
            item.table[item.weight >= 3],
            item.weight,
            reference.allowed(item.table.index),
            seed=seed,
        )
    }
)
tables.estimates(
    inside, labels=["source", "measure"], percent=True, fold="Use inside the candidate sets"
)

# %% [markdown]
# ## Reading replies with the dictionary
# The mean probability that the dictionary gives to a message's category, from the kaomoji that the model used. Ignoring
# the message gives exactly one ninth; kaomoji that are not in the dictionary count as that. *Glyphs only* replaces the
# dictionary by a classifier of characters that has not seen the model's kaomoji: it shows how
# much the shapes alone say. It can score above the dictionary, since it commits itself where the labels leave a choice.

# %% tags=["hide-input"]
rows, ranges = {}, {}
for title, table in replies.items():
    choice, labels = choices.from_replies(table), table.drop_duplicates("prompt_id")["category"]
    drawn = reference.draws(choice.columns, 40, seed)
    rows[title, "dictionary"], covered, ranges[title] = human.reading(
        choice, labels, reference.theta(choice.columns), ranges=drawn, seed=seed
    )
    rows[title, "glyphs only"] = human.reading(
        choice, labels, human.glyph_theta(reference, list(choice.columns)), seed=seed
    )[0]
    rows[title, "share of replies covered"] = covered
reading = results.frame(rows)
# %% tags=["hide-input"]
by_dictionary = reading[reading["measure"] == "dictionary"]
above = results.count_findings(by_dictionary)
page.glue("above", f"{above} of {len(by_dictionary)}")
figures.forest(
    reading[reading["measure"] != "share of replies covered"],
    f"A dictionary reads the category better than chance, by 0.01 or more, in {above} of {len(by_dictionary)} models",
    "Published replies; null: categories permuted over messages",
    x="probability of the message's category",
    lines={"chance": 1 / 9},
)

# %% tags=["hide-input"]
tables.estimates(
    reading, labels=["source", "measure"], fold="All numbers, with the share of replies covered"
)

# %% [markdown]
# Relieved has almost no labels of its own. Without it, eight categories remain, and chance is one eighth:

# %% tags=["hide-input"]
rows, kept = {}, [code for code in scheme.codes if code != "NP"]
for title, table in replies.items():
    table = table[table["category"] != "NP"]
    choice, labels = choices.from_replies(table), table.drop_duplicates("prompt_id")["category"]
    theta = reference.theta(choice.columns)[kept]
    theta = theta.div(theta.sum(axis=1), axis=0)
    rows[title, "dictionary, eight categories"] = human.reading(choice, labels, theta, seed=seed)[0]
tables.estimates(
    results.frame(rows), labels=["source", "measure"], fold="Eight categories, without relieved"
)

# %% tags=["hide-input"]
uncertain = [(title, f"{low:.3f} to {high:.3f}") for title, (low, high) in ranges.items()]
tables.table(
    pd.DataFrame(uncertain, columns=["source", "dictionary score"]),
    "95% range over draws of the labels' weights: how much the score depends on the mapping",
    fold="How much the mapping matters",
)

# %% [markdown]
# ## The small models, on the closed set
# The same score for the small models, by the exact probabilities of the kaomoji of the closed set.

# %% tags=["hide-input"]
rows = {}
for model in models:
    source = page.read(find_or_collect(model))
    scored = choose.closed_set(source.run)
    log_prob = scored.pivot(index="prompt_id", columns="face", values="log_prob_closed")
    labels = source.prompts.set_index("id")["category"][log_prob.index]
    for kind in choices.KINDS:
        chosen = choices.choice(log_prob, labels, kind, seed)
        theta = reference.theta(chosen.columns)
        rows[source.title, kind] = human.reading(chosen, labels, theta, seed=seed)[0]
figures.forest(
    results.frame(rows),
    "The small models' probable kaomoji, against people's labels",
    "Closed set of 120 kaomoji; raw is the behaviour, the other scores are sensitivity analyses",
    x="probability of the message's category",
    lines={"chance": 1 / 9},
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# {glue:text}`agreeing` larger models use kaomoji with the valence that people give them, and a dictionary reads the category
# above chance from the replies of {glue:text}`above`. Models have read such dictionaries, so this shows a shared convention, not introspection.
# ```
#
# Labels: kaomoji-dataset 1.0.6 (CC BY 4.0). Published data: {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(
    None, {"models": models, "published_models": published_models, "seed": seed}, started
)
