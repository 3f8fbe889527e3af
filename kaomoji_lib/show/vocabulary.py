"""The vocabulary of a corpus on the page: its bundles, its clusters, the words of its faces."""

from dataclasses import replace

import pandas as pd

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.missing import Missing, passes_missing
from kaomoji_lib.published import corpus_report
from kaomoji_lib.show import dealing, nulls, published
from kaomoji_lib.tables import GAP, Table, build

SCHEME = load_scheme()
space = corpus_report.vocabulary


def gather(name, null=""):
    """The corpus of that name, or its null edition: :func:`corpus_report.gather`."""
    nulls.require(null)
    found = corpus_report.gather(name)
    return replace(found, rows=nulls.dealt(dealing.syntheses, found.rows, null, name))


def whose(name, found, null=""):
    """Whose data the page shows, in a sentence: the attribution of the article's copy, or where else it was read."""
    if name == corpus_report.PUBLISHED:
        return published.attribution(null)
    return (
        "The corpus could not be read"
        if isinstance(found, Missing)
        else f"Read from {found.origin}; its contributors' licence applies."
    )


@passes_missing
def line(found, null=""):
    """The source line of the figures."""
    kept = int(found.bundles["kept"].sum())
    licence = ", CC-BY-SA-4.0" if "article" in found.origin else ""
    return f"{found.origin}{licence} · {len(found.rows):,} descriptions from {kept} {'upload' if kept == 1 else 'uploads'}{nulls.edition(null)}"


@passes_missing
def bundles(found):
    """Every upload, whether it is counted, and why not. Contributors are pseudonyms; the first letters tell them apart."""
    table = found.bundles
    frame = pd.DataFrame(
        {
            "contributor": [str(name)[:8] for name in table["contributor"]],
            "upload": table["bundle"],
            "word list": [
                "prose" if version == 0 else str(version) for version in table["lexicon_version"]
            ],
            "descriptions": table["rows"].astype(int),
            "counted": ["yes" if kept else "no" for kept in table["kept"]],
            "why not": table["why"],
        }
    )
    return build(frame, "Uploads, oldest first within a contributor")


@passes_missing
def assistants(found):
    """Which models typed the faces of the rows that are counted."""
    parts = found.rows.groupby("source_model")
    frame = pd.DataFrame(
        {
            "descriptions": parts.size(),
            "faces": parts["face"].nunique(),
            "typed": parts["count"].sum(),
        }
    )
    return build(
        frame.sort_values("typed", ascending=False, kind="stable")
        .rename_axis("model")
        .reset_index(),
        "Whose faces these are, by the name that the upload gives",
    )


@passes_missing
def skipped(found):
    """Rows whose shape is not known."""
    if found.skipped.empty:
        return Table(
            ("upload", "why", "rows"),
            (("none", "every row has a shape that is known", "0"),),
            ("text", "text", "number"),
            "Rows that were skipped",
        )
    return build(found.skipped.rename(columns={"where": "upload"}), "Rows that were skipped")


@passes_missing
def clusters(found, most=7):
    """The clusters with their leading words, largest first: how many faces, typed how often, what their anchor words name, and the most typed of them."""
    primary, stability = (
        found.reading.table.idxmax(axis=1),
        found.clustering.stability[found.chosen],
    )
    rows = []
    for number, part in found.clusters.groupby(found.clusters):
        counts = found.count[part.index].sort_values(ascending=False, kind="stable")
        shares = primary.reindex(part.index).dropna().value_counts()
        rows.append(
            (
                f"{number} {found.names[number]}",
                len(part),
                int(counts.sum()),
                f"{stability[number]:.2f}",
                ", ".join(f"{code}\u00a0{count}" for code, count in shares.head(4).items()),
                GAP.join(counts.index[:most]),
            )
        )
    rows = [
        (name, f"{faces}", f"{typed:,}", stable, named, shown)
        for name, faces, typed, stable, named, shown in sorted(rows, key=lambda row: -row[1])
    ]
    return Table(
        ("cluster", "faces", "typed", "stability", "first categories", "most typed"),
        tuple(rows),
        ("text", "number", "number", "number", "text", "faces"),
        f"The {found.chosen} clusters that the criterion chooses",
        ("stability",),
    )


@passes_missing
def profiles(found, most=30):
    """The most typed faces with their words."""
    counts = found.count.sort_values(ascending=False, kind="stable").head(most)
    rows = tuple(
        (face, f"{int(count):,}", f"{found.clusters[face]}", found.words[face])
        for face, count in counts.items()
    )
    return Table(
        ("face", "typed", "cluster", "words, by weight"),
        rows,
        ("face", "number", "number", "text"),
        "The most typed faces",
    )
