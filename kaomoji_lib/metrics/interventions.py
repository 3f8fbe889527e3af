"""What steering, patching and erasing do to the exact distribution over faces, and whether meaning decides it.

The tables are those of :mod:`kaomoji_lib.models.steer`: one row per prompt and intervention, and one column
per face with P(the reply opens with it). ``reading``: P(category | face) of the measured faces, none of which begins
another. What is measured is given that the reply opens with one of them. Null of patching and erasing: the intervention
and its control change places per prompt (Fisher 1935), in all layers and positions at once; p is for the best of them
(:func:`kaomoji_lib.stats.max_t`).
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats

TARGET, SELECTIVITY, DROP = "target", "selectivity", "drop"
# What each patch is compared with: what differs is the state's position, or its category.
CONTROLS = {"donor": "shuffled_position", "other_topic": "same_category"}
FLOOR = 1e-9


def _shares(table, reading):
    """P(face | row, one of the faces), and P(category | row), of faces and categories of ``reading``: two arrays (rows, k)."""
    chances = table[list(reading.table.index)].to_numpy(float)
    shares = chances / chances.sum(axis=1, keepdims=True)
    return shares, shares @ reading.table.to_numpy()


def _gains(gained, own, target):
    """Return (2, rows): what ``target`` (rows,) gained; and that less what the mean other category gained.

    ``gained``: (rows, categories), mass gained, which adds up to 0; ``own``: (rows,), the prompt's category. Other:
    neither the target nor the prompt's own.
    """
    rows = np.arange(len(own))
    toward = gained[rows, target]
    others = -(toward + gained[rows, own]) / (gained.shape[1] - 2)
    return np.array([toward, toward - others])


def _renamed(gained, own, target, orders):
    """Return mean gains (2, renamings) if directions had the names in ``orders`` (renamings, categories).

    What any push does to a category, given the prompt's own (whose mass can mostly fall), is taken out first: it has
    nothing to do with the direction, and no prompt is steered to its own category. Rows that a renaming would steer
    there are left out of that renaming.
    """
    count = gained.shape[1]
    sums, usual = np.zeros((2, count, count)), np.zeros((2, len(own), count))
    weight, size = np.zeros((count, count)), np.maximum(np.bincount(own, minlength=count), 1)
    for code in range(count):
        possible = own != code
        values = _gains(gained, own, np.full(len(own), code))
        means = np.array([np.bincount(own, row, count) for row in values]) / size
        usual[:, :, code] = means[:, own]
        left = values - usual[:, :, code]
        for place in range(2):
            np.add.at(sums[place][:, code], target[possible], left[place][possible])
        np.add.at(weight[:, code], target[possible], 1)
    places = np.arange(count)[None], orders
    expected = usual[:, np.arange(len(own)), target].mean(axis=1)
    moved = np.array([part[places].sum(axis=1) for part in sums]) / weight[places].sum(axis=1)
    return moved + expected[:, None]


def steering(table, reading, prompts, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure what each layer and scale did: tidy table with the labels ``layer`` and ``scale``.

    Masses are of categories, 0..1. Measures: ``target`` (gained by the category steered to); ``selectivity`` (that less
    what the mean other category gained, neither target nor the prompt's own); ``shuffled`` and ``isotropic`` (gained by a
    category under directions of the same length that mean nothing). Intervals resample prompts and directions, of which
    there are few. The null of target and selectivity gives the directions other categories' names; p is for the best of
    all layers and scales. ``prompts``: DataFrame[id, category]. Directions of a difference of means: Turner et al. 2023,
    arXiv:2308.10248; Rimsky et al. 2024, arXiv:2312.06681.
    """
    codes, masses = reading.table.columns, _shares(table, reading)[1]
    meta = table[["prompt_id", "layer", "condition", "direction", "scale"]].reset_index(drop=True)
    gained = masses - masses[_unchanged(meta)[meta["prompt_id"]]]
    category = prompts.set_index("id")["category"].reindex(meta["prompt_id"])
    own, target = (codes.get_indexer(names) for names in (category, meta["direction"]))
    cells = {
        place: part.index.to_numpy()
        for place, part in meta.groupby(["layer", "scale", "condition"])
    }
    places = [place[:2] for place in cells if place[2] == "category"]

    def over(values, at):
        crossing = meta.loc[at, "prompt_id"], meta.loc[at, "direction"]
        return stats.two_way(values, *crossing, unit="directions", seed=seed)

    orders = np.random.default_rng(seed).permuted(
        np.tile(np.arange(len(codes)), (permutations, 1)), axis=1
    )
    steered = [
        (gained[at], own[at], target[at]) for at in (cells[*place, "category"] for place in places)
    ]
    null = np.array([_renamed(*rows, orders) for rows in steered])
    observed = np.array([_gains(*rows).mean(axis=1) for rows in steered])
    adjusted = [stats.max_t(observed[:, i], null[:, i].T) for i in range(2)]
    frames = []
    for number, (layer, scale) in enumerate(places):
        values, found = _gains(*steered[number]), {}
        for i, name in enumerate((TARGET, SELECTIVITY)):
            tested = {"null_mean": float(null[number, i].mean()), "p": float(adjusted[i][number])}
            found[name] = replace(over(values[i], cells[layer, scale, "category"]), **tested)
        for condition in ("shuffled", "isotropic"):
            other = cells.get((layer, scale, condition))
            if other is not None:
                # Of a direction that means nothing: what the mean category that is not the prompt's own gained.
                found[condition] = over(-gained[other, own[other]] / (len(codes) - 1), other)
        frames.append(results.frame(found, layer=int(layer), scale=float(scale)))
    return pd.concat(frames, ignore_index=True)


