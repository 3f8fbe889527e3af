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
# # The models side by side
#
# How often the hidden state, the kaomoji and the text alone give the category, in {glue:text}`count` small open models and
# in the models of the article. Text alone is a sentence encoder. {glue:text}`sets.verdict`

# %% tags=["parameters", "remove-cell"]
models: list = [
    "smollm2-135m-instruct",
    "gemma-3-270m",
    "qwen2.5-coder-1.5b-instruct",
]  # aliases or run folders of the local models
suppressed: list = ["qwen2.5-coder-1.5b-instruct-no-emoji"]  # runs of them with emoji suppressed
sets: dict = {
    "b": "set B",
    "paraphrase1": "paraphrase 1",
    "paraphrase2": "paraphrase 2",
}  # other sets of messages: name of data/prompts_<name>.csv, and its title
seed: int = 0  # random seed of folds, permutations and bootstraps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, stats, tables
from kaomoji_lib.metrics import choices, geometry, predict
from kaomoji_lib.models import choose, sentences
from kaomoji_lib.models.collect import find_or_collect
from kaomoji_lib.published import study
from kaomoji_lib.published import tables as published
from kaomoji_lib.stimuli import DATA

started = page.start()
found = [page.read(find_or_collect(model)) for model in models]
sources = {source.title: source for source in found}
scheme, messages = found[0].scheme, found[0].prompts
vectors = sentences.encode(messages["text"])
text = predict.text_probes(messages, vectors, seed=seed)
page.glue("attribution", published.attribution())

# %% [markdown]
# ## How their replies open
# Left free, they open {glue:text}`rate.least` to {glue:text}`rate.most` of their replies with a kaomoji. Qwen answers with
# emoji, as two models of the article did; with emoji suppressed, {glue:text}`favourite.share` of its
# kaomoji are one and the same.

# %% tags=["hide-input"]
variants = [page.read(find_or_collect(model)) for model in suppressed]
opened = pd.concat([item.emissions.assign(model=item.title) for item in [*found, *variants]])
shares = pd.crosstab(opened["model"], opened["outcome"], normalize="index")
figures.bars(
    shares.loc[opened["model"].unique()]
    .reset_index()
    .melt("model", var_name="outcome", value_name="share"),
    "What replies to the same messages open with",
    f"Replies to the same {len(messages)} messages",
    label="model",
    value="share",
    series="outcome",
    x="share of replies",
    faces=False,
)

# %% tags=["hide-input"]
typed = opened[opened["outcome"] == "kaomoji"].groupby("model")["face"].value_counts()
favourites = {title: typed[title].head(6) for title in opened["model"].unique() if title in typed}
last = typed.get(opened["model"].iloc[-1], pd.Series([0]))
for item in found:
    page.glue(f"emoji.{item.spec.alias}", f"{(item.emissions['outcome'] == 'emoji').mean():.0%}")
page.glue("favourite.share", f"{last.max()} of {last.sum()}")
listed = [
    (title, tables.GAP.join(f"{face}\u00a0{n}" for face, n in top.items()))
    for title, top in favourites.items()
]
tables.table(
    pd.DataFrame(listed, columns=["model", "most frequent kaomoji"]),
    faces=("most frequent kaomoji",),
    fold="The kaomoji they opened with",
)

# %% [markdown]
# ## Text, hidden state, kaomoji
# For each small model: a probe on the hidden state (the mean over four sets of messages, see the next section), and a kaomoji
# drawn from the closed set by its exact probabilities. *log P of the kaomoji* is a probe on the log-probabilities of the
# whole set: it can use small shifts that no reply shows.

# %% tags=["hide-input"]
page.glue("count", len(sources))
strongest = max(text, key=lambda name: text[name].accuracy.value)

# %% tags=["hide-input"]
asked = {"generations": 1, "max_new_tokens": 1}
on_sets = {
    title: [source]
    + [
        page.read(find_or_collect(source.spec.alias, DATA / f"prompts_{name}.csv", **asked))
        for name in sets
    ]
    for title, source in sources.items()
}
first, every = on_sets[found[0].title], ["first set", *sets.values()]
targets = [(run.prompts["category"], run.prompts["topic"]) for run in first]
features = {title: page.on_shared_layers(runs) for title, runs in on_sets.items()}
features[predict.SENTENCES] = [sentences.encode(run.prompts["text"]) for run in first]
tested = {
    title: {name: (X, *rest) for name, X, rest in zip(every, arrays, targets, strict=True)}
    for title, arrays in features.items()
}

