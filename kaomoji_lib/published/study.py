"""The article's numbers, recomputed, and its eleven claims, tested.

The rows are those of ``data/published_article.csv``: ``rule`` names what computes a row from its ``source`` and
``option`` (:data:`RULES`); ``criterion`` says what the claim that it belongs to needs of it (:func:`tests`).
``data/published_claims.csv`` has each claim in words.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from kaomoji_lib import results, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import clusters, synthesis
from kaomoji_lib.metrics import geometry as shapes
from kaomoji_lib.published import faces, geometry, sources, tables
from kaomoji_lib.published.geometry import cloud
from kaomoji_lib.published.scorer_audit import audit
from kaomoji_lib.stats import Estimate
from kaomoji_lib.stimuli import DATA, load_lexicon, read_table

STATES = "not testable: needs states"
HOLDS, IN_PART, FAILS = "holds", "holds in part", "does not hold"
# What a record of a row is called, and the column it comes from.
KEYS = {
    "article": "article",
    "recomputed": "recomputed",
    "corrected": "value",
    "low": "ci_low",
    "high": "ci_high",
    "n": "n",
    "reference": "reference",
}
FOUR, AXES = 4, ["PC1", "PC2", "PC3"]


@cache
def _computed(rule, source, option, seed):
    """(recomputed, corrected, reference) of a row."""
    found = RULES[rule](source, option, seed)
    recomputed, corrected, *reference = found if isinstance(found, tuple) else (None, found)
    guess = corrected.null_mean or 0.0 if isinstance(corrected, Estimate) else None
    return recomputed, corrected, *(reference or [guess])


def article(only="", *, seed=0):
    """Return every row whose id begins with ``only`` as a tidy frame: the fields of the entry, and those of an Estimate.

    ``article``: as printed (NaN: none); ``recomputed``: by the article's rule; ``reproduces``: whether the two agree
    within the tolerance (None: one is missing). ``value`` to ``unit``: by our rule; a plain number has no interval.
    ``reference``: what a guess gets. Rows of the rule ``unpublished`` need the hidden states, and have no value.
    Raises KaomojiError where there is no such row.
    """
    table = read_table(DATA / "published_article.csv", ("id",))
    table = table[table["id"].str.startswith(only)].reset_index(drop=True)
    if table.empty:
        raise KaomojiError(
            f"no row begins with {only!r}; expected a prefix such as accuracy or similarity; see data/published_article.csv"
        )
    rows = []
    for entry in table.itertuples(index=False):
        recomputed, value, reference = _computed(entry.rule, entry.source, entry.option, seed)
        if not isinstance(value, Estimate):
            value = Estimate(np.nan if value is None else value, np.nan, np.nan, 0, "")
        fields = {name: getattr(value, name) for name in results.FIELDS}
        rows.append({"recomputed": recomputed, **fields, "reference": reference})
    numbers = dict.fromkeys(("recomputed", "null_mean", "p", "reference"), float)
    table = table.join(pd.DataFrame(rows).astype(numbers)).assign(measure=table["id"])
    table["article"], tolerance = (pd.to_numeric(table[name]) for name in ("article", "tolerance"))
    gap = (table["article"] - table["recomputed"]).abs()
    table["reproduces"] = (gap <= tolerance + 1e-9).astype(object).where(gap.notna(), None)
    return table


def record(row):
    """Return the id and the numbers of a row, by the names of :data:`KEYS`: dict (None: there is no such number)."""
    found = {"id": row["id"], **dict.fromkeys(KEYS)}
    for key, name in KEYS.items():
        if np.isfinite(row[name]) and (key, row[name]) != ("n", 0):
            value = float(row[name])
            found[key] = int(value) if value.is_integer() else round(value, 6)
    return found


@cache
def accuracy(name, own_index=False, scheme=None, seed=0):
    """Return the :class:`faces.Accuracy` of a source, prompt and stream left out."""
    emissions, permutations = tables.emissions(name, scheme), 0 if own_index else stats.REFITS
    return faces.accuracy(emissions, own_index=own_index, permutations=permutations, seed=seed)


@cache
def vocabulary(own=False, seed=0):
    """Return the faces in the space of their synthesized words, each upload once; ``own``: those that Claude typed."""
    words = tables.uploads_once(tables.syntheses())
    words = words[words["source_model"].str.startswith("claude")] if own else words
    return synthesis.word_space(words, load_lexicon(), permutations=stats.REFITS, seed=seed)


def _faces(source, option, seed):
    ours = accuracy(source, scheme=option or None, seed=seed).estimate(seed=seed)
    published = tables.as_published(tables.emissions(source, option or None))
    return faces.lookup_accuracy(published), ours


def _gap(source, option, seed):
    """The lower of gemma and qwen minus a model, on the prompts that both answered with a face."""
    lower = min(("gemma", "qwen"), key=lambda name: accuracy(name, seed=seed).estimate().value)
    typed = [t[t["face"].notna()] for t in map(tables.emissions, (lower, source))]
    both = set.intersection(*(set(part["prompt_id"]) for part in typed))
    parts = [part[part["prompt_id"].isin(both)] for part in typed]
    first, second = (faces.accuracy(part, permutations=0, seed=seed) for part in parts)
    return first.estimate(second, seed=seed)


def _similarity(source, option, seed):
    """``wider``: on all faces that these sources have, as the article's row was."""
    weighting, *wider = option.split()
    pair = source.split() if source == "opus synthesized" else (source, "elicited")
    ours = sources.similarity(sources.corrected(), *pair, weighting, seed=seed)
    return sources.published_similarity(*pair, weighting, wider=bool(wider)), ours


