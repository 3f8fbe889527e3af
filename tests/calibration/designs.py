"""Simulated data in which nothing, or a stated effect, is planted, for every test statistic of faces and readings.

The replies to one prompt resemble each other: each prompt has a Dirichlet distribution over faces around its category's,
with concentration alpha (1 and 2.4: strong favourites, as in published Gemma and Claude; 8: as in Granite).
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import clusters, distributions, information, predict, synthesis
from kaomoji_lib.stimuli import load_lexicon

PERMUTATIONS = 19


@dataclass(frozen=True)
class Size:
    """How large a simulated study is."""

    categories: int = 9
    prompts: int = 20
    faces: int = 60
    replies: int = 8

    @property
    def codes(self):
        return [f"C{number}" for number in range(self.categories)]

    @property
    def label(self):
        return np.repeat(np.arange(self.categories), self.prompts)

    @property
    def labels(self):
        return np.array(self.codes)[self.label]

    @property
    def ids(self):
        return [f"p{number}" for number in range(len(self.label))]


STUDY = Size()
HALF = Size(categories=6, prompts=12, faces=30)
TINY = Size(categories=4, prompts=8, faces=16, replies=6)
NONE = stats.Estimate(np.nan, np.nan, np.nan, 0, "prompts")


def usage(rng, size, sharp):
    """P(face | category): (categories, faces), log-normal; ``sharp``: spread of the log-odds between categories."""
    own = np.exp(
        rng.normal(size=size.faces) + sharp * rng.normal(size=(size.categories, size.faces))
    )
    return own / own.sum(axis=1, keepdims=True)


def nested(rng, own, label, alpha):
    """P(face | prompt) around the category's: (prompts, faces)."""
    gammas = rng.standard_gamma(alpha * own[label]) + 1e-300
    return gammas / gammas.sum(axis=1, keepdims=True)


def emissions(rng, chances, size, prefix=""):
    """Replies drawn from P(face | prompt): DataFrame[prompt_id, generation, category, face]."""
    rows = [
        (size.ids[row], generation, size.codes[size.label[row]], f"({prefix}{face})")
        for row, chance in enumerate(chances)
        for generation, face in enumerate(rng.choice(len(chance), size.replies, p=chance))
    ]
    return pd.DataFrame(rows, columns=["prompt_id", "generation", "category", "face"])


def replies(rng, size, alpha, sharp):
    return emissions(rng, nested(rng, usage(rng, size, sharp), size.label, alpha), size)


def states(rng, size, strength=2.0, width=20):
    """One state per prompt, (prompts, width), with its category in it."""
    noise = rng.normal(size=(len(size.label), width))
    own = strength * rng.normal(size=(size.categories, width))[size.label]
    return (noise + own).astype(np.float32)


def bits(own):
    """I(face; category), categories equally frequent."""
    return float((own * np.log2(own / own.mean(axis=0))).sum() / len(own))


def face_accuracy(rng, effect, alpha, study=STUDY):
    table = replies(rng, study, alpha, 0.3 * effect)
    found = predict.from_faces(table, repeats=1, permutations=PERMUTATIONS).accuracy
    return found if effect else (found, 1 / study.categories)


def exact_accuracy(rng, effect, alpha, study=HALF):
    chances = nested(rng, usage(rng, study, 0.3 * effect), study.label, alpha)
    table, options = pd.DataFrame(chances, study.ids), {"repeats": 1, "permutations": PERMUTATIONS}
    found = predict.from_probabilities(table, study.labels, **options).accuracy
    return found if effect else (found, 1 / study.categories)


def sampled_information(rng, effect, alpha, study=STUDY):
    own = usage(rng, study, 1.6 * effect)
    table = emissions(rng, nested(rng, own, study.label, alpha), study)
    return information.from_emissions(table, permutations=PERMUTATIONS), bits(own)


def probe_accuracy(rng, effect, study=HALF):
    X, options = states(rng, study, 0.5 * effect), {"repeats": 1, "permutations": PERMUTATIONS}
    found = predict.from_states(X, study.labels, study.ids, **options).accuracy
    return found if effect else (found, 1 / study.categories)


def probe_difference(rng, effect, study=HALF):
    """Two sets of features with the same class geometry and independent noise: equally good on average."""
    centres = rng.normal(size=(study.categories, 20))
    gain = np.array([1.6 if effect else 1.0, 1.0])[:, None, None]
    parts = gain * centres[study.label] + 1.5 * rng.normal(size=(2, len(study.label), 20))
    options = {"repeats": 1, "permutations": 0}
    probes = [predict.from_states(X, study.labels, study.ids, **options) for X in parts]
    found = predict.difference(*probes)
    return found if effect else (found, 0)


