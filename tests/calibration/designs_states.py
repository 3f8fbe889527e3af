"""Cases about hidden states: nine categories of twelve prompts each, states of normal noise around category centroids."""

import functools

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from kaomoji_lib import resampling, results, stats, stimuli
from kaomoji_lib.metrics import geometry, probes
from tests.calibration.harness import case

SCHEME = stimuli.load_scheme()
CODES = list(SCHEME.codes)
PROMPTS = pd.DataFrame(
    [(f"{code}{number}", code, "") for code in CODES for number in range(12)],
    columns=["id", "category", "topic"],
)
LABEL = PROMPTS["category"].factorize()[0]
PERMUTATIONS = 19
CENTRES = np.random.default_rng(1).normal(size=(2, len(CODES), 12))
CENTROIDS = "centroids of the categories at random places"


def states(rng, centres, noise=1.0, per=12):
    """States of ``per`` prompts a category around ``centres`` (categories, d)."""
    return np.repeat(centres, per, axis=0) + noise * rng.normal(
        size=(per * len(centres), centres.shape[1])
    )


@functools.cache
def truth(function, draws=20, per=100):
    """Mean of ``function(rng, per)`` over large samples: the value that an interval should cover."""
    return float(np.mean([function(np.random.default_rng([2, i]), per) for i in range(draws)]))


def plane(size):
    """Centroids where valence and arousal have the share ``size`` of the spread, besides four other dimensions."""
    table, own = SCHEME.table.loc[CODES], np.random.default_rng(3).normal(size=(len(CODES), 6))
    axes = np.column_stack(
        [table["valence"] * 2, table["arousal"] * 1.3, *np.zeros((4, len(CODES)))]
    )
    return size * 1.5 * axes + (0.5 if size else 2.0) * own


@case(
    "geometry.pca, share of variance",
    "the columns of the states are independent",
    design="independent columns",
    effect="one direction with variance 3, others 1",
    size=1.0,
)
def component(rng, effect):
    X = rng.normal(size=(len(PROMPTS), 12)) * np.where(
        np.arange(12) == 0, np.sqrt(1 + 2 * effect), 1
    )
    X = X @ np.linalg.qr(rng.normal(size=(12, 12)))[0]
    found = geometry.pca(X, PROMPTS, SCHEME, permutations=PERMUTATIONS)[1]
    found = found["PC1, share of variance"]
    return (found, 3 / 14) if effect else found


@case(
    "geometry.pca, PC1 and valence",
    "the coordinates belong to other categories",
    design=CENTROIDS,
    effect="a plane of valence and arousal",
)
def valence(rng, effect):
    if not effect:
        X = states(rng, 2 * rng.normal(size=(len(CODES), 6)))
        return geometry.pca(X, PROMPTS, SCHEME, permutations=PERMUTATIONS)[1]["PC1 and valence"]
    found = geometry.pca(states(rng, plane(1)), PROMPTS, SCHEME, permutations=PERMUTATIONS)
    return found[1]["PC1 and valence"], truth(_valence)


def _valence(rng, per):
    asked = pd.DataFrame({"category": np.repeat(CODES, per)})
    found = geometry.pca(states(rng, plane(1), per=per), asked, SCHEME, permutations=2)[1]
    return found["PC1 and valence"].value


@case(
    "geometry.silhouette",
    "the labels belong to other prompts",
    design="states without categories",
    effect="centroids one standard deviation of the noise apart from their mean",
)
def separation(rng, effect):
    X = states(rng, 0.5 * effect * CENTRES[0])
    found = geometry.silhouette(X, PROMPTS["category"], permutations=PERMUTATIONS)
    return (found, truth(_separation, draws=60, per=12)) if effect else found


def _separation(rng, per):
    X = states(rng, 0.5 * CENTRES[0], per=per)
    labels = np.repeat(CODES, per)
    distances = cdist(X, X)
    return stats.silhouettes(distances, np.unique(labels, return_inverse=True)[1]).mean()


APART = "centroids one standard deviation of the noise apart from their mean"


@case(
    "probes.by_layer",
    "the labels belong to other prompts of the fold; best of four layers",
    design="states without categories",
    effect=f"one layer with {APART}",
)
def curve(rng, effect):
    X = np.stack([states(rng, 0.5 * effect * (i == 1) * CENTRES[0]) for i in range(4)], axis=1)
    asked = PROMPTS["category"], PROMPTS["id"], range(4)
    found = probes.by_layer(X, *asked, permutations=PERMUTATIONS)
    return results.estimate(found.loc[found["p"].idxmin()])


@case(
    "probes.transfer",
    "the labels belong to other prompts of the fold",
    design="two wordings of one message resemble each other, no categories",
    effect=APART,
)
def transfer(rng, effect):
    X = states(rng, 0.5 * effect * CENTRES[0])
    both = [X + 0.5 * rng.normal(size=X.shape) for _ in range(2)]
    return probes.transfer(*both, PROMPTS["category"], permutations=PERMUTATIONS)


