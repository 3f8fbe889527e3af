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
# # {glue:text}`title`
#
# {glue:text}`what`

# %% tags=["parameters", "remove-cell"]
model: str = "organism-gemma"  # alias (see data/models.yml), Hugging Face id, or folder of a causal chat model
prompts: str = ""  # CSV file with columns id, category, text; empty: the prompts of this project
categories: str = ""  # CSV file of a category scheme; empty: the nine categories of this project
generations: int = 8  # replies per prompt
seed: int = 0  # of everything random: sampling, folds, permutations
device: str = "auto"  # auto, cpu, cuda, cuda:0, mps
dtype: str = "auto"  # auto, float32, bfloat16, float16
out: str = ""  # run folder; empty: runs/<model>; what is there is reused
likelihoods: bool = (
    True  # score the typed faces, too; False: only if the run folder holds their scores
)
reference: str = ""  # a second model to lay this one onto; empty: none
null: str = ""  # within_category, text_only, untrained or dealt: the page where there is nothing to find; empty: the page itself

# %% tags=["remove-cell"]
from kaomoji_lib import figures, page, tables
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import emission, geometry
from kaomoji_lib.metrics import likelihoods as scored
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.models import collect
from kaomoji_lib.show import likelihoods as probable

started = page.start()

# %% [markdown]
# What does this model type when it is asked to open its reply with a face? What does its hidden state hold at the
# moment before it types? And do the two say the same about the message?
#
# ## What was asked
# The instruction and one message, nothing else, so that the first token of the reply is the face's first token.
# Whatever the run folder lacks is collected here; whatever it holds is reused.

# %%
run = collect.collect(
    model,
    prompts=prompts or None,
    generations=generations,
    seed=seed,
    out=out or None,
    device=device,
    dtype=dtype,
)
source = page.read(run, categories or None, null)
tables.prompts(
    source.prompts.groupby("category").head(1), source.scheme, "One prompt of each category"
)

# %% tags=["remove-cell"]
page.glue("title", source.heading)
page.glue("what", source.statement)
page.glue("asking", page.asking(source))
page.glue("interventions", page.interventions(source, seed=seed))

# %% [markdown]
# {glue:text}`asking` {glue:text}`interventions`
#
# ## How does it begin its replies?
# Asked for a kaomoji, a model may still begin with words or an emoji. A reply counts here as *kaomoji* when it begins with one:
# {glue:text}`rate` of all. A face right behind a few words or an emoji is read nevertheless: {glue:text}`behind` of the faces below.

# %% tags=["hide-input"]
report = emission.report(source.emissions, seed=seed)
page.glue("rate", emission.rate(source.emissions, seed=seed))
page.glue("behind", emission.behind(source.emissions))
figures.emission(report, source.scheme, source.line)

# %% tags=["hide-input"]
tables.emission(
    report,
    source.scheme,
    "Replies per category, and how those without a kaomoji began; intervals over prompts, exact ones where all replies are alike",
)

# %% [markdown]
# ## Which faces?
# Spellings that differ only in arms, width or invisible characters count as one face.

# %% tags=["hide-input"]
tables.typed_faces(
    source.emissions, source.scheme, "The most typed faces of each category, with their counts"
)

# %% tags=["hide-input"]
tables.faces(source.emissions, source.scheme, "Every face, the most typed first")

# %% [markdown]
# ## How probable is each face?
# A sample shows a face or not; the model itself gives every face a probability behind every prompt. Each typed spelling is
# scored behind all prompts, temperature 1, nothing held back, its spellings added up. Averaged over prompts, the
# probability of a face should be the share of replies that open with it; of the faces typed often, this share is within sampling error:
# {glue:text}`calibrated`. (Where something was kept from being typed, faces take over its share, and are typed more often than
# scored.) The fast way of scoring and plain forward passes lay {glue:text}`proof`.

