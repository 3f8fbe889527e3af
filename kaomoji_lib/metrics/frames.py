"""How much of the self face is the model's own: what it repeats about the message that faces under other frames do not tell.

One self face A, another self face B of the same prompt, and a face O of the same prompt under another frame are drawn
independently given the prompt; whatever they tell about each other goes through what the model made of it. B tells of
A what the self frame repeats; O tells of A what the other frame has in common with it. The difference

    I(A; B) - I(A; O)

is 0 where the two frames type alike or where the self face repeats nothing, and above 0 only where the self face holds
something that the other frame's face does not tell. Given the category (I(A; B | C) - I(A; O | C)) it asks the same about
what goes beyond the category. A wholly shared state, read from the message by every frame, gives 0.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.perspectives import SELF

PERMUTATIONS = 199
HALVES = 60


@dataclass(frozen=True)
class Shared:
    """What a second face tells about a self face, bits beyond what it tells by chance: Estimates over prompts.

    ``bits``; ``within``: given the category, beyond it. Null of both: the self faces dealt to other prompts, of any
    category and of the same; its mean, the bias that Miller and Madow's correction leaves, is taken off.
    """

    bits: statistics.Estimate
    within: statistics.Estimate


@dataclass(frozen=True)
class Specificity:
    """What the self face holds that one other frame's face does not tell, bits: Estimates over prompts.

    ``bits``; ``within``: given the category. Null of both: the other frame's faces and the second self faces change places,
    prompt by prompt. ``shared``: what the other frame's face does tell.
    """

    frame: str
    bits: statistics.Estimate
    within: statistics.Estimate
    shared: Shared


@dataclass(frozen=True)
class SelfSpecificity:
    """``repeated``: what one self face tells about another (:class:`Shared`); ``frames``: a :class:`Specificity` for each other frame;
    ``beyond_all``: the least of them within the category, its p the largest (intersection-union test, Berger 1982)."""

    repeated: Shared
    frames: tuple
    beyond_all: statistics.Estimate


def self_specificity(emissions, *, permutations=PERMUTATIONS, seed=0):
    """The :class:`SelfSpecificity` of one model.

    Parameters
    ----------
    emissions : dict frame -> DataFrame[prompt_id, category, generation, face] of the same prompts, ``self`` among them. Mutual
        informations are Miller-Madow corrected (Miller 1955), summed over categories by their share where given the
        category.

    Raises
    ------
    KaomojiError
        If ``self`` or every other frame is missing, the prompts differ, or a frame has fewer than two replies a prompt.
    """
    others = [frame for frame in emissions if frame != SELF]
    if SELF not in emissions or not others:
        raise KaomojiError(
            f"frames {', '.join(emissions) or 'none'}; expected self and at least one other; collect with --frame"
        )
    names = pd.Index(pd.unique(pd.concat([table["face"] for table in emissions.values()]).dropna()))
    first = emissions[SELF].drop_duplicates("prompt_id").set_index("prompt_id")["category"]
    slots = {frame: _slots(table, first.index, names, frame) for frame, table in emissions.items()}
    half = slots[SELF].shape[1] // 2
    A, B = slots[SELF][:, 0 : 2 * half : 2], slots[SELF][:, 1 : 2 * half : 2]
    category = np.unique(first.to_numpy(), return_inverse=True)[1]
    free = np.zeros(len(category), dtype=int)
    repeated = Shared(*(_shared(A, B, blocks, permutations, seed) for blocks in (free, category)))
    found = []
    for frame in others:
        O = slots[frame][:, 1 : 2 * half : 2]  # noqa: E741
        if O.shape[1] != half:
            raise KaomojiError(
                f"{frame} has fewer replies a prompt than self; expected as many; collect both with the same --generations"
            )
        shared = Shared(*(_shared(A, O, blocks, permutations, seed) for blocks in (free, category)))
        found.append(
            Specificity(
                frame,
                *(_difference(A, B, O, blocks, permutations, seed) for blocks in (free, category)),
                shared,
            )
        )
    least = min(found, key=lambda item: item.within.value).within
    worst = max(item.within.p for item in found)
    beyond = statistics.Estimate(
        least.value, least.ci_low, least.ci_high, least.n, least.unit, least.null_mean, worst
    )
    return SelfSpecificity(repeated, tuple(found), beyond)


def _slots(table, prompts, names, frame):
    """Position in ``names`` of the face of every reply, -1 where it opened with none: ints (prompts, generations)."""
    if set(table["prompt_id"]) != set(prompts):
        raise KaomojiError(
            f"the frame {frame} was asked other prompts than self; expected the same; collect both with one table"
        )
    wide = table.assign(code=pd.Categorical(table["face"], names).codes).pivot(
        index="prompt_id", columns="generation", values="code"
    )
    wide = wide.reindex(prompts)
    if wide.shape[1] < 2:
        raise KaomojiError(
            f"the frame {frame} has {wide.shape[1]} reply a prompt; expected at least 2; collect with more --generations"
        )
    return wide.fillna(-1).to_numpy().astype(int)


def information(left, right, blocks):
    """I(left; right | block) in bits, Miller-Madow corrected, blocks weighted by their share; the mean over all ways to pair slots.

    ``left``, ``right``: ints (prompts, slots), -1 for none; ``blocks``: ints (prompts,).
    """
    count, size = int(blocks.max()) + 1, max(left.max(), right.max()) + 1
    found = []
    for shift in range(right.shape[1]):
        a, b = left, np.roll(right, shift, axis=1)
        kept = (a >= 0) & (b >= 0)
        place = (np.broadcast_to(blocks[:, None], a.shape)[kept] * size + a[kept]) * size + b[kept]
        tables = (
            np.bincount(place, minlength=count * size * size)
            .reshape(count, size, size)
            .astype(float)
        )
        total = tables.sum(axis=(1, 2))
        used = total > 0
        found.append(
            statistics.mutual_information(tables[used]) @ total[used] / max(total.sum(), 1)
        )
    return float(np.mean(found))


def _shared(left, right, blocks, permutations, seed):
    left, right = _compact(left, right)
    null = np.array(
        [
            information(left[order], right, blocks)
            for order in resampling.orders(blocks, permutations, seed)
        ]
    )
    halves = [
        information(left[half], right[half], blocks[half])
        for half in statistics.half_samples(len(left), HALVES, seed)
    ]
    # With fifty faces and a few hundred pairs the correction leaves much of the bias; faces dealt to other prompts have all of it.
    chance = null.mean()
    return statistics.estimate(
        information(left, right, blocks) - chance,
        halves,
        len(left),
        "prompts",
        null=null - chance,
        interval="normal",
    )


def _difference(A, B, O, blocks, permutations, seed):  # noqa: E741
    A, B, O = _compact(A, B, O)  # noqa: E741

    def value(left, second, other, of):
        return information(left, second, of) - information(left, other, of)

    rng, null = np.random.default_rng(seed), []
    for _ in range(permutations):
        swapped = rng.random(len(A)) < 0.5
        null.append(
            value(A, np.where(swapped[:, None], O, B), np.where(swapped[:, None], B, O), blocks)
        )
    halves = [
        value(A[half], B[half], O[half], blocks[half])
        for half in statistics.half_samples(len(A), HALVES, seed)
    ]
    return statistics.estimate(
        value(A, B, O, blocks), halves, len(A), "prompts", null=null, interval="normal"
    )


def _compact(*parts):
    """The same faces under small numbers, so that tables stay small."""
    used = np.unique(np.concatenate([part.ravel() for part in parts]))
    used = used[used >= 0]
    return tuple(np.where(part >= 0, np.searchsorted(used, part), -1) for part in parts)
