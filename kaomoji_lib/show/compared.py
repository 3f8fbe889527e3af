"""All readings of the same faces for the comparison page: elicited, introspected, synthesized, and local models'."""

from dataclasses import dataclass

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import agreement, ceilings, likelihoods, synthesis
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.show import asked, asked_published, dealing, nulls
from kaomoji_lib.tables import Table

DEFAULT_LOCAL = {"stand-in": ("organism-gemma",), "published": ("gemma",), "api": ()}


@dataclass(frozen=True)
class Compared:
    """The reference (elicited counts) and every source that could be had: dict title -> Reading.

    ``answers``: Asked or Missing results behind them; ``absent``: dict title -> Missing for sources left out.
    """

    reference: readings.Reading
    sources: dict
    answers: list
    absent: dict
    scheme: object

    @property
    def first(self):
        return self.answers[0]

    @property
    def line(self):
        faces = attempt(readings.shared_faces, self.reference, *self.sources.values())
        counted = "too few" if isinstance(faces, Missing) else len(faces)
        return (
            f"{self.first.title} ({asked.KINDS[self.first.kind]}) · {counted} faces typed {readings.MIN_WEIGHT} times or more and read by all"
            f"{nulls.edition(self.first.null)}"
        )


def gather(
    source,
    model,
    judges,
    synthesizer,
    *,
    local=(),
    readers=(),
    runs=8,
    exchanges="",
    max_usd=None,
    null="",
    seed=0,
):
    """Read the same faces in every way that can be had.

    Parameters
    ----------
    source : ``auto``, ``published``, ``stand-in`` or ``api``; only ``api`` costs money.
    model : whose emissions are the reference. judges : models that introspect. synthesizer : the model that describes.
    local : aliases or run folders of local models: their own faces or, where they are scored, log P.
    readers : local models that answer the question of introspection. null : a null edition, of what was answered.

    Raises
    ------
    KaomojiError
        If there is no elicited reference.
    """
    replies = asked.elicited(source, model, runs=runs, max_usd=max_usd)
    (first,), codes = asked.edition(null, replies), replies.scheme.codes
    reference = readings.elicited(first.table, codes)
    answers, found = [first], {}
    for judge in judges:
        (answer,) = asked.edition(
            null, attempt(asked.introspected, source, judge, replies, max_usd=max_usd)
        )
        answers.append(answer)
        found[f"introspected, {_short(judge, answer, len(found) + 1)}"] = attempt(judged, answer)
    (answer,) = asked.edition(
        null,
        attempt(
            asked.synthesized,
            source,
            synthesizer,
            replies,
            exchanges=exchanges,
            seed=seed,
            max_usd=max_usd,
        ),
    )
    answers.append(answer)
    found["synthesized"] = attempt(synthesized, answer)
    own = {
        f"local model, {name}": attempt(local_reading, name, first.kind, codes)
        for name in local or DEFAULT_LOCAL[first.kind]
    }
    own |= {
        f"read by {name}": attempt(_read_locally, name, reference, first.scheme) for name in readers
    }
    found |= {
        title: attempt(nulls.dealt, dealing.reading, item, null, title)
        for title, item in own.items()
    }
    sources = {title: item for title, item in found.items() if not isinstance(item, Missing)}
    sources, narrow = _wide_enough(reference, sources)
    absent = {title: item for title, item in found.items() if isinstance(item, Missing)}
    if not sources:
        raise KaomojiError(
            "no source reads the elicited faces; expected at least one; introspect or synthesize first"
        )
    return Compared(reference, sources, answers, {**absent, **narrow}, first.scheme)


def _short(judge, answer, number):
    if not isinstance(answer, Missing) and answer.kind == "stand-in":
        return f"stand-in {number}"
    return judge.removeprefix("claude-")


def typed(answer):
    """The reading of an elicited :class:`asked.Asked`: counts per category."""
    return readings.elicited(answer.table, answer.scheme.codes)


def judged(answer):
    """The reading of an introspected :class:`asked.Asked`."""
    return agreement.judged(answer.table, answer.scheme.codes)


def synthesized(answer):
    """The reading of a synthesized :class:`asked.Asked`."""
    return synthesis.synthesized(answer.table, asked.lexicon(), answer.scheme.codes)


def read_by(names, reference, scheme):
    """Local models as readers of the reference's faces: dict title -> Reading. Raises KaomojiError when none is named."""
    if not names:
        raise KaomojiError(
            "no local reader was named; the parameter `readers` takes aliases, Hugging Face ids or folders of chat models"
        )
    return {f"read by {name}": _read_locally(name, reference, scheme) for name in names}