def any_number(clustering):
    """The smallest adjusted p over all numbers of clusters."""
    return replace(NONE, p=float(clustering.criterion["p_adjusted"].min()))


def face_clusters(rng, effect, alpha, study=HALF):
    """Faces that follow no category, states without groups."""
    X = states(rng, study, 2.0 * effect)
    X = X / np.linalg.norm(X, axis=1).mean()
    uses = clusters.usage(replies(rng, study, alpha, 1.6 * effect), study.ids)
    uses = uses[(uses.sum(axis=1) >= 3) & ((uses > 0).sum(axis=1) >= 2)]
    return any_number(clusters.cluster_means(uses, X, permutations=PERMUTATIONS, resamples=2))


def vector_clusters(rng, effect):
    X = rng.gamma(1.0, size=(24, 6)) + 4 * effect * np.eye(6)[np.arange(24) % 3]
    table = pd.DataFrame(X, [f"({face})" for face in range(24)])
    return any_number(clusters.cluster_vectors(table, permutations=PERMUTATIONS, resamples=2))


def perspective_contrast(rng, effect, alpha, study=HALF):
    """Both perspectives follow the category alone, one with few faces, one with many; with the effect self has prompt favourites."""
    parts = {}
    for name, width, favours in (("self", 1.0, effect), ("user", rng.choice([0.3, 2.5]), False)):
        own = usage(rng, replace(study, faces=int(study.faces * width)), 1.0)
        chances = nested(rng, own, study.label, alpha) if favours else own[study.label]
        parts[name] = emissions(rng, chances, study, prefix=name)
    table = information.contrast(parts, permutations=PERMUTATIONS, halves=30)
    found = results.one(table, measure=information.MORE, perspective="user", given="category")
    return found if effect else (found, 0)


def _reference(rng, study, alpha, sharp=1.2):
    """A reading of counts, the true reading behind it, and a function that makes unrelated ones."""
    own = usage(rng, study, sharp)
    table = emissions(rng, nested(rng, own, study.label, alpha), study)
    names = [f"({face})" for face in range(study.faces)]
    truth = distributions.reading(pd.DataFrame(own.T, names, study.codes))

    def unrelated():
        order = rng.permutation(study.faces)
        return replace(truth, table=truth.table.iloc[order].set_axis(names))

    return distributions.elicited(table, study.codes), truth, unrelated


def reading_similarity(rng, effect, alpha, study=STUDY):
    counted, truth, unrelated = _reference(rng, study, alpha)
    noise = unrelated()
    source = distributions.pool([truth, noise, noise]) if effect else noise
    return distributions.similarity(counted, source, permutations=PERMUTATIONS)


def reading_difference(rng, effect, alpha, study=STUDY):
    counted, truth, unrelated = _reference(rng, study, alpha)
    first, second = (distributions.pool([truth, unrelated()]) for _ in range(2))
    found = distributions.difference(counted, truth if effect else first, second)
    return found if effect else (found, 0)


def pooled(rng, effect, alpha, study=STUDY):
    counted, truth, unrelated = _reference(rng, study, alpha)
    noise = [unrelated() for _ in range(2)]
    parts = [distributions.pool([truth, item]) for item in noise] if effect else noise
    options = {"halves": 20, "permutations": PERMUTATIONS}
    return distributions.pooling(counted, dict(zip("ab", parts)), **options)["held out"]


def _word_space(rng, study, effect):
    """Faces described by words drawn at random; with the effect by the words of four groups."""
    lexicon = load_lexicon()
    words, rows = lexicon["word"].to_numpy(), []
    for face in range(study.faces):
        known = np.array_split(words, 4)[face % 4] if effect else words
        for _ in range(rng.integers(1, 6)):
            drawn = [list(rng.choice(known, number, replace=False)) for number in (2, 3)]
            rows.append((f"({face})", 1, *drawn, int(lexicon["version"].iloc[0])))
    table = pd.DataFrame(rows, columns=["face", "count", "primary", "others", "lexicon_version"])
    return synthesis.word_space(table, lexicon, resamples=2, permutations=PERMUTATIONS)


def word_clusters(rng, effect, study=HALF):
    return any_number(_word_space(rng, study, effect).clustering)


def word_components(rng, effect, study=HALF):
    return _word_space(rng, study, effect).variance[0]
