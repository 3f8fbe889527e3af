"""Mutual information of a prompt's faces with its category and with each other, without the bias that nested replies cause.

The replies to one prompt resemble each other, so counts of replies overstate how much was observed: the plug-in value
and Miller and Madow's correction (Miller 1955) both come out too high. Prompts are the independent units; the
delete-one-prompt jackknife takes the bias off (Quenouille 1956, doi:10.1093/biomet/43.3-4.353; Efron & Stein 1981,
doi:10.1214/aos/1176345462).

Perspectives are instructions that differ in whose feeling the face is to express; the prompts are the same. One self face A,
another self face B of the same prompt, and a face O of the same prompt under another perspective are independent given
the prompt; whatever they tell about each other goes through what the model made of it. I(A; B) is what the self perspective
repeats, I(O; O') what the other one does. I(A; B) - I(A; O) above 0 says that self repeats it *more reliably*: other
information, or the same with less noise. Such a term is biased by bits, and by more for a perspective that uses more faces:
each is taken above its own mean under permutation, in the whole and in every half sample.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics.states import one_thread
from kaomoji_lib.stimuli import SELF

HALVES, CHANCE_DRAWS = 60, 20
MORE = "repeats more reliably"
CORRECTION_ERROR = 0.5


@one_thread
def from_emissions(emissions, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return I(face; category) in bits from sampled faces: Estimate over prompts.

    ``emissions``: DataFrame[prompt_id, category, face]; rows without a face are left out. The null gives categories to
    other prompts. The interval adds to the jackknife's standard error half of the correction itself: where the bias is
    large, what is left of it is of that size (simulated in tests/calibration).
    """
    typed = emissions[emissions["face"].notna()]
    prompts = typed.drop_duplicates("prompt_id")
    counts = pd.crosstab(typed["prompt_id"], typed["face"]).loc[prompts["prompt_id"]].to_numpy()
    label, n = pd.factorize(prompts["category"])[0], len(prompts)
    rng, counts = np.random.default_rng(seed), counts.astype(float)
    null = [
        _jackknifed(*_without_each(counts, rng.permutation(label))) for _ in range(permutations)
    ]
    whole, without = _without_each(counts, label)
    value = _jackknifed(whole, without)
    spread = (n - 1) / n * ((without - without.mean()) ** 2).sum()
    reach = 1.96 * np.sqrt(spread + (CORRECTION_ERROR * (whole - value)) ** 2)
    tested = float(np.mean(null)), stats.permutation_p(value, null)
    return stats.Estimate(value, value - reach, value + reach, n, "prompts", *tested)


def _jackknifed(whole, without):
    return float(len(without) * whole - (len(without) - 1) * without.mean())


def _without_each(counts, label):
    """Return the information of all prompts, and (prompts,) of all but each; ``counts``: (prompts, faces)."""
    joint = counts.T @ np.eye(label.max() + 1)[label]
    rows, columns, size = joint.sum(axis=1), joint.sum(axis=0), counts.sum(axis=1)

    def balance(function):
        """Sums of ``function`` over the cells less those over the margins: of all prompts, then of all but each."""

        def change(before, taken):
            return (function(before - taken) - function(before)).sum(axis=1)

        cells, faces = change(joint.T[label], counts), change(rows[None], counts)
        categories = change(columns[label][:, None], size[:, None])
        every = function(joint).sum() - function(rows).sum() - function(columns).sum()
        return np.append(every, every + cells - faces - categories)

    total = np.append(size.sum(), size.sum() - size)
    occupied = -balance(np.sign) - 1
    found = np.log2(total) + (balance(_xlogx) + occupied / 2) / total / np.log(2)
    return found[0], found[1:]


def _xlogx(values):
    return values * np.log(np.where(values > 0, values, 1))


