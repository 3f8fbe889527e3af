"""Several sources side by side: gathered once, analysed in the same way, one result per source."""

import itertools

import numpy as np
import pandas as pd

from kaomoji_lib import page, tables
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import emission, geometry
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.page import require_same_prompts, titles
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.show import nulls

ORGANISMS = ("gemma", "qwen", "ministral", "gptoss", "granite", "scrambled", "untrained")
TEXT = "words of the prompts (tf-idf)"


def gather(models, null="", **settings):
    """Open or collect the sources, the reference first; each must have been asked the same prompts.

    ``models``: aliases, Hugging Face ids, model folders or run folders (list, or text with commas; empty:
    the organisms). ``null``: a null edition. ``settings``: of :func:`kaomoji_lib.models.collect.collect`, for what is not collected yet.

    Raises
    ------
    KaomojiError
        If fewer than two sources are named, or they were asked different prompts.
    """
    from kaomoji_lib.models.collect import collect

    names = (
        [name.strip() for name in models.split(",") if name.strip()]
        if isinstance(models, str)
        else list(models)
    )
    names = names or [f"organism-{name}" for name in ORGANISMS]
    if len(names) < 2:
        raise KaomojiError(
            f"only {len(names)} source named; expected at least two to compare; name another in `models`"
        )
    found = [
        page.read(
            RunFolder(name) if RunFolder(name).exists else collect(name, **settings), null=null
        )
        for name in names
    ]
    first = found[0]
    for other in found[1:]:
        require_same_prompts(first, other)
    return found


def short(title):
    """A title for narrow places, beside a line that says what the organisms are: ``Gemma`` for ``Gemma-shaped organism``."""
    return title.replace("-shaped organism", "").replace(" organism", "")


def line(sources):
    """The source line of figures that show all sources."""
    controls = sum(source.is_organism for source in sources)
    some = f"All {len(sources)}" if controls == len(sources) else f"{controls} of {len(sources)}"
    kinds = (
        f"{some} are toy models, controls with a known answer"
        if controls
        else f"{len(sources)} language models"
    )
    return f"{kinds} · {len(sources[0].prompts)} prompts each{nulls.edition(sources[0].null)}"


def statement(sources):
    """What the page compares, in a sentence."""
    if sources[0].null:
        return f"A null edition: {nulls.statement(sources[0].null)}"
    if all(source.is_organism for source in sources):
        return (
            "Everything on this page comes from model organisms: toy models trained or made for this project, as controls "
            "with a known answer. It shows what the instruments can see, and says nothing about any released model."
        )
    if any(source.is_organism for source in sources):
        return "Some of the sources are model organisms: toy models made as controls with a known answer. The first table says which."
    return "Language models that answered the same prompts."


def cast(sources):
    """Who is compared, as a table."""
    rows = [
        {
            "source": tables.source(title),
            "what it is": source.what,
            "states of layers": len(source.states.layers),
            "width": source.states.array.shape[2],
            "replies": len(source.emissions),
        }
        for title, source in zip(titles(sources), sources, strict=True)
    ]
    return tables.build(pd.DataFrame(rows), "The sources; the first is the reference")


def rates(sources, seed=0):
    """Emission rate of each source: dict title -> Estimate."""
    return {
        title: emission.rate(source.emissions, seed=seed)
        for title, source in zip(titles(sources), sources, strict=True)
    }


def components(sources, seed=0):
    """Components of each source: dict title -> Components."""
    return {
        title: attempt(geometry.pca, source.stacked, source.prompts, source.scheme, seed=seed)
        for title, source in zip(titles(sources), sources, strict=True)
    }


def variance(found):
    """The headline numbers of each source's Components, for :func:`tables.by_source`."""
    return {
        title: item
        if isinstance(item, Missing)
        else {
            **{
                f"PC{index} share of variance": value
                for index, value in enumerate(item.variance, start=1)
            },
            "participation ratio": item.participation_ratio,
            "|r| of PC1 with valence": item.valence,
            "|r| of PC2 with arousal": item.arousal,
        }
        for title, item in found.items()
    }


def alignments(sources, found, seed=0):
    """Every source but the first laid onto the first: dict title -> Alignment."""
    names, base = titles(sources), sources[0]
    return {
        title: attempt(
            _lay, found[title], found[names[0]], base.labels, base.scheme.codes, seed=seed
        )
        for title in names[1:]
    }


def _lay(moved, reference, labels, codes, seed):
    return geometry.procrustes(reference.scores, moved.scores, labels, codes, seed=seed)


