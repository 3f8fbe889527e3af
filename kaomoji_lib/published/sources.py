"""What each published source says about a face: distributions over the nine categories, by the article's rules and by ours.

Every similarity of the published data uses one of two face sets, :func:`as_published` or :func:`corrected`, and one
baseline: the marginal guess, which never looks at the face but knows how often each category was typed.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

from kaomoji_lib import stats
from kaomoji_lib.faces.canonical import published_fold
from kaomoji_lib.metrics import distributions, synthesis
from kaomoji_lib.metrics.distributions import UNIFORM
from kaomoji_lib.published import tables
from kaomoji_lib.stimuli import load_lexicon

# A face that one side never puts into a category would give log 0; the published values had no smoothing to speak of.
SMOOTHING = 1e-12
TITLES = {
    "opus": "Claude Opus 4.7, introspected",
    "haiku": "Claude Haiku 4.5, introspected",
    "synthesized": "Claude Haiku 4.5, synthesized",
}


@dataclass(frozen=True)
class Sources:
    """The elicited distribution of Claude, the sources compared with it by short name, and the faces of every row.

    ``elicited`` and the values of ``others`` are :class:`.distributions.Reading`.
    """

    elicited: object
    others: dict
    faces: pd.Index

    def get(self, name):
        """Return a source by name: ``elicited``, one of ``others``, several joined by ``+`` (their mean), or a guess.

        It has the weights of the elicited source, so that all similarities are weighted alike.
        """
        if name.endswith(" guess"):
            return distributions.baseline(self.elicited, name.removesuffix(" guess"), self.faces)
        if name == "elicited":
            return self.elicited
        parts = [self.others[part] for part in name.split("+")]
        mean = parts[0] if len(parts) == 1 else distributions.pool(parts)
        weight = self.elicited.weight.reindex(mean.table.index).fillna(0.0)
        return distributions.Reading(mean.table, weight)


@cache
def as_published():
    """Return the :class:`Sources` by the article's rules.

    Both Claude arms pooled, faces as its extractor cut them, likelihoods as mean log P.
    """
    arms = pd.concat([tables.emissions(name) for name in ("claude", "claude-preamble")])
    return _gather(tables.as_published(arms), "mean log", tables.syntheses())


@cache
def corrected():
    """Return the :class:`Sources` by our rules: the arm without the preamble, our extraction, mean P, each upload once.

    Faces have the article's form, since the scored and judged spellings are in that form.
    """
    emissions, words = tables.emissions("claude"), tables.uploads_once(tables.syntheses())
    typed = emissions.assign(face=tables.each(published_fold, emissions["face"]))
    return _gather(typed, "mean probability", words)


def _gather(emissions, rule, words):
    codes = list(tables.scheme().codes)
    elicited = distributions.elicited(emissions, codes)
    others = {name: distributions.judged(tables.judgements(name), codes) for name in tables.JUDGES}
    others["synthesized"] = synthesis.synthesized(words, load_lexicon(), codes)
    others |= {
        name: distributions.by_category(tables.log_probs(name), tables.prompts(), codes, rule)
        for name in tables.LOCAL
    }
    return Sources(elicited, others, distributions.shared_faces(elicited, *others.values()))


def published_similarity(a, b="elicited", weights=UNIFORM, wider=False):
    """Return the mean Jensen-Shannon similarity of two sources as it was published, 0..1 (float).

    ``wider``: over the faces typed three times or more that both have, and not those that all sources have.
    """
    sources = as_published()
    right, left = sources.get(a), sources.get(b)
    faces = distributions.shared_faces(sources.elicited, right) if wider else sources.faces
    pair = distributions.aligned(left, right, faces)
    weight = distributions.face_weights(sources.elicited, faces, weights)
    return float(np.average(stats.js_similarity(*pair, SMOOTHING), weights=weight))


def similarity(sources, a, b="elicited", weights=UNIFORM, *, seed=0):
    """Return the similarity of two sources as an Estimate over faces; ``weights``: ``uniform`` or ``counts``.

    ``null_mean`` is what the marginal guess gets on the same faces; p is two-sided, of the paired difference to it.
    """
    values = distributions.per_face(sources.get(b), sources.get(a), sources.faces)
    weight = distributions.face_weights(sources.elicited, sources.faces, weights)
    value = stats.bootstrap(values, weights=weight, unit="kaomoji", seed=seed)
    gap = difference(sources, a, "marginal guess", weights, b=b, seed=seed)
    return replace(value, null_mean=value.value - gap.value, p=gap.p)


def difference(sources, first, second, weights=UNIFORM, *, b="elicited", seed=0):
    """Return how much nearer to ``b`` ``first`` is than ``second``: Estimate, paired by face, p two-sided."""
    parts = (sources.get(name) for name in (b, first, second))
    return distributions.difference(*parts, weights=weights, faces=sources.faces, seed=seed)


def positivity(sources, name="synthesized", *, seed=0):
    """Return how much more mass a source puts on categories of positive valence than elicitation does: over faces."""
    pleasant, faces = tables.scheme().table.query("valence > 0").index, sources.faces
    own, elicited = (
        sources.get(n).table.loc[faces, pleasant].sum(axis=1) for n in (name, "elicited")
    )
    return stats.bootstrap(own - elicited, unit="kaomoji", seed=seed)


@cache
def held_out_pool(weights, seed=0):
    """Return pools chosen on one half of the faces and scored on the other: result of :func:`distributions.pooling`."""
    sources = corrected()
    return distributions.pooling(sources.elicited, sources.others, weights=weights, seed=seed)
