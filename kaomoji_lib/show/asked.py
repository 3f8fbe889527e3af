"""Where the Claude pages get their data: the service, the published tables, or the stand-in. Never paid without being asked."""

from dataclasses import dataclass, replace

import pandas as pd

from kaomoji_lib import page, tables
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.claude.service import Settings
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import Missing
from kaomoji_lib.show import asked_published, nulls
from kaomoji_lib.stimuli import load_lexicon

SOURCES = ("auto", "published", "stand-in", "api")
KINDS = {
    "stand-in": "a stand-in that answers by rule, no language model",
    "published": "published data of an earlier round",
    "api": "Messages API",
}
STATEMENTS = {
    "stand-in": "What stands here was answered by a stand-in: a small server on this machine that draws from a planted table. It shows "
    "how the method works and what its instruments can see, and says nothing about Claude.",
    "published": "The answers are those an earlier round of this study published; the numbers are computed from them here.",
    "api": "The answers were asked for and stored by this project.",
}
# Word joiners keep the two halves on one line of a heading.
ONE_WORD = "stand\u2060-\u2060in"


@dataclass(frozen=True)
class Asked:
    """One method's table and where it comes from.

    ``table``: emissions, judgements or syntheses; ``kind``: a key of ``KINDS``; ``prompts``: what was
    asked, or None; ``facts``: dict of what the provenance table says; ``report``: what is missing, in words; ``null``: a null edition.
    """

    method: str
    table: pd.DataFrame
    title: str
    kind: str
    scheme: object
    prompts: pd.DataFrame | None = None
    facts: dict | None = None
    report: str = ""
    null: str = ""

    @property
    def statement(self):
        return (
            f"A null edition: {nulls.statement(self.null)}" if self.null else STATEMENTS[self.kind]
        )

    @property
    def line(self):
        """The source line of every figure."""
        return f"{self.title} ({KINDS[self.kind]}) · {len(self.table):,} answers{nulls.edition(self.null)}"

    @property
    def heading(self):
        if self.null:
            return f"{self.title}, null edition: {nulls.SHORT[self.null]}"
        return f"a {ONE_WORD} with a known answer" if self.kind == "stand-in" else self.title


def resolve(source):
    """``published`` or ``stand-in`` for ``auto``; every other known name is itself. Raises KaomojiError for unknown ones."""
    if source not in SOURCES:
        raise KaomojiError(f"unknown source {source!r}; expected one of {', '.join(SOURCES)}")
    if source != "auto":
        return source
    return "published" if asked_published.available() else "stand-in"


def elicited(source, model, *, prompts="", runs=8, max_usd=None, batch=False):
    """The emissions of a model as :class:`Asked`; with ``source`` ``api`` what is missing is asked for, and paid."""
    kind = resolve(source)
    if kind == "published":
        return _published("elicit", model)
    from kaomoji_lib.claude.elicit import elicit

    folder, found = elicit(_settings(kind, model, max_usd, batch), prompts or None, runs)
    return _answered(folder, found, kind, prompts=folder.prompts())


def introspected(source, model, elicited_by, *, max_usd=None, batch=False):
    """Judgements of a model about the faces that ``elicited_by`` (an Asked) typed, as :class:`Asked`."""
    kind = resolve(source)
    if kind == "published":
        return _published("introspect", model)
    from kaomoji_lib.claude.introspect import introspect

    faces = elicited_by.table["face"].dropna().value_counts().index
    return _answered(*introspect(_settings(kind, model, max_usd, batch), list(faces)), kind)


def synthesized(source, model, elicited_by, *, exchanges="", seed=0, max_usd=None, batch=False):
    """Words for the faces of ``exchanges`` (a file) or, without one, of the replies of ``elicited_by``, as :class:`Asked`."""
    kind = resolve(source)
    if kind == "published":
        return _published("synthesize", model)
    from kaomoji_lib.claude import exchanges as rows
    from kaomoji_lib.claude.synthesize import synthesize

    found = (
        rows.read(exchanges)
        if exchanges
        else rows.from_emissions(elicited_by.table, elicited_by.prompts)
    )
    return _answered(*synthesize(_settings(kind, model, max_usd, batch), found, seed), kind)


def edition(null, *found):
    """The answers as the null edition has them, each :class:`Asked` (or Missing) in its place: tuple. What is asked is the same in all editions."""
    nulls.require(null)
    return tuple(
        item
        if isinstance(item, Missing) or not null
        else replace(
            item,
            null=null,
            table=nulls.dealt(nulls.ANSWERS[item.method], item.table, null, item.title),
        )
        for item in found
    )


def _settings(kind, model, max_usd, batch):
    return Settings(
        model, kind, max_usd=max_usd if kind == "api" else None, batch=batch and kind == "api"
    )


def _answered(folder, outcome, kind, prompts=None):
    said = folder.manifest
    # The service behind ANTHROPIC_BASE_URL may be a stand-in too; its replies say so.
    kind = "stand-in" if said["model"]["kind"] == "stand-in" else kind
    facts = {
        "run": f"{folder.path.parent.name}/{folder.path.name}",
        "model": said["model"]["id"],
        "model named in the replies": ", ".join(said["answered_by"]),
        "service": said["origin"],
        "parameters left out": ", ".join(said["dropped_parameters"]),
        "status": said["status"],
        "refused": said["refused"],
        "missing": said["missing"],
        "unusable": said["unusable"],
        "US dollars of the folder": "none, nothing was paid"
        if kind == "stand-in"
        else f"{said['usd_of_folder']:.4f}",
        "written": said["written"],
        "anthropic": said["versions"]["anthropic"],
    }
    return Asked(
        said["method"],
        folder.table(),
        said["model"]["title"],
        kind,
        load_scheme(),
        prompts,
        facts,
        "" if outcome.complete else _without_paths(outcome, folder),
    )


def _without_paths(outcome, folder):
    """The report of an incomplete run, fit for a page: paths of this machine are left to the command line."""
    return (
        str(outcome)
        .replace(str(folder.path.parent), folder.path.parent.name)
        .partition("to complete it:")[0]
        .strip()
    )


def _published(method, model):
    table, title, prompts, facts = asked_published.answers(method, model)
    return Asked(method, table, title, "published", load_scheme(), prompts, facts)


def lexicon():
    """The lexicon that syntheses were made with."""
    return load_lexicon()


def report(found):
    """What is missing of :class:`Asked` results, as a table; :class:`Missing` when nothing is."""
    found = [found] if isinstance(found, Missing) else found
    rows = [
        (item.method, line)
        for item in found
        if not isinstance(item, Missing)
        for line in item.report.splitlines()
    ]
    rows += [("–", item.reason) for item in found if isinstance(item, Missing)]
    if not rows:
        return tables.Table(
            ("method", "what is missing"),
            (("all", "nothing: every question has its answer"),),
            ("text", "text"),
        )
    return tables.Table(
        ("method", "what is missing"),
        tuple(rows),
        ("text", "text"),
        "What is missing; stored replies are not paid for twice",
    )


def provenance(found, params, started):
    """Where everything on the page comes from. ``found``: list of Asked or Missing; ``params``: dict."""
    rows = []
    for item in [] if isinstance(found, Missing) else found:
        if not isinstance(item, Missing):
            facts = {"source": KINDS[item.kind], **(item.facts or {})}
            rows += [
                (f"{item.method}: {name}", str(value))
                for name, value in facts.items()
                if value not in ("", None)
            ]
    shared = page.provenance(None, params, started)
    return tables.Table(shared.header, tuple(rows) + shared.rows, shared.kinds, shared.caption)