def residual(found):
    """The residual of each alignment: dict title -> Estimate or Missing."""
    return {
        title: item if isinstance(item, Missing) else item.residual for title, item in found.items()
    }


def residuals(found):
    """Residuals of alignments, for :func:`tables.by_source`."""
    return {
        title: item if isinstance(item, Missing) else {"residual": item.residual}
        for title, item in found.items()
    }


def cka(sources, seed=0, permutations=500):
    """Linear CKA of every two sources and of each with the text itself: dict (title, title) -> (Estimate, Estimate)."""
    arrays = dict(zip(titles(sources), (source.stacked for source in sources), strict=True))
    arrays[TEXT] = text_vectors(sources[0].prompts["text"])
    labels = sources[0].labels
    return {
        (left, right): geometry.linear_cka(
            arrays[left], arrays[right], labels, permutations=permutations, seed=seed
        )
        for left, right in itertools.combinations(arrays, 2)
    }


def text_vectors(texts):
    """Tf-idf of the texts: (n, words), float64. The text itself as a source of vectors, without any model."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return np.asarray(
        TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        .fit_transform(list(texts))
        .todense()
    )


def accuracies(sources, seed=0):
    """Readings of the category per source, and once for the text: dict title -> list of Prediction or Missing."""
    table = {}
    for title, source in zip(titles(sources), sources, strict=True):
        table[title] = [
            attempt(
                prediction.from_states,
                source.stacked,
                source.labels,
                source.prompts["id"],
                name="hidden states",
                seed=seed,
            ),
            _named(
                "typed face",
                attempt(prediction.from_faces, source.emissions, name="typed face", seed=seed),
            ),
        ]
    table["no model"] = [
        attempt(prediction.from_text, sources[0].prompts, "tfidf", name=TEXT, seed=seed)
    ]
    return table


def _named(name, item):
    return (
        Missing(f"{name}: {item.reason.partition(';')[0]}") if isinstance(item, Missing) else item
    )


def finding(found, sources):
    """What states and faces say about the category, in one sentence. ``found``: the result of :func:`accuracies`.

    Sources with a planted or unknown answer are summed up by their lowest and highest value; the blind and the
    untrained control stand beside them.
    """
    named = dict(zip(titles(sources), sources, strict=True))
    blind = [title for title, source in named.items() if source.spec.alias in page.CONTROLS]
    told = [title for title in named if title not in blind]
    states, faces = ([found[title][place] for title in told] for place in (0, 1))
    kinds = "trained organisms" if all(named[title].is_organism for title in told) else "sources"
    said = (
        f"In {_in_words(len(told))} {kinds} the hidden state before the first character gives away the category of "
        f"{_range(states)} of the messages, and the face that is typed then {_range(faces)}"
    )
    scrambled = found.get(
        next((title for title in blind if named[title].spec.alias == "organism-scrambled"), "")
    )
    if scrambled and not isinstance(scrambled[1], Missing):
        said += f"; where faces were drawn blindly, the face gives {scrambled[1].accuracy.value:.0%}, and guessing {scrambled[1].accuracy.null_mean:.0%}"
    return f"{said}."


def _in_words(number):
    return (
        ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")[
            number
        ]
        if number <= 10
        else f"{number}"
    )


def _range(items):
    values = [item.accuracy.value for item in items if not isinstance(item, Missing)]
    if not values:
        return "an unknown share"
    low, high = min(values), max(values)
    return (
        f"{low:.0%}"
        if f"{low:.0%}" == f"{high:.0%}"
        else f"{low:.0%}".removesuffix("%") + f"–{high:.0%}"
    )


def shared(pairs, level=0.05):
    """How many pairs of sources share more than the categories, and their CKA, in words.

    ``pairs``: the result of :func:`cka`; counted are those that beat the null within categories at ``level``, corrected for the
    number of pairs (Holm 1979).
    """
    models = {pair: estimates for pair, estimates in pairs.items() if TEXT not in pair}
    ranked = sorted(models.values(), key=lambda estimates: estimates[1].p)
    beyond = list(
        itertools.takewhile(
            lambda item: item[1][1].p * (len(ranked) - item[0]) <= level, enumerate(ranked)
        )
    )
    values = [free.value for _, (free, _) in beyond]
    if not values:
        return f"none of {len(ranked)} pairs shares more than the categories"
    return f"{len(values)} of {len(ranked)} pairs share more than the categories, with a CKA of {min(values):.2f} to {max(values):.2f}"
