"""Is it a circle? The circumplex as one hypothesis among rivals for how far the categories lie from each other.

Everything rests on *cross-validated* squared distances between category centroids: the difference measured on one half of
the prompts times the same difference measured on the other, which noise alone makes 0 on average and not positive
(Walther et al. 2016, doi:10.1016/j.neuroimage.2015.12.012).
"""

from dataclasses import dataclass
from itertools import combinations
from itertools import permutations as every_order
from math import factorial

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics.threads import one_thread
from kaomoji_lib.stats import Estimate

EXACT_LIMIT = 50_000
SPLITS, HALVES = 40, 100
PARTS = {
    "valence line": ("valence",),
    "valence and arousal plane": ("valence", "arousal"),
    "circle": ("circle",),
    "text of the prompts": ("text",),
    "text and plane": ("text", "valence", "arousal"),
    "text and circle": ("text", "circle"),
}
RIVALS = (
    ("arousal beyond valence", "valence and arousal plane", "valence line", {"arousal"}),
    ("circle against plane", "circle", "valence and arousal plane", set()),
    ("plane beyond text", "text and plane", "text of the prompts", {"valence", "arousal"}),
    ("circle beyond text", "text and circle", "text of the prompts", {"circle"}),
)


@dataclass(frozen=True)
class Circumplex:
    """``order``: correspondence index of the order test, -1..1 (1 = no order of the circle is violated), with its null over
    orders of the categories; ``fits``: dict hypothesis -> Estimate of its held-out correlation with the distances (that the
    categories are all equally far scores 0 by construction); ``ceiling``: the same for the distances of the other half, which
    no hypothesis can be expected to beat; ``contrasts``: dict name -> Estimate of the difference of two hypotheses; ``distances``: DataFrame category x category, cross-validated, squared.
    """

    order: Estimate
    fits: dict
    ceiling: Estimate
    contrasts: dict
    distances: pd.DataFrame


