"""What a face says about the category: P(category | face) by source, how alike sources are, and whether a pool is better.

A similarity lies between two numbers: what an answer that ignores the face gets, and what somebody who knew the truth
would get against counts that are themselves a sample (the noise ceiling: Nili et al. 2014,
doi:10.1371/journal.pcbi.1003553). All rows of one comparison are on the same faces: those of the reference that every
source lists. Permutation: Fisher 1935.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.canonical import canonical, with_arms

MIN_WEIGHT, FEWEST_FACES = 3, 5
UNIFORM, COUNTS = "uniform", "counts"
CEILING_DRAWS, HALVES = 400, 200


@dataclass(frozen=True)
class Reading:
    """P(category | face) of one source.

    ``table``: face x category, rows sum to 1. ``weight``: Series over the same faces (of a reading of emissions: their
    counts). ``replies``: DataFrame[prompt_id, category, face], the emissions that were counted, or None.
    """

    table: pd.DataFrame
    weight: pd.Series
    replies: pd.DataFrame | None = None


def reading(masses, weight=None, replies=None):
    """Return the :class:`Reading` of non-negative masses (DataFrame face x category); rows without mass are dropped."""
    masses = masses.loc[masses.sum(axis=1) > 0].astype(float)
    total = masses.sum(axis=1)
    weight = total if weight is None else weight.reindex(masses.index).fillna(0.0)
    return Reading(masses.div(total, axis=0), weight, replies)


def elicited(emissions, codes, arms=False):
    """Return the reading of a source's own emissions: counts of each face per category, normalised.

    ``emissions``: DataFrame[prompt_id, category, face, raw_face]. ``arms`` keeps faces with different arms apart, for reading
    (other sources are found by :func:`look_up`); else it joins with tables keyed by ``face``.
    """
    typed = emissions[emissions["face"].notna()]
    if arms:
        typed = typed.assign(face=typed["raw_face"].map(with_arms))
    counts = pd.crosstab(typed["face"], typed["category"]).reindex(columns=list(codes))
    return reading(counts.fillna(0), replies=typed[["prompt_id", "category", "face"]])


def look_up(source, faces):
    """Return what ``source`` says of ``faces`` (with arms), under their names: :class:`Reading`.

    Arms change what many kaomoji mean, but few sources list a face with each pair of arms: a face that the source does not
    list is looked up without them.
    """
    known = source.table.index
    names = pd.Series([face if face in known else canonical(face) for face in faces], faces)
    names = names[names.isin(known)]
    table, weight = (
        part.loc[names].set_axis(names.index) for part in (source.table, source.weight)
    )
    return Reading(table, weight)


def judged(table, codes):
    """Return the reading of independent likelihoods, divided by their sum; ``table``: face and one column per code."""
    return reading(table.drop_duplicates("face").set_index("face")[list(codes)].astype(float))


def pool(sources):
    """Return the arithmetic mean of several readings (list), over the faces that all of them have."""
    faces, columns = _in_all(sources[0].table.index, sources), sources[0].table.columns
    table = sum(source.table.loc[faces, columns] for source in sources) / len(sources)
    return Reading(table, sources[0].weight.reindex(faces))


def _in_all(faces, sources):
    return faces[np.all([faces.isin(source.table.index) for source in sources], axis=0)]


def shared_faces(reference, *others):
    """Return the faces of weight >= 3 in ``reference`` that every other reading lists, in reference order."""
    faces = _in_all(reference.table.index[reference.weight >= MIN_WEIGHT], others)
    if len(faces) < 2:
        raise KaomojiError(
            f"only {len(faces)} faces of weight >= {MIN_WEIGHT} occur in all readings; expected at least 2; "
            "collect more generations"
        )
    return faces


def baseline(reference, kind, faces):
    """Return the reading that ignores the face: ``uniform``, or ``marginal``, the reference's mean over ``faces``."""
    even = np.full(len(reference.table.columns), 1 / len(reference.table.columns))
    guess = even if kind == "uniform" else _marginal(reference, faces)
    table = pd.DataFrame([guess] * len(faces), faces, reference.table.columns)
    return Reading(table, reference.weight[faces])


def per_face(a, b, faces):
    """Return the similarity of two readings face by face: Series over ``faces``."""
    return pd.Series(stats.js_similarity(*aligned(a, b, faces)), index=faces)


