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
# # {{ title }}
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
model: str = "smollm2-135m-instruct"  # alias, Hugging Face id, folder or GGUF file of a model, or a run folder
prompts: str = ""  # CSV file of your own messages; empty: the messages of this project
generations: int = 8  # replies per message, for a model that is not collected yet
seed: int = 0  # random seed of sampling, folds and permutations
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps
suppress: str = ""  # "emoji" to suppress emoji while sampling; empty: what the registry says

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, stats, tables
from kaomoji_lib.metrics import choices, geometry, human, predict
from kaomoji_lib.models import choose, sentences
from kaomoji_lib.models.collect import collect, find_or_collect

started = page.start()
options = {"generations": generations, "seed": seed, "device": device, "suppress": suppress or None}
run = collect(model, prompts, **options) if prompts else find_or_collect(model, **options)
source = page.read(run)
scheme, messages, replies = source.scheme, source.prompts, source.emissions
page.glue("what", source.statement)

# %% [markdown]
# ## How its replies open
# {glue:text}`rate` of the replies open with a kaomoji. {glue:text}`asked`

# %% tags=["hide-input"]
shares = pd.crosstab(replies["category"], replies["outcome"], normalize="index")
others = shares.columns.drop("kaomoji", errors="ignore")
shares = shares.reindex(list(scheme.codes)).dropna().rename(index=scheme.gloss)
shares = shares.reindex(columns=["kaomoji", *others], fill_value=0)
page.glue("rate", choices.rate(replies, seed=seed), percent=True)
page.glue("asked", source.notes)
figures.matrix(shares, "What replies open with", source.caption, text=".0%")

# %% tags=["hide-input"]
examples = replies.merge(
    messages[["id", "text"]], left_on="prompt_id", right_on="id", suffixes=("", "_message")
)
examples = examples[examples["generation"] == 0].groupby("category").first().reset_index()
examples = examples.sort_values("category", key=lambda codes: codes.map(scheme.codes.index))
examples["category"] = [scheme.gloss(code) for code in examples["category"]]
tables.table(
    examples[["category", "text_message", "text"]].rename(
        columns={"text_message": "message", "text": "reply"}
    ),
    "The first reply to one message of each category, as far as it was generated",
)

# %% [markdown]
# ## The category from the hidden state
# A linear probe on the hidden state at the last prompt token classifies {glue:text}`states` of held-out messages
# correctly. The best text-only baseline reaches {glue:text}`text`. The difference is {glue:text}`gain`. A state is
# computed from the text: it can make the category easier to read, it cannot add to it. A topic may be in training and test
# here; [side by side](together) tests on unseen topics and other sets of messages, and so gives other numbers.