def _pool(source, option, seed):
    found = sources.held_out_pool(option, seed)
    return None, found["held out"], found["single"].value


def _words(source, option, seed):
    index, words = int(option), tables.syntheses()
    old = synthesis.word_space(words, load_lexicon(), resamples=2, permutations=1)
    return old.variance[index].value, vocabulary(seed=seed).variance[index]


def _clusters(source, option, seed):
    """The number chosen, the silhouette at four, or how much larger it is than at the best other number."""
    space = vocabulary(source == "claude", seed)
    table = space.clustering.criterion.set_index("clusters")
    if option == "chosen":
        return space.clustering.chosen
    if option == "silhouette":
        row = table.loc[FOUR]
        return replace(results.estimate(row), p=row["p_adjusted"])
    other = (table["value"] - table["null_mean"]).drop(FOUR).idxmax()
    distances = clusters.cosine_distances(space.vectors)
    first, second = (stats.silhouettes(distances, space.clustering.cuts[k]) for k in (FOUR, other))
    return stats.bootstrap(first - second, unit="kaomoji", seed=seed)


def _follows(source, option, seed):
    old = geometry.follows(cloud(source, published=True), option, permutations=1, seed=seed)
    return old.value, geometry.follows(cloud(source), option, seed=seed)


def _scorer(source, option, seed):
    item = audit(source, seed)
    return item.own - item.elsewhere, item.better


