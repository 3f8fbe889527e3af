"""The planted tables P(face | category): drawn from a recipe, so that the right answer is known.

A row mixes three parts: the organism's own faces for that category, the faces of categories near it on the
affective circumplex, and favourites that it types whatever the category. Nothing here is learned.
"""

import numpy as np
import pandas as pd

COLUMNS = ["category", "spelling", "probability"]
DOMINANCE = {"D": 1.0, "S": -1.0}


def draw(faces, scheme, rows, seed):
    """Draw one organism's planted table.

    Parameters
    ----------
    faces : DataFrame[category, spelling], the pool. Where two spellings share a canonical form they share
        that face's probability 2 : 1, in file order.
    scheme : :class:`kaomoji_lib.stimuli.Scheme`, for the distances between categories.
    rows : dict with ``own``, ``near``, ``shared`` (mixture weights, sum 1), ``repertoire`` (own faces per
        category), ``favourites`` (faces shared by all categories), ``zipf`` (exponent of their ranks),
        ``breadth`` (how far "near" reaches, in circumplex units), and optionally ``regardless`` (every row
        becomes the mean row).
    seed : int

    Returns
    -------
    DataFrame[category, spelling, probability]; probabilities of a category sum to 1; only entries above 0.
    """
    from kaomoji_lib.faces.extract import canonical

    random = np.random.default_rng(seed)
    canon = faces["spelling"].map(canonical)
    distinct = faces.assign(face=canon).drop_duplicates("face")
    names = list(distinct["face"])
    own = np.zeros((len(scheme.codes), len(names)))
    for row, code in enumerate(scheme.codes):
        choices = random.permutation(np.flatnonzero(distinct["category"] == code))[
            : rows["repertoire"]
        ]
        own[row, choices] = _ranked(len(choices), rows["zipf"])
    favourites = np.zeros(len(names))
    choices = random.permutation(len(names))[: rows["favourites"]]
    favourites[choices] = _ranked(len(choices), rows["zipf"])
    table = (
        rows["own"] * own
        + rows["near"] * _nearness(scheme, rows["breadth"]) @ own
        + rows["shared"] * favourites
    )
    if rows.get("regardless"):
        table = np.broadcast_to(table.mean(axis=0), table.shape)
    records = []
    for row, code in enumerate(scheme.codes):
        for face, probability in zip(names, table[row]):
            spellings = list(faces["spelling"][canon == face])
            shares = np.arange(len(spellings), 0, -1.0)
            records += [
                (code, spelling, probability * share)
                for spelling, share in zip(spellings, shares / shares.sum())
            ]
    drawn = pd.DataFrame(records, columns=COLUMNS)
    return drawn[drawn["probability"] > 0].reset_index(drop=True)


def bayes_accuracy(table):
    """Best accuracy (0-1) with which the category can be told from one face, categories being equally likely."""
    wide = table.pivot_table(
        index="category", columns="face", values="probability", aggfunc="sum", fill_value=0.0
    )
    return float(wide.max(axis=0).sum() / len(wide))


def _ranked(count, exponent):
    weights = 1.0 / np.arange(1, count + 1) ** exponent
    return weights / weights.sum()


def _nearness(scheme, breadth):
    table = scheme.table
    dominance = table["dominance"].map(DOMINANCE).fillna(0.0)
    points = np.column_stack([table["valence"], table["arousal"], 0.7 * dominance]).astype(float)
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    weights = np.exp(-squared / breadth**2)
    np.fill_diagonal(weights, 0.0)
    return weights / weights.sum(axis=1, keepdims=True)