# %% tags=["hide-input"]
vectors = sentences.encode(messages["text"])
compared = predict.against_text(source.states.array, messages, vectors, seed=seed)
accuracies = compared[compared["measure"] == "accuracy"]
page.glue("states", results.one(accuracies, source=predict.EMIT), percent=True)
text = accuracies[accuracies["source"].isin(predict.TEXT)]
page.glue("text", results.estimate(text.loc[text["value"].idxmax()]), percent=True)
page.glue(
    "gain",
    results.one(compared, source=predict.STRONGEST, measure="gain of the state"),
    percent="points",
)
figures.forest(
    accuracies,
    "Probe accuracy: text-only baselines and the hidden state",
    f"{source.caption}; cross-validated over messages",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% [markdown]
# ## By layer
# One probe per layer. The embedding of the last prompt token is the same for all messages, so it is at chance.

# %% tags=["hide-input"]
states = source.states
layers = predict.by_layer(states.array, source.labels, messages["id"], states.layers, seed=seed)
best = layers.loc[layers["value"].idxmax()]
lines = {name: value for name, value in zip(text["source"], text["value"], strict=True)}
figures.curve(
    layers.assign(source=source.title),
    f"Accuracy is highest after layer {best['layer']}",
    f"{source.caption}; dotted: text-only baselines",
    x="layer",
    y="accuracy",
    percent=True,
    lines=lines,
)

# %% [markdown]
# ## In the plane of the first two components
# Each point is a message, the ellipses cover one standard deviation. Sign and scale of the axes are a convention.

# %% tags=["hide-input"]
scores, components = geometry.pca(source.stacked, messages, scheme, seed=seed)
points = pd.DataFrame(scores[:, :3], columns=["x", "y", "z"])
points = points.assign(category=source.labels, hover=messages["text"].to_numpy())
shares = [f"PC{i} ({components[f'PC{i}, share of variance'].value:.0%})" for i in (1, 2, 3)]
tightness = geometry.silhouette(source.stacked, source.labels, seed=seed)
page.glue("silhouette", tightness)
figures.plane(
    points,
    scheme,
    f"Categories overlap in the plane (silhouette {tables.words(tightness.value)} in all dimensions)",
    source.caption,
    axes=shares[:2],
)

# %% tags=["hide-input", "hide-output"]
figures.space(points, scheme, "The first three components", source.caption, axes=shares)

# %% tags=["hide-input"]
tables.estimates(
    results.frame(components),
    labels=["measure"],
    fold="Shares of variance, and what the axes follow",
)

# %% [markdown]
# ## Which kaomoji are probable
# We compute the exact probability of every kaomoji of a closed set of 120 and compare them within the set. The probability
# that a reply opens with any of them is {glue:text}`listed`, so this is often a comparison among unlikely openings. *Raw*
# compares the probabilities as they are; the other two scores take off each kaomoji's own frequency and are sensitivity analyses. {glue:text}`agreement`

# %% tags=["hide-input"]
scored = choose.closed_set(run, device=device)
kaomoji = scored.drop_duplicates("face").set_index("face")
asked = messages.set_index("id").loc[scored["prompt_id"].unique()]
log_prob = scored.pivot(index="prompt_id", columns="face", values="log_prob_closed").loc[
    asked.index
]
listed = scored.groupby("prompt_id")["listed"].first().mean()
page.glue(
    "listed", f"{listed:.1%}" if listed > 0.001 else f"1 in {float(f'{1 / listed:.2g}'):,.0f}"
)

# %% tags=["hide-input"]
icc = scored.attrs["scoring"].get("reliability")
agreement = f"The texts that this base model continues agree with ICC {icc or 0:.2f}; below 0.5 their mean says little."
page.glue("agreement", agreement if icc is not None else "")
categories = kaomoji.loc[~kaomoji["foil"], "category"]
gains = choices.gains(log_prob, asked["category"], categories).loc[
    list(scheme.codes), list(scheme.codes)
]
named = gains.rename(index=scheme.gloss, columns=scheme.gloss)
figures.matrix(
    named,
    "How much each kind of kaomoji gains over the others, by kind of message",
    f"{source.title}; {len(asked)} messages; rows: kaomoji by human label, columns: messages; in standard deviations over messages",
    diverging=True,
)

# %% [markdown]
# One message, and its five most probable kaomoji, with people's labels:

# %% tags=["hide-input"]
reference = human.load(scheme)
example = asked.index[asked["category"] == scheme.codes[6]][0]
chances = choices.choice(log_prob, asked["category"]).loc[example].nlargest(5)
entries, named = reference.lookup(chances.index), reference.entries["groups"]
labelled = [
    f"{face}  ({', '.join(named.iloc[entries[face][0]])})" if face in entries else face
    for face in chances.index
]
figures.bars(
    pd.DataFrame({"kaomoji": labelled, "probability": chances.to_numpy()}),
    f"Kaomoji for one message: “{asked['text'][example]}”",
    f"{source.title}; probability among the closed set; in brackets: people's labels",
    label="kaomoji",
    value="probability",
)

# %% tags=["remove-cell"]
page.glue("title", source.title)
allowed = reference.allowed(chances.index[:1])
fits = allowed.empty or bool(allowed.iloc[0][asked["category"][example]])
page.glue("likeliest", chances.index[0])
page.glue("fits", "fit" if fits else "do not fit")

# %% [markdown]
# The score against people's labels is the mean probability that the dictionary gives to the message's category, for the
# kaomoji that the model makes probable. Ignoring the message scores exactly one ninth. *Predicted from the text* is what a
# regression on the sentence encoder expects of this model.

# %% tags=["hide-input"]
theta, rows = reference.theta(log_prob.columns), {}
vectors = sentences.encode(asked["text"])
for kind in choices.KINDS:
    chosen = choices.choice(log_prob, asked["category"], kind, seed)
    rows[kind, "the model's choice"] = human.reading(chosen, asked["category"], theta, seed=seed)[0]
    expected = choices.text_choice(chosen, vectors, asked["category"], seed)
    rows[kind, "predicted from the text"] = human.reading(
        expected, asked["category"], theta, seed=seed
    )[0]
page.glue("anchored", rows["raw", "the model's choice"])
figures.forest(
    results.frame(rows),
    "Agreement of the chosen kaomoji with people's labels",
    f"{source.title}; {len(asked)} messages; closed set of {log_prob.shape[1]} kaomoji",
    x="probability of the message's category",
    lines={"chance": 1 / len(scheme.codes)},
)

# %% tags=["hide-input"]
favourites = choices.choice(log_prob, asked["category"]).mean().nlargest(8)
page.glue("favourite", f"{favourites.iloc[0]:.0%}")
# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# {glue:text}`takeaway`
# ```

# %% tags=["remove-cell"]
state, anchored = results.one(accuracies, source=predict.EMIT), rows["raw", "the model's choice"]
adjusted = rows["standardised", "the model's choice"]
agrees = (
    "agrees with people's labels"
    if stats.relevant(anchored)
    else "agrees with people's labels only once each kaomoji's own frequency is taken off"
    if stats.relevant(adjusted)
    else "does not agree with people's labels more than by chance, by the raw score"
)
sentence = f"A probe reads the category from {source.title} at {state.value:.0%}, the best text baseline at {text['value'].max():.0%}. "
page.glue(
    "takeaway",
    sentence
    + f"The choice among the closed set {agrees}; one kaomoji has {favourites.iloc[0]:.0%} of the probability.",
)

# %% tags=["hide-input"]
page.provenance(
    run,
    {
        "model": model,
        "prompts": prompts,
        "generations": generations,
        "seed": seed,
        "suppress": suppress,
    },
    started,
)
