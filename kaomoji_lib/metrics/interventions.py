"""What steering, patching and erasing do to the exact distribution over faces, and whether meaning decides it."""

from dataclasses import replace

import numpy as np
import pandas as pd

from kaomoji_lib import resampling, results, stats
from kaomoji_lib.errors import KaomojiError

TARGET, SELECTIVITY = "target", "selectivity"


def exclusive(wide):
    """Make probabilities of nested events exclusive: each spelling less those that extend it.

    ``wide``: DataFrame prompt x spelling, P(the reply begins with the spelling). "The reply begins with ``(^_^)``" contains
    "the reply begins with ``(^_^)/``": added up as they are, nested spellings would count twice. Where the tokens of an
    extension leave more to it than was counted for the spelling itself (another way to cut the same text), it gets 0.
    """
    taken = pd.DataFrame(0.0, index=wide.index, columns=wide.columns)
    for spelling in wide:
        inside = [one for one in wide if one != spelling and spelling.startswith(one)]
        if inside:
            taken[max(inside, key=len)] += wide[spelling]
    return (wide - taken).clip(lower=0.0)


def face_shares(table, faces):
    """Return P(face | row, the reply opens with a listed face), and the probability that it does.

    ``table``: of an intervention (:mod:`kaomoji_lib.models.steering_conditions`), one column per spelling with
    P(the reply opens with it), prefix-closed; ``faces``: Series spelling -> face. DataFrame (rows, faces), rows sum to
    1, and array (rows,).
    """
    own = exclusive(table[[name for name in table.columns if name in faces.index]])
    mass = own.sum(axis=1)
    by_face = own.div(mass, axis=0).T.groupby(faces.reindex(own.columns), sort=False).sum().T
    return by_face, mass.to_numpy()


def category_masses(shares, reading):
    """Return the mass that ``shares`` (:func:`face_shares`) give to each category: DataFrame (rows, categories).

    ``reading``: P(category | face) of the model without intervention.

    Raises
    ------
    KaomojiError
        If the reading lacks a face.
    """
    unknown = [face for face in shares.columns if face not in reading.table.index]
    if unknown:
        raise KaomojiError(
            f"the reading does not know {', '.join(unknown[:5])}; expected one of all scored faces; score the same spellings"
        )
    masses = shares.to_numpy() @ reading.table.loc[shares.columns].to_numpy()
    return pd.DataFrame(masses, shares.index, reading.table.columns)


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


def steering(table, faces, reading, prompts, *, permutations=stats.PERMUTATIONS, seed=0):
    """Measure what each layer and scale did: tidy table with the labels ``layer`` and ``scale``.

    Masses are of categories, 0..1, given that the reply opens with a listed face. Measures: ``target`` (gained by the
    category steered to); ``selectivity`` (that less what the mean other category gained, neither target nor the
    prompt's own); ``shuffled`` and ``isotropic`` (gained by a category under directions of the same length that mean
    nothing); ``entropy`` (change, bits); ``unlisted`` (change of the probability of no listed face). Intervals resample
    prompts and directions, of which there are few. The null of target and selectivity gives the directions other
    categories' names; p is for the best of all layers and scales (max-T, :func:`kaomoji_lib.resampling.max_t`).
    Directions of a difference of means: Turner et al. 2023, arXiv:2308.10248; Rimsky et al. 2024, arXiv:2312.06681.

    Parameters
    ----------
    table : of :func:`kaomoji_lib.models.steering_conditions.steering_table`. faces, reading : see above.
    prompts : DataFrame[id, category].

    Raises
    ------
    KaomojiError
        If no prompt was steered to a category, or the reading lacks a face.
    """
    shares, mass = face_shares(table, faces)
    masses = category_masses(shares, reading)
    codes = list(masses.columns)
    entropy = -(shares * np.log2(shares.where(shares > 0, 1))).sum(axis=1).to_numpy()
    meta = table[["prompt_id", "layer", "condition", "direction", "scale"]].reset_index(drop=True)
    still = meta.index[meta["condition"] == "none"]
    base = pd.Series(still, meta.loc[still, "prompt_id"]).reindex(meta["prompt_id"]).to_numpy()
    gained = masses.to_numpy() - masses.to_numpy()[base]
    category = prompts.set_index("id")["category"].reindex(meta["prompt_id"])
    own = category.map(codes.index).to_numpy()
    places = {
        place: part.index.to_numpy()
        for place, part in meta[meta["condition"] == "category"].groupby(["layer", "scale"])
    }
    if not places:
        raise KaomojiError(
            "no prompt was steered to a category; expected a steering table; pass it unchanged"
        )

    def over(values, at):
        crossing = meta.loc[at, "prompt_id"], meta.loc[at, "direction"]
        return resampling.two_way(values, *crossing, unit="directions", seed=seed)

    orders = np.random.default_rng(seed).permuted(
        np.tile(np.arange(len(codes)), (permutations, 1)), axis=1
    )
    steered = {
        place: (gained[at], own[at], meta.loc[at, "direction"].map(codes.index).to_numpy())
        for place, at in places.items()
    }
    null = np.array([_renamed(*rows, orders) for rows in steered.values()])
    observed = np.array([_gains(*rows).mean(axis=1) for rows in steered.values()])
    adjusted = [resampling.max_t(observed[:, i], null[:, i].T) for i in range(2)]
    frames = []
    for number, ((layer, scale), at) in enumerate(places.items()):
        values, found = _gains(*steered[layer, scale]), {}
        for i, name in enumerate((TARGET, SELECTIVITY)):
            tested = {"null_mean": float(null[number, i].mean()), "p": float(adjusted[i][number])}
            found[name] = replace(over(values[i], at), **tested)
        for condition in ("shuffled", "isotropic"):
            here = (meta["layer"] == layer) & (meta["scale"] == scale)
            other = np.flatnonzero(here & (meta["condition"] == condition))
            if len(other):
                # Of a direction that means nothing: what the mean category that is not the prompt's own gained.
                found[condition] = over(-gained[other, own[other]] / (len(codes) - 1), other)
        found["entropy"] = over(entropy[at] - entropy[base[at]], at)
        found["unlisted"] = over(mass[base[at]] - mass[at], at)
        frames.append(results.frame(found, layer=int(layer), scale=float(scale)))
    return pd.concat(frames, ignore_index=True)


# What each condition is compared with: what differs is the state's position, or its category.
CONTROLS = {"donor": "shuffled_position", "other_topic": "same_category"}
FLOOR = 1e-9


def patching(table, faces, *, permutations=stats.PERMUTATIONS, seed=0):
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


DROP = "drop"


def erasure(table, faces, reading, prompts, *, permutations=stats.PERMUTATIONS, seed=0):
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
    faces, reading, prompts : as in :func:`steering`.

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