@one_thread
def circumplex(
    X,
    labels,
    scheme,
    text=None,
    *,
    permutations=10_000,
    dealings=99,
    splits=SPLITS,
    halves=HALVES,
    seed=0,
):
    """Test the circle and its rivals on states ``X`` (n, d) of prompts with ``labels`` (n,): a :class:`Circumplex`.

    ``text``: vectors of the prompts' text (n, m), or None. A hypothesis is one or more matrices of squared distances; their
    non-negative weights are fitted on the distances of one half of every category's prompts and scored on those of the other
    (Pearson correlation over pairs of categories), averaged over ways to halve. Representational models: Kriegeskorte et al. 2008;
    ceiling: Nili et al. 2014, doi:10.1371/journal.pcbi.1003553. p: the categories of what is tested dealt anew, what the rival
    has kept in place, ``dealings`` times; ``permutations`` is for the order test. Intervals: ``halves`` half samples of each
    category's prompts, ``splits`` ways to halve for the value itself.
    """
    labels = np.asarray(labels)
    codes = [code for code in scheme.codes if (labels == code).any()]
    members = [np.flatnonzero(labels == code) for code in codes]
    if len(codes) < 4 or min(map(len, members)) < 8:
        raise KaomojiError(
            "too few prompts for the order test; expected at least 4 categories of 8 prompts; add prompts"
        )
    rng = np.random.default_rng(seed)
    X = classifier.compact(X)
    parts = _parts(
        scheme.table.loc[codes],
        None
        if text is None
        else _distances(_splits(classifier.compact(text), members, splits, rng)).mean(axis=0),
    )
    hypotheses = {
        name: np.stack([parts[part] for part in wanted])
        for name, wanted in PARTS.items()
        if set(wanted) <= set(parts)
    }
    pair = _split_distances(X, members, splits, rng)
    fits = _scores(hypotheses, pair)
    thinner = [[rng.permutation(rows)[: len(rows) // 2] for rows in members] for _ in range(halves)]
    thin = [_split_distances(X, rows, 6, rng) for rows in thinner]
    spread = {name: [_score(parts, *half) for half in thin] for name, parts in hypotheses.items()}
    null = _dealt(parts, hypotheses, fits, pair, len(codes), dealings, rng)
    found = {
        name: _estimate(fits[name], spread[name], null[name], len(labels)) for name in hypotheses
    }
    contrasts = {
        name: _estimate(
            fits[one] - fits[other],
            np.subtract(spread[one], spread[other]),
            null.get(name),
            len(labels),
        )
        for name, one, other, _ in RIVALS
        if one in fits and other in fits
    }
    ceiling = _estimate(
        _correlation(*pair), [_correlation(*half) for half in thin], None, len(labels)
    )
    distances = pair.mean(axis=(0, 1))
    return Circumplex(
        _order(
            distances,
            [half.mean(axis=(0, 1)) for half in thin],
            parts["circle"],
            codes,
            permutations,
            rng,
        ),
        found,
        ceiling,
        contrasts,
        _square(distances, codes),
    )


def _estimate(value, replicates, null, n):
    return statistics.estimate(
        value, replicates, n, "prompts", null=null, interval="normal", bounds=(-1, 1)
    )


def _parts(table, text):
    """Squared distances of every pair of categories under each hypothesis: dict part -> (pairs,)."""
    upper = np.triu_indices(len(table), 1)
    valence, arousal = (table[name].to_numpy(float) for name in ("valence", "arousal"))
    radius = np.maximum(np.hypot(valence, arousal), 1e-12)
    apart = lambda values: (values[:, None] - values[None])[upper] ** 2  # noqa: E731
    found = {
        "valence": apart(valence),
        "arousal": apart(arousal),
        "circle": apart(valence / radius) + apart(arousal / radius),
    }
    return found if text is None else {**found, "text": text}


def _splits(X, members, splits, rng):
    """Category centroids of two halves of the prompts: (splits, 2, categories, d)."""
    found = np.empty((splits, 2, len(members), X.shape[1]))
    for split in range(splits):
        for place, rows in enumerate(members):
            mixed = rng.permutation(rows)
            found[split, 0, place] = X[mixed[: len(rows) // 2]].mean(axis=0)
            found[split, 1, place] = X[mixed[len(rows) // 2 :]].mean(axis=0)
    return found


def _distances(centroids):
    """Cross-validated squared distances of all pairs: (splits, pairs), from centroids (splits, 2, categories, d)."""
    product = np.einsum("sid,sjd->sij", centroids[:, 0], centroids[:, 1], optimize=True)
    product = (product + product.transpose(0, 2, 1)) / 2
    own = np.diagonal(product, axis1=1, axis2=2)
    rows, columns = np.triu_indices(product.shape[1], 1)
    return own[:, rows] + own[:, columns] - 2 * product[:, rows, columns]


def _split_distances(X, members, splits, rng):
    """Distances of two disjoint halves of the prompts, each cross-validated within itself: (2, splits, pairs)."""
    found = [[], []]
    for _ in range(splits):
        mixed = [rng.permutation(rows) for rows in members]
        for side, start in enumerate((0, 1)):
            found[side].append(
                _distances(_splits(X, [rows[start::2] for rows in mixed], 4, rng)).mean(axis=0)
            )
    return np.array(found)


def _correlation(one, other):
    """Mean over splits of the Pearson correlation of the rows; a constant row correlates with nothing."""
    one, other = (part - part.mean(axis=-1, keepdims=True) for part in (one, other))
    return float(
        np.mean(
            (one * other).sum(axis=-1)
            / np.maximum(np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1), 1e-300)
        )
    )


def _scores(hypotheses, pair):
    return {name: _score(parts, *pair) for name, parts in hypotheses.items()}


def _score(parts, fitted, held):
    """Mean correlation of the held-out distances with the hypothesis fitted on the other half, both ways round."""
    return (
        _correlation(_weights(parts, fitted) @ parts, held)
        + _correlation(_weights(parts, held) @ parts, fitted)
    ) / 2


def _weights(parts, targets):
    """Non-negative least squares with an intercept of ``targets`` (m, pairs) on ``parts`` (k, pairs): weights (m, k).

    By trying every subset of the parts, of which there are few.
    """
    if len(parts) == 1:
        return np.ones((len(targets), 1))
    parts, targets = (values - values.mean(axis=1, keepdims=True) for values in (parts, targets))
    best, weights = np.full(len(targets), -np.inf), np.zeros((len(targets), len(parts)))
    for size in range(1, len(parts) + 1):
        for chosen in map(list, combinations(range(len(parts)), size)):
            own = parts[chosen]
            found = targets @ np.linalg.pinv(own)
            explained = np.where(
                (found >= 0).all(axis=1), (found @ own * targets).sum(axis=1), -np.inf
            )
            better = explained > best
            weights[better] = 0
            weights[np.ix_(better, chosen)] = found[better]
            best = np.maximum(best, explained)
    return weights


def _dealt(parts, hypotheses, fits, pair, count, permutations, rng):
    """Scores with coordinates dealt to other categories: dict hypothesis or contrast -> (permutations,)."""
    rows, columns = np.triu_indices(count, 1)
    place = np.zeros((count, count), dtype=int)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    tested = {name: (name, set(PARTS[name]), 0.0) for name in hypotheses}
    tested |= {
        name: (one, moving, fits[other])
        for name, one, other, moving in RIVALS
        if moving and one in fits
    }
    null = {name: np.empty(permutations) for name in tested}
    for number in range(permutations):
        order = rng.permutation(count)
        moved = place[order[rows], order[columns]]
        for name, (whole, moving, rival) in tested.items():
            dealt = np.stack(
                [parts[part][moved] if part in moving else parts[part] for part in PARTS[whole]]
            )
            null[name][number] = _score(dealt, *pair[:, :8]) - rival
    return null


def _order(distances, halves, circle, codes, permutations, rng):
    """RTHOR, the randomisation test of hypothesised order relations: correspondence index with its null.

    Of all two pairs of categories of which the circle says that one lies farther apart, the share where it does minus the
    share where it does not. Null: the categories in every order, or in ``permutations`` random ones.
    Hubert & Arabie 1987, doi:10.1037/0033-2909.102.1.172; Tracey 1997; Rounds, Tracey & Hubert 1992.
    """
    count = len(codes)
    rows, columns = np.triu_indices(count, 1)
    place = np.zeros((count, count), dtype=int)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    predicted = np.sign(np.round(circle[:, None] - circle[None], 9))
    scale = np.abs(predicted).sum()

    def index(values):
        return float((predicted * np.sign(values[:, None] - values[None])).sum() / scale)

    if factorial(count) <= EXACT_LIMIT:
        orders = np.array(list(every_order(range(count))))[1:]
    else:
        orders = rng.permuted(np.tile(np.arange(count), (permutations, 1)), axis=1)
    signs = np.sign(distances[:, None] - distances[None])
    null = []
    for start in range(0, len(orders), 1000):
        moved = place[
            orders[start : start + 1000][:, rows], orders[start : start + 1000][:, columns]
        ]
        null.append((signs[moved[:, :, None], moved[:, None]] * predicted).sum(axis=(1, 2)) / scale)
    return statistics.estimate(
        index(distances),
        [index(half) for half in halves],
        count,
        "categories",
        null=np.concatenate(null),
        interval="normal",
        bounds=(-1, 1),
    )


def _square(distances, codes):
    table = np.zeros((len(codes), len(codes)))
    table[np.triu_indices(len(codes), 1)] = distances
    return pd.DataFrame(table + table.T, codes, codes)
