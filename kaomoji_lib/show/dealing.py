"""Tables whose links are cut by dealing: what was typed, scored, said or described, given to others at random.

Each table is dealt in its own way, drawn from its ``name``, so that two tables that were made of each other no longer agree
(the random permutation of Fisher 1935, of whole data sets instead of one statistic).
"""

import zlib
from dataclasses import replace

import numpy as np
import pandas as pd

from kaomoji_lib.published import tables as published_tables

KEYS = ("source", "prompt_id", "prompt_text", "generation", "category", "seed", "bundle", "row_id")


def order(n, name):
    """A random order (n,) that belongs to ``name``."""
    return np.random.default_rng(zlib.crc32(name.encode())).permutation(n)


def emissions(table, name):
    """What was typed, dealt to other replies of any message; who was asked what stays."""
    kept = [column for column in KEYS if column in table]
    moved = (
        table.drop(columns=kept).iloc[order(len(table), f"emissions {name}")].set_axis(table.index)
    )
    return pd.concat([table[kept], moved], axis=1)[list(table.columns)]


def scores(table, name):
    """What was scored behind each prompt, given to another prompt: DataFrame[prompt_id, ...], prompts in their old order."""
    ids = table["prompt_id"].unique()
    owner = dict(zip(ids[order(len(ids), f"scores {name}")], ids, strict=True))
    place = {key: number for number, key in enumerate(ids)}
    moved = table.assign(prompt_id=table["prompt_id"].map(owner))
    moved = moved.iloc[
        np.argsort(moved["prompt_id"].map(place).to_numpy(), kind="stable")
    ].reset_index(drop=True)
    moved.attrs = dict(table.attrs)
    return moved


def reading(item, name):
    """The rows of a :class:`kaomoji_lib.metrics.distributions.Reading`, given to other faces; the weights stay."""
    rows = item.table.to_numpy()[order(len(item.table), f"reading {name}")]
    return replace(item, table=pd.DataFrame(rows, item.table.index, item.table.columns))


def judgements(table, name):
    """What was said of a face, given to another: DataFrame[face, ...]."""
    return table.assign(face=table["face"].to_numpy()[order(len(table), f"judgements {name}")])


def syntheses(table, name):
    """Every word, dealt to another description of the same lexicon; how many words each has stays: DataFrame[primary, others, ...]."""
    if "lexicon_version" not in table:
        return _described(table, name)
    parts = [
        _described(part, f"{name} {version}")
        for version, part in table.groupby("lexicon_version", sort=False)
    ]
    return pd.concat(parts).loc[table.index] if parts else table


def _described(table, name):
    return table.assign(
        **{column: _words(table[column], f"{column} {name}") for column in ("primary", "others")}
    )


def _words(lists, name):
    every = [word for words in lists for word in words]
    mixed = iter([every[place] for place in order(len(every), name)])
    return [[next(mixed) for _ in words] for words in lists]


class Published(published_tables.Files):
    """The published round with every link cut."""

    def emissions(self, name, cells=None):
        return emissions(super().emissions(name, cells), name)

    def likelihoods(self, name):
        return scores(super().likelihoods(name), name)

    def judgements(self, name):
        return judgements(super().judgements(name), name)

    def syntheses(self):
        return syntheses(super().syntheses(), "published")

    def components(self, name):
        table, shares = super().components(name)
        return table.assign(
            category=table["category"].to_numpy()[order(len(table), f"components {name}")]
        ), shares
