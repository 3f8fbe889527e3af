"""Mutual information of a prompt's faces and its category, without the bias that nested replies cause.

The replies to one prompt resemble each other, so counts of replies overstate how much was observed: the plug-in value
and Miller and Madow's correction both come out too high. Prompts are the independent units; the delete-one-prompt
jackknife takes the bias off (Quenouille 1956; Efron & Stein 1981, doi:10.1214/aos/1176345462).
"""

import numpy as np

from kaomoji_lib import stats


def from_counts(counts, label, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return I(face; category) in bits from sampled faces: Estimate over prompts.

    ``counts``: (prompts, faces); ``label``: ints (prompts,). Miller-Madow corrected (Miller 1955) before the jackknife.
    The null gives categories to other prompts.
    """
    prompt, face = np.nonzero(counts)
    cells = (prompt, face, np.asarray(counts, dtype=float)[prompt, face])
    return _jackknife(lambda labels: _counted(*cells, labels), label, permutations, seed)


def from_probabilities(table, label, *, permutations=stats.PERMUTATIONS, seed=0):
    """Return I(face; category) in bits from exact probabilities, all categories equally frequent: Estimate over prompts.

    ``table``: (prompts, faces), rows sum to 1; ``label``: ints (prompts,), at least two prompts per category.
    """
    table = np.asarray(table, dtype=float)
    return _jackknife(lambda labels: _exact(table, labels), label, permutations, seed)


def _jackknife(statistic, label, permutations, seed):
    rng, label = np.random.default_rng(seed), np.asarray(label)
    null = [stats.unbiased(*statistic(rng.permutation(label))) for _ in range(permutations)]
    return stats.jackknife(*statistic(label), null=null or None)


def _counted(prompt, face, count, label):
    """Return the information of all prompts, and (prompts,) of all but each; ``count``: how often a prompt has a face."""
    categories, faces, n = int(label.max()) + 1, int(face.max()) + 1, len(label)
    cell = face * categories + label[prompt]
    joint = np.bincount(cell, count, faces * categories)
    rows, columns = joint.reshape(faces, categories).sum(1), joint.reshape(faces, categories).sum(0)
    sums = _xlogx(joint).sum() - _xlogx(rows).sum() - _xlogx(columns).sum()
    occupied = (rows > 0).sum() + (columns > 0).sum() - (joint > 0).sum() - 1
    size, of_cell, of_face = np.bincount(prompt, count, n), joint[cell], rows[face]
    lost = _xlogx(of_cell - count) - _xlogx(of_cell) - _xlogx(of_face - count) + _xlogx(of_face)
    lost = np.bincount(prompt, lost, n) - _xlogx(columns[label] - size) + _xlogx(columns[label])
    emptied = np.bincount(prompt, (of_cell <= count).astype(float) - (of_face <= count), n)
    emptied -= columns[label] <= size
    total = joint.sum()
    left = total - size
    return (
        np.log2(total) + (sums + occupied / 2) / total / np.log(2),
        np.log2(left) + (sums + lost + (occupied + emptied) / 2) / left / np.log(2),
    )


def _exact(table, label):
    """The same for exact probabilities: a category's row is the mean over its prompts, the faces' marginal the mean of rows."""
    member = np.eye(int(label.max()) + 1)[label]
    member = member[:, member.any(axis=0)]
    size = member.sum(axis=0)
    rows = member.T @ table / size[:, None]
    own, other = member @ rows, (member @ size)[:, None]
    without = (other * own - table) / np.maximum(other - 1, 1)
    without = np.maximum(without, 0)
    middle = rows.mean(axis=0)
    middles = np.maximum(middle + (without - own) / len(rows), 0)
    value = _xlogx(rows).sum() / len(rows) - _xlogx(middle).sum()
    change = (_xlogx(without) - _xlogx(own)).sum(axis=1) / len(rows)
    change -= _xlogx(middles).sum(axis=1) - _xlogx(middle).sum()
    return value / np.log(2), (value + change) / np.log(2)


def _xlogx(values):
    return values * np.log(np.where(values > 0, values, 1))
