"""What a corpus of synthesized faces holds, from wherever it is read."""

from pathlib import Path

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import synthesis
from kaomoji_lib.published import corpus
from kaomoji_lib.published import files as published
from kaomoji_lib.published import tables as published_tables
from kaomoji_lib.stimuli import load_lexicon

PUBLISHED = "published"


def gather(name=PUBLISHED, revision=None, *, local=False):
    """A :class:`corpus.Corpus`: ``published`` (the article's frozen copy), a folder of bundles, or a Hugging Face dataset.

    Raises
    ------
    KaomojiError
        If it cannot be had.
    """
    if name == PUBLISHED and not local:
        return _frozen()
    if local or Path(name).expanduser().is_dir():
        return corpus.read(name)
    folder, read = corpus.download(name, revision)
    return corpus.read(folder, f"the dataset {name} at revision {read[:8]}")


def _frozen():
    import pandas as pd

    words = published_tables.syntheses()
    kept = corpus.uploads_once(words)
    rows = kept.assign(description="", shape="2")[list(corpus.COLUMNS)].reset_index(drop=True)
    bundles = (
        words.groupby(["contributor", "bundle"])
        .agg(lexicon_version=("lexicon_version", "max"), rows=("face", "size"))
        .reset_index()
    )
    bundles["version"] = ""
    bundles["kept"] = bundles["bundle"].isin(set(kept["bundle"]))
    bundles["why"] = bundles["kept"].map({True: "", False: "a later bundle says nearly the same"})
    return corpus.Corpus(
        rows,
        bundles,
        pd.DataFrame(columns=["where", "why", "rows"]),
        "the article's copy of the corpus",
    )


def vocabulary(found, *, seed=0):
    """The :class:`synthesis.WordSpace` of the rows that were described with this project's lexicon."""
    lexicon = load_lexicon()
    version = int(lexicon["version"].iloc[0])
    rows = found.of_version(version)
    if rows.empty:
        others = ", ".join(sorted({str(item) for item in found.rows["lexicon_version"]})) or "none"
        raise KaomojiError(
            f"{found.origin} has no row of lexicon version {version} (it has: {others}); expected some; use bundles of llmoji 2"
        )
    return synthesis.word_space(rows, lexicon, load_scheme().codes, seed=seed)


def summary(found, *, seed=0):
    """The corpus in numbers: a JSON-able dict; its keys are those of ``kaomoji corpus --json``."""
    report = {
        "origin": found.origin,
        "bundles": len(found.bundles),
        "kept_bundles": int(found.bundles["kept"].sum()),
        "descriptions": len(found.rows),
        "faces": int(found.rows["face"].nunique()),
        "versions": [
            {
                "lexicon_version": int(version),
                "descriptions": len(part),
                "faces": int(part["face"].nunique()),
                "count": int(part["count"].sum()),
            }
            for version, part in found.rows.groupby("lexicon_version")
        ],
        "left_out": found.bundles.loc[
            ~found.bundles["kept"].astype(bool), ["contributor", "bundle", "why"]
        ].to_dict("records"),
        "skipped": [
            {"where": item.where, "why": item.why, "rows": int(item.rows)}
            for item in found.skipped.itertuples(index=False)
        ],
        "clusters": None,
        "no_clusters": "",
        "pc1": None,
        "pc2": None,
    }
    try:
        space = vocabulary(found, seed=seed)
        report.update(
            clusters=space.clustering.chosen,
            pc1=space.variance[0].value,
            pc2=space.variance[1].value,
        )
    except KaomojiError as error:
        report["no_clusters"] = str(error)
    return report


def attribution():
    """Whose data the article's copy is, in a sentence."""
    return published.registry().attribution