@one_thread
def contrast(emissions, *, permutations=stats.PERMUTATIONS, halves=HALVES, seed=0):
    """Compare the self perspective with the others, within categories and over all prompts: tidy table.

    ``emissions``: mapping perspective -> DataFrame[prompt_id, category, generation, face] of the same prompts, ``self``
    among them. Label columns: ``perspective``, and ``given`` (``category`` or empty). Measures, bits over prompts:
    ``repeats`` (every perspective, with itself; p by permutation), ``shared with self`` and ``repeats more reliably`` (self
    minus shared; p and interval from half samples, Shao & Wu 1989).

    Raises
    ------
    KaomojiError
        If there are fewer than four replies per prompt.
    """
    first = emissions[SELF].drop_duplicates("prompt_id").set_index("prompt_id")["category"]
    faces = pd.Index(pd.unique(pd.concat([part["face"] for part in emissions.values()]).dropna()))
    slots = {name: _slots(part, first.index, faces, name) for name, part in emissions.items()}
    half = min(part.shape[1] for part in slots.values()) // 2
    pairs = {
        name: (part[:, 0 : 2 * half : 2], part[:, 1 : 2 * half : 2]) for name, part in slots.items()
    }
    blocks = {"": np.zeros(len(first), dtype=int), "category": pd.factorize(first)[0]}
    tables = [
        results.frame(_contrasts(pairs, among, permutations, halves, seed), given=given)
        for given, among in blocks.items()
    ]
    return pd.concat(tables, ignore_index=True).rename(columns={"source": "perspective"})


def _contrasts(pairs, blocks, permutations, halves, seed):
    n, (A, B) = len(blocks), pairs[SELF]
    samples = stats.half_samples(n, halves, seed)

    def term(left, right):
        """Information above chance as an Estimate, and its values in the half samples."""
        null = _permuted(left, right, blocks, permutations, seed)
        values = []
        for number, half in enumerate(samples):
            part = left[half], right[half], blocks[half]
            chance = _permuted(*part, CHANCE_DRAWS, seed + number)
            values.append(information(*part) - chance.mean())
        values = np.array(values)
        whole, null = information(left, right, blocks) - null.mean(), null - null.mean()
        return stats.estimate(whole, values, n, "prompts", null=null, normal=True), values

    own, own_halves = term(A, B)
    rows = {(SELF, "repeats"): own}
    for name in [name for name in pairs if name != SELF]:
        shared, shared_halves = term(A, pairs[name][1])
        gap, error = own.value - shared.value, float(np.std(own_halves - shared_halves, ddof=1))
        p = max(float(norm.sf(gap / error)), 1e-12) if error > 0 else float("nan")
        reach = 1.96 * error
        more = stats.Estimate(gap, gap - reach, gap + reach, n, "prompts", 0.0, p)
        rows[name, "repeats"] = term(*pairs[name])[0]
        rows |= {(name, "shared with self"): shared, (name, MORE): more}
    return rows


def _slots(table, prompts, faces, name):
    """Position in ``faces`` of the face of every reply, -1 where it opened with none: ints (prompts, generations)."""
    codes = table.assign(code=faces.get_indexer(table["face"]))
    wide = codes.pivot(index="prompt_id", columns="generation", values="code").reindex(prompts)
    if wide.shape[1] < 4:
        raise KaomojiError(
            f"{name} has {wide.shape[1]} replies per prompt; expected at least 4; collect with more --generations"
        )
    return wide.fillna(-1).to_numpy().astype(int)


def information(left, right, blocks):
    """Return I(left; right | block) in bits, Miller-Madow corrected, the mean over all ways to pair slots.

    ``left``, ``right``: ints (prompts, slots), -1 for none; ``blocks``: ints (prompts,), weighted by their share.
    """
    slots, size = right.shape[1], int(max(left.max(), right.max())) + 1
    groups, slot = int(blocks.max()) + 1, np.arange(slots)
    shifted = right[:, (slot[:, None] + slot) % slots]  # (prompts, shift, slot)
    a, b = np.broadcast_to(left[:, None], shifted.shape), shifted
    valid = (a >= 0) & (b >= 0)
    group = np.broadcast_to(blocks[:, None, None] * slots + slot[:, None], a.shape)[valid]
    a, b = group * size + a[valid], group * size + b[valid]
    joint = np.unique(a * size + b % size, return_counts=True)[1]
    total = np.bincount(group, minlength=groups * slots)
    rows, columns = np.bincount(a), np.bincount(b)
    sums = _xlogx(joint).sum() - _xlogx(rows).sum() - _xlogx(columns).sum() + _xlogx(total).sum()
    occupied = (rows > 0).sum() + (columns > 0).sum() - len(joint) - (total > 0).sum()
    return float((sums + occupied / 2) / max(total.sum(), 1) / np.log(2))


def _permuted(left, right, blocks, number, seed):
    """Return :func:`information` after prompts were permuted within blocks: (number,)."""
    orders = stats.orders(blocks, number, seed)
    return np.array([information(left[order], right, blocks) for order in orders])