def similarity(a, b, *, weights=UNIFORM, faces=None, permutations=stats.PERMUTATIONS, seed=0):
    """Return the mean Jensen-Shannon similarity of two readings over their faces, 0..1: Estimate over faces.

    ``a`` is the reference: its weights select the faces (or give ``faces``); ``weights``: ``uniform`` or ``counts`` (those
    of ``a``). Interval: bootstrap over faces. Null: the rows of ``b`` are given to other faces (Fisher 1935), so it keeps
    what ``b`` gets without looking at the face.
    """
    faces = shared_faces(a, b) if faces is None else faces
    weight = face_weights(a, faces, weights)
    left, right = aligned(a, b, faces)
    pairs = stats.js_similarity(left[:, None], right[None])
    orders = stats.orders(np.zeros(len(faces)), permutations, seed)
    null = pairs[np.arange(len(faces)), orders] @ weight / weight.sum()
    return stats.bootstrap(pairs.diagonal(), weights=weight, unit="kaomoji", seed=seed, null=null)


def difference(reference, a, b, *, weights=UNIFORM, faces=None, seed=0):
    """Return the similarity of ``a`` minus that of ``b`` to ``reference``, paired by face: Estimate, p two-sided.

    Null: a and b change places face by face (Fisher 1935).
    """
    faces = shared_faces(reference, a, b) if faces is None else faces
    weight = face_weights(reference, faces, weights)
    gap = (per_face(reference, a, faces) - per_face(reference, b, faces)).to_numpy()
    plain = stats.bootstrap(gap, weights=weight, unit="kaomoji", seed=seed)
    signs = np.random.default_rng([seed, 1]).choice([-1.0, 1.0], (stats.RESAMPLES, len(gap)))
    null = signs @ (gap * weight) / weight.sum()
    return replace(plain, null_mean=0.0, p=stats.permutation_p(abs(plain.value), np.abs(null)))


def ceiling(reference, faces, *, seed=0):
    """Return the expected similarity of each face's counts to its true distribution: float array (faces,).

    The truth is unknown, but has a posterior: Dirichlet around the marginal, with the counts taken for as many
    independent ones as they are worth. The replies to one prompt resemble each other, so n replies are worth
    n / (1 + (m - 1) r) of them (Kish 1965's design effect; m replies per prompt, r the excess of same faces within over
    between prompts). The prior's concentration follows from how often two uses of a face, by different prompts, are of one category.
    """
    replies = reference.replies
    used = pd.crosstab(replies["prompt_id"], replies["face"])
    category = replies.groupby("prompt_id")["category"].first().reindex(used.index)
    own, member = used[faces].to_numpy(float), pd.get_dummies(category).to_numpy(float)
    total, own_pairs, n = own.sum(axis=0), (own**2).sum(axis=0), member.sum(axis=0)
    same = (n / np.maximum(n - 1, 1)) @ ((member.T @ own) ** 2 - member.T @ own**2)
    pairs = total**2 - own_pairs
    rate = (same[pairs > 0] / pairs[pairs > 0]).mean() if (pairs > 0).any() else 1.0
    base = _marginal(reference, faces, 0.5)
    concentration = np.clip((1 - rate) / max(rate - (base**2).sum(), 1e-3), 0.03, 1000)
    counts = reference.table.loc[faces].to_numpy() * total[:, None]
    posterior = concentration * base + counts / design_effect(used.to_numpy(float), category)
    gammas = np.random.default_rng(seed).standard_gamma(
        posterior, size=(CEILING_DRAWS, *counts.shape)
    )
    # Where all of a row's tiny shapes underflow, adding next to nothing keeps it a distribution.
    return stats.js_similarity(counts, gammas + 1e-300).mean(axis=0)


def design_effect(used, category):
    """Return by how much the replies of one prompt resemble each other: >= 1, the variance of their counts over that of independent ones.

    ``used``: (prompts, faces), counts; ``category``: (prompts,).
    """
    size, codes = used.sum(axis=1), pd.factorize(category)[0]
    within = (used * (used - 1)).sum() / max((size * (size - 1)).sum(), 1)
    member = np.eye(codes.max() + 1)[codes]
    both = ((member.T @ used) ** 2).sum() - (used**2).sum()
    between = both / max(((member.T @ size) ** 2).sum() - (size**2).sum(), 1)
    alike = (within - between) / (1 - between) if between < 1 else 0.0
    return 1 + max(alike, 0.0) * (size.mean() - 1)


def face_weights(reference, faces, weights):
    """Return the weights of ``faces``: ones (``uniform``) or the reference's own (``counts``): float array (faces,)."""
    return reference.weight[faces].to_numpy(float) if weights == COUNTS else np.ones(len(faces))


def _marginal(reference, faces, added=0.0):
    total = reference.table.loc[faces].mul(reference.weight[faces], axis=0).sum().to_numpy() + added
    return total / total.sum()


