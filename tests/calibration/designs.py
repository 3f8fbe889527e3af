"""Simulated data in which nothing, or a stated effect, is planted, for every test statistic of faces and readings.

The replies to one prompt resemble each other: each prompt has a Dirichlet distribution over faces around its category's,
with concentration alpha (1 and 2.4: strong favourites, as in published Gemma and Claude; 8: as in Granite).
"""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.metrics import agreement, clusters, distributions, information, predict, synthesis
from kaomoji_lib.stimuli import load_lexicon
from tests.calibration.harness import case

ALPHAS = (1.0, 2.4, 8.0)


@dataclass(frozen=True)
class Size:
    """How large a simulated study is."""

    categories: int = 9
    prompts: int = 20
    faces: int = 60
    replies: int = 8
    permutations: int = 19

    @property
    def codes(self):
        return [f"C{number}" for number in range(self.categories)]

    @property
    def label(self):
        return np.repeat(np.arange(self.categories), self.prompts)

    @property
    def ids(self):
        return [f"p{number}" for number in range(len(self.label))]


STUDY = Size()
HALF = Size(categories=6, prompts=12, faces=30)
TINY = Size(categories=4, prompts=8, faces=16, replies=6, permutations=19)
NONE = stats.Estimate(np.nan, np.nan, np.nan, 0, "prompts")


def nested_cases(statistic, null, effect, *, alphas=ALPHAS, **options):
    """Register a case for each concentration of the prompts' favourites."""

    def register(simulate):
        for alpha in alphas:
            design = f"replies nested in prompts, alpha {alpha:g}"
            case(statistic, null, design=design, effect=effect, alpha=alpha, **options)(simulate)
        return simulate

    return register


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
    """One state per prompt, with its category in it."""
    array = rng.normal(size=(len(size.label), 1, width))
    array += strength * rng.normal(size=(size.categories, 1, width))[size.label]
    index = pd.DataFrame({"prompt_id": size.ids})
    return SimpleNamespace(index=index, array=array.astype(np.float32))


def bits(own):
    """I(face; category), categories equally frequent."""
    middle = own.mean(axis=0)
    return float((own * np.log2(own / middle)).sum() / len(own))


MOVED = "categories given to other prompts"
PROMPTS_MOVED = "all faces of a prompt moved to another prompt's states"
FACES_MOVED = "the source's rows given to other faces"
WORDS_MOVED = "words given to other descriptions"
HALVES = "normal, standard error from half samples of prompts"


@nested_cases(
    "predict.from_faces accuracy",
    MOVED,
    "log-odds differ by 0.3 sd",
    alphas=(1.0, 8.0),
    study=STUDY,
)
def face_accuracy(rng, effect, study=None, alpha=None):
    table = replies(rng, study, alpha, 0.3 * effect)
    found = predict.from_faces(table, repeats=1, permutations=study.permutations).accuracy
    return found if effect else (found, 1 / study.categories)


@nested_cases("information.from_counts", MOVED, "about 1.2 bits", study=STUDY)
def sampled_information(rng, effect, study=None, alpha=None):
    own = usage(rng, study, 1.6 * effect)
    table = emissions(rng, nested(rng, own, study.label, alpha), study)
    counts = pd.crosstab(table["prompt_id"], table["face"]).loc[study.ids].to_numpy()
    found = information.from_counts(counts, study.label, permutations=study.permutations)
    return found, bits(own)


@case(
    "predict.from_states accuracy",
    MOVED,
    design="one state per prompt",
    effect="class means 0.5 sd",
    study=HALF,
)
def probe_accuracy(rng, effect, study=None, alpha=None):
    X = states(rng, study, 0.5 * effect).array[:, 0]
    labels = np.array(study.codes)[study.label]
    found = predict.from_states(X, labels, study.ids, repeats=1, permutations=study.permutations)
    return found.accuracy if effect else (found.accuracy, 1 / study.categories)


@case(
    "predict.difference of two probes",
    "each prompt's difference changes its sign",
    design="equal class geometry",
    effect="class means 1.6 times as far apart",
    study=HALF,
)
def probe_difference(rng, effect, study=None, alpha=None):
    """Two sets of features with the same class geometry and independent noise: equally good on average."""
    labels, centres = np.array(study.codes)[study.label], rng.normal(size=(study.categories, 20))
    gain = np.array([1.6 if effect else 1.0, 1.0])[:, None, None]
    parts = gain * centres[study.label] + 1.5 * rng.normal(size=(2, len(study.label), 20))
    left, right = (
        predict.from_states(X, labels, study.ids, repeats=1, permutations=0) for X in parts
    )
    found = predict.difference(left, right)
    return found if effect else (found, 0)


@case(
    "clusters.cluster_means, any number",
    PROMPTS_MOVED,
    design="replies nested in prompts, alpha 2.4",
    effect="log-odds differ by 1.6 sd",
    study=HALF,
    alpha=2.4,
)
def face_clusters(rng, effect, study=None, alpha=None):
    """Faces that follow no category, states without groups: the smallest adjusted p over all numbers of clusters."""
    means = clusters.face_means(
        states(rng, study, 2.0 * effect), replies(rng, study, alpha, 1.6 * effect)
    )
    found = clusters.cluster_means(means, permutations=study.permutations, resamples=2)
    return replace(NONE, p=found.criterion["p_adjusted"].min())


