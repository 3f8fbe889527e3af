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
# How long do scoring and sampling take beside other ways to the same numbers? First a measurement of some minutes that is
# kept in `data/benchmark.json`, then a small one made when this page was built. Only ratios carry over to other
# machines; all weights are random.

# %% tags=["parameters", "remove-cell"]
title: str = "Benchmark"  # of the page
size: str = "small"  # small or large, of the measurement made here
device: str = "cpu"  # cpu or cuda

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.models import benchmark, benchmark_models, benchmark_peers
from kaomoji_lib.models import benchmark_record as record
from kaomoji_lib.show import benchmark as show

started = page.start()
page.glue("title", title)

# %% [markdown]
# ## How long does scoring take?
# *packed*: all tokens of the faces' trie in few forward passes; *levels*: the trie token by token; *batched*: padded faces
# behind a shared prompt cache; *plain*: one forward pass per face and prompt. The *arithmetic floor* is the time that the
# multiplications alone take which nobody can avoid, at the speed of the machine's own matrix product.
# What is too slow for all faces is timed on the number in the column *timed on* and multiplied.
#
# Behind prompts of one, two and three of the study's messages, packed takes {glue:text}`kept_floor` times the floor.
# lm-evaluation-harness takes {glue:text}`kept_lm_eval` times as long as packed, minicons {glue:text}`kept_minicons` times.

# %% tags=["hide-input"]
kept = page.attempt(record.recorded, "scoring, full attention")
scored = page.attempt(benchmark.ratios, kept)
page.glue("kept_floor", page.attempt(benchmark.over_floor, kept))
page.glue("kept_lm_eval", show.of(scored, "lm-evaluation-harness"))
page.glue("kept_minicons", show.of(scored, "minicons"))
show.bars(scored, "packed", show.line(kept))

# %% tags=["hide-input"]
show.times(
    scored, "Scoring: times as long as packed, and how far each is from plain forward passes"
)

# %% [markdown]
# The two other programs read the prompt anew for every face, so that they fall further behind as prompts grow longer, and less
# far where prompts are short. Behind single messages of the study, the chat template of the model's family decides.

# %% tags=["hide-input"]
show.templates(
    page.attempt(record.recorded, record.TEMPLATES),
    "The same faces and prompts in each family's template and tokens, by a model of the same shape",
)

# %% [markdown]
# ### Is it as close to the floor elsewhere?
# The same faces and prompts on four kinds of layers. Recurrent layers walk the tree of faces by matrix products, too; of a
# mixture of experts the floor counts those that are chosen.

# %% tags=["hide-input"]
kinds = {
    name: page.attempt(record.recorded, f"scoring, {name}")
    for name in benchmark_models.ARCHITECTURES
}
show.floors(
    kinds, "Packed scoring: times the arithmetic floor, and beside one plain forward pass a face"
)

# %% [markdown]
# ## How long does sampling take?
# Per new token, the states of all layers included. *Shared prefill* is what `kaomoji collect` does.

# %% tags=["hide-input"]
drawn = page.attempt(record.recorded, "sampling")
sampled = page.attempt(benchmark.ratios, drawn, benchmark.OURS)
show.bars(sampled, benchmark.OURS, show.line(drawn))

# %% tags=["hide-input"]
show.sampling(sampled, "Sampling: times as long as a shared prefill")

# %% [markdown]
# ## How does the cost grow?
# A straight line over the tokens explains {glue:text}`straight` of the variance in seconds as faces are added.

# %% tags=["hide-input"]
grown = page.attempt(record.recorded, "scaling")
page.glue("straight", page.attempt(benchmark.linearity, grown))
show.growth(grown, show.line(grown))

# %% [markdown]
# ## What does a large vocabulary take?
# Logits are made for some nodes at a time and never kept, so that the memory stays flat while the arithmetic of the head grows.

# %% tags=["hide-input"]
wide = page.attempt(record.recorded, "memory")
show.memory(
    wide, "Scoring with one narrow layer under heads of several widths: seconds, and peak memory"
)

# %% [markdown]
# ## The same, made while this page was built
# So small that fixed costs weigh heavily; it shows that the program runs here, and how these figures are made: {glue:text}`machine`.
# Not installed here and left out: {glue:text}`absent`.

# %% tags=["hide-input"]
bench = benchmark_models.make(benchmark_models.SIZES[size], device)
here = benchmark.score_times(bench)
page.glue("machine", show.machine(record.made(bench, here)))
page.glue("absent", ", ".join(benchmark_peers.missing()) or "nothing")
show.times(benchmark.ratios(here), "Scoring: times as long as packed")

# %% tags=["hide-input"]
show.sampling(
    benchmark.ratios(benchmark.sample_times(bench), benchmark.OURS),
    "Sampling: times as long as a shared prefill",
)

# %% tags=["hide-input"]
growing = benchmark.scaling(bench)
show.growth(growing, show.machine(record.made(bench, growing)))

# %% tags=["hide-input"]
show.memory(benchmark.memory(bench), "Scoring under heads of several widths")

# %% [markdown]
# ## Where this comes from
# The kept measurement is made anew by `make bench`, which needs the two other programs installed to time them.

# %% tags=["hide-input"]
page.provenance(None, {"size": size, "device": device}, started)
