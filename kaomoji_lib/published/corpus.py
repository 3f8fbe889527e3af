"""Read bundles of synthesized faces that contributors upload: of any version, none of them trusted."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.published.tables import published_face
from kaomoji_lib.runs.files import parse_json
from kaomoji_lib.stimuli import decode

DATASET = "a9lim/llmoji"
BUNDLE = re.compile(r"bundle(-\d{8}T\d{6}Z)?$")
COLUMNS = (
    "face",
    "count",
    "contributor",
    "bundle",
    "lexicon_version",
    "source_model",
    "primary",
    "others",
    "description",
    "shape",
)
LONGEST_LINE, LONGEST_FACE, MOST_WORDS = 100_000, 64, 40
NO_LEXICON = 0
OVERLAP = 0.9
# Two people share a handful of popular faces by chance; hundreds, or even twenty with the same models, they do not.
FEWEST_PAIRS = 20


@dataclass(frozen=True)
class Corpus:
    """What a folder of bundles holds.

    ``rows``: DataFrame[``COLUMNS``], one row per description; ``lexicon_version`` is 0 for prose. ``bundles``: DataFrame
    [contributor, bundle, version, lexicon_version, rows, kept, why]. ``skipped``: DataFrame [where, why, rows].
    ``origin``: where it was read, in words.
    """

    rows: pd.DataFrame
    bundles: pd.DataFrame
    skipped: pd.DataFrame
    origin: str

    def of_version(self, version):
        """The kept rows that were described with one lexicon: versions never mix."""
        return self.rows[self.rows["lexicon_version"] == version].reset_index(drop=True)


def download(dataset=DATASET, revision=None):
    """Fetch the bundles of a Hugging Face dataset: (folder, revision that was read).

    Raises
    ------
    KaomojiError
        If the dataset cannot be reached and is not in the cache either.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )

    try:
        path = snapshot_download(
            dataset,
            repo_type="dataset",
            revision=revision,
            allow_patterns=["contributors/*/*/*.json", "contributors/*/*/*.jsonl"],
        )
    except HFValidationError:
        raise KaomojiError(
            f"{dataset!r} is no dataset name; expected owner/name; correct it"
        ) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise KaomojiError(
            f"the dataset {dataset} cannot be reached ({type(error).__name__}); expected its bundles; connect to the network, or name a folder with --local"
        ) from None
    return Path(path), Path(path).name


