"""Cases about hidden states: nine categories of twelve prompts each, states of normal noise around category centroids."""

import functools

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats, stimuli
from kaomoji_lib.metrics import geometry, predict

SCHEME = stimuli.load_scheme()
CODES = list(SCHEME.codes)
PERMUTATIONS = 19
CENTRES = np.random.default_rng(1).normal(size=(2, len(CODES), 12))


def asked(per=12):
    ids = [f"{code}{number}" for code in CODES for number in range(per)]
    return pd.DataFrame({"id": ids, "category": np.repeat(CODES, per)})


PROMPTS = asked()


def states(rng, centres, per=12):
    """States of ``per`` prompts a category around ``centres`` (categories, d)."""
    noise = rng.normal(size=(per * len(centres), centres.shape[1]))
    return np.repeat(centres, per, axis=0) + noise


@functools.cache
def truth(function, draws=20, per=100):
    """Mean of ``function(rng, per)`` over large samples: the value that an interval should cover."""
    return float(np.mean([function(np.random.default_rng([2, i]), per) for i in range(draws)]))


def plane():
    """Centroids where valence and arousal have much of the spread, besides four other dimensions."""
    table, own = SCHEME.table.loc[CODES], np.random.default_rng(3).normal(size=(len(CODES), 6))
    own[:, :2] += np.column_stack([table["valence"] * 2, table["arousal"] * 1.3]) * 3
    return own / 2


def component(rng, effect):
    scale = np.where(np.arange(12) == 0, np.sqrt(1 + 2 * effect), 1)
    X = rng.normal(size=(len(PROMPTS), 12)) * scale
    X = X @ np.linalg.qr(rng.normal(size=(12, 12)))[0]
    found = geometry.pca(X, PROMPTS, SCHEME, permutations=PERMUTATIONS)[1]["PC1, share of variance"]
    return (found, 3 / 14) if effect else found


def valence(rng, effect):
    X = states(rng, plane() if effect else 2 * rng.normal(size=(len(CODES), 6)))
    found = geometry.pca(X, PROMPTS, SCHEME, permutations=PERMUTATIONS)[1]["PC1 and valence"]
    return (found, truth(_valence)) if effect else found


def _valence(rng, per):
    found = geometry.pca(states(rng, plane(), per), asked(per), SCHEME, permutations=2)[1]
    return found["PC1 and valence"].value


def separation(rng, effect):
    X = states(rng, 0.5 * effect * CENTRES[0])
    found = geometry.silhouette(X, PROMPTS["category"], permutations=PERMUTATIONS)
    return (found, truth(_separation, draws=60, per=12)) if effect else found


def _separation(rng, per):
    X = states(rng, 0.5 * CENTRES[0], per)
    return geometry.silhouette(X, np.repeat(CODES, per), permutations=1).value


def curve(rng, effect):
    X = np.stack([states(rng, 0.5 * effect * (i == 1) * CENTRES[0]) for i in range(4)], axis=1)
    given = PROMPTS["category"], PROMPTS["id"], range(4)
    found = predict.by_layer(X, *given, permutations=PERMUTATIONS)
    return results.estimate(found.loc[found["p"].idxmin()])


def transfer(rng, effect):
    X = states(rng, 0.5 * effect * CENTRES[0])
    both = [X + 0.5 * rng.normal(size=X.shape) for _ in range(2)]
    return predict.transfer(*both, PROMPTS["category"], permutations=PERMUTATIONS)


def several_sets(rng, effect):
    topic, labels = np.arange(len(PROMPTS)) % 6, PROMPTS["category"]
    sets = [
        states(rng, 0.5 * effect * CENTRES[0]) + rng.normal(size=(6, 12))[topic] for _ in range(3)
    ]
    every = {number: (X, labels, topic) for number, X in enumerate(sets)}
    return predict.over_sets(every, permutations=PERMUTATIONS)[predict.MEAN]


def centroids(rng, effect):
    left, right = (2 * part[:, :3] for part in CENTRES)
    right = left + 0.5 * right if effect else 2 * rng.normal(size=left.shape)
    scores = (states(rng, left), states(rng, right))
    found = geometry.procrustes(*scores, PROMPTS["category"], CODES, permutations=PERMUTATIONS)
    return found, float(geometry.residual(left, right))


def alike(rng, effect):
    """Two sources that share only that they tell the categories apart; with the effect a third factor."""
    shared, sources = rng.normal(size=(len(PROMPTS), 3)), {}
    for name in "ab":
        X = np.empty((len(PROMPTS), 2, 8))
        for layer in range(2):
            centres = 1.5 * CENTRES[0, :, :4] @ rng.normal(size=(4, 8))
            X[:, layer] = states(rng, centres) + effect * shared @ rng.normal(size=(3, 8))
        sources[name] = X
    table = geometry.similarity(sources, PROMPTS, halves=2, permutations=PERMUTATIONS)
    return results.estimate(table.iloc[0])


def cka(rng, effect):
    sources = dict(zip("ab", common(rng, effect, 12)))
    table = geometry.similarity(sources, PROMPTS, permutations=PERMUTATIONS)
    return results.estimate(table.iloc[0]), truth(_cka, draws=3, per=500) if effect else 0.0


def common(rng, effect, per):
    mixing = np.random.default_rng(5).normal(size=(2, 6, 10)) / np.sqrt(6)
    shared = rng.normal(size=(per * len(CODES), 6)) + np.repeat(CENTRES[0, :, :6], per, axis=0)
    noise = rng.normal(size=(2, len(shared), 10))
    return [effect * shared @ part + own for part, own in zip(mixing, noise)]


def _cka(rng, per):
    X, Y = (part - part.mean(axis=0) for part in common(rng, 1.0, per))
    crossed = [np.linalg.norm(one.T @ other) for one, other in ((X, Y), (X, X), (Y, Y))]
    return crossed[0] ** 2 / (crossed[1] * crossed[2])


def paired(rng, effect):
    left, right = rng.random((2, 90)) < [[0.6 + effect], [0.6]]
    return stats.paired(left, right), effect


def family(rng, effect):
    scale = np.geomspace(0.1, 30, 12)
    values = scale * (0.7 * rng.normal(size=(100, 1)) + rng.normal(size=(100, 12)))
    values[0, 3] += effect * scale[3] * np.sqrt(1.49)
    adjusted = stats.max_t(values[0], values[1:]).min()
    return stats.Estimate(0.0, 0.0, 0.0, 12, "members", 0.0, float(adjusted))


def crossed(rng, effect):
    values = rng.normal(size=(40, 1)) + rng.normal(size=12) + 0.5 * rng.normal(size=(40, 12))
    prompt, model = np.divmod(np.arange(480), 12)
    return stats.two_way(values.ravel(), prompt, model, unit="models"), 0.0


def grouped(rng, effect):
    groups = np.repeat(np.arange(30), 8)
    values = rng.normal(size=30)[groups] + 0.3 * rng.normal(size=240)
    return stats.grouped(values, groups, unit="prompts"), 0.0
