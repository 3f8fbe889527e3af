"""The article's numbers, recomputed: each with the article's value, its own rule's, ours, and what to compare it with.

The rows are those of ``data/published_article.csv``: ``rule`` names the function of :data:`RULES` that computes a row from
its ``source`` and ``option``; ``criterion`` says what the claim that the row belongs to needs of it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from kaomoji_lib import results
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import synthesis, word_clusters
from kaomoji_lib.published import corpus, faces, geometry, rules, scorer_audit, sources, tables
from kaomoji_lib.stats import Estimate
from kaomoji_lib.stimuli import DATA, load_lexicon, read_table

ENTRY = (
    "id",
    "claim",
    "what",
    "article",
    "tolerance",
    "rule",
    "source",
    "option",
    "criterion",
    "note",
)
COLUMNS = [
    *("id", "claim", "what", "article", "recomputed", "reproduces"),
    *results.COLUMNS,
    *("reference", "rule", "criterion", "missing", "note"),
]
DIGITS = 6


@dataclass(frozen=True)
class Row:
    """What a rule computes: by the article's rule, by ours, and a reference; ``missing`` says why there is nothing."""

    recomputed: float | None = None
    corrected: Estimate | float | None = None
    reference: float | None = None
    missing: str = ""


def entries():
    """Return the rows to compute: DataFrame with the columns :data:`ENTRY`, text."""
    return read_table(DATA / "published_article.csv", ENTRY)


@cache
def _row(rule, source, option, seed):
    try:
        return RULES[rule](source, option, seed)
    except KaomojiError as error:
        return Row(missing=str(error).partition("; expected")[0])


def article(only="", *, seed=0):
    """Return every row whose id begins with ``only`` as a tidy frame, columns :data:`COLUMNS`.

    ``article``: as printed (NaN: none); ``recomputed``: by the article's rule; ``reproduces``: whether the two agree
    within the tolerance (None: one is missing). ``value`` to ``unit``: by our rule; a plain number has no interval.
    ``null_mean`` of a similarity is the marginal guess. ``missing``: why nothing was computed.
    """
    rows = []
    for entry in entries().itertuples(index=False):
        if not entry.id.startswith(only):
            continue
        item = _row(entry.rule, entry.source, entry.option, seed)
        value = item.corrected
        if not isinstance(value, Estimate):
            value = Estimate(np.nan if value is None else value, np.nan, np.nan, 0, "")
        told, own = (
            float(entry.article or "nan"),
            np.nan if item.recomputed is None else item.recomputed,
        )
        agrees = None if np.isnan(told - own) else abs(told - own) <= float(entry.tolerance) + 1e-9
        first = (entry.id, entry.claim, entry.what, told, own, agrees, entry.source, entry.id)
        last = (item.reference, entry.rule, entry.criterion, item.missing, entry.note)
        rows.append((*first, *(getattr(value, name) for name in results.FIELDS), *last))
    return pd.DataFrame(rows, columns=COLUMNS)


def record(row):
    """Return a row as plain numbers: dict id, article, recomputed, corrected, low, high, n, reference (None: none)."""
    names = ("article", "recomputed", "value", "ci_low", "ci_high", "n", "reference")
    keys = ("article", "recomputed", "corrected", "low", "high", "n", "reference")
    numbers = {key: _number(row[name]) for key, name in zip(keys, names, strict=True)}
    return {"id": row["id"], **numbers, "n": numbers["n"] or None}


def _number(value):
    if value is None or not np.isfinite(value):
        return None
    return int(value) if float(value).is_integer() else round(float(value), DIGITS)


@cache
def accuracy(name, own_index=False, seed=0):
    """Return the :class:`faces.Accuracy` of a source, prompt and stream left out."""
    permutations = 0 if own_index else 200
    return faces.accuracy(
        tables.emissions(name), own_index=own_index, permutations=permutations, seed=seed
    )


@cache
def audit(name, seed=0):
    """Return the :class:`scorer_audit.Audit` of a local model's likelihoods."""
    emissions = tables.as_published(tables.emissions(name))
    scores = sources.face_log_probs(name, rules.published_face)
    return scorer_audit.audit(scores, emissions, typed_as="published_raw", seed=seed)


@cache
def vocabulary(own=False, seed=0):
    """Return the faces in the space of their synthesized words, each upload once; ``own``: those that Claude typed."""
    words = corpus.uploads_once(tables.syntheses())
    words = words[words["source_model"].str.startswith("claude")] if own else words
    return word_clusters.vocabulary(words, load_lexicon(), tables.scheme().codes, seed=seed)


def _faces(source, option, seed):
    emissions = tables.emissions(source, option or None)
    ours = accuracy(source, seed=seed) if not option else faces.accuracy(emissions, seed=seed)
    ours = ours.estimate(seed=seed)
    published = rules.lookup_accuracy(tables.as_published(emissions))
    return Row(published, ours, ours.null_mean)


def _gap(source, option, seed):
    lower = min(("gemma", "qwen"), key=lambda name: accuracy(name, seed=seed).estimate().value)
    first, second = (tables.emissions(name) for name in (lower, source))
    shared = [set(part.loc[part["face"].notna(), "prompt_id"]) for part in (first, second)]
    both = (
        first["prompt_id"].isin(shared[0] & shared[1]),
        second["prompt_id"].isin(shared[0] & shared[1]),
    )
    parts = [faces.accuracy(t[m], permutations=0, seed=seed) for t, m in zip((first, second), both)]
    return Row(None, parts[0].estimate(parts[1], seed=seed), 0.0)


