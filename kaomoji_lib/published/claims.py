"""The article's eleven claims, each with a verdict and a reason that computed values write."""

from dataclasses import dataclass

import numpy as np

from kaomoji_lib import stats as statistics
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import agreement
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.published import geometry as published_geometry
from kaomoji_lib.published import readings as published_readings
from kaomoji_lib.published import tables
from kaomoji_lib.stimuli import DATA, read_table

SURVIVES, IN_PART, FAILS, UNTESTABLE = (
    "survives",
    "survives in part",
    "does not survive",
    "cannot be tested on what was published",
)
ALPHA = 0.05
STATES = "It needs the hidden states, which were never published; the page named beside it tests it on models that one can run."
FIGURES = (
    "It needs the hidden states, which were never published. Three component scores a prompt lie in the article's interactive figures; those "
    "are not on this machine (kaomoji published --fetch downloads them). The page named beside it tests it on models that one can run."
)


@dataclass(frozen=True)
class Claim:
    """One claim: ``verdict`` is one of the four above, ``reason`` plain words, ``page`` the page of the book that tests it, ``title`` its name."""

    number: int
    claim: str
    verdict: str
    reason: str
    page: str
    title: str


def entries():
    """The claims before any verdict: DataFrame[number, rule, page, title, claim], text."""
    return read_table(DATA / "published_claims.csv", ("number", "rule", "page", "title", "claim"))


def claims(study):
    """All :class:`Claim` in the article's order. ``study``: :class:`kaomoji_lib.published.study.Study`."""
    found = []
    for entry in entries().itertuples():
        try:
            verdict, reason = JUDGES[entry.rule](study)
        except KaomojiError as error:
            verdict, reason = UNTESTABLE, FIGURES if ".html" in str(error) else _sentence(error)
        found.append(
            Claim(int(entry.number), entry.claim, verdict, reason, entry.page, entry.title)
        )
    return found


def _sentence(error):
    text = str(error).partition("; expected")[0]
    return f"{text[:1].upper()}{text[1:]}."


def _signed(value):
    text = f"{value:+.2f}"
    return "0.00" if text[1:] == "0.00" else text.replace("-", "\u2212")


def _clouds(study):
    return {name: study.cloud(name) for name in published_geometry.MODELS}


def _variance(study):
    clouds = _clouds(study)
    clustered = [name for name, item in clouds.items() if item.silhouette.p < ALPHA]
    told = [sum(item.shares) for item in clouds.values() if None not in item.shares]
    shares = (
        f"The figures' axes give {min(told):.0%} to {max(told):.0%} for three components. "
        if told
        else "The shares cannot be had from three components alone. "
    )
    words = "; ".join(f"{name} {item.silhouette.value:.2f}" for name, item in clouds.items())
    return IN_PART if clustered else FAILS, (
        f"{shares}In these three dimensions the categories cluster in {len(clustered)} of {len(clouds)} models (silhouette: {words}); "
        "that the text alone would not cluster as well is not shown."
    )


def _exceptions(study):
    codes = tables.scheme("nine").codes
    clouds = _clouds(study)
    near = {name: published_geometry.nearest(item, codes) for name, item in clouds.items()}
    negative = ["HN-D", "HN-S", "LN"]
    merged = {
        name: np.mean([table.loc[a, b] for a in negative for b in negative if a < b])
        for name, table in near.items()
    }
    angry = {name: table.loc["HN-D", "HN-S"] for name, table in near.items()}
    found = published_geometry.align(clouds["gemma"], clouds["gpt-oss"], codes)
    away = (found.centroids - found.reference).pow(2).sum(axis=1).sort_values(ascending=False)
    held = [
        set(away.index[:3]) >= {"LN", "HP-D"},
        min(merged, key=merged.get) == "ministral",
        min(angry, key=angry.get) == "granite",
    ]
    return (SURVIVES, IN_PART, IN_PART, FAILS)[3 - sum(held)], (
        f"In gpt-oss the categories farthest from gemma's place are {', '.join(away.index[:3])}. The negative categories lie closest together in "
        f"{min(merged, key=merged.get)} ({min(merged.values()):.2f} of the mean distance), HN-D and HN-S in {min(angry, key=angry.get)} ({min(angry.values()):.2f})."
    )