def patching(table, reading, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure what each patch recovered: tidy table with the labels ``layer``, ``position`` and ``condition``.

    The outcome is the log-odds of the faces that the donor types more often than the host against the others. Measure
    ``recovered``: the change of it that the patch makes, as a share of the difference between donor and host without
    patches (0: the host's face stays, 1: it becomes the donor's), sums over hosts. All conditions are measured between
    the host and its donor of the same topic and another category. The condition ``donor`` is compared with the donor's
    state at a random position, ``other_topic`` (another donor of the donor's category) with a donor of the host's own
    category. Interchange interventions: Geiger et al. 2021, arXiv:2106.02997.
    """
    values = _shares(table, reading)[0]
    meta = table[["prompt_id", "donor_id", "layer", "position", "condition"]].reset_index(drop=True)
    base = _unchanged(meta)
    donors = meta[meta["condition"] == "donor"].drop_duplicates("prompt_id")
    donors = donors.set_index("prompt_id")["donor_id"]
    host, donor = values[base[donors.index]], values[base[donors]]
    toward = donor > host

    def log_odds(rows):
        sums = [np.where(side, rows, 0).sum(axis=1) for side in (toward, ~toward)]
        return np.subtract(*np.log(np.maximum(sums, FLOOR)))

    start, changes = log_odds(host), {}
    whole = log_odds(donor) - start
    patched = meta[meta["condition"] != "none"]
    for place, part in patched.groupby(["layer", "position", "condition"]):
        at = pd.Series(part.index, part["prompt_id"]).reindex(donors.index)
        rows = values[at.fillna(0).astype(int)]
        changes[place] = np.where(at.notna(), log_odds(rows) - start, np.nan)
    tested = {}
    for condition, control in CONTROLS.items():
        against = {
            place: changes.get((*place[:2], control)) for place in changes if place[2] == condition
        }
        against = {place: other for place, other in against.items() if other is not None}
        gaps = {place: np.nan_to_num(changes[place] - other) for place, other in against.items()}
        for place, found in _best_of_all(gaps, permutations, seed).items():
            share = np.nansum(against[place]) / whole[np.isfinite(against[place])].sum()
            tested[place] = {**found, "null_mean": float(share)}
    frames = []
    for place, change in changes.items():
        there = np.isfinite(change) & (whole != 0)
        shares, weights = change[there] / whole[there], whole[there]
        found = stats.bootstrap(shares, weights=weights, unit="hosts", seed=seed)
        labels = dict(zip(("layer", "position", "condition"), place))
        frames.append(
            results.frame({"recovered": replace(found, **tested.get(place, {}))}, **labels)
        )
    return pd.concat(frames, ignore_index=True)


def erasure(table, reading, prompts, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure what each erasure left: tidy table with the labels ``layer``, ``condition`` and ``removed``.

    ``removed``: share of the states' variance that the erasure changes. Measures of each condition: ``own category``
    (mass that the face gives to the prompt's category, 0..1); ``category lost`` and ``prompt lost`` (shares 0..1 of what
    a face distribution has in common with other prompts of its category, above those of other categories; and with
    itself, above its category), and ``selectivity``, their difference: does the erasure hit the category more than
    everything else. ``drop`` (own category after the control less that after erasing the category) compares the
    category's erasure with each control; the control ``matched`` changes as much variance. ``prompts``: DataFrame[id,
    category]. Overlap of distributions: Bhattacharyya 1943.
    """
    shares, masses = _shares(table, reading)
    meta = table[["prompt_id", "layer", "condition", "removed"]].reset_index(drop=True)
    category = prompts.set_index("id")["category"].reindex(meta["prompt_id"]).to_numpy()
    own = masses[np.arange(len(masses)), reading.table.columns.get_indexer(category)]
    base, roots = _unchanged(meta), np.sqrt(shares)
    before, member = roots[base], category[base][:, None] == category[base][None]
    cells = {
        place: pd.Series(part.index, part["prompt_id"])[base.index].to_numpy()
        for place, part in meta.groupby(["layer", "condition"], sort=False)
    }
    drops = {}
    for control in set(meta["condition"]) - {"none", "category"}:
        gaps = {
            place: own[rows] - own[cells[place[0], "category"]]
            for place, rows in cells.items()
            if place[1] == control
        }
        for place, found in _best_of_all(gaps, permutations, seed).items():
            drops[place] = replace(stats.bootstrap(gaps[place], seed=seed), **found)
    kept, frames = _overlaps(before, before, member), []
    for (layer, condition), rows in cells.items():
        found = {"own category": stats.bootstrap(own[rows], seed=seed)}
        if condition != "none":
            found |= _lost(kept, _overlaps(roots[rows], before, member), seed)
        if (layer, condition) in drops:
            found[DROP] = drops[layer, condition]
        labels = {"layer": layer, "condition": condition, "removed": meta["removed"][rows].mean()}
        frames.append(results.frame(found, **labels))
    return pd.concat(frames, ignore_index=True)


def _unchanged(meta):
    """Return the row without intervention of each prompt: Series prompt id -> row."""
    rows = meta.index[meta["condition"] == "none"]
    return pd.Series(rows, meta.loc[rows, "prompt_id"])


def _best_of_all(gaps, permutations, seed):
    """Return p for the best of all (max-T) and the mean of the null of paired differences, dict place -> (n,)."""
    if not gaps:
        return {}
    values = np.array(list(gaps.values()))
    n = values.shape[1]
    signs = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], size=(permutations, n))
    null = signs @ values.T / n
    adjusted = stats.max_t(values.mean(axis=1), null)
    found = zip(gaps, adjusted, null.mean(axis=0))
    return {place: {"p": float(p), "null_mean": float(mean)} for place, p, mean in found}


def _overlaps(roots, before, member):
    """Overlap of each row with others of its category above those of other categories, and with itself above its category."""
    overlap, others = roots @ before.T, member & ~np.eye(len(member), dtype=bool)
    near, far = (
        (overlap * group).sum(axis=1) / np.maximum(group.sum(axis=1), 1)
        for group in (others, ~member)
    )
    return np.array([near - far, np.diag(overlap) - near])


def _lost(kept, left, seed):
    """Shares of ``kept`` (2, prompts) that are gone in ``left``, and their difference: dict of Estimates over prompts."""
    n = kept.shape[1]
    counts = np.vstack([np.ones((1, n)), stats.resampling_counts(n, seed=seed)])
    whole = counts @ kept.T
    gone = 1 - (counts @ left.T) / np.where(np.abs(whole) > 1e-12, whole, np.nan)
    category, prompt = gone.T
    parts = {"category lost": category, "prompt lost": prompt, "selectivity": category - prompt}
    return {name: stats.estimate(part[0], part[1:], n, "prompts") for name, part in parts.items()}