# %% tags=["hide-input"]
scores = probable.scores(source, model, likelihoods, device=device, dtype=dtype)
log_probs = page.attempt(scored.by_face, scores)
calibration = page.attempt(scored.calibration, log_probs, source.emissions, seed=seed)
page.glue("proof", probable.proof(scores))
page.glue("calibrated", calibration.inside)
probable.calibration(calibration, source.line)

# %% [markdown]
# Behind the prompt that drew it a face is likelier than behind the others, by {glue:text}`advantage` nats; scores that
# had lost their prompt would give 0. Two rules turn log P into what a face says about the category: the mean of the
# probabilities over a category's prompts, and the mean of their logarithms, which was published and weighs most where a face is
# least probable. Beside each other, against the reading that the typed faces give:

# %% tags=["hide-input"]
page.glue(
    "advantage", page.attempt(scored.own_prompt_advantage, log_probs, source.emissions, seed=seed)
)
rules = page.attempt(
    scored.rules_compared,
    log_probs,
    source.emissions,
    source.prompts,
    source.scheme.codes,
    seed=seed,
)
probable.rules(
    rules,
    "Jensen-Shannon similarity to what was typed (1 = equal); null: the faces' readings dealt to other faces",
)

# %% [markdown]
# ## What shape do the states have?
# Each point is one prompt: the hidden state at its last position, from which the first token of the reply is chosen,
# all layers side by side, each scaled to the same mean length. Signs are fixed beforehand (PC1 toward pleasant, PC2
# toward aroused), so pictures of different models can be compared.
#
# The first component holds {glue:text}`pc1` of the variance. Its correlation with valence is {glue:text}`valence`;
# that of the second with arousal is {glue:text}`arousal`. The null deals the coordinates to other categories:
# unless the correlation beats it, *valence axis* means no more than that categories cluster.

# %% tags=["hide-input"]
components = page.attempt(geometry.pca, source.stacked, source.prompts, source.scheme, seed=seed)
page.glue("pc1", page.part(components, "variance", 0))
page.glue("valence", components.valence)
page.glue("arousal", components.arousal)
figures.prompt_space(components, source.prompts, source.emissions, source.scheme, source.line)

# %% [markdown]
# Turn it with the mouse; a click on a category hides it; pointing at a prompt shows its message and the faces it drew.

# %% tags=["hide-input"]
tables.components(components, "How much of the variance the components hold, and what they follow")

# %% [markdown]
# ## In which layers does the category appear?
# The same probe on each layer by itself. Every layer has its own null; the best of many layers looks better than it is.

# %% tags=["hide-input"]
curve = page.attempt(
    geometry.layer_curve, source.states.array, source.labels, layers=source.states.layers, seed=seed
)
figures.layer_curve(curve, source.line)

# %% [markdown]
# ## How much do states, faces and the bare text say about the category?
# Four readers of the same prompts, with the same folds. The *text* readers never saw the model: what a
# reader of states gets beyond them is what the model adds. Rows of one prompt never stand on both sides of a fold.

# %% tags=["hide-input"]
from_states = page.attempt(
    prediction.from_states,
    source.stacked,
    source.labels,
    source.prompts["id"],
    name="hidden states",
    seed=seed,
)
from_faces = page.attempt(prediction.from_faces, source.emissions, name="typed face", seed=seed)
from_words = page.attempt(
    prediction.from_text, source.prompts, "tfidf", name="words of the prompt (tf-idf)", seed=seed
)
from_surface = page.attempt(
    prediction.from_text, source.prompts, "surface", name="length and punctuation", seed=seed
)
readers = [from_states, from_faces, from_words, from_surface]
figures.accuracies(readers, source.line)

# %% tags=["remove-cell"]
page.glue("states_accuracy", from_states.accuracy)
page.glue("words_accuracy", from_words.accuracy)
page.glue("faces_accuracy", from_faces.accuracy)
page.glue("bits", from_faces.mutual_information)
page.glue("bayes", from_faces.bayes_bound)

# %% [markdown]
# From the states: {glue:text}`states_accuracy`. From the words alone: {glue:text}`words_accuracy`.

