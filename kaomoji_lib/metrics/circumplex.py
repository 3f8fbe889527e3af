"""Is it a circle? The circumplex as one hypothesis among rivals for how far the categories lie from each other.

Everything rests on *cross-validated* squared distances between category centroids: the difference measured on one half of
the prompts times the same difference measured on the other, which noise alone makes 0 on average and not positive
(Walther et al. 2016, doi:10.1016/j.neuroimage.2015.12.012).
"""

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify
from kaomoji_lib.metrics.threads import one_thread

SPLITS, HALVES = 40, 100
HYPOTHESES = {
    "valence line": ("valence",),
    "valence and arousal plane": ("valence", "arousal"),
    "circle": ("circle",),
}
ORDER, CEILING = "order of the circle", "ceiling"
AROUSAL, CIRCLE = "plane minus line", "circle minus plane"


@one_thread
def circumplex(
    X, labels, scheme, *, permutations=stats.PERMUTATIONS, splits=SPLITS, halves=HALVES, seed=0
):
    """Test the circle and its rivals on states ``X`` (n, d) of prompts with ``labels`` (n,): tidy table, and the distances.

    Measures: ``order of the circle`` (correspondence index -1..1, 1 = no order of the circle is violated); for each of
    ``HYPOTHESES`` the held-out correlation with the distances (that all categories are equally far scores 0); ``ceiling``
    (the distances of the other half, which no hypothesis can be expected to beat); ``plane minus line`` (does arousal
    add to valence) and ``circle minus plane``. Nulls give the coordinates of what is tested to other categories, hence n
    counts categories; intervals: half samples of each category's prompts. The distances are a DataFrame category x
    category. Representational models: Kriegeskorte et al. 2008; ceiling: Nili et al. 2014,
    doi:10.1371/journal.pcbi.1003553. Run it on vectors of the text too: what holds of them is no finding about a model.
    """
    labels = np.asarray(labels)
    codes = [code for code in scheme.codes if (labels == code).any()]
    members = [np.flatnonzero(labels == code) for code in codes]
    if len(codes) < 4 or min(map(len, members)) < 8:
        raise KaomojiError(
            "too few prompts for the order test; expected at least 4 categories of 8 prompts; add prompts"
        )
    rng, X, parts = (
        np.random.default_rng(seed),
        classify.compact(X),
        _parts(scheme.table.loc[codes]),
    )
    pair = _split_distances(X, members, splits, rng)
    thinner = [[rng.permutation(rows)[: len(rows) // 2] for rows in members] for _ in range(halves)]
    value = _measures(parts, parts, pair)
    spread = [_measures(parts, parts, _split_distances(X, rows, 6, rng)) for rows in thinner]
    place, null = _place(len(codes)), []
    rows, columns = np.triu_indices(len(codes), 1)
    for _ in range(permutations):
        order = rng.permutation(len(codes))
        moved = {name: part[place[order[rows], order[columns]]] for name, part in parts.items()}
        null.append(_measures(moved, parts, pair[:, :8]))
    found = {}
    for name in value:
        tested = None if name in (CEILING, CIRCLE) else [item[name] for item in null]
        found[name] = stats.estimate(
            value[name],
            [item[name] for item in spread],
            len(codes),
            "categories",
            null=tested,
            interval="normal",
            bounds=(-1, 1),
        )
    table = np.zeros((len(codes), len(codes)))
    table[rows, columns] = table[columns, rows] = pair.mean(axis=(0, 1))
    return results.frame(found), pd.DataFrame(table, codes, codes)


def _parts(table):
    """Squared distances of every pair of categories under each hypothesis: dict part -> (pairs,)."""
    upper = np.triu_indices(len(table), 1)
    valence, arousal = (table[name].to_numpy(float) for name in ("valence", "arousal"))
    radius = np.maximum(np.hypot(valence, arousal), 1e-12)
    apart = lambda values: (values[:, None] - values[None])[upper] ** 2  # noqa: E731
    circle = apart(valence / radius) + apart(arousal / radius)
    return {"valence": apart(valence), "arousal": apart(arousal), "circle": circle}


def _measures(parts, rival, pair):
    """All measures of the distances ``pair`` (2, splits, pairs); what a rival is compared with keeps its coordinates."""
    fits = {
        name: _score(np.stack([parts[part] for part in names]), *pair)
        for name, names in HYPOTHESES.items()
    }
    line = _score(rival["valence"][None], *pair)
    added = _score(np.stack([rival["valence"], parts["arousal"]]), *pair)
    return {
        ORDER: _order(pair.mean(axis=(0, 1)), parts["circle"]),
        **fits,
        CEILING: _correlation(*pair),
        AROUSAL: added - line,
        CIRCLE: fits["circle"] - fits["valence and arousal plane"],
    }


def _order(distances, circle):
    """RTHOR's correspondence index (Hubert & Arabie 1987, doi:10.1037/0033-2909.102.1.172; Tracey 1997).

    Of all two pairs of categories of which the circle says that one lies farther apart, the share where it does minus
    the share where it does not.
    """
    predicted = np.sign(np.round(circle[:, None] - circle[None], 9))
    agreed = predicted * np.sign(distances[:, None] - distances[None])
    return float(agreed.sum() / np.abs(predicted).sum())


def _split_distances(X, members, splits, rng):
    """Distances of two disjoint halves of the prompts, each cross-validated within itself: (2, splits, pairs)."""
    found = np.empty((2, splits, len(members) * (len(members) - 1) // 2))
    for split in range(splits):
        mixed = [rng.permutation(rows) for rows in members]
        for side in range(2):
            own = [rows[side::2] for rows in mixed]
            found[side, split] = np.mean([_distances(X, own, rng) for _ in range(4)], axis=0)
    return found


def _distances(X, members, rng):
    """Cross-validated squared distances of all pairs of categories: (pairs,)."""
    mixed = [rng.permutation(rows) for rows in members]
    one = np.array([X[rows[: len(rows) // 2]].mean(axis=0) for rows in mixed])
    other = np.array([X[rows[len(rows) // 2 :]].mean(axis=0) for rows in mixed])
    product = one @ other.T
    product = (product + product.T) / 2
    own, (rows, columns) = np.diag(product), np.triu_indices(len(members), 1)
    return own[rows] + own[columns] - 2 * product[rows, columns]


def _correlation(one, other):
    """Mean over splits of the Pearson correlation of the rows; a constant row correlates with nothing."""
    one, other = (part - part.mean(axis=-1, keepdims=True) for part in (one, other))
    scale = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return float(np.mean((one * other).sum(axis=-1) / np.maximum(scale, 1e-300)))


def _score(parts, left, right):
    """Mean correlation of each half's distances with ``parts`` (k, pairs), weighted as fits the other half best."""
    one, other = _weights(parts, left) @ parts, _weights(parts, right) @ parts
    return (_correlation(one, right) + _correlation(other, left)) / 2


def _weights(parts, targets):
    """Non-negative least squares with an intercept of ``targets`` (m, pairs) on one or two ``parts`` (k, pairs): (m, k)."""
    if len(parts) == 1:
        return np.ones((len(targets), 1))
    parts, targets = (part - part.mean(axis=1, keepdims=True) for part in (parts, targets))
    both = targets @ np.linalg.pinv(parts)
    alone = np.maximum(targets @ parts.T / np.maximum((parts**2).sum(axis=1), 1e-300), 0)
    gain = alone * (targets @ parts.T)
    single = alone * (gain == gain.max(axis=1, keepdims=True))
    return np.where((both >= 0).all(axis=1, keepdims=True), both, single)


def _place(count):
    """The position of each pair of categories: (count, count)."""
    rows, columns = np.triu_indices(count, 1)
    place = np.zeros((count, count), dtype=int)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    return place