@case(
    "probes.over_sets",
    "the categories belong to other messages of the topic, in every set",
    design="three sets of states that tell topics apart, no categories",
    effect=APART,
)
def several_sets(rng, effect):
    topic, labels = np.arange(len(PROMPTS)) % 6, PROMPTS["category"]
    sets = [
        states(rng, 0.5 * effect * CENTRES[0]) + rng.normal(size=(6, 12))[topic] for _ in range(3)
    ]
    every = {number: (X, labels, topic) for number, X in enumerate(sets)}
    return probes.over_sets(every, permutations=PERMUTATIONS)[probes.MEAN]


@case(
    "geometry.procrustes",
    "the categories of one source are those of others",
    design=CENTROIDS,
    effect="centroids that agree up to noise of half their spread",
)
def centroids(rng, effect):
    left, right = (2 * part[:, :3] for part in CENTRES)
    right = left + 0.5 * right if effect else 2 * rng.normal(size=left.shape)
    scores = (states(rng, left), states(rng, right))
    found = geometry.procrustes(*scores, PROMPTS["category"], CODES, permutations=PERMUTATIONS)
    return found, float(geometry.residual(left, right))


def alike(rng, effect, among):
    """Two sources that share nothing (``among`` prompts all the same), or only that they tell the categories apart; else a third factor."""
    shared, sources = rng.normal(size=(len(PROMPTS), 3)), {}
    for name in "ab":
        X = np.empty((len(PROMPTS), 2, 8))
        for layer in range(2):
            centres = 1.5 * (among != "free") * CENTRES[0, :, :4] @ rng.normal(size=(4, 8))
            X[:, layer] = states(rng, centres) + effect * shared @ rng.normal(size=(3, 8))
        sources[name] = X
    table = geometry.similarity(sources, PROMPTS, halves=2, permutations=PERMUTATIONS)
    return results.one(table, null=among)


for null, design in {
    geometry.FREE: "states of noise",
    geometry.WITHIN: "sources that share the categories alone",
}.items():
    case(
        f"geometry.similarity, CKA, {null}",
        f"prompts of one source are other prompts ({null}), at the most alike of all pairs of two layers",
        design=design,
        effect="three dimensions shared by single prompts, of the variance of the noise",
        size=0.6,
        among=null,
    )(alike)


@case(
    "geometry.linear_cka",
    "prompts of one source are other prompts",
    design="fixed readings of six common dimensions",
    effect="common dimensions of the variance of the noise",
)
def cka(rng, effect):
    X, Y = common(rng, effect, 12)
    found = geometry.linear_cka(X, Y, PROMPTS["category"], permutations=PERMUTATIONS)[0]
    return found, truth(_cka, draws=3, per=500) if effect else 0.0


def common(rng, effect, per):
    mixing = np.random.default_rng(5).normal(size=(2, 6, 10)) / np.sqrt(6)
    shared = rng.normal(size=(per * len(CODES), 6)) + np.repeat(CENTRES[0, :, :6], per, axis=0)
    noise = rng.normal(size=(2, len(shared), 10))
    return [effect * shared @ part + own for part, own in zip(mixing, noise)]


def _cka(rng, per):
    X, Y = (part - part.mean(axis=0) for part in common(rng, 1.0, per))
    crossed = [np.linalg.norm(one.T @ other) for one, other in ((X, Y), (X, X), (Y, Y))]
    return crossed[0] ** 2 / (crossed[1] * crossed[2])


@case(
    "resampling.paired",
    "which of two readers is right is a toss-up on each prompt",
    design="hits of two readers on 90 prompts",
    effect="accuracy .75 against .6",
    size=0.15,
)
def paired(rng, effect):
    left, right = rng.random((2, 90)) < [[0.6 + effect], [0.6]]
    return resampling.paired(left, right, resamples=400), effect


@case(
    "resampling.max_t",
    "no member of the family differs from its null",
    design="twelve correlated members of different scales",
    effect="one member is shifted by four of its standard deviations",
    size=4.0,
)
def family(rng, effect):
    scale = np.geomspace(0.1, 30, 12)
    values = scale * (0.7 * rng.normal(size=(100, 1)) + rng.normal(size=(100, 12)))
    values[0, 3] += effect * scale[3] * np.sqrt(1.49)
    adjusted = resampling.max_t(values[0], values[1:]).min()
    return stats.Estimate(0.0, 0.0, 0.0, 12, "members", 0.0, float(adjusted))


@case("resampling.two_way", "", design="twelve models, 40 prompts, both vary")
def crossed(rng, effect):
    values = rng.normal(size=(40, 1)) + rng.normal(size=12) + 0.5 * rng.normal(size=(40, 12))
    prompt, model = np.divmod(np.arange(480), 12)
    return resampling.two_way(values.ravel(), prompt, model, unit="models", resamples=400), 0.0


@case("resampling.grouped", "", design="30 prompts of eight replies that resemble each other")
def grouped(rng, effect):
    groups = np.repeat(np.arange(30), 8)
    values = rng.normal(size=30)[groups] + 0.3 * rng.normal(size=240)
    return resampling.grouped(values, groups, resamples=400), 0.0
