"""Derive the human reference from kaomoji-dataset 1.0.6 (CC-BY-4.0): which emotion labels each kaomoji carries.

    pip install --no-deps kaomoji-dataset==1.0.6
    python data/human/build.py

Reads the package's data file line by line and ``groups.csv`` beside this script, and writes ``entries.csv.gz``: one row per
dictionary entry of the tiers ``core`` and ``mixed`` that carries at least one label group. Labels are blocks of up to five
synonyms; a block counts once, as one group. Groups that the dictionary derived from an entry's category by rule are dropped.
"""

import csv
import gzip
import io
import json
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIERS = ("core", "mixed")
SMILES = ("smile", "happy", "joy", "glad", "cheerful", "laugh", "grin")


def groups():
    """Return the label groups in file order: list of dicts with ``group``, ``field`` and ``synonyms``."""
    with open(HERE / "groups.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def blocks(labels, known):
    """Split a list of labels into the names of the groups whose synonyms it spells out."""
    rest, names = list(labels), []
    while rest:
        match = next((g for g in known if rest[: len(g["words"])] == g["words"]), None)
        if match is None:
            rest.pop(0)
        else:
            names.append(match["group"])
            del rest[: len(match["words"])]
    return names


def derived(group, entry):
    """Whether the dictionary gave ``group`` to ``entry`` by rule and not by its meaning."""
    category, names = entry["category"], entry.get("names", {}).get("en", "").lower()
    if group == "happy":
        plain = category == "uncategorized" and any(word in names for word in SMILES)
        return category != "happy" and not plain
    if group == "dissatisfied":
        return category == "disgusted"
    return group == "indifferent" and category == "shrug"


def entries():
    """Yield the labelled dictionary entries as rows: id, tier, face, groups."""
    known = [{**row, "words": row["synonyms"].split("|")} for row in groups()]
    known.sort(key=lambda row: -len(row["words"]))
    package = Path(find_spec("kaomoji_dataset").submodule_search_locations[0])
    with gzip.open(package / "data" / "kaomoji.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            if entry["tier"] not in TIERS:
                continue
            names = []
            for field in ("emotion", "intent"):
                names += blocks(entry[field], [g for g in known if g["field"] == field])
            names = [name for name in dict.fromkeys(names) if not derived(name, entry)]
            if names:
                yield entry["id"], entry["tier"], entry["text"], "|".join(names)


def main():
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("id", "tier", "face", "groups"))
    rows = list(entries())
    table.writerows(rows)
    with open(HERE / "entries.csv.gz", "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(text.getvalue().encode("utf-8"))
    print(f"{len(rows)} entries")


if __name__ == "__main__":
    main()
