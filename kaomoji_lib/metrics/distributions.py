"""What a face says about the category: distributions, and how alike two sources read them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import predict as prediction

MIN_WEIGHT = 3


@dataclass(frozen=True)
class Reading:
    """P(category | face) of one source.

    ``table``: face x category, rows sum to 1. ``weight``: Series over the same faces (for an elicited
    reading its emission counts).
    """

    table: pd.DataFrame
    weight: pd.Series


def reading(masses, weight=None):
    """A :class:`Reading` from non-negative masses (DataFrame face x category); rows without mass are dropped."""
    masses = masses.loc[masses.sum(axis=1) > 0].astype(float)
    total = masses.sum(axis=1)
    return Reading(
        masses.div(total, axis=0),
        total if weight is None else weight.reindex(masses.index).fillna(0.0),
    )


def elicited(emissions, codes):
    """The reading that a source's own emissions give: counts of each face per category, normalised."""
    typed = emissions[emissions["face"].notna()]
    counts = pd.crosstab(typed["face"], typed["category"]).reindex(
        columns=list(codes), fill_value=0
    )
    return reading(counts)


def shared_faces(reference, *others, min_weight=MIN_WEIGHT):
    """Faces of weight >= ``min_weight`` in ``reference`` that every other reading has, in reference order."""
    kept = reference.table.index[reference.weight >= min_weight]
    for other in others:
        kept = kept[kept.isin(other.table.index)]
    if len(kept) < 2:
        raise KaomojiError(
            f"only {len(kept)} faces of weight >= {min_weight} occur in all readings; expected at least 2; "
            "collect more generations or lower min_weight"
        )
    return kept


def similarity(
    a, b, weighted=False, *, faces=None, min_weight=MIN_WEIGHT, permutations=10_000, seed=0
):
    """Mean Jensen-Shannon similarity of two readings over their faces, 0..1.

    ``a`` is the reference: its weights select the faces (or give ``faces``) and, with ``weighted``,
    weigh them. Interval: bootstrap over faces. Null: the rows of ``b`` are dealt to the faces at
    random, so it keeps what any reader of ``b`` would get without looking at the face.
    Similarity: Lin 1991, doi:10.1109/18.61115.
    """
    faces = shared_faces(a, b, min_weight=min_weight) if faces is None else faces
    weights = a.weight[faces].to_numpy(float) if weighted else np.ones(len(faces))
    pairs = _pairs(a, b, faces)
    rng = np.random.default_rng(seed)
    rows = np.arange(len(faces))
    null = (
        np.array([pairs[rows, rng.permutation(rows)] @ weights for _ in range(permutations)])
        / weights.sum()
    )
    return statistics.bootstrap(
        pairs.diagonal(), weights=weights, unit="faces", seed=seed, null=null
    )


def difference(reference, a, b, weighted=False, *, faces=None, seed=0):
    """Similarity of ``a`` minus that of ``b`` to ``reference``, paired by face; null: swapping a and b per face."""
    faces = shared_faces(reference, a, b) if faces is None else faces
    weights = reference.weight[faces].to_numpy(float) if weighted else np.ones(len(faces))
    gap = _paired(reference, a, faces) - _paired(reference, b, faces)
    value = gap @ weights / weights.sum()
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(10_000, len(gap)))
    null = signs @ (gap * weights) / weights.sum()
    plain = statistics.bootstrap(gap, weights=weights, unit="faces", seed=seed)
    p = statistics.permutation_p(abs(value), np.abs(null))
    return statistics.Estimate(
        plain.value, plain.ci_low, plain.ci_high, plain.n, plain.unit, 0.0, p
    )