def local_reading(name, kind, codes):
    """The reading of a local model: of its log P where it has one, otherwise of the faces that it typed itself."""
    if kind == "published":
        return asked_published.likelihood_reading(name, codes)
    run = _run(name)
    scored = attempt(run.likelihoods)
    if not isinstance(scored, Missing):
        return likelihoods.by_category(likelihoods.by_face(scored), run.prompts(), codes)
    return readings.elicited(run.emissions(), codes)


def _run(name):
    if RunFolder(name).exists:
        return RunFolder(name)
    from kaomoji_lib.models.collect import collect

    return collect(name)


def _read_locally(name, reference, scheme):
    from kaomoji_lib.models.introspect import judge
    from kaomoji_lib.models.loading import load
    from kaomoji_lib.runs import registry

    faces = list(reference.weight[reference.weight >= readings.MIN_WEIGHT].index)
    return agreement.judged(judge(load(registry.model(name)), faces, scheme), scheme.codes)


def _wide_enough(reference, sources):
    """Sources that know at least half of the reference's faces; one that knows few would take them from all others."""
    faces = reference.weight[reference.weight >= readings.MIN_WEIGHT].index
    kept, narrow = {}, {}
    for title, source in sources.items():
        known = int(faces.isin(source.table.index).sum())
        if 2 * known >= len(faces):
            kept[title] = source
        else:
            narrow[title] = Missing(f"it knows {known} of the {len(faces)} faces, fewer than half")
    return kept, narrow


def absent(compared):
    """The sources that are left out of the comparison, with their reasons."""
    rows = tuple((title, item.reason) for title, item in compared.absent.items()) or (
        ("none", "every source that was named is compared"),
    )
    return Table(("source", "why it is left out"), rows, ("text", "text"))


def cast(compared):
    """Who reads, and how many of the elicited faces each one knows."""
    faces = compared.reference.weight[compared.reference.weight >= readings.MIN_WEIGHT].index
    rows = [("elicited", compared.first.line, f"{len(faces)}")]
    rows += [
        (title, _whose(compared, title), f"{int(faces.isin(source.table.index).sum())}")
        for title, source in compared.sources.items()
    ]
    return Table(
        ("reading", "from", "faces"),
        tuple(rows),
        ("text", "text", "number"),
        f"The readings; faces: how many of those typed {readings.MIN_WEIGHT} times or more it knows",
    )


def _whose(compared, title):
    if title.startswith(("local", "read by")):
        return (
            "a local model on this machine"
            if compared.first.kind != "published"
            else asked.KINDS["published"]
        )
    return asked.KINDS[compared.first.kind]


def heading(compared):
    return f"Compare: {compared.first.heading}"


def statement(compared):
    return compared.first.statement


def everything(compared):
    """The answers behind the comparison, each once."""
    return compared.answers


def table(compared, seed=0):
    """All similarities: :func:`kaomoji_lib.metrics.agreement.table` of what was gathered."""
    return agreement.table(compared.reference, compared.sources, seed=seed)


def against(reference, sources, seed=0):
    """The same for any reference and dict of sources; Missing sources are left out."""
    present = {title: item for title, item in sources.items() if not isinstance(item, Missing)}
    if not present:
        return next(iter(sources.values()), Missing("no source to compare"))
    return agreement.table(reference, present, seed=seed)


def on_range(reference, sources, seed=0):
    """Every source between what ignoring the face gets and what knowing the truth would: :func:`.ceilings.table`; Missing ones left out."""
    present = {title: item for title, item in sources.items() if not isinstance(item, Missing)}
    if not present:
        return next(iter(sources.values()), Missing("no source to compare"))
    return ceilings.table(reference, present, seed=seed)


def share(found, source):
    """The share of the range that a source reaches, uniform over faces, for the prose."""
    return found[(found["source"] == source) & (found["weighting"] == "uniform")]["share"].iloc[0]


def within(reference, sources, seed=0):
    """Similarity by category; Missing when a source is."""
    missing = next((item for item in sources.values() if isinstance(item, Missing)), None)
    return agreement.by_category(reference, sources, seed=seed) if missing is None else missing


def cell(found, source, column):
    """One Estimate of a similarity table."""
    return found.set_index("source")[column].loc[[source]].iloc[0]


def panels(compared):
    """The readings that stand side by side in a figure: the reference, the first that introspects, and the synthesis or the next."""
    first, *others = compared.sources
    second = "synthesized" if "synthesized" in others else next(iter(others), None)
    return {
        "elicited": compared.reference,
        **{title: compared.sources[title] for title in (first, second) if title},
    }


@dataclass(frozen=True)
class Best:
    """``parts``: title of the most similar source, its Estimate."""

    parts: tuple


def best(found, name="elicited"):
    """The source most similar to the reference, guesses apart."""
    rows = found[(found["compared with"] == name) & ~found["source"].str.endswith("guess")]
    top = rows.loc[rows["uniform"].map(lambda item: item.value).idxmax()]
    return Best((top["source"], top["uniform"]))
