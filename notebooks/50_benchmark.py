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
# How long scoring and sampling take beside other ways to the same numbers, measured when this page was built, in one run on
# one model: {glue:text}`machine`. Only ratios carry over to other machines; the model's weights are random.

# %% tags=["parameters", "remove-cell"]
title: str = "Benchmark"  # of the page
size: str = "small"  # small or large (make bench)
device: str = "cpu"  # cpu or cuda

# %% tags=["remove-cell"]
from kaomoji_lib.engine import benchmark
from kaomoji_lib.show import benchmark as show
from kaomoji_lib.show import page

started = page.start()
bench = benchmark.make(benchmark.SIZES[size], device)
line = show.machine(bench)
page.glue("title", title)
page.glue("machine", line)

# %% [markdown]
# ## How long does scoring take?
# *packed*: all tokens of the faces' trie in few forward passes; *levels*: the trie token by token; *batched*: padded faces
# behind a shared prompt cache; *plain*: one forward pass per face and prompt. The *arithmetic floor* is the time that the
# multiplications alone take which nobody can avoid, at the speed of the machine's own matrix product.
# What is too slow for all faces is timed on the number in the column *timed on* and multiplied.
#
# Packed takes {glue:text}`over_floor` times the floor. Not installed and left out: {glue:text}`absent`.

# %% tags=["remove-cell"]
times = benchmark.score_times(bench)
scored = benchmark.ratios(times)
page.glue("over_floor", benchmark.over_floor(times))
page.glue("absent", ", ".join(benchmark.missing_peers()) or "nothing")

# %% tags=["hide-input"]
show.bars(scored, "packed", line)

# %% tags=["hide-input"]
show.times(scored, "Scoring: times as long as packed, and how far each is from plain forward passes")

# %% [markdown]
# ## How long does sampling take?
# Per new token, the states of all layers included. *Shared prefill* is what `kaomoji collect` does.

# %% tags=["hide-input"]
sampled = benchmark.ratios(benchmark.sample_times(bench), "shared prefill")
show.bars(sampled, "shared prefill", line)

# %% tags=["hide-input"]
show.sampling(sampled, "Sampling: times as long as a shared prefill")

# %% [markdown]
# ## How does the cost grow?
# A straight line over the tokens explains {glue:text}`straight` of the variance in seconds as faces are added.

# %% tags=["hide-input"]
grown = benchmark.scaling(bench)
page.glue("straight", benchmark.linearity(grown))
show.growth(grown, line)

# %% [markdown]
# ## How much memory does a large vocabulary take?
# Logits are made for some nodes at a time and never kept.

# %% tags=["hide-input"]
show.memory(benchmark.memory(bench), "Peak memory while scoring, a small model with heads of several widths")

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(None, {"size": size, "device": device}, started)