# %% tags=["hide-input"]
tables.predictions(
    readers,
    "Accuracy on held-out prompts; shuffled: the same with categories dealt to other prompts",
)

# %% [markdown]
# ### From the states

# %% tags=["hide-input"]
figures.confusion(from_states, source.scheme, source.line)

# %% [markdown]
# ### From the face
# A reader that knows only the first face of the reply takes the category in which it met that face most often:
# {glue:text}`faces_accuracy`. The face carries {glue:text}`bits` bits about the category. With hindsight, the best
# rule for these very replies would reach {glue:text}`bayes`.

# %% tags=["hide-input"]
figures.confusion(from_faces, source.scheme, source.line)

# %% [markdown]
# ## Do faces that mean alike come from alike states?
# For each face, the mean state of the prompts that drew it; between every two faces, the cosine. Faces are in the
# order of a tree of average linkage and bear the mark of the category they were typed for most often.
# Silhouette of these categories: {glue:text}`silhouette`. Its null deals the faces to other replies and takes
# everything from there anew: even then a face lies near the prompts that gave it its mark.

# %% tags=["hide-input"]
means = page.attempt(geometry.face_means, source.states, source.emissions)
heatmap = page.attempt(geometry.cosine, means, source.scheme.table["gloss"], seed=seed)
page.glue("silhouette", heatmap.silhouette)
page.glue("cophenetic", heatmap.cophenetic)
figures.face_similarity(heatmap, means, source.scheme, source.line)

# %% [markdown]
# The tree beside the matrix keeps the distances with a correlation of {glue:text}`cophenetic`.
#
# ### How many groups are there?
# The tree is cut where the silhouette stands farthest above what the same procedure finds in faces dealt to other
# replies: into {glue:text}`chosen` groups. Their stability says how well resampled prompts find a group again (mean Jaccard
# index; above 0.75 stable, below 0.6 better not read into). A group is called after the categories
# with the largest mean share over its faces.

# %% tags=["hide-input"]
page.glue("chosen", heatmap.chosen)
figures.criterion(heatmap, source.line)

# %% tags=["hide-input"]
tables.clusters(heatmap, means, "Groups of faces by their states, largest first")

# %% [markdown]
# ## Was the planted answer found?
# In an organism the answer is known: each face was drawn from a table P(face | category). If the instrument works,
# the measured reading agrees with the planted one as well as sampling allows, and the accuracy from faces comes
# close to that of the best possible reader of the planted table.
#
# Agreement (Jensen-Shannon similarity, 1 = equal): {glue:text}`similarity`. Best possible accuracy from one face:
# {glue:text}`planted_bayes`; measured: {glue:text}`planted_measured`. (A model that types its favourites more often than they were
# planted can exceed the table that it was trained on.)

# %% tags=["hide-input"]
planted = page.planted(source)
recovery = page.attempt(
    readings.recovery, source.emissions, planted, source.scheme.codes, seed=seed
)
page.glue("similarity", recovery.similarity)
page.glue("planted_bayes", recovery.bayes_accuracy)
page.glue("planted_measured", recovery.measured_accuracy)
figures.planted(recovery, source.scheme, source.line)

# %% tags=["hide-input"]
tables.recovery(recovery, "What was planted and what was found")

# %% [markdown]
# ## Does another model have the same shape?
# Where a second model is named as `reference`, the category centroids are turned and scaled onto its own. What is left over is the
# relative residual: 0 for the same shape.

# %% tags=["hide-input"]
other = page.attempt(page.reference, reference, source)
alignment = page.attempt(page.align, other, source, seed=seed)
page.glue("residual", alignment.residual)
figures.centroids({source.title: alignment}, other.title, source.scheme, source.line)

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    run,
    {
        "model": model,
        "prompts": prompts,
        "categories": categories,
        "generations": generations,
        "seed": seed,
        "reference": reference,
        "null": null,
    },
    started,
)
