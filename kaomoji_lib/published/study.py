"""The article's numbers, recomputed: one row each with the article's value, the old rule's, ours, and what to hold it against.

The rows are those of ``data/published_article.csv``; its column ``rule`` names the function of ``RULES`` that computes a
row from its ``source`` and ``option``.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import synthesis, word_clusters
from kaomoji_lib.published import corpus, scorer_audit, tables
from kaomoji_lib.published import faces as published_faces
from kaomoji_lib.published import geometry as published_geometry
from kaomoji_lib.published import readings as published_readings
from kaomoji_lib.stats import Estimate
from kaomoji_lib.stimuli import DATA, load_lexicon, read_table

FIELDS = ("id", "article", "recomputed", "corrected", "low", "high", "n", "reference")
DIGITS = 6


@dataclass(frozen=True)
class Row:
    """One number of the article.

    ``article``: as printed (None: it gives none); ``recomputed``: by the published rule from the published data;
    ``corrected``: by our rule, an :class:`Estimate` or a plain number; ``reference``: what a reader gets who knows nothing
    (null, guess or best single source). ``missing``: why nothing was computed. ``note``: what else must be known.
    """

    id: str
    what: str
    article: float | None
    recomputed: float | None = None
    corrected: Estimate | float | None = None
    reference: float | None = None
    missing: str = ""
    note: str = ""

    def record(self):
        """The row as numbers: dict with the keys ``FIELDS``; ``low``, ``high`` and ``n`` belong to ``corrected``."""
        estimate = self.corrected if isinstance(self.corrected, Estimate) else None
        value = estimate.value if estimate else self.corrected
        low, high, n = (
            (estimate.ci_low, estimate.ci_high, estimate.n) if estimate else (None, None, None)
        )
        numbers = (self.article, self.recomputed, value, low, high, n, self.reference)
        return {"id": self.id, **dict(zip(FIELDS[1:], map(_number, numbers), strict=True))}


def _number(value):
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return int(value) if isinstance(value, int | np.integer) else round(float(value), DIGITS)


class Study:
    """The published data with what several rows share, each read once.

    ``known``: another registry than the project's; ``dealt``: whether every link is cut (:class:`dealing.Published`).
    """

    def __init__(self, known=None, seed=0, dealt=False):
        self.data, self.seed, self.dealt = (tables.Files(known), seed, dealt)
        self.accuracy, self.audit, self.pool, self.cloud = map(
            cache, (self._accuracy, self._audit, self._pool, self._cloud)
        )
        self.emissions, self.log_probs = map(cache, (self._emissions, self._log_probs))

    @cached_property
    def published(self):
        """The readings by the published rules: :class:`published_readings.Readings`."""
        return published_readings.as_published(self.data, self.log_probs)

    @cached_property
    def corrected(self):
        """The readings by ours."""
        return published_readings.corrected(self.data, self.log_probs)

    @cached_property
    def words(self):
        """Synthesized rows as uploaded, repetitions included."""
        return self.data.syntheses()

    @cached_property
    def vocabulary(self):
        """The synthesized words, each upload once: :class:`word_clusters.Vocabulary`."""
        kept = corpus.uploads_once(self.words)
        return word_clusters.vocabulary(
            kept, load_lexicon(), tables.scheme("nine").codes, seed=self.seed
        )

    @cached_property
    def claudes_own(self):
        """The same of the rows alone whose faces a model called Claude typed: the uploads hold others' too."""
        kept = corpus.uploads_once(self.words)
        own = kept[kept["source_model"].str.startswith("claude")]
        return word_clusters.vocabulary(
            own, load_lexicon(), tables.scheme("nine").codes, seed=self.seed
        )

    def _emissions(self, name, cells=None):
        return self.data.emissions(name, cells)

    def _log_probs(self, name):
        return published_readings.log_probs(name, self.data)

    def _accuracy(self, name, cells):
        return published_faces.accuracy(self.emissions(name, cells), seed=self.seed)

    def _audit(self, name):
        log_probs = self.log_probs(name)
        return scorer_audit.audit(
            log_probs,
            log_probs.columns,
            tables.as_published(self.emissions(name)),
            typed_as="published_raw",
            seed=self.seed,
        )

    def _pool(self, weighting):
        return published_readings.held_out_pool(self.corrected, weighting, seed=self.seed)

    def _cloud(self, name):
        return published_geometry.cloud(name, self.data, seed=self.seed)