@nested_cases(
    "information.contrast repeats more reliably",
    HALVES,
    "prompt favourites under one perspective alone",
    alphas=(2.4, 8.0),
    draws=60,
    study=HALF,
)
def perspective_contrast(rng, effect, study=None, alpha=None):
    """Both perspectives follow the category alone, one with few faces, one with many; with the effect self has prompt favourites."""
    parts = {}
    for name, width, favours in (("self", 1.0, effect), ("user", rng.choice([0.3, 2.5]), False)):
        own = usage(rng, Size(study.categories, study.prompts, int(study.faces * width)), 1.0)
        chances = nested(rng, own, study.label, alpha) if favours else own[study.label]
        parts[name] = emissions(rng, chances, study, prefix=name)
    table = information.contrast(parts, permutations=study.permutations, halves=30)
    where = {"measure": "repeats more reliably", "perspective": "user", "given": "category"}
    found = results.one(table, **where)
    return found if effect else (found, 0)


def _reference(rng, study, alpha, sharp=1.2):
    """A reading of counts and the true reading behind it."""
    own = usage(rng, study, sharp)
    counted = distributions.elicited(
        emissions(rng, nested(rng, own, study.label, alpha), study), study.codes
    )
    names = [f"({face})" for face in range(study.faces)]
    return counted, distributions.reading(pd.DataFrame(own.T, names, study.codes))


def _unrelated(rng, truth):
    order = rng.permutation(len(truth.table))
    table = truth.table.iloc[order].set_axis(truth.table.index)
    return distributions.Reading(table, truth.weight)


@nested_cases(
    "distributions.similarity", FACES_MOVED, "one third truth", alphas=(1.0, 8.0), study=STUDY
)
def reading_similarity(rng, effect, study=None, alpha=None):
    counted, truth = _reference(rng, study, alpha)
    noise = _unrelated(rng, truth)
    source = agreement.pool([truth, noise, noise]) if effect else noise
    return distributions.similarity(counted, source, permutations=study.permutations)


@nested_cases(
    "distributions.difference",
    "the two change places face by face",
    "truth against half truth",
    alphas=(1.0, 8.0),
    study=STUDY,
)
def reading_difference(rng, effect, study=None, alpha=None):
    counted, truth = _reference(rng, study, alpha)
    first, second = (agreement.pool([truth, _unrelated(rng, truth)]) for _ in range(2))
    found = distributions.difference(counted, truth if effect else first, second)
    return found if effect else (found, 0)


@nested_cases(
    "agreement.patterns", FACES_MOVED, "the true distribution", alphas=(2.4,), study=STUDY
)
def primary_agreement(rng, effect, study=None, alpha=None):
    counted, truth = _reference(rng, study, alpha)
    source = truth if effect else _unrelated(rng, truth)
    table, _ = agreement.patterns(counted, {"a": source}, permutations=study.permutations)
    return results.one(table, source="all")


@nested_cases("agreement.pooling", FACES_MOVED, "two half truths", alphas=(2.4,), study=STUDY)
def pooled(rng, effect, study=None, alpha=None):
    counted, truth = _reference(rng, study, alpha)
    noise = [_unrelated(rng, truth) for _ in range(2)]
    parts = [agreement.pool([truth, item]) for item in noise] if effect else noise
    found = agreement.pooling(
        counted, dict(zip("ab", parts, strict=True)), halves=20, permutations=study.permutations
    )
    return found["held out"]


def _word_space(rng, study, effect):
    """Faces described by words drawn at random; with the effect by the words of four groups."""
    lexicon = load_lexicon()
    words = lexicon["word"].to_numpy()
    rows = []
    for face in range(study.faces):
        known = np.array_split(words, 4)[face % 4] if effect else words
        for _ in range(rng.integers(1, 6)):
            draw = [list(rng.choice(known, number, replace=False)) for number in (2, 3)]
            rows.append((f"({face})", 1, *draw, int(lexicon["version"].iloc[0])))
    table = pd.DataFrame(rows, columns=["face", "count", "primary", "others", "lexicon_version"])
    return synthesis.word_space(table, lexicon, resamples=2, permutations=study.permutations)


@case(
    "synthesis.word_space clusters, any number",
    WORDS_MOVED,
    design="words at random",
    effect="four groups of words",
    study=HALF,
)
def word_clusters(rng, effect, study=None, alpha=None):
    criterion = _word_space(rng, study, effect).clustering.criterion
    return replace(NONE, p=criterion["p_adjusted"].min())


@case(
    "synthesis.word_space variance",
    WORDS_MOVED,
    design="words at random",
    effect="four groups of words",
    study=HALF,
)
def word_components(rng, effect, study=None, alpha=None):
    return _word_space(rng, study, effect).variance[0]


@nested_cases("predict.from_probabilities accuracy", MOVED, "log-odds differ by 0.3 sd", study=HALF)
def exact_accuracy(rng, effect, study=None, alpha=None):
    chances = nested(rng, usage(rng, study, 0.3 * effect), study.label, alpha)
    table = pd.DataFrame(chances, study.ids)
    labels = [study.codes[code] for code in study.label]
    options = {"repeats": 1, "permutations": study.permutations}
    found = predict.from_probabilities(table, labels, **options).accuracy
    return found if effect else (found, 1 / study.categories)


@case(
    "clusters.cluster_vectors",
    "each column permuted over the faces; any number of clusters",
    design="independent columns",
    effect="three groups of faces",
)
def vector_clusters(rng, effect):
    X = rng.gamma(1.0, size=(24, 6)) + 4 * effect * np.eye(6)[np.arange(24) % 3]
    table = pd.DataFrame(X, [f"({face})" for face in range(24)])
    found = clusters.cluster_vectors(table, permutations=19, resamples=2).criterion
    return replace(NONE, p=float(found["p_adjusted"].min()))