# From the source, the option and the seed of a row: by our rule, or (by the article's, by ours, and what a guess gets).
RULES = {
    "faces": _faces,
    "gap": _gap,
    "stream": lambda name, _, seed: accuracy(name, True, seed=seed).estimate(
        accuracy(name, seed=seed), seed=seed
    ),
    "same face": lambda name, _, seed: faces.same_face(tables.emissions(name), seed=seed),
    "similarity": _similarity,
    "difference": lambda pair, weights, seed: sources.difference(
        sources.corrected(), *pair.split(" ", 1), weights, seed=seed
    ),
    "positivity": lambda name, _, seed: sources.positivity(sources.corrected(), name, seed=seed),
    "pool": _pool,
    "gain": lambda _, weights, seed: sources.held_out_pool(weights, seed)["gain"],
    "words": _words,
    "clusters": _clusters,
    "scorer": _scorer,
    "variance": lambda agg, *_: (tables.read("variance.csv")[AXES].sum(axis=1).agg(agg), None),
    "silhouette": lambda name, _, seed: shapes.silhouette(
        cloud(name).to_numpy(), geometry.labels(cloud(name)), seed=seed
    ),
    "follows": _follows,
    "merged": lambda name, codes, seed: geometry.merged(
        cloud(name),
        [cloud(other) for other in tables.LOCAL if other != name],
        codes.split(),
        seed=seed,
    ),
    "displaced": lambda name, codes, seed: geometry.displaced(
        cloud("gemma"), cloud(name), codes.split(), seed=seed
    ),
    "residual": lambda name, _, seed: geometry.align(cloud("gemma"), cloud(name), seed=seed),
    "shared": lambda name, _, seed: geometry.shared(cloud("gemma"), cloud(name), seed=seed),
    "blocks": lambda name, _, seed: geometry.face_blocks(
        cloud(name), tables.emissions(name), seed=seed
    ),
    # A guess of the commonest category: the article compared its values with one in nine, for five unequal classes.
    "unpublished": lambda name, *_: (
        None,
        None,
        tables.prompts("first")["category"].value_counts(normalize=True).iloc[0] if name else None,
    ),
}


def tests(seed=0):
    """Return the rows of all claims: the frame of :func:`article` with a column ``holds`` (True, False or None).

    Criteria: ``p`` (p < .05, Holm over the rows of a claim with one rule), ``clear`` (the same, and the interval lies
    above 0), ``twice`` (the interval lies above twice the null's mean), ``positive`` and ``negative`` (the interval lies
    above, below 0), ``reproduced`` (the article's rule gives its value), ``not ...``: the claim needs the opposite;
    ``states``: cannot be tested without hidden states. Rows without a criterion are only reproduced.
    """
    rows = article(seed=seed)
    rows = rows[rows["claim"] != ""].reset_index(drop=True).astype({"claim": int})
    p = rows["p"].astype(float)
    for _, part in p[p.notna()].groupby([rows["claim"], rows["rule"], rows["option"]]):
        p[part.index] = stats.holm(part)
    passed = {
        "p": p < stats.ALPHA,
        "clear": (p < stats.ALPHA) & (rows["ci_low"] > 0),
        "twice": rows["ci_low"] > 2 * rows["null_mean"].astype(float),
        "positive": rows["ci_low"] > 0,
        "negative": rows["ci_high"] < 0,
        "reproduced": rows["reproduces"].eq(True),
    }
    needs, negated = rows["criterion"].str.removeprefix("not "), rows["criterion"].str[:4] == "not "
    holds = [
        passed[need][row] != negated[row] if need in passed else None for row, need in needs.items()
    ]
    return rows.assign(holds=pd.Series(holds, dtype=object))


def verdicts(seed=0):
    """Return one row per claim: DataFrame[number, statement, models, tested, data, reproduces, holds, verdict].

    ``reproduces`` and ``holds``: "k of n" rows, empty where there are none. ``verdict``: :data:`HOLDS`, :data:`IN_PART`,
    :data:`FAILS`, or :data:`STATES`; the latter is added where a part of a claim needs states.
    """
    rows, table = tests(seed), read_table(DATA / "published_claims.csv", ("number",))
    table["number"] = table["number"].astype(int)
    counted = []
    for number in table["number"]:
        own = rows[rows["claim"] == number]
        outcomes = own["holds"].dropna()
        needs = (own["criterion"] == "states").any()
        share = outcomes.astype(bool).mean() if len(outcomes) else np.nan
        verdict = HOLDS if share == 1 else FAILS if share == 0 else IN_PART
        verdict = STATES if outcomes.empty else f"{verdict}; in part {STATES}" if needs else verdict
        counted.append((_count(own["reproduces"].dropna()), _count(outcomes), verdict))
    return table.join(pd.DataFrame(counted, columns=["reproduces", "holds", "verdict"]))


def _count(outcomes):
    """Return ``k of n``, or nothing where there are no outcomes."""
    return f"{int(outcomes.astype(bool).sum())} of {len(outcomes)}" if len(outcomes) else ""
