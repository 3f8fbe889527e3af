"""Does the face follow a state that is put in another's place? Shares recovered by interchange patching, with controls."""

from dataclasses import replace

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.steering import face_shares

# What each condition is compared with: what differs is the state's position, or its category.
CONTROLS = {"donor": "shuffled_position", "other_topic": "same_category"}
FLOOR = 1e-9


def effects(table, faces, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure what each patch recovered: tidy table with the labels ``layer``, ``position`` and ``condition``.

    The outcome is the log-odds of the faces that the donor types more often than the host against the others. Measure
    ``recovered``: the change of it that the patch makes, as a share of the difference between donor and host without
    patches (0: the host's face stays, 1: it becomes the donor's), sums over hosts. All conditions are measured between
    the host and its donor of the same topic and another category. The condition ``donor`` is compared with the donor's
    state at a random position, ``other_topic`` (another donor of the donor's category) with a donor of the host's own
    category: the null swaps the two per host, in all layers and positions at once, and p is for the best of them
    (max-T). Interchange interventions: Geiger et al. 2021, arXiv:2106.02997.

    ``table``: of :func:`kaomoji_lib.models.steering_conditions.patching_table`; ``faces``: Series spelling -> face.

    Raises
    ------
    KaomojiError
        If the table has no patch of a donor, or lacks a prompt without patches.
    """
    shares, _ = face_shares(table, faces)
    meta = table[["prompt_id", "donor_id", "layer", "position", "condition"]].reset_index(drop=True)
    still = meta.index[meta["condition"] == "none"]
    base = pd.Series(still, meta.loc[still, "prompt_id"])
    donors = meta[meta["condition"] == "donor"].drop_duplicates("prompt_id")
    donors = donors.set_index("prompt_id")["donor_id"]
    absent = (set(donors.index) | set(donors)) - set(base.index)
    if donors.empty or absent:
        raise KaomojiError(
            "the table has no patch of a donor, or no row without patches for a prompt; expected a patching table; pass it unchanged"
        )
    values = shares.to_numpy()
    host, donor = values[base[donors.index]], values[base[donors]]
    toward = donor > host
    odds = lambda rows: (
        np.log(np.maximum((rows * toward).sum(axis=1), FLOOR))
        - np.log(  # noqa: E731
            np.maximum((rows * ~toward).sum(axis=1), FLOOR)
        )
    )
    start, whole = odds(host), odds(donor) - odds(host)
    changes, order = {}, list(donors.index)
    for place, part in meta[meta["condition"] != "none"].groupby(
        ["layer", "position", "condition"]
    ):
        at = pd.Series(part.index, part["prompt_id"]).reindex(order)
        rows = values[at.fillna(0).astype(int)]
        changes[place] = np.where(at.notna(), odds(rows) - start, np.nan)
    signs = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], size=(permutations, len(order)))
    tested = {name: _tested(changes, whole, name, signs) for name in CONTROLS}
    frames = []
    for (layer, position, condition), change in changes.items():
        there = np.isfinite(change)
        found = resampling.ratio(change[there], whole[there], unit="hosts", seed=seed)
        p, null_mean = tested.get(condition, {}).get((layer, position), (None, None))
        found = replace(found, p=p, null_mean=null_mean)
        labels = {"layer": int(layer), "position": position, "condition": condition}
        frames.append(results.frame({"recovered": found}, **labels))
    return pd.concat(frames, ignore_index=True)


def _tested(changes, whole, condition, signs):
    """p over all layers and positions, and the share that the control recovers: dict (layer, position) -> (p, share)."""
    pairs = {
        (layer, position): (change, changes[layer, position, CONTROLS[condition]])
        for (layer, position, name), change in changes.items()
        if name == condition and (layer, position, CONTROLS[condition]) in changes
    }
    if not pairs:
        return {}
    differences = np.nan_to_num(np.array([one - other for one, other in pairs.values()]))
    adjusted = resampling.max_t(differences.mean(axis=1), signs @ differences.T / len(whole))
    shares = [np.nansum(other) / whole[np.isfinite(other)].sum() for _, other in pairs.values()]
    return {place: (float(p), float(share)) for place, p, share in zip(pairs, adjusted, shares)}
