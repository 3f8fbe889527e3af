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
# # Explore the faces
#
# Every face of every source in one place: {glue:text}`line`. Which faces come from alike states? Which ones do two
# sources use alike? What was written before a face was typed?

# %% tags=["parameters", "remove-cell"]
models: list = []  # aliases or run folders; empty: every finished run of a listed model
claude: str = "auto"  # published, stand-in; auto: published data when present, otherwise the stand-in; empty: none
seed: int = 0  # of everything random: resampling, permutations

# %% tags=["remove-cell"]
from kaomoji_lib import page
from kaomoji_lib.explorer import Explorer, gather

started = page.start()
found = gather.sources(models, claude, seed=seed)
page.glue("line", gather.line(found))

# %% tags=["remove-input"]
Explorer(gather.assemble(found))

# %% [markdown]
# ## How to read the map
# A face stands where the mean of its states lies: of the hidden states from which it was typed, or, for a source without
# states, of the categories it was typed for or read as; a synthesized face stands among the words it was described with.
# Nearness is the cosine between these means. The axes are principal components, with signs fixed so that
# PC1 goes toward pleasant and PC2 toward aroused; they are made from faces typed three times or more, for two prompts or
# more, and rarer ones are laid into the same space. Where there is no room for a face, a thin line leads from it to its
# place, or its symbol stands for it: come nearer, and the face appears.
#
# **t-SNE** lays the same cosines flat so that near faces stay near (and **UMAP**, with `requirements-umap.txt` installed): good
# for seeing who belongs together. How far apart its groups lie, and how large they are, says nothing; nor has it axes.
#
# The **ellipse** of a face says how far its place would move with other prompts (95%). In a card, the whiskers say the
# same of its shares. A face that one prompt drew has no ellipse: its uncertainty cannot be told from it.
#
# **Disagreement** is one minus the mean similarity (Jensen-Shannon) of what the sources read in a face. With a second
# source beside the first, it is that of these two.
#
# **Clusters** are cuts of a tree. Their number is the one whose silhouette stands farthest above what faces reach that
# were dealt to other replies; *stability* is how well resampled prompts find the same cluster again (mean Jaccard
# index: above 0.75 stable, below 0.6 better not read into). Their names are the categories typed for most.
#
# Drag turns the map, Shift and drag draws a lasso. With the keyboard: arrows go from face to face, Enter opens a card,
# Shift with arrows turns, plus and minus zoom; the question mark shows all keys. The address of this page holds what you
# see: send it to someone.

# %% [markdown]
# ## What there is to explore

# %% tags=["remove-input"]
gather.overview(found)

# %% tags=["remove-input"]
gather.left_out(found)

# %% [markdown]
# ## With a kernel
# In a notebook the same explorer is a widget: what is chosen in it can be read, and set, from Python.
# ```python
# from kaomoji_lib.explorer import Explorer, gather
#
# explorer = Explorer(gather.bundle(["organism-gemma", "organism-qwen"]), colour="cluster")
# explorer.search = "(╥"
# explorer.selection  # the faces inside the lasso: a DataFrame
# ```

# %% [markdown]
# ## Where this comes from

# %% tags=["hide-input"]
page.provenance(
    gather.runs(found, models), {"models": models, "claude": claude, "seed": seed}, started
)
