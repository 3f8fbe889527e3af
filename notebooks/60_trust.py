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
# # Trust
#
# Text from models is untrusted, collections run for hours, machines stop. What breaks when it is broken on purpose?
# **Of {glue:text}`rows` rows that were compared, {glue:text}`lost` were lost, {glue:text}`duplicated` duplicated and
# {glue:text}`changed` changed; {glue:text}`broken` promises were broken.**

# %% tags=["parameters", "remove-cell"]
seed: int = 0  # nothing here is random: the counts were taken by make trust

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.show import trust

started = page.start()
found = page.attempt(trust.read)
page.glue("kills", trust.tried(found, "kill -9"))
page.glue("faults", trust.tried(found, "fault"))
page.glue("texts", trust.tried(found, "hostile text"))
page.glue("inputs", trust.tried(found, "made-up input"))
page.glue("rows", trust.total(found, "rows"))

# %% tags=["remove-cell"]
page.glue("lost", trust.total(found, "lost"))
page.glue("duplicated", trust.total(found, "duplicated"))
page.glue("changed", trust.total(found, "changed"))
page.glue("broken", trust.total(found, "broken"))

# %% tags=["hide-input"]
trust.drawn(found)

# %% [markdown]
# ## Killed
# Processes were killed {glue:text}`kills` times at random moments and started again with the same command until they ended.
# Their rows were then compared with those of a process that was left alone; so were those of a Ray cluster that lost its workers. Of the replies that were paid for, those on the
# disk when a process died must be there afterwards, byte for byte, and must not be paid for again.

# %% tags=["hide-input"]
trust.counts(
    found, ["kill -9"], "Rows of killed and resumed work that differ from undisturbed work"
)

# %% [markdown]
# ## Disturbed
# {glue:text}`faults` faults were injected one at a time: answers cut off, malformed, late or refused; files cut, zeroed or with
# one bit turned over; a disk that is full or read-only at any write; memory that does not suffice; two writers on one folder; a machine
# without the GPU or the numbers that were asked for; clocks that go wrong; runs of other versions. A fault has to end in one line
# that names the thing and the remedy, and the same command has to complete the work. A damaged file is refused, or the damage
# hit nothing that is read: it is never misread.

# %% tags=["hide-input"]
trust.counts(found, ["fault"], "Faults, and what they did to the rows")

# %% [markdown]
# ## Hostile text
# Scripts, event handlers, links, directives, terminal codes, direction overrides, reserved file names, lines of a million characters
# and every face of the data went through every dialect, {glue:text}`texts` times in all. Every page template that reads from outside was run
# on prompts, categories, models, runs, replies, exchanges, corpora and published rows made of them. On the pages that came of it,
# the explorer among them, a browser looked: nothing may run, nothing may be asked for, and what is seen must read as it was typed.

# %% tags=["hide-input"]
trust.counts(
    found, ["hostile text"], "Hostile strings; rows: places on the page that were read back"
)

# %% [markdown]
# ## Made-up input
# {glue:text}`inputs` inputs were made up, steered by which code they reach. No exception may leave a reader but the documented ones;
# the canonical form of a face must be its own canonical form; a face must be a piece of the reply it was found in.

# %% tags=["hide-input"]
trust.counts(found, ["made-up input"], "Inputs per way in")

# %% [markdown]
# ## Where this comes from
# `make trust` counts all of it anew.

# %% tags=["hide-input"]
page.provenance(None, {"counts": "data/trust.csv"}, started)