def read(folder, origin=None):
    """Read every bundle below ``folder``: a snapshot of the dataset, one bundle, or a user's own ``~/.llmoji``.

    Of the bundles of one machine, which grow and repeat each other, the newest of each lexicon version is kept; so is
    one of two that say nearly the same under two names. Shapes that are not known are listed and skipped.

    Raises
    ------
    KaomojiError
        If the folder is not there or no bundle is in it.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise KaomojiError(
            f"{folder} is no folder; expected bundles (contributors/<id>/bundle-<time>/manifest.json); check the path"
        )
    manifests = sorted(
        path
        for path in folder.rglob("manifest.json")
        if path.is_file() and BUNDLE.match(path.parent.name)
    ) or sorted(folder.glob("manifest.json"))
    if not manifests:
        raise KaomojiError(
            f"{folder} holds no bundle; expected contributors/<id>/bundle-<time>/manifest.json or bundle/manifest.json; check the path"
        )
    rows, bundles, skipped = [], [], []
    for path in manifests:
        found, entry = _bundle(path, folder, skipped)
        rows += found
        bundles.append(entry)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    index = pd.DataFrame(
        bundles, columns=["contributor", "bundle", "version", "lexicon_version", "rows"]
    )
    index["why"] = _why_left_out(index, table)
    index["kept"] = index["why"] == ""
    kept = index[index["kept"]]
    rows = table[_members(table, zip(kept["bundle"], kept["contributor"], strict=True))]
    return Corpus(
        rows.reset_index(drop=True),
        index,
        pd.DataFrame(skipped, columns=["where", "why", "rows"]),
        origin or f"the folder {folder.name}",
    )


def uploads_once(words):
    """Rows with each upload counted once: of uploads that describe nearly the same faces, the latest.

    Two bundles are uploads of one corpus when nine tenths of the (face, source model) pairs of the smaller one are in
    the other, whoever signed them: an identifier that changed between uploads hides the repetition.
    ``words``: DataFrame with face, source_model, contributor and bundle (whose name sorts by time).
    """
    keys = {
        name: frozenset(zip(part["face"], part["source_model"], strict=True))
        for name, part in words.groupby(["bundle", "contributor"])
    }
    kept = []
    for name in sorted(keys, reverse=True):
        if not any(_overlap(keys[name], keys[other]) >= OVERLAP for other in kept):
            kept.append(name)
    return words[_members(words, kept)]


def _members(table, names):
    """Which rows belong to one of ``names`` (bundle, contributor): boolean array."""
    wanted = set(names)
    return np.array(
        [name in wanted for name in zip(table["bundle"], table["contributor"], strict=True)],
        dtype=bool,
    )


def _overlap(a, b):
    smaller = min(len(a), len(b))
    return len(a & b) / smaller if smaller >= FEWEST_PAIRS else 0.0


def _why_left_out(index, table):
    reasons = dict.fromkeys(index.index, "")
    newest = (
        index.sort_values("bundle", kind="stable")
        .groupby(["contributor", "lexicon_version"])
        .tail(1)
        .index
    )
    for number in index.index.difference(newest):
        reasons[number] = "a later bundle of this contributor holds it"
    for version in index["lexicon_version"].unique():
        group = [number for number in newest if index.at[number, "lexicon_version"] == version]
        names = {
            (index.at[number, "bundle"], index.at[number, "contributor"]): number
            for number in group
        }
        part = table[_members(table, names)]
        once = uploads_once(part)
        kept = set(zip(once["bundle"], once["contributor"], strict=True))
        for name in set(zip(part["bundle"], part["contributor"], strict=True)) - kept:
            reasons[names[name]] = "another contributor's bundle says nearly the same"
    return [reasons[number] for number in index.index]


def _bundle(path, folder, skipped):
    where = path.parent.relative_to(folder).as_posix()
    bundle = path.parent.name
    contributor = path.parent.parent.name if "-" in bundle else "this machine"
    manifest = _object(path)
    if manifest is None:
        skipped.append((where, "the manifest is no JSON object", 0))
        return [], (contributor, bundle, "", NO_LEXICON, 0)
    version = str(manifest.get("llmoji_version", ""))
    lexicon = manifest.get("lexicon_version")
    lexicon = lexicon if isinstance(lexicon, int) and not isinstance(lexicon, bool) else NO_LEXICON
    rows, failed = [], {}
    for file in sorted(path.parent.glob("*.jsonl")):
        for at, line in _lines(file):
            row, problem = _row(line, file.stem, lexicon)
            if problem:
                failed.setdefault(problem, []).append(f"{file.name} line {at}")
            else:
                rows.append({**row, "contributor": contributor, "bundle": bundle})
    skipped += [(where, f"{why} (first: {at[0]})", len(at)) for why, at in failed.items()]
    versions = {row["lexicon_version"] for row in rows}
    return rows, (contributor, bundle, version, max(versions, default=lexicon), len(rows))


def _object(path):
    try:
        value = parse_json(decode(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _lines(file):
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as handle:
            yield from ((at, line) for at, line in enumerate(handle, start=1) if line.strip())
    except OSError:
        yield 1, ""


def _row(line, stem, lexicon):
    """One description as a row, or (None, why not)."""
    if len(line) > LONGEST_LINE:
        return None, "the line is too long"
    try:
        item = parse_json(line)
    except (ValueError, RecursionError):
        return None, "no JSON"
    if not isinstance(item, dict):
        return None, "no object"
    face, count = item.get("kaomoji"), item.get("count", 1)
    if not isinstance(face, str) or not 0 < len(face) <= LONGEST_FACE or not published_face(face):
        return None, "no kaomoji"
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        return None, "the count is no positive whole number"
    shape, said = _shape(item)
    if shape is None:
        return None, "unknown shape"
    own = item.get("lexicon_version")
    version = own if isinstance(own, int) and not isinstance(own, bool) else lexicon
    if shape == "2" and version == NO_LEXICON:
        return None, "words of an unnamed list"
    model = item.get("source_model")
    return {
        "face": published_face(face),
        "count": count,
        "lexicon_version": version if shape == "2" else NO_LEXICON,
        "source_model": model if isinstance(model, str) else stem,
        "shape": shape,
        **said,
    }, ""


def _shape(item):
    said = item.get("synthesis")
    if isinstance(said, dict):
        lists = [said.get("primary_affect"), said.get("stance_modality_function")]
        if all(
            isinstance(words, list)
            and len(words) <= MOST_WORDS
            and all(isinstance(word, str) for word in words)
            for words in lists
        ):
            return "2", {"primary": lists[0], "others": lists[1], "description": ""}
        return None, {}
    for shape, field in (("1.1", "synthesis_description"), ("1.0", "haiku_synthesis_description")):
        if isinstance(item.get(field), str):
            return shape, {"primary": [], "others": [], "description": item[field]}
    return None, {}