def aligned(a, b, faces):
    """Return the rows of two readings for ``faces``, categories in the order of ``a``: two float arrays (faces, categories)."""
    return a.table.loc[faces].to_numpy(float), b.table.loc[faces, a.table.columns].to_numpy(float)


def by_category(log_probs, prompts, codes, rule):
    """Return what a face says about the category, all categories equally frequent: :class:`Reading`.

    ``log_probs``: DataFrame prompt x face, nat; ``prompts``: DataFrame[id, category]; ``rule``:
    ``mean probability`` (over a category's prompts) or ``mean log`` (the published rule), then normalised over categories.
    """
    category = prompts.set_index("id")["category"].reindex(log_probs.index)
    masses = pd.DataFrame({code: RULES[rule](log_probs[category == code]) for code in codes})
    # Only differences between categories count; taking the largest out keeps improbable faces from becoming 0.
    return reading(np.exp(masses.sub(masses.max(axis=1), axis=0)), np.exp(_log_mean_exp(log_probs)))


def _log_mean_exp(log_probs):
    top = log_probs.max()
    return top + np.log(np.exp(log_probs - top).mean())


RULES = {"mean probability": _log_mean_exp, "mean log": lambda log_probs: log_probs.mean()}


def compare(reference, sources, faces, *, permutations=stats.PERMUTATIONS, seed=0):
    """Compare every source with the reference, all on the same ``faces``: tidy table.

    ``sources``: mapping name -> Reading. Label column: ``weights`` (``uniform`` or ``counts``). Measures: ``similarity``,
    also of the two guesses that ignore the face; where the reference has its replies by prompt, ``ceiling``
    (:func:`ceiling`).
    """
    values = {
        (f"{kind} guess", "similarity"): per_face(
            reference, baseline(reference, kind, faces), faces
        )
        for kind in ("uniform", "marginal")
    }
    if reference.replies is not None and len(faces) >= FEWEST_FACES:
        values["someone who knows the truth", "ceiling"] = ceiling(reference, faces, seed=seed)
    parts = []
    for weights in (UNIFORM, COUNTS):
        options = {"weights": weights, "faces": faces, "permutations": permutations, "seed": seed}
        rows = {
            (title, "similarity"): similarity(reference, source, **options)
            for title, source in sources.items()
        }
        weight = face_weights(reference, faces, weights)
        for key, value in values.items():
            rows[key] = stats.bootstrap(value, weights=weight, unit="kaomoji", seed=seed)
        parts.append(results.frame(rows, weights=weights))
    return pd.concat(parts, ignore_index=True)


def pooling(
    reference, sources, *, weights=UNIFORM, halves=HALVES, permutations=stats.REFITS, seed=0
):
    """Choose the best pool of ``sources`` (name -> Reading) on random halves of the faces and score it on the rest.

    Returns dict of Estimates: ``held out`` (similarity of the chosen pool on the unseen half), ``single`` (of the best
    single source) and ``gain`` (their paired difference).

    Intervals: the spread over complementary halves is the standard error of the whole (Shao & Wu 1989). Null: the same
    procedure with the sources' faces shuffled, for a mean of readings is nearer to anything than one reading is. The gain
    over the best single source has an interval and no null: shuffled sources gain as much, so a test would have no power.
    """
    faces = shared_faces(reference, *sources.values())
    n = len(faces)
    tables = [aligned(reference, source, faces)[1] for source in sources.values()]
    pools = np.array(
        [
            np.mean(subset, axis=0)
            for size in range(1, len(tables) + 1)
            for subset in itertools.combinations(tables, size)
        ]
    )
    weight = face_weights(reference, faces, weights)
    truth = reference.table.loc[faces].to_numpy()
    member, each = np.zeros((halves, n)), np.arange(halves)
    member[each[:, None], stats.half_samples(n, halves, seed)] = 1

    def run(order):
        """Return the test scores of the best pool and of the best single source in each half: (2, halves)."""
        scores = stats.js_similarity(truth[None], pools[:, order])
        train, test = (
            scores @ part.T / np.maximum(part.sum(axis=1), 1e-300)
            for part in (weight * member, weight * (1 - member))
        )
        best, single = train.argmax(axis=0), train[: len(tables)].argmax(axis=0)
        return np.array([test[best, each], test[single, each]])

    pooled, single = run(np.arange(n))
    orders = stats.orders(np.zeros(n), permutations, seed)
    null = np.array([run(order).mean(axis=1) for order in orders]).T
    return {
        name: stats.estimate(
            values.mean(), values, n, "kaomoji", null=under, normal=True, bounds=(least, 1)
        )
        for name, values, under, least in (
            ("held out", pooled, null[0], 0),
            ("single", single, null[1], 0),
            ("gain", pooled - single, None, -1),
        )
    }
