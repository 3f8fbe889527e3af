"""How alike several sources read the same faces, and whether reading them together is better.

All rows of one comparison stand on the same faces, those of the reference that every source reads, and beside what a
reader gets who never looks at the face.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics.distributions import Reading

HALVES = 200
MOST_SOURCES = 8


def judged(table, codes):
    """The reading that independent likelihoods give: divided by their sum. ``table``: face and one column per code."""
    return readings.reading(
        table.drop_duplicates("face").set_index("face")[list(codes)].astype(float)
    )


def pool(sources):
    """The arithmetic mean of several readings (list), over the faces that all of them have."""
    faces = sources[0].table.index
    for source in sources[1:]:
        faces = faces[faces.isin(source.table.index)]
    columns = sources[0].table.columns
    table = sum(source.table.loc[faces, columns] for source in sources) / len(sources)
    return Reading(table, sources[0].weight.reindex(faces))


def weighted_as(source, reference):
    """``source`` with the weights of ``reference``: what similarities of two sources are weighted by."""
    return Reading(source.table, reference.weight.reindex(source.table.index).fillna(0.0))


def table(reference, sources, *, faces=None, name="elicited", seed=0):
    """Similarity of every source to the reference and of every two sources to each other, all on one face set.

    ``sources``: dict name -> Reading. Returns a DataFrame [source, compared with, uniform, weighted] of
    Estimates: uniform over faces, and weighted by the reference's counts. Two rows say what a uniform
    guess and a guess of the marginal get; each Estimate's null is the source with shuffled faces.
    """
    _require(sources)
    faces = readings.shared_faces(reference, *sources.values()) if faces is None else faces
    rows = [
        (title, name, *_both(reference, source, faces, seed)) for title, source in sources.items()
    ]
    marginal = (reference.table.loc[faces].mul(reference.weight[faces], axis=0)).sum()
    guesses = {
        "uniform guess": np.full(len(marginal), 1 / len(marginal)),
        "marginal guess": (marginal / marginal.sum()).to_numpy(),
    }
    for title, guess in guesses.items():
        constant = Reading(
            pd.DataFrame([guess] * len(faces), index=faces, columns=marginal.index),
            reference.weight[faces],
        )
        values = per_face(reference, constant, faces).to_numpy()
        rows.append(
            (
                title,
                name,
                statistics.bootstrap(values, unit="faces", seed=seed),
                statistics.bootstrap(
                    values, weights=reference.weight[faces], unit="faces", seed=seed
                ),
            )
        )
    for (left, first), (right, second) in itertools.combinations(sources.items(), 2):
        rows.append((left, right, *_both(weighted_as(first, reference), second, faces, seed)))
    return pd.DataFrame(rows, columns=["source", "compared with", "uniform", "weighted"])


def _both(reference, source, faces, seed):
    return tuple(
        readings.similarity(reference, source, weighted, faces=faces, permutations=2000, seed=seed)
        for weighted in (False, True)
    )


def per_face(a, b, faces):
    """Similarity of two readings face by face: Series over ``faces``."""
    left, right = a.table.loc[faces], b.table.loc[faces, a.table.columns]
    return pd.Series(statistics.js_similarity(left.to_numpy(), right.to_numpy()), index=faces)


def by_category(reference, sources, *, permutations=1000, seed=0):
    """Similarity to the reference within each category, a face belonging where the reference has it most often.

    Returns a DataFrame [category, source, similarity (Estimate)]; the null shuffles all faces, so that a
    source that gives every face one category is seen through.

    Dealt faces as a null: Fisher 1935.
    """
    faces = readings.shared_faces(reference, *sources.values())
    primary = reference.table.loc[faces].idxmax(axis=1)
    rng, rows = np.random.default_rng(seed), []
    orders = [rng.permutation(len(faces)) for _ in range(permutations)]
    for title, source in sources.items():
        right = source.table.loc[faces, reference.table.columns].to_numpy()
        pairs = statistics.js_similarity(
            reference.table.loc[faces].to_numpy()[:, None], right[None]
        )
        for code in reference.table.columns:
            own = np.flatnonzero(primary == code)
            if len(own):
                null = [pairs[own, order[own]].mean() for order in orders]
                found = statistics.bootstrap(pairs[own, own], unit="faces", seed=seed, null=null)
                # One face resamples to itself: an interval of no width would claim certainty.
                rows.append(
                    (
                        code,
                        title,
                        found if len(own) > 1 else replace(found, ci_low=np.nan, ci_high=np.nan),
                    )
                )
    return pd.DataFrame(rows, columns=["category", "source", "similarity"])


def divergent(reference, sources, most=15):
    """The faces that the sources read most differently from the reference, the worst first.

    DataFrame [face, n, elicited as, <source> reads (category), <source> (similarity) ...]; n is the face's
    weight in the reference, and faces are ranked by their mean similarity over the sources.
    """
    faces = readings.shared_faces(reference, *sources.values())
    found = pd.DataFrame(
        {
            "n": reference.weight[faces].astype(int),
            "elicited as": reference.table.loc[faces].idxmax(axis=1),
        }
    )
    means = 0.0
    for title, source in sources.items():
        found[f"{title} reads"] = source.table.loc[faces].idxmax(axis=1)
        found[title] = per_face(reference, source, faces)
        means = means + found[title]
    return (
        found.loc[means.sort_values(kind="stable").index]
        .head(most)
        .rename_axis("face")
        .reset_index()
    )


@dataclass(frozen=True)
class Patterns:
    """Which sources find the reference's first category.

    ``agreement``: dict source -> Estimate, share of faces whose first category is the reference's.
    ``all_agree``: Estimate, share of faces where every source does. ``counts``: DataFrame [sources that
    agree, faces, weight (share of the reference's emissions), examples].
    """

    agreement: dict
    all_agree: statistics.Estimate
    counts: pd.DataFrame


def patterns(reference, sources, *, seed=0, permutations=2000):
    """Agreement patterns of the first categories. Null: the sources' faces shuffled, all in the same way.

    Shuffled labels as a null: Fisher 1935.
    """
    faces = readings.shared_faces(reference, *sources.values())
    truth = reference.table.loc[faces].idxmax(axis=1).to_numpy()
    read = np.array(
        [source.table.loc[faces].idxmax(axis=1).to_numpy() for source in sources.values()]
    )
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(faces)) for _ in range(permutations)]

    def share(rows):
        null = [(rows[:, order] == truth).all(axis=0).mean() for order in orders]
        return statistics.bootstrap((rows == truth).all(axis=0), unit="faces", seed=seed, null=null)

    names = np.array(list(sources))
    labels = pd.Series(
        [" · ".join(names[column]) or "none" for column in (read == truth).T], index=faces
    )
    weight = reference.weight[faces]
    rows = [
        (
            label,
            len(part),
            weight[part.index].sum() / weight.sum(),
            "   ".join(weight[part.index].nlargest(4).index),
        )
        for label, part in labels.groupby(labels)
    ]
    counts = pd.DataFrame(
        rows, columns=["sources that agree", "faces", "weight", "examples"]
    ).sort_values("faces", ascending=False)
    return Patterns(
        {name: share(read[[index]]) for index, name in enumerate(sources)},
        share(read),
        counts.reset_index(drop=True),
    )


@dataclass(frozen=True)
class Pooling:
    """Pools chosen on one half of the faces and scored on the other, many times.

    ``held_out``: similarity of the chosen pool on the unseen half; ``single``: the same for the best
    single source; ``gain``: their paired difference; ``in_sample``: the best pool on all faces, which is
    too good. ``chosen``: DataFrame [pool, chosen (share of halves), similarity (Estimate, all faces)].
    """

    held_out: statistics.Estimate
    single: statistics.Estimate
    gain: statistics.Estimate
    in_sample: float
    chosen: pd.DataFrame


def pooling(reference, sources, weighted=False, *, halves=HALVES, permutations=200, seed=0):
    """Choose the best pool of ``sources`` (dict name -> Reading) on random halves of the faces, score it on the rest.

    Intervals: the spread over complementary halves is the standard error of the whole (Shao & Wu 1989).
    Null of all three: the same procedure with the sources' faces shuffled, for a mean of readings is nearer to anything than
    one reading is, whether they know the face or not.
    """
    _require(sources)
    faces = readings.shared_faces(reference, *sources.values())
    if len(faces) < 6:
        raise KaomojiError(
            f"only {len(faces)} faces are read by all sources; expected at least 6 to hold half of them out; collect more"
        )
    names = [
        subset
        for size in range(1, len(sources) + 1)
        for subset in itertools.combinations(sources, size)
    ]
    tables = {
        name: source.table.loc[faces, reference.table.columns].to_numpy()
        for name, source in sources.items()
    }
    pools = np.array([np.mean([tables[name] for name in subset], axis=0) for subset in names])
    weights = reference.weight[faces].to_numpy(float) if weighted else np.ones(len(faces))
    truth = reference.table.loc[faces].to_numpy()
    alone = np.array([len(subset) == 1 for subset in names])
    first = statistics.half_samples(len(faces), halves, seed)
    member = np.zeros((halves, len(faces)))
    member[np.arange(halves)[:, None], first] = 1

    def run(order):
        scores = statistics.js_similarity(truth[None], pools[:, order])
        train = _means(scores, weights * member)
        test = _means(scores, weights * (1 - member))
        best, best_single = train.argmax(axis=0), np.where(alone[:, None], train, -1).argmax(axis=0)
        each = np.arange(halves)
        return test[best, each], test[best_single, each], best, scores

    rng = np.random.default_rng(seed)
    held, single, best, scores = run(np.arange(len(faces)))
    chosen, alone_dealt, shuffled = [], [], []
    for _ in range(permutations):
        dealt, best_alone, _, its_scores = run(rng.permutation(len(faces)))
        chosen.append(dealt.mean())
        alone_dealt.append(best_alone.mean())
        shuffled.append(_means(its_scores, weights[None])[:, 0])
    chosen, alone_dealt, shuffled = map(np.array, (chosen, alone_dealt, shuffled))
    gaps = held - single
    whole = _means(scores, weights[None])[:, 0]
    shares = np.bincount(best, minlength=len(names)) / halves
    rows = [
        (
            " + ".join(names[index]),
            shares[index],
            statistics.bootstrap(
                scores[index], weights=weights, unit="faces", seed=seed, null=shuffled[:, index]
            ),
        )
        for index in np.argsort(-whole)
        if shares[index] > 0 or alone[index]
    ]
    return Pooling(
        held_out=statistics.estimate(
            held.mean(), held, len(faces), "faces", null=chosen, interval="normal", bounds=(0, 1)
        ),
        single=statistics.estimate(
            single.mean(),
            single,
            len(faces),
            "faces",
            null=alone_dealt,
            interval="normal",
            bounds=(0, 1),
        ),
        gain=statistics.estimate(
            gaps.mean(), gaps, len(faces), "faces", null=chosen - alone_dealt, interval="normal"
        ),
        in_sample=float(whole.max()),
        chosen=pd.DataFrame(rows, columns=["pool", "chosen", "similarity"]),
    )


def _means(scores, weights):
    """Weighted means of ``scores`` (pools, faces) under each row of ``weights`` (halves, faces): (pools, halves)."""
    total = weights.sum(axis=1)
    return scores @ weights.T / np.where(total > 0, total, 1)


def _require(sources):
    if not sources or len(sources) > MOST_SOURCES:
        raise KaomojiError(
            f"{len(sources)} sources to compare; expected 1 to {MOST_SOURCES}; name fewer"
        )
