"""What is left of the category in the face after its category is erased from the state that the face is chosen from."""

from dataclasses import replace

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.steering import category_masses, face_shares

DROP = "drop"


def effects(table, faces, reading, prompts, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure what each erasure left: tidy table with the labels ``layer``, ``condition`` and ``removed``.

    ``removed``: share of the states' variance that the erasure changes. Measures of each condition: ``own category``
    (mass that the face gives to the prompt's category, 0..1); ``KL`` (bits, from the distribution over faces without
    erasure); ``category lost`` and ``prompt lost`` (shares 0..1 of what a face distribution has in common with other
    prompts of its category, above those of other categories; and with itself, above its category), and ``selectivity``,
    their difference: does the erasure hit the category more than everything else. ``drop`` (own category after the
    control less that after erasing the category) compares the category's erasure with each control. Its null swaps the
    two per prompt, in all layers at once; p is for the best of all layers (max-T). The control ``matched`` changes as
    much variance. Overlap of distributions: Bhattacharyya 1943.

    Parameters
    ----------
    table : of :func:`kaomoji_lib.models.steering_conditions.erasure_table`.
    faces, reading, prompts : as in :func:`kaomoji_lib.metrics.steering.effects`.

    Raises
    ------
    KaomojiError
        If no erasure of the category or no control is in the table, or the reading lacks a face.
    """
    shares, _ = face_shares(table, faces)
    masses = category_masses(shares, reading)
    category = prompts.set_index("id")["category"].reindex(table["prompt_id"]).to_numpy()
    columns = [masses.columns.get_loc(code) for code in category]
    own = masses.to_numpy()[np.arange(len(masses)), columns]
    meta = table[["prompt_id", "layer", "condition", "removed"]].reset_index(drop=True)
    still = np.flatnonzero(meta["condition"] == "none")
    ids, before = list(meta.loc[still, "prompt_id"]), np.sqrt(shares.to_numpy()[still])
    member = category[still][:, None] == category[still][None]
    cells = {
        place: part.assign(at=part.index).set_index("prompt_id")["at"].reindex(ids).to_numpy()
        for place, part in meta.groupby(["layer", "condition"], sort=False)
    }
    layers = sorted({layer for layer, condition in cells if condition == "category"})
    controls = [
        name for name in dict.fromkeys(meta["condition"]) if name not in ("none", "category")
    ]
    if not layers or not controls:
        raise KaomojiError(
            "the table lacks an erasure of the category or its controls; expected an erasure table; pass it unchanged"
        )
    drops = {
        name: np.array(
            [own[cells[layer, name]] - own[cells[layer, "category"]] for layer in layers]
        )
        for name in controls
    }
    signs = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], size=(permutations, len(ids)))
    kept = _overlaps(before, before, member)
    frames = [
        results.frame(
            {"own category": stats.bootstrap(own[still], seed=seed)},
            layer=0,
            condition="none",
            removed=0.0,
        )
    ]
    for (layer, condition), rows in cells.items():
        if condition == "none":
            continue
        found = {"own category": stats.bootstrap(own[rows], seed=seed)}
        logs = np.log2(np.maximum(shares.to_numpy(), 1e-12))
        kl = (before**2 * (logs[still] - logs[rows])).sum(axis=1)
        found["KL"] = stats.bootstrap(kl, seed=seed)
        left = _overlaps(np.sqrt(shares.to_numpy()[rows]), before, member)
        found |= _lost(kept, left, seed)
        if condition in drops:
            differences, at = drops[condition], layers.index(layer)
            null = signs @ differences.T / len(ids)
            adjusted = resampling.max_t(differences.mean(axis=1), null)[at]
            drop = stats.bootstrap(differences[at], seed=seed)
            found[DROP] = replace(drop, null_mean=float(null[:, at].mean()), p=float(adjusted))
        labels = {
            "layer": int(layer),
            "condition": condition,
            "removed": meta["removed"][rows].mean(),
        }
        frames.append(results.frame(found, **labels))
    return pd.concat(frames, ignore_index=True)


def _overlaps(roots, before, member):
    """Overlap of each row with others of its category above those of other categories, and with itself above its category."""
    overlap, others = roots @ before.T, member & ~np.eye(len(member), dtype=bool)
    near = (overlap * others).sum(axis=1) / np.maximum(others.sum(axis=1), 1)
    far = (overlap * ~member).sum(axis=1) / np.maximum((~member).sum(axis=1), 1)
    return np.array([near - far, np.diag(overlap) - near])


def _lost(kept, left, seed):
    """Shares of ``kept`` (2, prompts) that are gone in ``left``, and their difference: dict of Estimates over prompts."""
    n = kept.shape[1]
    counts = np.vstack([np.ones((1, n)), stats.resampling_counts(n, seed=seed)])
    gone = 1 - (counts @ left.T) / np.where(
        np.abs(counts @ kept.T) > 1e-12, counts @ kept.T, np.nan
    )
    parts = {"category lost": gone[:, 0], "prompt lost": gone[:, 1]}
    parts["selectivity"] = gone[:, 0] - gone[:, 1]
    return {name: stats.estimate(part[0], part[1:], n, "prompts") for name, part in parts.items()}
