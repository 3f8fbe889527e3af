"""States as readers: does a model's own state predict its faces better than another model's state does, by depth?

Depth is the share of the way from the embedding (0, the same template token behind every prompt) to the last block (1), so
that models of any height compare. A ridge regression reads the square roots of the exact probabilities of an emitter's faces
(their Euclidean distance is the Hellinger distance) from one layer's emission states, on prompts it was not fitted on.
"""

from dataclasses import dataclass

import numpy as np

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.metrics.readers import Advantage, advantage
from kaomoji_lib.metrics.threads import one_thread

DEPTHS = (0.25, 0.5, 0.75, 1.0)
PENALTIES = np.logspace(-1, 4, 11)
RESAMPLES = 500


@dataclass(frozen=True)
class StateReaders:
    """R² of every owner's states for every emitter's faces at every depth.

    ``names``; ``depths``; ``values``: (depths, owners, emitters), share of the variance over prompts that is predicted, 0 being
    what the mean face predicts; ``scores``: dict (depth, owner, emitter) -> Estimate of the same over prompts;
    ``own`` and ``other``: Estimates over prompts per depth, mean of the diagonal and of the rest; ``advantage``: over all
    depths; ``earlier``: over all but the last, whose own state decides the face by the model's construction.
    """

    names: tuple
    depths: tuple
    values: np.ndarray
    scores: dict
    own: tuple
    other: tuple
    advantage: Advantage
    earlier: Advantage


@one_thread
def compare(states, faces, labels, *, depths=DEPTHS, seed=0):
    """A :class:`StateReaders`.

    Parameters
    ----------
    states : dict name -> (prompts, layers, hidden) of the same prompts. faces : dict of the same names -> (prompts, faces),
        probabilities (:attr:`.exact.Exact.conditional`). labels : (prompts,), for folds stratified by category.

    Raises
    ------
    KaomojiError
        If fewer than three models are given, or they answered different numbers of prompts.
    """
    names = tuple(name for name in states if name in faces)
    sizes = (
        {len(states[name]) for name in names} | {len(faces[name]) for name in names} | {len(labels)}
    )
    if len(names) < 3 or len(sizes) > 1:
        raise KaomojiError(
            f"{len(names)} models with {sorted(sizes)} prompts; expected at least 3 that answered the same ones"
        )
    fold = prediction.folds(np.unique(labels, return_inverse=True)[1], seed)
    targets = [np.sqrt(np.asarray(faces[name], dtype=float)) for name in names]
    missed = np.empty((len(depths), len(names), len(names), len(labels)))
    for row, name in enumerate(names):
        for place, depth in enumerate(depths):
            X = classifier.compact(states[name][:, round(depth * (states[name].shape[1] - 1))])
            missed[place, row] = _losses(X, targets, fold)
    base = np.array([_losses(np.zeros((len(labels), 1)), [target], fold)[0] for target in targets])
    counts = statistics.resampling_counts(len(labels), RESAMPLES, seed)
    values = 1 - missed.sum(axis=-1) / base.sum(axis=-1)
    resampled = (
        1
        - np.einsum("rp,doep->rdoe", counts, missed, optimize=True)
        / (counts @ base.T)[:, None, None]
    )
    scores = {
        (depth, owner, emitter): statistics.estimate(
            values[place, row, column], resampled[:, place, row, column], len(labels), "prompts"
        )
        for place, depth in enumerate(depths)
        for row, owner in enumerate(names)
        for column, emitter in enumerate(names)
    }
    member = np.eye(len(names), dtype=bool)
    summaries = [
        tuple(
            statistics.estimate(
                values[place][chosen].mean(),
                resampled[:, place][:, chosen].mean(axis=1),
                len(labels),
                "prompts",
            )
            for place in range(len(depths))
        )
        for chosen in (member, ~member)
    ]
    whole = advantage(values, resampled, seed=seed)
    return StateReaders(
        names,
        tuple(depths),
        values,
        scores,
        *summaries,
        whole,
        advantage(values[:-1], resampled[:, :-1], seed=seed),
    )


def _losses(X, targets, fold):
    """Squared error of each prompt's held-out prediction, summed over faces: (targets, prompts)."""
    lost = np.empty((len(targets), len(X)))
    for number in range(fold.max() + 1):
        train = fold != number
        scores = classifier.project(X, train) if np.ptp(X) > 0 else np.zeros((len(X), 1))
        left, singular, right = np.linalg.svd(scores[train], full_matrices=False)
        for place, target in enumerate(targets):
            middle = target[train].mean(axis=0)
            weights = _ridge(left, singular, target[train] - middle)
            lost[place, ~train] = (
                (target[~train] - middle - scores[~train] @ right.T @ weights) ** 2
            ).sum(axis=1)
    return lost


def _ridge(left, singular, target):
    """Coefficients on the right singular vectors; the penalty has the least generalised cross-validation error (Golub et al. 1979)."""
    along, n = left.T @ target, len(left)
    errors = []
    for penalty in PENALTIES:
        kept = singular**2 / (singular**2 + penalty)
        residual = (target**2).sum() - ((2 * kept - kept**2)[:, None] * along**2).sum()
        errors.append(residual / (n - 1 - kept.sum()) ** 2)
    penalty = PENALTIES[int(np.argmin(errors))]
    return (singular / (singular**2 + penalty))[:, None] * along
