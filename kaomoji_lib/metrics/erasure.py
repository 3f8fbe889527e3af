"""Erasing the category from the state that the face is chosen from, and what is left of it in the face.

LEACE (Belrose et al. 2023, arXiv:2306.03819) is the affine map that changes states least while no linear reader can tell
the category any more. Its control erases a random subspace of the same rank in the same way.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import resampling
from kaomoji_lib import stats as statistics
from kaomoji_lib.metrics.exact import exclusive

META = ("prompt_id", "layer", "arm", "number")


@dataclass(frozen=True)
class Eraser:
    """x -> x - (x - ``centre``) @ ``matrix``; ``rank``: dimensions that are taken out."""

    matrix: np.ndarray
    centre: np.ndarray
    rank: int

    def __call__(self, states):
        """Erased states (n, hidden)."""
        return states - (states - self.centre) @ self.matrix


@dataclass(frozen=True)
class Plan:
    """``per_category``: prompts that are tried; ``random``: subspaces of equal rank to compare with; ``layers``: None for every block."""

    per_category: int = 4
    random: int = 3
    layers: tuple | None = None
    seed: int = 0


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


def leace(states, labels):
    """The :class:`Eraser` of the categories ``labels`` (n,) from ``states`` (n, hidden).

    The covariance is shrunk (Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4), since there are fewer prompts than
    dimensions: the states' covariance with the category is exactly 0 all the same, only "least" is then by a smoothed
    measure.
    """
    root, inverse, centre = _whitener(states)
    member = (np.asarray(labels)[:, None] == np.unique(labels)[None]).astype(float)
    cross = (states - centre).T @ (member - member.mean(axis=0)) / len(states)
    return _eraser(root, inverse, centre, _basis(inverse @ cross))


def random_like(states, rank, rng):
    """The same for a random subspace of ``rank`` dimensions."""
    root, inverse, centre = _whitener(states)
    return _eraser(root, inverse, centre, np.linalg.qr(rng.normal(size=(states.shape[1], rank)))[0])


def _whitener(states):
    from sklearn.covariance import ledoit_wolf

    states = np.asarray(states, dtype=float)
    values, vectors = np.linalg.eigh(ledoit_wolf(states)[0])
    values = np.maximum(values, values.max() * 1e-9 + 1e-30)
    return (
        (vectors * np.sqrt(values)) @ vectors.T,
        (vectors / np.sqrt(values)) @ vectors.T,
        states.mean(axis=0),
    )


def _basis(columns):
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, singular > 1e-8 * max(singular[0], 1e-30)]


def _eraser(root, inverse, centre, basis):
    return Eraser(inverse @ (basis @ basis.T) @ root, centre, basis.shape[1])


def table(run, words, plan=Plan(), device="auto"):  # noqa: B008
    """What the run's model types after each erasure: DataFrame[META, one column per spelling], kept in the run's folder.

    Erasers are fitted on the emission states of the prompts that are not tried.
    """
    from kaomoji_lib.runs.cache import derived

    return derived(
        run,
        "erasure",
        {"spellings": list(words), **asdict(plan)},
        lambda: _table(run, words, plan, device),
    )


def _table(run, words, plan, device):
    from kaomoji_lib.models.reloading import reload
    from kaomoji_lib.models.steer import Map, face_log_probs, prompt_states, proven
    from kaomoji_lib.models.steering_conditions import split

    engine, prompts = reload(run, device), run.prompts()
    encoded = [
        engine.encode(engine.template.render(f"{run.manifest['instruction']} {text}"))
        for text in prompts["text"]
    ]
    fit, tried = split(prompts, plan.per_category)
    last = prompt_states(engine, [encoded[row] for row in np.flatnonzero(fit)])[1]
    labels, rng = prompts["category"].to_numpy()[fit], np.random.default_rng(plan.seed)
    asked, frames = [encoded[row] for row in tried], []
    first = leace(last[:, 1], labels)
    algorithm = proven(engine, asked, words, Map(1, first.matrix, first.centre))

    def note(layer, arm, number, change):
        closed = face_log_probs(engine, asked, words, change, algorithm)[1]
        meta = pd.DataFrame(
            {
                "prompt_id": prompts["id"].to_numpy()[tried],
                "layer": layer,
                "arm": arm,
                "number": number,
            }
        )
        frames.append(pd.concat([meta, pd.DataFrame(np.exp(closed), columns=list(words))], axis=1))

    note(0, "none", 0, None)
    for layer in plan.layers or range(1, len(engine.blocks) + 1):
        found = leace(last[:, layer], labels)
        controls = [random_like(last[:, layer], found.rank, rng) for _ in range(plan.random)]
        for arm, number, eraser in [
            ("category", 0, found),
            *(("random", place, one) for place, one in enumerate(controls)),
        ]:
            note(layer, arm, number, Map(layer, eraser.matrix, eraser.centre))
    return pd.concat(frames, ignore_index=True)


def effects(found, faces, reading, prompts, *, permutations=10_000, seed=0):
    """:class:`Erased` of every layer of a :func:`table`; the other arguments as in :func:`.steering.effects`."""
    own = _own_mass(found, faces, reading, prompts)
    wide = (
        own.groupby(["layer", "arm", "prompt_id"], sort=False)["mass"].mean().unstack("prompt_id")
    )
    before = wide.xs("none", level="arm").iloc[0]
    results = []
    for layer in own.loc[own["arm"] == "category", "layer"].unique():
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
