"""What a corpus of synthesized faces holds, from wherever it is read."""

from pathlib import Path

import pandas as pd

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import synthesis
from kaomoji_lib.published import corpus, tables
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
    """The article's copy of the corpus, out of the tables that ship."""
    words = tables.syntheses()
    once = corpus.uploads_once(words)
    rows = once.assign(description="", shape="2")[list(corpus.COLUMNS)].reset_index(drop=True)
    bundles = words.groupby(["contributor", "bundle"], as_index=False).agg(
        lexicon_version=("lexicon_version", "max"), rows=("face", "size")
    )
    bundles["version"], bundles["kept"] = "", bundles["bundle"].isin(set(once["bundle"]))
    bundles["why"] = bundles["kept"].map({True: "", False: "a later bundle says nearly the same"})
    skipped = pd.DataFrame(columns=["where", "why", "rows"])
    return corpus.Corpus(rows, bundles, skipped, "the article's copy of the corpus")


def vocabulary(corpus_, *, seed=0):
    """The :class:`synthesis.WordSpace` of the rows that were described with this project's lexicon."""
    lexicon = load_lexicon()
    version = int(lexicon["version"].iloc[0])
    rows = corpus_.of_version(version)
    if rows.empty:
        others = (
            ", ".join(sorted({str(item) for item in corpus_.rows["lexicon_version"]})) or "none"
        )
        raise KaomojiError(
            f"{corpus_.origin} has no row of lexicon version {version} (it has: {others}); expected some; use bundles of llmoji 2"
        )
    return synthesis.word_space(rows, lexicon, load_scheme().codes, seed=seed)


def summary(corpus_, *, seed=0):
    """Return the corpus in numbers: a JSON-able dict; its keys are those of ``kaomoji corpus --json``."""
    versions = corpus_.rows.groupby("lexicon_version", as_index=False).agg(
        descriptions=("face", "size"), faces=("face", "nunique"), count=("count", "sum")
    )
    left_out = corpus_.bundles[~corpus_.bundles["kept"].astype(bool)]
    report = {
        "origin": corpus_.origin,
        "bundles": len(corpus_.bundles),
        "kept_bundles": int(corpus_.bundles["kept"].sum()),
        "descriptions": len(corpus_.rows),
        "faces": int(corpus_.rows["face"].nunique()),
        "versions": versions.to_dict("records"),
        "left_out": left_out[["contributor", "bundle", "why"]].to_dict("records"),
        "skipped": corpus_.skipped[["where", "why", "rows"]].to_dict("records"),
        **dict.fromkeys(("clusters", "pc1", "pc2")),
        "no_clusters": "",
    }
    try:
        space = vocabulary(corpus_, seed=seed)
        first, second, *_ = (share.value for share in space.variance)
        report.update(clusters=space.clustering.chosen, pc1=first, pc2=second)
    except KaomojiError as error:
        report["no_clusters"] = str(error)
    return report