# %% tags=["hide-input"]
across = results.BySource(tested).frame(lambda parts: predict.over_sets(parts, seed=seed))

# %% tags=["remove-cell"]
text_only = tested.pop(predict.SENTENCES)
gains = {title: predict.gain_over_sets(parts, text_only) for title, parts in tested.items()}
over_text = results.frame({(title, "difference"): gain for title, gain in gains.items()})
better = [title.partition(" (")[0] for title, gain in gains.items() if gain.ci_low > 0]
worse = [title.partition(" (")[0] for title, gain in gains.items() if gain.ci_high < 0]
page.glue("sets.above", len(better))
verdict = f"better than this encoder in {' and '.join(better) or 'none of them'}"
verdict += f" and worse in {' and '.join(worse)}" if worse else ""
page.glue("sets.verdict", f"The hidden state does {verdict}.")
means = across[across["measure"] == predict.MEAN]
page.glue("sets.text", results.one(means, source=predict.SENTENCES), percent=True)
for title, source in sources.items():
    page.glue(f"sets.{source.spec.alias}", results.one(means, source=title), percent=True)

# %% tags=["hide-input"]
scored = {title: item for title, item in sources.items() if choose.is_scored(item.run)}
labels = messages.set_index("id")["category"]
chosen = results.BySource(
    {
        title: choose.closed_set(item.run).pivot(
            index="prompt_id", columns="face", values="log_prob_closed"
        )
        for title, item in scored.items()
    }
)
kaomoji = chosen.frame(
    lambda log_prob: {
        "kaomoji": predict.from_probabilities(
            choices.choice(log_prob, labels[log_prob.index]),
            labels[log_prob.index].to_numpy(),
            seed=seed,
        ).accuracy
    }
)

# %% tags=["hide-input"]
likelihoods = chosen.frame(
    lambda log_prob: {
        "log P of the kaomoji": predict.from_states(
            choices.standardised(log_prob).to_numpy(),
            labels[log_prob.index].to_numpy(),
            log_prob.index.to_numpy(),
            seed=seed,
        ).accuracy
    }
)

# %% tags=["hide-input"]
larger = study.article("accuracy.nine", seed=seed).assign(measure="kaomoji")
larger["source"] = [published.titles().get(name, name) for name in larger["source"]]

# %% tags=["remove-cell"]
rates = {title: choices.rate(item.emissions, seed=seed) for title, item in sources.items()}
lowest, *_, highest = sorted(rates.values(), key=lambda rate: rate.value)
page.glue("rate.least", lowest, percent=True)
page.glue("rate.most", highest, percent=True)
ordered = kaomoji.sort_values("value")
page.glue("choice.least", results.estimate(ordered.iloc[0]), percent=True)
page.glue("choice.most", results.estimate(ordered.iloc[-1]), percent=True)
for title, source in sources.items():
    page.glue(f"rate.{source.spec.alias}", rates[title], percent=True)
for title, source in scored.items():
    page.glue(f"kaomoji.{source.spec.alias}", results.one(kaomoji, source=title), percent=True)
    page.glue(f"logp.{source.spec.alias}", results.one(likelihoods, source=title), percent=True)
ranked = larger.sort_values("value")
page.glue("kaomoji.least", results.estimate(ranked.iloc[0]), percent=True)
page.glue("kaomoji.most", results.estimate(ranked.iloc[-1]), percent=True)

# %% tags=["remove-cell"]
*counts, last_count = map(str, kaomoji["n"])
page.glue("choice.messages", f"{', '.join(counts)} and {last_count}" if counts else last_count)
follows = kaomoji["value"].max() >= 2 / len(scheme.codes)
page.glue("choice.answer", "in part" if follows else "no")
page.glue("choice.verdict", "varies in part" if follows else "hardly varies")
shifted, numbers = results.count_findings(likelihoods), "none one two three".split()
page.glue("logp.above", numbers[shifted] if shifted < len(numbers) else str(shifted))

