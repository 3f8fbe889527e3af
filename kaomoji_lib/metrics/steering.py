"""What steering does to the exact distribution over faces: where its mass goes, and whether the direction's meaning decides it."""

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


def effects(table, faces, reading, prompts, *, permutations=stats.PERMUTATIONS, seed=0):
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
