"""The published study on the page: its tables beside ours, the claims, and what is missing when the data is."""

import unicodedata

import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import page
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import ceilings
from kaomoji_lib.missing import Missing, passes_missing
from kaomoji_lib.published import claims as published_claims
from kaomoji_lib.published import faces as published_faces
from kaomoji_lib.published import files as published
from kaomoji_lib.published import readings as published_readings
from kaomoji_lib.published import rules as published_rules
from kaomoji_lib.published import study as analysis
from kaomoji_lib.published import tables
from kaomoji_lib.show import nulls
from kaomoji_lib.stats import Estimate
from kaomoji_lib.tables import ABSENT, Table, build, by_source

GROUPS = {
    "accuracy": "Category from the face",
    "similarity": "Similarity of two readings",
    "pool": "Chosen on half of the faces",
    "synthesis": "Synthesized words",
    "corpus": "The corpus behind them",
    "scorer": "Scores of",
    "states": "Hidden states",
}


def attribution(null=""):
    """Whose data it is and under which licence, how to get it where it is not here, and what an edition ``null`` takes away: for every page that uses it."""
    known = published.registry()
    edition = f"A null edition: {nulls.statement(null)} " if null else ""
    return (
        edition
        + known.attribution
        + (
            ""
            if _at_hand(known)
            else " It is not on this machine: this page shows what is asked of it, and `kaomoji published --fetch` brings the answers."
        )
    )


def _at_hand(known):
    return published.present([known.sources["gemma"]["emissions"][0], known.syntheses], known)


def study(seed=0, null=""):
    """The :class:`analysis.Study`, once the data is known to be here, or its null edition.

    Raises
    ------
    KaomojiError
        If it is neither in the named folder, nor in the cache, nor to be downloaded.
    """
    nulls.require(null)
    known = published.registry()
    for name in [known.sources["gemma"]["emissions"][0], known.syntheses]:
        published.locate(name)
    return analysis.Study(seed=seed, dealt=null == nulls.DEALT)


def line(null=""):
    """The source line of the figures."""
    return f"published data by {published.registry().author}, {published.registry().licence}{nulls.edition(null)}"


def all_rows(found):
    """Every row of the article's table: list of :class:`analysis.Row`. Raises KaomojiError where the data is not here."""
    return analysis.rows(found)


def all_claims(found):
    """Every :class:`published_claims.Claim`."""
    return published_claims.claims(found)


@passes_missing
def article(rows, group):
    """The rows of one group: the article's value, the published rule's, ours with its interval, and the reference level.

    What else must be known of a row is a note below: its number stands behind the row's name.
    """
    notes, body = {}, []
    for row in rows:
        if row.id.partition(".")[0] == group:
            said = row.missing or row.note
            mark = f"\u00a0[{notes.setdefault(said, len(notes) + 1)}]" if said else ""
            body.append(
                (
                    row.what + mark,
                    _printed(row),
                    _value(row.recomputed),
                    *_ours(row.corrected),
                    _value(row.reference),
                )
            )
    header = (
        GROUPS[group],
        "article",
        "published rule",
        "our rule",
        "95% interval",
        "n",
        "reference",
    )
    caption = ". ".join(f"[{number}] {said}" for said, number in notes.items())
    return Table(
        header,
        tuple(body),
        ("text", "number", "number", "number", "number", "text", "number"),
        caption,
        ("article", "published rule"),
    )


def _printed(row):
    if row.article is None:
        return ABSENT
    text = f"{row.article:.3f}" if row.article < 1 else f"{row.article:g}"
    return f"~{row.article:.2f}" if "about" in row.note else text


def _value(number):
    if number is None:
        return ABSENT
    return f"{number:,}" if isinstance(number, int) else f"{number:.3f}".replace("-", "−")


def _ours(corrected):
    if not isinstance(corrected, Estimate):
        return _value(corrected), ABSENT, ABSENT
    interval = f"{_value(corrected.ci_low)} to {_value(corrected.ci_high)}".replace(" ", "\u00a0")
    return _value(corrected.value), interval, f"{corrected.n}\u00a0{corrected.unit}"


@passes_missing
def identifiers(rows):
    """The stable names of the rows, as ``kaomoji published --json`` prints them."""
    return Table(
        ("id", "in the table of", "row"),
        tuple((row.id, GROUPS[row.id.partition(".")[0]], row.what) for row in rows),
        ("text", "text", "text"),
        "Names of the rows in kaomoji published --json",
    )


