"""Choose the closed set of kaomoji from the human reference, never from what a model types.

    python data/human/inventory.py [TOKENIZER ...]

TOKENIZER: folders or GGUF files whose tokenizers must write each kaomoji in 2 to 12 tokens. Writes ``inventory.csv``: face,
category, basis, foil. ``basis`` is ``label`` when at least 60 % of the dictionary's entries for the face have the category as
their only candidate. It is ``set`` for content and relieved, which the dictionary names only together with excited (the CAO
system has to call the face fond or relieved), and for faces that are playful among other things, such as winks.
"""

import csv
import gzip
import sys
import unicodedata
from pathlib import Path

from kaomoji_lib.faces import extract
from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.metrics import human
from kaomoji_lib.stimuli import DATA, load_scheme

EACH, FOILS = 12, 12
PURITY = 0.6
BY_SET = {"LP": "fondness", "NP": "relief"}
PLAYFUL = "HP-D"
FOIL_GROUPS = {"cool", "greeting", "pointing", "goodbye", "apology", "refuse", "question"}
FONT = DATA.parent / "book" / "_static" / "fonts" / "kaomoji.woff2"


def writable(face, characters):
    """Whether a face is short, whole to the extraction, stable and drawn by the shipped font."""
    found = extract.extract(face + " ok")
    blanks = [char for char in face if char.isspace()]
    plain = set(blanks) <= {" "} and len(blanks) < 3 and "((" not in face
    return (
        plain
        and 3 <= len(face) <= 12
        and found.raw_face == face
        and set(face) <= characters | {" "}
    )


def tokens(path):
    """Return a function face -> number of tokens."""
    from transformers import AutoTokenizer

    path = Path(path)
    named = {"gguf_file": path.name} if path.suffix == ".gguf" else {}
    tokenizer = AutoTokenizer.from_pretrained(path.parent if named else path, **named)
    return lambda face: len(tokenizer(face, add_special_tokens=False).input_ids)


def candidates(scheme):
    """Yield (face, category, basis) in dictionary order."""
    reference = human.load(scheme)
    with gzip.open(DATA / "human" / "cao.csv.gz", "rt", encoding="utf-8") as file:
        cao = {row["face"]: row["label"] for row in csv.DictReader(file)}
    by_face = reference.entries.groupby("face", sort=False)["sets"].agg(list)
    for face, sets in by_face.items():
        single = [item[0] for item in sets if len(item) == 1]
        for code in scheme.codes:
            wanted = BY_SET.get(code)
            if wanted:
                if all(code in item for item in sets) and cao.get(face) == wanted:
                    yield face, code, "set"
            elif single.count(code) >= PURITY * len(sets):
                yield face, code, "label"
            elif code == PLAYFUL and all(code in item for item in sets):
                yield face, code, "set"


def foils(scheme):
    """Yield faces whose labels say nothing about the nine categories."""
    known = set(human.load(scheme).entries["face"])
    with gzip.open(DATA / "human" / "entries.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups = set(row["groups"].split("|"))
            if row["tier"] == "core" and groups <= FOIL_GROUPS and row["face"] not in known:
                yield row["face"], "", "none"


def choose(found, number, taken, counters, characters):
    """Return up to ``number`` rows of the fewest tokens that exclude each other and those in ``taken``."""
    rows = []
    for face, code, basis in found:
        counts = [count(face) for count in counters] or [len(face)]
        if writable(face, characters) and all(2 <= item <= 12 for item in counts):
            rows.append((sum(counts), face, code, basis))
    chosen = []
    for _, face, code, basis in sorted(rows, key=lambda row: row[0]):
        apart = all(not face.startswith(other) and not other.startswith(face) for other in taken)
        if apart and _form(face) not in {_form(other) for other in taken}:
            taken.append(face)
            chosen.append((face, code, basis, "" if code else "foil"))
        if len(chosen) == number:
            break
    return chosen


def _form(face):
    return unicodedata.normalize("NFKC", canonical(face)).replace(" ", "")


def main(paths):
    from fontTools.ttLib import TTFont

    scheme, counters, taken, rows = load_scheme(), [tokens(path) for path in paths], [], []
    characters = {chr(code) for code in TTFont(FONT).getBestCmap()}
    pool = list(candidates(scheme))
    for code in scheme.codes:
        own = [item for item in pool if item[1] == code]
        rows += choose(own, EACH, taken, counters, characters)
    rows += choose(list(foils(scheme)), FOILS, taken, counters, characters)
    with open(DATA / "human" / "inventory.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("face", "category", "basis", "foil"))
        table.writerows(rows)
    print({code: sum(row[1] == code for row in rows) for code in [*scheme.codes, ""]})


if __name__ == "__main__":
    main(sys.argv[1:])
