"""What steering does to the exact distribution over faces: where its mass goes, and whether the direction's meaning decides it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.exact import exclusive

PERMUTATIONS = 10_000
META = ("prompt_id", "topic", "layer", "condition", "direction", "scale")


@dataclass(frozen=True)
class Effect:
    """What one layer and scale did. Masses are of categories, 0..1, given that the reply opens with a listed face.

    ``target``: mass gained by the category steered to; ``selectivity``: that less what the mean other category gained (neither
    target nor the prompt's own); ``wrong``: what a category gained under directions to other categories; ``shuffled`` and
    ``isotropic``: what the category gained under directions of the same length that mean nothing; ``entropy``: change of the
    entropy over faces, bits; ``other``: change of the probability that the reply opens with no listed face. Estimates over
    prompts; the null of ``target`` and ``selectivity`` gives the directions other categories' names, in every way at once.
    Missing arms are None. ``envelope``: where the gains of 95% of all (direction without meaning, category) pairs lie, over
    the prompts of other categories; nan where there are none.
    """

    layer: int
    scale: float
    target: statistics.Estimate
    selectivity: statistics.Estimate
    wrong: statistics.Estimate
    shuffled: statistics.Estimate | None
    isotropic: statistics.Estimate | None
    entropy: statistics.Estimate
    other: statistics.Estimate
    envelope: tuple


@dataclass(frozen=True)
class _Moved:
    """Per steered row: category masses gained (rows, categories), entropy and other mass gained, and who it was."""

    meta: pd.DataFrame
    gained: np.ndarray
    entropy: np.ndarray
    other: np.ndarray
    own: np.ndarray
    codes: tuple


def effects(table, faces, reading, prompts, *, permutations=PERMUTATIONS, seed=0):
    """The :class:`Effect` of every layer and scale.

    Directions of a difference of means: Turner et al. 2023, arXiv:2308.10248; Rimsky et al. 2024, arXiv:2312.06681.

    Parameters
    ----------
    table : DataFrame of :func:`kaomoji_lib.models.steering_conditions.steering_table`. faces : Series spelling -> canonical face.
    reading : :class:`kaomoji_lib.metrics.distributions.Reading`, P(category | face) of the unsteered model: what a face's mass means.
    prompts : DataFrame[id, category].

    Raises
    ------
    KaomojiError
        If no steered row, or a face that the reading does not know.
    """
    moved = _moved(table, faces, reading, prompts)
    found = []
    for (layer, scale), part in moved.meta[moved.meta["condition"] == "category"].groupby(
        ["layer", "scale"]
    ):
        found.append(
            _effect(moved, int(layer), float(scale), part.index.to_numpy(), permutations, seed)
        )
    if not found:
        raise KaomojiError(
            "no prompt was steered to a category; expected the table of steering_conditions.steering_table; pass it unchanged"
        )
    return found


def profile(found, scale):
    """The effects of one scale over all layers: list of Effect, by layer."""
    return sorted((item for item in found if item.scale == scale), key=lambda item: item.layer)


def best_layer(table, faces, reading, prompts, scale, *, permutations=PERMUTATIONS, seed=0):
    """The largest selectivity over the layers at one scale, against the largest under renamed directions: an Estimate over prompts.

    The same renaming acts on all layers, so that a maximum is compared with maxima (Westfall & Young 1993).
    """
    moved = _moved(table, faces, reading, prompts)
    kept = moved.meta[(moved.meta["condition"] == "category") & (moved.meta["scale"] == scale)]
    parts = [part.index.to_numpy() for _, part in kept.groupby("layer")]
    orders = _renamings(len(moved.codes), permutations, seed)
    null = np.max([_renamed(moved, rows, orders)[1] for rows in parts], axis=0)
    values = [_by_row(moved, rows, _targets(moved, rows))[1] for rows in parts]
    top = int(np.argmax([value.mean() for value in values]))
    return _estimate(moved, parts[top], values[top], seed, null)


def _moved(table, faces, reading, prompts):
    words = [name for name in table.columns if name not in META]
    unknown = [word for word in words if faces[word] not in reading.table.index]
    if unknown:
        raise KaomojiError(
            f"the reading does not know {', '.join(unknown[:5])}; expected one of all scored faces; score the same spellings"
        )
    own = exclusive(table[words])
    mass = own.sum(axis=1).to_numpy()
    by_face = own.T.groupby(faces.reindex(words), sort=False).sum().T
    chances = by_face.to_numpy() / mass[:, None]
    masses = chances @ reading.table.loc[by_face.columns].to_numpy()
    entropy = -(chances * np.log2(np.where(chances > 0, chances, 1))).sum(axis=1)
    meta = table[list(META)]
    still = pd.Series(
        np.flatnonzero(meta["condition"] == "none"),
        meta.loc[meta["condition"] == "none", "prompt_id"],
    )
    base = still.reindex(meta["prompt_id"]).to_numpy()
    codes = tuple(reading.table.columns)
    category = (
        prompts.set_index("id")["category"].reindex(meta["prompt_id"]).map(codes.index).to_numpy()
    )
    return _Moved(
        meta, masses - masses[base], entropy - entropy[base], mass[base] - mass, category, codes
    )


def _targets(moved, rows):
    return moved.meta.loc[rows, "direction"].map(moved.codes.index).to_numpy()


def _by_row(moved, rows, target):
    """(target gain, selectivity) per row, if the rows' directions mean the categories ``target`` (rows,), none of them its own."""
    gained, own, each = moved.gained[rows], moved.own[rows], np.arange(len(rows))
    toward = gained[each, target]
    # All gains add up to 0, so that what neither target nor own category gained is what those two lost.
    return toward, toward + (toward + gained[each, own]) / (len(moved.codes) - 2)


def _renamings(count, permutations, seed):
    return np.random.default_rng(seed).permuted(
        np.tile(np.arange(count), (permutations, 1)), axis=1
    )


def _renamed(moved, rows, orders):
    """Mean (target gain, selectivity) under each renaming of the directions: two arrays (renamings,).

    What any push does to a category, given the prompt's own (whose mass can mostly fall), is taken out first: it has nothing
    to do with the direction, and no prompt is steered to its own category. Rows that a renaming would steer there
    are left out of that renaming.
    """
    direction, own, count = _targets(moved, rows), moved.own[rows], len(moved.codes)
    weight = np.zeros((count, count))
    sums = np.zeros((2, count, count))
    usual = np.zeros((2, len(rows), count))
    for code in range(count):
        kept = own != code
        values = np.array(_by_row(moved, rows, np.full(len(rows), code)))
        means = np.array([np.bincount(own, row, count) for row in values]) / np.maximum(
            np.bincount(own, minlength=count), 1
        )
        usual[:, :, code] = means[:, own]
        np.add.at(weight[:, code], direction[kept], 1)
        for place in range(2):
            np.add.at(
                sums[place][:, code], direction[kept], (values[place] - means[place][own])[kept]
            )
    places = np.arange(count)[None], orders
    expected = [usual[place, np.arange(len(rows)), direction].mean() for place in range(2)]
    return tuple(
        sums[place][places].sum(axis=1) / weight[places].sum(axis=1) + expected[place]
        for place in range(2)
    )


def _effect(moved, layer, scale, rows, permutations, seed):
    orders = _renamings(len(moved.codes), permutations, seed)
    target = _targets(moved, rows)
    toward, selective = _by_row(moved, rows, target)
    null_target, null_selective = _renamed(moved, rows, orders)
    arms = {
        arm: np.flatnonzero(
            (moved.meta["condition"] == arm)
            & (moved.meta["layer"] == layer)
            & (moved.meta["scale"] == scale)
        )
        for arm in ("shuffled", "isotropic")
    }
    return Effect(
        layer,
        scale,
        _estimate(moved, rows, toward, seed, null_target),
        _estimate(moved, rows, selective, seed, null_selective),
        _estimate(moved, rows, _mean_other(moved, rows, target), seed),
        *(
            _estimate(moved, arms[arm], _mean_other(moved, arms[arm], moved.own[arms[arm]]), seed)
            if len(arms[arm])
            else None
            for arm in arms
        ),
        _estimate(moved, rows, moved.entropy[rows], seed),
        _estimate(moved, rows, moved.other[rows], seed),
        _envelope(moved, list(arms.values())),
    )


def _envelope(moved, arms):
    """The middle 95% of what single directions without meaning do to single categories."""
    means = []
    for rows in arms:
        for _, part in moved.meta.loc[rows].groupby("direction"):
            own = moved.own[part.index]
            means += [
                moved.gained[part.index[own != code], code].mean()
                for code in range(len(moved.codes))
                if (own != code).any()
            ]
    return tuple(map(float, np.percentile(means, [2.5, 97.5]))) if means else (np.nan, np.nan)


def _mean_other(moved, rows, target):
    """What the mean category that is neither ``target`` nor the prompt's own gained, per row."""
    toward, selective = _by_row(moved, rows, target)
    return toward - selective


def _estimate(moved, rows, values, seed, null=None):
    return resampling.grouped(values, moved.meta.loc[rows, "prompt_id"], seed=seed, null=null)