def claims(found):
    """The article's claims with their verdicts and reasons; without the data, the claims and where each can be tested."""
    if isinstance(found, Missing):
        rows = [
            (item.number, item.claim, "not judged here", item.title, item.page)
            for item in published_claims.entries().itertuples()
        ]
        caption, why = (
            "Eleven claims, to be judged once the data is here (kaomoji published --fetch)",
            (),
        )
    else:
        rows = [
            (f"{item.number}", item.claim, item.verdict, item.reason, item.title, item.page)
            for item in found
        ]
        caption, why = "Eleven claims, and what is left of each", ("why",)
    body = tuple(
        (*cells, escape.element("a", title, href=f"{name}.html")) for *cells, title, name in rows
    )
    header = ("", "the article's claim", "verdict", *why, "tested on")
    return Table(header, body, ("number", *["text"] * (len(header) - 1)), caption)


def left(found):
    """What is left of the article's claims, in a sentence that also stands where the data is not here."""
    if isinstance(found, Missing):
        return "Once its data is fetched, with `kaomoji published --fetch`, each of its claims is recomputed and judged."
    return f"Its claims, recomputed and judged: {tally(found)}."


@passes_missing
def tally(found):
    """How many claims got which verdict, in words."""
    counts = pd.Series([item.verdict for item in found]).value_counts()
    order = (
        published_claims.SURVIVES,
        published_claims.IN_PART,
        published_claims.FAILS,
        published_claims.UNTESTABLE,
    )
    return "; ".join(f"{verdict}: {counts.get(verdict, 0)}" for verdict in order)


@passes_missing
def one(rows, name, digits=3):
    """One row for the prose: our Estimate, else as words our number, the published rule's, or that there is none."""
    row = next((item for item in rows if item.id == name), None)
    if row is None:
        raise KaomojiError(
            f"no row is called {name!r}; expected one of data/published_article.csv; correct the name"
        )
    if isinstance(row.corrected, Estimate):
        return row.corrected
    value = row.corrected if row.corrected is not None else row.recomputed
    return (
        "not available"
        if value is None
        else str(value)
        if isinstance(value, int)
        else f"{value:.{digits}f}"
    )


@passes_missing
def differences(found):
    """Where our extraction differs from the spans that were stored: one table for all sources."""
    parts = []
    for name in (*published_faces.FIRST, *published_faces.NINE):
        rows = found.emissions(name)
        table = published_faces.differences(rows)
        table.insert(0, "source", [tables.source(name)["title"]] * len(table))
        parts.append(table.assign(of=len(rows)))
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)[
        ["source", "reason", "rows", "of", "stored", "ours"]
    ]
    table["stored"] = table["stored"].map(_named)
    return build(
        table,
        "Replies whose stored face is not the one that is there, with an example each",
        faces=("stored", "ours"),
    )


def _named(face):
    """A face with emoji by their names: no font that is shipped can set them, and not every machine has one that does."""
    return (
        "".join(
            f"[{unicodedata.name(sign, 'unnamed').lower()}]" if ord(sign) > 0xFFFF else sign
            for sign in face
        )
        if isinstance(face, str)
        else face
    )


def luck(found, name):
    """What other seeds of the split make of one nine-class accuracy by the published rule, in words."""
    low, high = published_rules.luck(tables.as_published(found.emissions(name)))
    return f"between {low:.3f} and {high:.3f}"


def aggregations(found):
    """Mean log P against mean P of every local model, on the same faces."""
    table = published_readings.aggregations(
        found.corrected, found.log_probs, tables.prompts(found.emissions("gemma")), found.seed
    )
    named = [
        (tables.source(item.name)["title"], measure, value)
        for item in table.itertuples()
        for measure, value in (
            ("mean of log P", item[2]),
            ("mean of P", item[3]),
            ("gain", item[4]),
        )
    ]
    by_measure = {
        title: {measure: value for other, measure, value in named if other == title}
        for title, _, _ in named
    }
    return by_source(
        by_measure,
        "How log P is averaged over a category's messages: likeness to the elicited reading, on the same faces",
    )


def on_range(found):
    """Every reader of Claude's faces between what ignoring the face gets and what knowing the truth would, on our faces and by our rule."""
    given = found.corrected
    named = {
        tables.source(name)["title"]
        if name in published_readings.LOCAL
        else name.capitalize(): item
        for name, item in given.sources.items()
    }
    return ceilings.table(given.elicited, named, faces=given.faces, seed=found.seed)


def provenance(parameters, started, found=None):
    """Where a page of the published study comes from; the attribution is part of it."""
    base = page.provenance(None, parameters, started)
    known = published.registry()
    place = (
        f"the folder that {published.PLACE} names"
        if published.folder() is not None
        else "the cache of this user"
        if _at_hand(known)
        else "nowhere: it is not on this machine"
    )
    rows = (
        (("data", known.attribution), ("read from", place))
        if found is None
        else (("data", found.replace("`", "")),)
    )
    return Table(base.header, rows + base.rows, base.kinds, base.caption)