def _stream(source, option, seed):
    if option == "accuracy":
        kept, left_out = accuracy(source, True, seed), accuracy(source, seed=seed)
        return Row(None, kept.estimate(left_out, seed=seed), 0.0)
    shared = faces.same_face(tables.emissions(source), seed=seed)
    return Row(None, shared, shared.null_mean)


def _similarity(source, option, seed):
    weighting, *wider = option.split()
    first, second = source.split() if source == "opus synthesized" else (source, "elicited")
    old, new = sources.as_published(), sources.corrected()
    guess = sources.similarity(new, "marginal guess", "elicited", weighting, seed=seed).value
    if source.endswith("shuffled"):
        name = source.partition(" ")[0]
        old, new = (sources.shuffled(part, name, weighting, seed=seed) for part in (old, new))
        return Row(old.value, new, guess)
    wider = sources.read_by(old, *source.split("+")) if wider else None
    value = sources.published_similarity(old, first, second, wider)[weighting]
    return Row(value, sources.similarity(new, first, second, weighting, seed=seed), guess)


def _difference(source, option, seed):
    first, _, second = source.partition(" ")
    return Row(None, sources.difference(sources.corrected(), first, second, option, seed=seed), 0.0)


def _positivity(source, option, seed):
    return Row(None, sources.positivity(sources.corrected(), source, seed=seed), 0.0)


def _pool(source, option, seed):
    pool = sources.held_out_pool(option, seed)
    return Row(None, pool.held_out, pool.single.value)


def _gain(source, option, seed):
    return Row(None, sources.held_out_pool(option, seed).gain, 0.0)


def _words(source, option, seed):
    index, words = int(option), tables.syntheses()
    old = synthesis.word_space(words, load_lexicon(), resamples=2, permutations=1).variance[index]
    ours = vocabulary(seed=seed).variance[index]
    return Row(old.value, ours, ours.null_mean)


def _clusters(source, option, seed):
    return Row(None, vocabulary(option == "claude", seed).chosen)


def _uploads(source, option, seed):
    words = tables.syntheses()
    once = corpus.uploads_once(words)
    if option == "descriptions":
        return Row(len(words), len(once))
    return Row(words["bundle"].nunique(), once["bundle"].nunique())


def _scorer(source, option, seed):
    item = audit(source, seed)
    return Row(item.own - item.elsewhere, item.better, item.better.null_mean)


def _variance(source, option, seed):
    sums = [sum(geometry.cloud(name).shares) for name in tables.LOCAL]
    return Row(min(sums) if option == "least" else max(sums))


def _follows(coordinate):
    def rule(source, option, seed):
        cloud = geometry.cloud(source)
        old = geometry.follows(cloud, coordinate, published=True, permutations=1, seed=seed)
        ours = geometry.follows(cloud, coordinate, seed=seed)
        return Row(old.value, ours, ours.null_mean)

    return rule


def _of_cloud(function):
    def rule(source, option, seed):
        ours = function(geometry.cloud(source), option.split(), seed)
        return Row(None, ours, 0.0 if ours.null_mean is None else ours.null_mean)

    return rule


def _others(cloud):
    return [geometry.cloud(name) for name in tables.LOCAL if name != cloud.name]


def _unpublished(source, option, seed):
    # What a guess of the commonest category gets: the article compared its values with one in nine, for five unequal classes.
    share = tables.prompts("first")["category"].value_counts(normalize=True).iloc[0]
    return Row(
        missing="the hidden states were not published", reference=float(share) if source else None
    )


RULES = {
    "faces": _faces,
    "gap": _gap,
    "stream": _stream,
    "similarity": _similarity,
    "difference": _difference,
    "positivity": _positivity,
    "pool": _pool,
    "gain": _gain,
    "words": _words,
    "clusters": _clusters,
    "uploads": _uploads,
    "scorer": _scorer,
    "variance": _variance,
    "valence": _follows("valence"),
    "arousal": _follows("arousal"),
    "third": _follows("third"),
    "silhouette": _of_cloud(lambda cloud, _, seed: geometry.silhouette(cloud, seed=seed)),
    "residual": _of_cloud(
        lambda cloud, _, seed: geometry.align(geometry.cloud("gemma"), cloud, seed=seed).residual
    ),
    "shared": _of_cloud(
        lambda cloud, _, seed: geometry.shared(geometry.cloud("gemma"), cloud, seed=seed)
    ),
    "displaced": _of_cloud(
        lambda cloud, codes, seed: geometry.displaced(
            geometry.cloud("gemma"), cloud, codes, seed=seed
        )
    ),
    "merged": _of_cloud(
        lambda cloud, codes, seed: geometry.merged(cloud, _others(cloud), codes, seed=seed)
    ),
    "blocks": _of_cloud(
        lambda cloud, _, seed: geometry.face_blocks(cloud, tables.emissions(cloud.name), seed=seed)
    ),
    "unpublished": _unpublished,
}
