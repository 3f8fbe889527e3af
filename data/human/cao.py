"""Derive the valence that the CAO system assigns to kaomoji (Ptaszynski et al. 2010), as a second instrument for its sign.

    pip install cao-official==0.5.0      (BSD-3-Clause; it loads a pickled table, so run it in an environment of its own)
    python data/human/cao.py

Reads the faces of ``entries.csv.gz`` (tier core) and of ``data/published`` and writes ``cao.csv.gz``: face, label, valence.
An unparsed face, or one with a fallback posterior that at least 2 % of all faces share, is left out: it is missing, not neutral.
"""

import csv
import gzip
import io
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent


def faces():
    """Return the faces to analyse, in order, each once."""
    with gzip.open(HERE / "entries.csv.gz", "rt", encoding="utf-8") as file:
        names = [row["face"] for row in csv.DictReader(file) if row["tier"] == "core"]
    for path in sorted((HERE.parent / "published").glob("*faces*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            names += [row["face"] for row in csv.DictReader(file) if row.get("face")]
    return list(dict.fromkeys(names))


def main():
    from cao_official import Cao

    cao, rows = Cao(), []
    for face in faces():
        try:
            result = cao.analyze(face)
        except Exception:
            continue
        if result is not None:
            ranking = tuple((name, round(value, 6)) for name, value in result.ranking())
            rows.append((face, result.label, round(float(result.valence), 3), ranking))
    shared = Counter(ranking for *_, ranking in rows)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("face", "label", "valence"))
    usable = [row[:3] for row in rows if shared[row[3]] < 0.02 * len(rows)]
    table.writerows(usable)
    with open(HERE / "cao.csv.gz", "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(text.getvalue().encode("utf-8"))
    print(f"{len(usable)} of {len(rows)} analysed faces")


if __name__ == "__main__":
    main()
