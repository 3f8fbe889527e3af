"""Erasing the category from the state that the face is chosen from, and what is left of it in the face.

LEACE (Belrose et al. 2023, arXiv:2306.03819) is the affine map that changes states least while no linear reader can tell
the category any more. Its control erases a random subspace of the same rank in the same way.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.metrics.exact import exclusive

META = ("prompt_id", "topic", "layer", "condition", "number", "removed")


@dataclass(frozen=True)
class Erased:
    """What is left of the category in the face after erasing it behind one block.

    ``before``, ``after``, ``random``: mean mass that the face gives to the prompt's own category, 0..1; ``drop``: what erasing took
    beyond the random subspaces of equal rank. Estimates over prompts; null of ``drop``: the two erasures swapped per prompt.
    ``rank``: of the erased subspace.
    """

    layer: int
    before: statistics.Estimate
    after: statistics.Estimate
    random: statistics.Estimate
    drop: statistics.Estimate


def effects(found, faces, reading, prompts, *, permutations=10_000, seed=0):
    """:class:`Erased` of every layer of a :func:`kaomoji_lib.models.steering_conditions.erasure_table`; the other arguments as in :func:`.steering.effects`."""
    own = _own_mass(found, faces, reading, prompts)
    wide = (
        own.groupby(["layer", "condition", "prompt_id"], sort=False)["mass"]
        .mean()
        .unstack("prompt_id")
    )
    before = wide.xs("none", level="condition").iloc[0]
    results = []
    for layer in own.loc[own["condition"] == "category", "layer"].unique():
        after, control = wide.loc[(layer, "category")], wide.loc[(layer, "random")]
        results.append(
            Erased(
                int(layer),
                statistics.bootstrap(before, seed=seed),
                statistics.bootstrap(after, seed=seed),
                statistics.bootstrap(control, seed=seed),
                resampling.paired(control, after, resamples=permutations, seed=seed),
            )
        )
    return results


def _own_mass(found, faces, reading, prompts):
    words = [name for name in found.columns if name not in META]
    own = exclusive(found[words])
    by_face = own.div(own.sum(axis=1), axis=0).T.groupby(faces.reindex(words), sort=False).sum().T
    masses = pd.DataFrame(
        by_face.to_numpy() @ reading.table.loc[by_face.columns].to_numpy(),
        columns=reading.table.columns,
    )
    category = (
        prompts.set_index("id")["category"]
        .reindex(found["prompt_id"])
        .map(list(masses.columns).index)
        .to_numpy()
    )
    return found[list(META)].assign(mass=masses.to_numpy()[np.arange(len(masses)), category])