def compare(reference, sources, weighted=False, *, min_weight=MIN_WEIGHT, seed=0):
    """Several sources against one reference, all on the same faces, with two reference rows.

    ``sources``: dict name -> Reading. Returns a DataFrame [source, similarity (Estimate)]; the rows
    ``uniform guess`` and ``marginal guess`` say what a reader that ignores the face gets, and each
    Estimate's null what the source with shuffled faces gets.
    """
    faces = shared_faces(reference, *sources.values(), min_weight=min_weight)
    weight = reference.weight[faces]
    marginal = reference.table.loc[faces].mul(weight, axis=0).sum() / weight.sum()
    guesses = {
        "uniform guess": pd.Series(1 / len(marginal), marginal.index),
        "marginal guess": marginal,
    }
    rows = [
        (name, similarity(reference, source, weighted, faces=faces, seed=seed))
        for name, source in sources.items()
    ]
    for name, guess in guesses.items():
        table = pd.DataFrame([guess] * len(faces), index=faces)
        values = _paired(reference, Reading(table, weight), faces)
        rows.append(
            (
                name,
                statistics.bootstrap(
                    values, weights=weight if weighted else None, unit="faces", seed=seed
                ),
            )
        )
    return pd.DataFrame(rows, columns=["source", "similarity"])


@dataclass(frozen=True)
class Recovery:
    """How well the measured reading recovers a planted one.

    ``similarity`` (faces) with a face-shuffled null; ``expected``: what sampling alone allows (mean
    and 95% range of the same similarity when faces are redrawn from the planted table);
    ``bayes_accuracy``: the best accuracy that any reader of the face can reach;
    ``measured_accuracy``: the cross-validated lookup; ``unplanted``: share of typed faces that the
    table does not know; ``planted`` and ``measured``: the two readings.
    """

    similarity: statistics.Estimate
    expected: statistics.Estimate
    bayes_accuracy: float
    measured_accuracy: statistics.Estimate
    unplanted: float
    planted: Reading
    measured: Reading


def recovery(emissions, planted, codes, *, permutations=200, simulations=200, seed=0):
    """Compare what was measured with what was planted.

    ``planted``: DataFrame [category, face, probability], probabilities of a category sum to 1. The
    prior of the categories is their share among the typed faces.
    Similarity: Lin 1991, doi:10.1109/18.61115.
    """
    codes = list(codes)
    typed = emissions[emissions["face"].notna()]
    prior = typed["category"].value_counts().reindex(codes, fill_value=0)
    given = planted.pivot_table(
        index="face", columns="category", values="probability", aggfunc="sum", fill_value=0.0
    )
    given = given.reindex(columns=codes, fill_value=0.0)
    joint = given * (prior / prior.sum())
    truth, measured = reading(joint), elicited(typed, codes)
    rng = np.random.default_rng(seed)
    redrawn = []
    for _ in range(simulations):
        draws = {code: rng.multinomial(prior[code], _shares(given[code])) for code in codes}
        sample = reading(pd.DataFrame(draws, index=given.index))
        faces = sample.table.index[sample.weight >= MIN_WEIGHT]
        redrawn.append(_paired(sample, truth, faces).mean())
    observed = similarity(measured, truth, seed=seed)
    return Recovery(
        similarity=observed,
        expected=statistics.estimate(np.mean(redrawn), redrawn, observed.n, "faces"),
        bayes_accuracy=float(joint.max(axis=1).sum() / joint.to_numpy().sum()),
        measured_accuracy=prediction.from_faces(
            emissions, permutations=permutations, seed=seed
        ).accuracy,
        unplanted=float((~typed["face"].isin(given.index)).mean()),
        planted=truth,
        measured=measured,
    )


def _shares(column):
    total = column.sum()
    return column / total if total > 0 else np.full(len(column), 1 / len(column))


def _aligned(a, b, faces):
    if set(a.table.columns) != set(b.table.columns):
        raise KaomojiError(
            f"the readings have the categories {', '.join(a.table.columns)} and {', '.join(b.table.columns)}; "
            "expected one scheme; compare sources of the same study"
        )
    return a.table.loc[faces].to_numpy(float), b.table.loc[faces, a.table.columns].to_numpy(float)


def _paired(a, b, faces):
    return statistics.js_similarity(*_aligned(a, b, faces))


def _pairs(a, b, faces):
    left, right = _aligned(a, b, faces)
    return statistics.js_similarity(left[:, None], right[None])
