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
# # Alternative explanations
#
# A probe that recovers the category has shown little until simpler explanations are excluded. This page tests four of
# them on {glue:text}`title`.

# %% tags=["parameters", "remove-cell"]
model: str = "qwen2.5-coder-1.5b-instruct"  # alias or run folder; its runs on other messages are found or collected
sets: dict = {
    "b": "set B",
    "paraphrase1": "paraphrase 1",
    "paraphrase2": "paraphrase 2",
}  # other sets of messages: name of data/prompts_<name>.csv, and its title
seed: int = 0  # random seed of folds, permutations and bootstraps

# %% tags=["remove-cell"]
import pandas as pd

from kaomoji_lib import figures, page, results, stats, tables
from kaomoji_lib.metrics import predict
from kaomoji_lib.models import sentences
from kaomoji_lib.models.collect import find_or_collect
from kaomoji_lib.stimuli import DATA

started = page.start()
source = page.read(find_or_collect(model))
scheme, messages = source.scheme, source.prompts
asked = {"generations": 1, "max_new_tokens": 1}
others = {
    name: page.read(find_or_collect(source.spec.alias, DATA / f"prompts_{name}.csv", **asked))
    for name in sets
}
page.glue("title", source.title)
vectors = {"original": sentences.encode(messages["text"])}
vectors |= {name: sentences.encode(other.prompts["text"]) for name, other in others.items()}

# %% [markdown]
# ## Is it the words?
# The hidden state against classifiers that see only the text.

# %% tags=["hide-input"]
compared = predict.against_text(source.states.array, messages, vectors["original"], seed=seed)
figures.forest(
    compared[compared["measure"] == "accuracy"],
    "Hidden state and text-only baselines",
    f"{source.caption}; cross-validated over messages",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% [markdown]
# ## Is it the wording?
# The probe is trained on the original messages and tested on paraphrases that share no content word with them. A
# message's own paraphrase is never in training. The sentence encoder goes through the same test.

# %% tags=["hide-input"]
runs = {"original": source, **others}
titles = {"original": "first set", **sets}
stacked = dict(zip(runs, page.on_shared_layers(list(runs.values())), strict=True))
both = {"hidden state": stacked, "sentence encoder": vectors}
labels, ids = messages["category"], messages["id"]
rows = {}
for name, features in both.items():
    plain = predict.from_states(features["original"], labels, ids, seed=seed)
    rows["the same wording", name] = plain.accuracy
    for other in [name for name in sets if name.startswith("paraphrase")]:
        moved = predict.transfer(features["original"], features[other], labels, seed=seed)
        rows[sets[other], name] = moved

# %% tags=["hide-input"]
wording = results.frame(rows)
states = wording[wording["measure"] == "hidden state"]
figures.forest(
    wording,
    f"The probe is right on {states['value'].min():.0%} to {states['value'].max():.0%} of the messages",
    f"{source.title}; {len(messages)} messages",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% [markdown]
# ## Is it the topic, or the author?
# In each set, the probe is tested on topics that it was not trained on. Set B was written by a second author who had not
# seen the first set. Its messages come in scenarios that occur once for each category, with the same nouns, so words
# carry little. The last row is the mean over all sets of messages, with the set as a random effect.

# %% tags=["hide-input"]
targets = {name: (run.prompts["category"], run.prompts["topic"]) for name, run in runs.items()}
authors = results.BySource(both).frame(
    lambda features: predict.over_sets(
        {titles[name]: (features[name], *target) for name, target in targets.items()}, seed=seed
    )
)
figures.forest(
    authors,
    "Messages of two authors and in other wordings, tested on unseen topics",
    source.title,
    y="measure",
    series="source",
    x="accuracy",
    percent=True,
    lines={"chance": 1 / len(scheme.codes)},
)

# %% [markdown]
# ## Which explanations are excluded

# %% tags=["hide-input"]
gain = results.one(compared, source=predict.STRONGEST, measure="gain of the state")
worded = results.one(wording, source=wording["source"].iloc[-1], measure="hidden state")
unseen, other = (
    results.one(authors, source="hidden state", measure=name) for name in ("first set", sets["b"])
)
verdicts = pd.DataFrame(
    [
        (explanation, test, *tables.cells(value, percent=True)[:3], "yes" if excluded else "no")
        for explanation, test, value, excluded in (
            ("words", "gain over the best text baseline", gain, gain.ci_low > 0),
            ("topic", "accuracy on unseen topics", unseen, stats.relevant(unseen)),
            ("wording", "accuracy on disjoint paraphrases", worded, stats.relevant(worded)),
            ("author", "accuracy on another author's messages", other, stats.relevant(other)),
        )
    ],
    columns=["explanation", "test", "result", tables.INTERVAL, "null", "excluded"],
)
page.glue("excluded", int((verdicts["excluded"] == "yes").sum()))
tables.table(verdicts, "Simple explanations and whether the test excludes them as the whole story")

# %% [markdown]
# ```{admonition} Take-away
# :class: tip
# {glue:text}`excluded` of four simple explanations are excluded as the whole story. One remains for every result in this
# book: the category is a property of the message, and nothing here separates the emotion of the message from an emotion
# of the model.
# ```

# %% tags=["hide-input"]
page.provenance(
    [source.run, *(other.run for other in others.values())],
    {"model": model, "sets": sets, "seed": seed},
    started,
)