def _circumplex(study):
    clouds = _clouds(study)
    valence = [name for name, item in clouds.items() if item.valence.p < ALPHA]
    arousal = [name for name, item in clouds.items() if item.arousal.p < ALPHA]
    third = [name for name, item in clouds.items() if _third(item)]
    everywhere = len(valence) == len(arousal) == len(third) == len(clouds)
    return SURVIVES if everywhere else IN_PART if valence else FAILS, (
        f"PC1 follows valence beyond what any clustering of nine categories gives in {_named(valence, clouds)}, PC2 follows arousal in "
        f"{_named(arousal, clouds)}. The pattern of PC3 holds in {_named(third, clouds)}."
    )


def _third(cloud):
    mean = {
        code: cloud.scores[cloud.labels == code, 2].mean() for code in ("NB", "HB", "HP-D", "HP-S")
    }
    sign = np.sign(mean["HP-D"])
    return bool(
        sign == np.sign(mean["NB"]) == np.sign(mean["HB"]) and np.sign(mean["HP-S"]) == -sign
    )


def _named(names, everyone):
    listed = f" ({', '.join(names)})" if names and len(names) < len(everyone) else ""
    return f"{len(names)} of {len(everyone)} models{listed}"


def _shared(study):
    codes = tables.scheme("nine").codes
    clouds = _clouds(study)
    found = {
        name: published_geometry.align(clouds["gemma"], item, codes).residual
        for name, item in clouds.items()
        if name != "gemma"
    }
    fitting = [name for name, item in found.items() if item.p < ALPHA]
    words = "; ".join(
        f"{name} {item.value:.2f}, by chance {item.null_mean:.2f}" for name, item in found.items()
    )
    return IN_PART if fitting else FAILS, (
        f"Category centroids fit those of gemma better than shuffled ones in {_named(fitting, found)} (residual: {words}). Only nine centroids in three "
        "dimensions are compared: all that is shared may be the category, which the words of the messages carry as well."
    )


def _states(study):
    return UNTESTABLE, STATES + " Beside the article's number stood no reader of the bare text."


def _faces(study):
    found = {
        name: study.accuracy(name, None).corrected.accuracy for name in published_geometry.MODELS
    }
    coherent, others = ("gemma", "qwen"), ("ministral", "granite", "gpt-oss")
    apart = min(found[name].ci_low for name in coherent) > max(
        found[name].ci_high for name in others
    )
    above = [name for name in others if found[name].p < ALPHA]
    later = study.accuracy("granite", "first").corrected.accuracy
    words = "; ".join(f"{name} {item.value:.2f}" for name, item in found.items())
    return (IN_PART if apart else FAILS), (
        f"On nine classes, where chance is {found['gemma'].null_mean:.2f}, faces give the category at: {words}. "
        f"{'The first two stand apart' if apart else 'The first two do not stand apart'}, but {len(above)} of the {len(others)} others are above chance too, "
        f"and granite reaches {later.value:.2f} on the article's own five classes. That the gap is not in the state cannot be told without states."
    )


def _blocks(study):
    return UNTESTABLE, STATES


def _introspection(study):
    found, faces = study.corrected, study.corrected.faces
    likeness = {
        name: readings.similarity(found.elicited, item, faces=faces, permutations=500).value
        for name, item in found.sources.items()
    }
    best = max(likeness, key=likeness.get)
    first = readings.difference(
        found.elicited, found.sources["opus"], found.sources["gemma"], faces=faces
    )
    guess = published_readings.guess(found, "uniform guess", "uniform")
    shift = _positivity(found)
    poor, sunny = likeness["synthesized"] < guess.ci_high, shift.ci_low > 0
    even = first.ci_low <= 0 <= first.ci_high
    verdict = (
        SURVIVES
        if best == "opus" and poor and sunny
        else IN_PART
        if (best == "opus" or even or poor)
        else FAILS
    )
    return verdict, (
        f"Opus reaches {likeness['opus']:.2f}, the likelihoods of gemma, averaged as probabilities, {likeness['gemma']:.2f} (difference {_signed(first.value)}, 95% CI "
        f"{_signed(first.ci_low)} to {_signed(first.ci_high)}): {'no clear winner' if even else 'a clear difference'}. Haiku's introspection reaches {likeness['haiku']:.2f}. "
        f"Synthesis gets {likeness['synthesized']:.2f}, {'no better than' if poor else 'better than'} the {guess.value:.2f} of a guess that looks at no face. It puts "
        f"{_signed(shift.value)} more on pleasant categories than elicitation does (95% CI {_signed(shift.ci_low)} to {_signed(shift.ci_high)}), "
        f"{'as was presumed' if sunny else 'so that the presumed reason is not seen'}."
    )