# %% tags=["hide-input"]
is_text = means["source"] == predict.SENTENCES
on_text = means[is_text].assign(source="Sentence encoder", measure="text alone")
on_state = means[~is_text].assign(measure="hidden state")
everything = pd.concat([on_text, on_state, likelihoods, kaomoji], ignore_index=True)
figures.forest(
    everything[["source", "measure", *results.FIELDS]],
    "The category from the text, the hidden state and the kaomoji",
    f"Hidden state and text: mean over {len(every)} sets of {len(messages)} messages, unseen topics; log P and kaomoji: "
    f"the first set ({', '.join(map(str, kaomoji['n']))} messages)",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% tags=["hide-input"]
tables.estimates(
    everything, labels=["source", "measure"], percent=True, fold="The numbers of this figure"
)

# %% [markdown]
# The article's models and Claude answered other messages, whose text we have not, so there is no text-only baseline. Their
# kaomoji are the ones they produced, with the random stream that their replies share held out.

# %% tags=["hide-input"]
figures.forest(
    larger[["source", "measure", *results.FIELDS]],
    "The category from the kaomoji of larger models",
    "Published replies; prompts without any kaomoji are left out",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% [markdown]
# ## On four sets of messages
# Set B was written independently, and two paraphrases share no content word with the first set. The probe is tested on topics
# that it was not trained on, and reads the layers that were kept of all four sets. The interval resamples the sets.
# *Sentence encoder*: the same test on the text alone. Four sets are few, so this interval is too narrow rather than too wide.

# %% tags=["hide-input"]
figures.forest(
    across,
    "Every set and the mean over sets, tested on unseen topics",
    f"Sets of {len(messages)} messages; interval of the mean: over {len(every)} sets",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% tags=["hide-input"]
tables.estimates(
    over_text,
    "Accuracy of the hidden state minus that of the sentence encoder, paired over sets",
    labels=["source"],
    percent=True,
)

# %% [markdown]
# ## By layer
# Depth is the share of the way from the embedding to the last layer. Each layer has its own probe here, all messages are of
# the first set, and a topic may be in training and test: the numbers are not those of the mean above.

# %% tags=["hide-input"]
curves = results.BySource(sources).frame(
    lambda source: predict.by_layer(
        source.states.array, source.labels, messages["id"], source.states.layers, seed=seed
    ).assign(depth=lambda table: table["layer"] / table["layer"].max())
)
best = curves.loc[curves.groupby("source")["value"].idxmax()]
figures.curve(
    curves,
    f"The category is read best at {best['depth'].min():.0%} to {best['depth'].max():.0%} of the depth",
    f"{len(messages)} messages; dotted: the best text-only baseline",
    x="depth",
    y="accuracy",
    percent=True,
    lines={strongest: text[strongest].accuracy.value},
)

# %% [markdown]
# ## Do the models arrange the messages alike?
# Debiased CKA between the hidden states of two models, and with the sentence encoder. The null permutes messages within
# categories: exceeding it means that more than the nine categories is shared. What is shared with a sentence encoder too is
# likely the meaning of the text.

# %% tags=["hide-input"]
arrays = {title: source.states.array for title, source in sources.items()}
within = geometry.similarity(
    {**arrays, "MiniLM (text)": vectors}, messages, permutations=stats.REFITS, seed=seed
).assign(measure="CKA")
text_pair = within["source"].str.contains("MiniLM")
means = within["value"].groupby(text_pair).mean()
figures.forest(
    within,
    f"CKA is {means[False]:.2f} between two models, {means[True]:.2f} with a sentence encoder",
    "Best pair of layers; null: messages permuted within categories, best pair each time",
    x="debiased CKA",
)

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# On four sets of messages, the hidden state gives the category more often than the text does in {glue:text}`sets.above` of
# {glue:text}`count` models. Kaomoji drawn by their probabilities give it {glue:text}`choice.least` to
# {glue:text}`choice.most` of the time, and the log-probabilities of all kaomoji give it in {glue:text}`logp.above` of them.
# ```
#
# Published data: {glue:text}`attribution`

# %% tags=["hide-input"]
page.provenance(
    [source.run for source in [*found, *variants]],
    {"models": models, "suppressed": suppressed, "seed": seed},
    started,
)
