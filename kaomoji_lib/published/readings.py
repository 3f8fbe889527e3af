"""Every way the published study read a face, by its own rules and by ours, on one face set each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kaomoji_lib import stats as statistics
from kaomoji_lib.metrics import agreement, likelihoods, synthesis
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.published import corpus, tables
from kaomoji_lib.published import rules as published_rules
from kaomoji_lib.stimuli import load_lexicon

LOCAL = ("gemma", "qwen", "ministral", "granite", "gpt-oss")
WEIGHTINGS = ("uniform", "weighted")


@dataclass(frozen=True)
class Readings:
    """The elicited reading, the sources that are compared with it (dict name -> Reading), and the faces of all rows."""

    elicited: readings.Reading
    sources: dict
    faces: pd.Index

    @property
    def weight(self):
        return self.elicited.weight[self.faces]

    @property
    def emissions(self):
        """Elicited replies that typed one of the faces."""
        return int(self.weight.sum())


def as_published(data, scores=None):
    """Both Claude arms pooled, faces as stored, likelihoods as mean log P, the older lexicon's bundle left out.

    ``data``: as of :class:`published_tables.Files`; ``scores``: how to get the log P of a local model by name, where it is read already.
    """
    arms = pd.concat([data.emissions(name) for name in ("claude", "claude-preamble")])
    return _gather(tables.as_published(arms), "mean log", data.syntheses(), data, scores)


def corrected(data, scores=None):
    """Faces extracted anew, the direct arm alone, mean probability, each upload once."""
    return _gather(
        data.emissions("claude"),
        "mean probability",
        corpus.uploads_once(data.syntheses()),
        data,
        scores,
    )


def _gather(emissions, rule, words, data, scores):
    codes = tables.scheme("nine").codes
    elicited = readings.elicited(emissions, codes)
    own = {
        "opus": agreement.judged(data.judgements("opus"), codes),
        "haiku": agreement.judged(data.judgements("haiku"), codes),
        "synthesized": synthesis.synthesized(words, load_lexicon(), codes),
    }
    faces = readings.shared_faces(elicited, *own.values())
    prompts = tables.prompts(data.emissions("gemma"))
    local = {
        name: likelihoods.by_category(
            scores(name) if scores else log_probs(name, data), prompts, codes, rule
        )
        for name in LOCAL
    }
    for item in local.values():
        faces = faces[faces.isin(item.table.index)]
    return Readings(elicited, {**own, **local}, faces)


def log_probs(name, data):
    """log P(face | prompt) of a published local model: DataFrame prompt x face, natural logarithms."""
    return likelihoods.by_face(data.likelihoods(name), likelihoods.ALONE)


def published_similarity(found, a, b=None, faces=None):
    """Similarity of source ``a`` to the elicited reading (or to source ``b``) by the published rule: dict weighting -> value."""
    faces = found.faces if faces is None else faces
    left = found.elicited if b is None else _source(found, a)
    right = _source(found, a if b is None else b)
    weights = {"uniform": None, "weighted": found.elicited.weight[faces]}
    return {
        name: published_rules.similarity(left, right, faces, weights[name]) for name in WEIGHTINGS
    }


def our_similarity(found, a, b=None, *, permutations=10_000, seed=0):
    """The same as Estimates: interval over faces, null with shuffled faces.

    Similarity: Lin 1991, doi:10.1109/18.61115.
    """
    left = found.elicited if b is None else agreement.weighted_as(_source(found, a), found.elicited)
    right = _source(found, a if b is None else b)
    return {
        name: readings.similarity(
            left, right, name == "weighted", faces=found.faces, permutations=permutations, seed=seed
        )
        for name in WEIGHTINGS
    }


def _source(found, name):
    """A source by name; names joined by ``+`` are pooled, two names stand for readers that look at no face."""
    if name == "uniform guess":
        share = pd.Series(1.0, found.elicited.table.columns)
        return readings.reading(
            pd.DataFrame([share] * len(found.elicited.table), index=found.elicited.table.index)
        )
    if name == "marginal guess":
        share = found.elicited.table.loc[found.faces].mul(found.weight, axis=0).sum()
        return readings.reading(
            pd.DataFrame([share] * len(found.elicited.table), index=found.elicited.table.index)
        )
    parts = [found.sources[part] for part in name.split("+")]
    return parts[0] if len(parts) == 1 else agreement.pool(parts)


def wider_faces(found, *names):
    """Faces typed three times or more that the named sources alone read: the set of one published row."""
    return readings.shared_faces(found.elicited, *(found.sources[name] for name in names))


def guess(found, name, weighting, seed=0):
    """Similarity of a reader that looks at no face (``uniform guess`` or ``marginal guess``), an Estimate over faces."""
    values = agreement.per_face(found.elicited, _source(found, name), found.faces)
    weights = found.weight if weighting == "weighted" else None
    return statistics.bootstrap(values, weights=weights, unit="faces", seed=seed)


def shuffled(found, name, weighting, *, permutations=2000, seed=0):
    """What a source gets whose faces are shuffled: the mean over shuffles, an Estimate whose interval is their range (95%).

    Similarity: Lin 1991, doi:10.1109/18.61115.
    """
    faces = found.faces
    weights = found.weight.to_numpy(float) if weighting == "weighted" else np.ones(len(faces))
    left, right = (
        part.table.loc[faces, found.elicited.table.columns].to_numpy(float)
        for part in (found.elicited, _source(found, name))
    )
    pairs, rows, rng = (
        statistics.js_similarity(left[:, None], right[None]),
        np.arange(len(faces)),
        np.random.default_rng(seed),
    )
    null = [
        pairs[rows, rng.permutation(rows)] @ weights / weights.sum() for _ in range(permutations)
    ]
    return statistics.estimate(float(np.mean(null)), null, len(faces), "faces")


def aggregations(new, scores, prompts, seed=0):
    """Mean log P against mean P: the likeness of every local model to the elicited reading, on the same faces.

    ``new``: the corrected :class:`Readings`; ``scores``: name -> log P; ``prompts``: DataFrame[id, category]. Returns a DataFrame [name, mean log, mean probability, gain], Estimates; ``gain`` is the paired difference.
    """
    codes, rows = list(new.elicited.table.columns), []
    for name in LOCAL:
        old = likelihoods.by_category(scores(name), prompts, codes, "mean log")
        both = [
            readings.similarity(new.elicited, item, faces=new.faces, permutations=2000, seed=seed)
            for item in (old, new.sources[name])
        ]
        rows.append(
            (
                name,
                *both,
                readings.difference(
                    new.elicited, new.sources[name], old, faces=new.faces, seed=seed
                ),
            )
        )
    return pd.DataFrame(rows, columns=["name", "mean log", "mean probability", "gain"])


def held_out_pool(found, weighting, *, halves=200, permutations=100, seed=0):
    """Pools chosen on one half of the faces and scored on the other: :class:`agreement.Pooling`.

    Halves: Shao & Wu 1989.
    """
    faces = found.faces
    reference = readings.Reading(found.elicited.table.loc[faces], found.elicited.weight[faces])
    sources = {
        name: readings.Reading(item.table.loc[faces], item.weight.reindex(faces))
        for name, item in found.sources.items()
    }
    return agreement.pooling(
        reference,
        sources,
        weighting == "weighted",
        halves=halves,
        permutations=permutations,
        seed=seed,
    )