def _positivity(found):
    """How much more of a face's mass synthesis puts on categories of positive valence than elicitation: Estimate over faces."""
    valence = tables.scheme("nine").table["valence"]
    pleasant = list(valence.index[valence > 0])
    gap = found.sources["synthesized"].table.loc[found.faces, pleasant].sum(
        axis=1
    ) - found.elicited.table.loc[found.faces, pleasant].sum(axis=1)
    return statistics.bootstrap(gap, unit="faces")


def _pooling(study):
    pool = study.pool("uniform")
    found, faces = study.corrected, study.corrected.faces
    both = agreement.pool([found.sources["gemma"], found.sources["opus"]])
    gains = {
        name: readings.difference(found.elicited, both, found.sources[name], faces=faces)
        for name in ("gemma", "opus")
    }
    beaten = [name for name, item in gains.items() if item.ci_low > 0]
    verdict = (
        SURVIVES
        if len(beaten) == 2 and pool.gain.ci_low > 0
        else IN_PART
        if beaten or pool.gain.value > 0
        else FAILS
    )
    words = "; ".join(
        f"over {name} {_signed(item.value)} (95% CI {_signed(item.ci_low)} to {_signed(item.ci_high)})"
        for name, item in gains.items()
    )
    return verdict, (
        f"On one face set the pool gains {words}. Chosen on half of the faces and scored on the other half, the best pool gets {pool.held_out.value:.2f}, "
        f"{_signed(pool.gain.value)} against the best single source (95% CI {_signed(pool.gain.ci_low)} to {_signed(pool.gain.ci_high)})."
    )


def _clusters(study):
    found = study.vocabulary
    table = found.criterion.set_index("clusters")["silhouette"]
    best = found.chosen
    close = [
        number
        for number, item in table.items()
        if item.ci_high >= table[best].ci_low and item.p is not None and item.p < ALPHA
    ]
    four = table.get(4)
    verdict = SURVIVES if best == 4 else IN_PART if 4 in close else FAILS
    own = study.claudes_own
    low = (
        f" (silhouette {four.value:.2f}, by chance {four.null_mean:.2f})"
        if four is not None
        else ""
    )
    return verdict, (
        f"There are clusters, but the number is soft: the criterion is farthest above chance at {best} (silhouette {table[best].value:.2f}, by chance "
        f"{table[best].null_mean:.2f}), and {', '.join(map(str, close))} do about as well, four{low} among {'them' if 4 in close else 'those that do not'}. "
        f"Not all of these faces are Claude's: of the {len(own.faces)} that it typed, of {len(found.faces)}, alone, the criterion makes {own.chosen}. The words "
        "are those that a model chose for the contexts, not the faces' use itself."
    )


def _gauge(study):
    found = {
        name: study.accuracy(name, None).corrected
        for name in (*published_geometry.MODELS, "claude")
    }
    above = [name for name, item in found.items() if item.accuracy.p < ALPHA]
    bits = "; ".join(f"{name} {item.mutual_information.value:.2f}" for name, item in found.items())
    return IN_PART if above else FAILS, (
        f"A face tells something about the category of the message in {_named(above, found)}: in bits, of {np.log2(9):.2f} there are, {bits}. How good a gauge it is "
        "depends on the model. Whether it tells of the state anything that the message does not tell needs states at the typed face; the page named beside it asks that."
    )


JUDGES = {
    "variance": _variance,
    "exceptions": _exceptions,
    "circumplex": _circumplex,
    "shared": _shared,
    "states": _states,
    "faces": _faces,
    "blocks": _blocks,
    "introspection": _introspection,
    "pooling": _pooling,
    "clusters": _clusters,
    "gauge": _gauge,
}