def _faces(study, entry):
    found = study.accuracy(entry.source, entry.option or None)
    ours = found.corrected.accuracy
    return {"recomputed": found.published, "corrected": ours, "reference": ours.null_mean}


def _similarity(study, entry):
    weighting, *wider = entry.option.split()
    first, second = entry.source, None
    if entry.source == "opus synthesized":
        first, second = entry.source.split()
    old, new = study.published, study.corrected
    faces = published_readings.wider_faces(old, *entry.source.split("+")) if wider else None
    guess = published_readings.guess(new, "uniform guess", weighting, study.seed)
    if entry.source.endswith("guess"):
        ours = published_readings.guess(new, entry.source, weighting, study.seed)
    elif entry.source.endswith("shuffled"):
        name = entry.source.partition(" ")[0]
        old_value, ours = (
            published_readings.shuffled(part, name, weighting, seed=study.seed)
            for part in (old, new)
        )
        return {"recomputed": old_value.value, "corrected": ours, "reference": guess.value}
    else:
        ours = published_readings.our_similarity(
            new, first, second, permutations=2000, seed=study.seed
        )[weighting]
    old_value = published_readings.published_similarity(old, first, second, faces)[weighting]
    replies = int(old.elicited.weight[old.faces if faces is None else faces].sum())
    counted = (
        f"published rule: {len(old.faces if faces is None else faces)} faces, {replies:,} replies"
    )
    return {
        "recomputed": old_value,
        "corrected": ours,
        "reference": guess.value,
        "note": f"{entry.note}; {counted}" if entry.note else counted,
    }


def _held_out(study, entry):
    found = study.pool(entry.option)
    return {"corrected": found.held_out, "reference": found.single.value}


def _words(study, entry):
    index = int(entry.option)
    old = synthesis.word_space(study.words, load_lexicon(), resamples=2, permutations=1).variance[
        index
    ]
    ours = study.vocabulary.variance[index]
    return {"recomputed": old.value, "corrected": ours, "reference": ours.null_mean}


def _clusters(study, entry):
    found = study.claudes_own if entry.option == "claude" else study.vocabulary
    return {"corrected": found.chosen}


def _uploads(study, entry):
    return {
        "recomputed": study.words["bundle"].nunique(),
        "corrected": corpus.uploads_once(study.words)["bundle"].nunique(),
    }


def _descriptions(study, entry):
    return {"recomputed": len(study.words), "corrected": len(corpus.uploads_once(study.words))}


def _scorer(study, entry):
    found = study.audit(entry.source)
    return {
        "recomputed": found.own - found.elsewhere,
        "corrected": found.better,
        "reference": found.better.null_mean,
    }


def _residual(study, entry):
    scheme = tables.scheme("nine")
    found = published_geometry.align(
        study.cloud(published_geometry.MODELS[0]),
        study.cloud(entry.source),
        scheme.codes,
        seed=study.seed,
    )
    return {"corrected": found.residual, "reference": found.residual.null_mean}


def _circumplex(study, entry):
    found = getattr(study.cloud(entry.source), entry.rule)
    return {"corrected": found, "reference": found.null_mean}


def _unpublished(study, entry):
    # What a guess of the commonest category gets: the article held its values against one in nine, for five unequal classes.
    of = tables.prompts(study.emissions("first-gemma"))["category"].value_counts(normalize=True)
    return {"reference": float(of.iloc[0]), "missing": "the hidden states were never published"}


RULES = {
    "faces": _faces,
    "similarity": _similarity,
    "pool": _held_out,
    "words": _words,
    "clusters": _clusters,
    "uploads": _uploads,
    "descriptions": _descriptions,
    "scorer": _scorer,
    "residual": _residual,
    "valence": _circumplex,
    "arousal": _circumplex,
    "unpublished": _unpublished,
}


def entries():
    """The rows to compute: DataFrame[id, what, article, rule, source, option, note], text."""
    return read_table(
        DATA / "published_article.csv",
        ("id", "what", "article", "rule", "source", "option", "note"),
    )


def rows(study=None, *, only=""):
    """Every :class:`Row` whose id begins with ``only``. A row whose data is not to be had says so in ``missing``."""
    study = study or Study()
    found = []
    for entry in entries().itertuples():
        if entry.id.startswith(only):
            article = float(entry.article) if entry.article else None
            try:
                computed = RULES[entry.rule](study, entry)
            except KaomojiError as error:
                computed = {"missing": str(error).partition("; expected")[0]}
            found.append(Row(entry.id, entry.what, article, **{"note": entry.note, **computed}))
    return found
