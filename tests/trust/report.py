"""The counts of one campaign, and the table that keeps the latest of every campaign."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("counts.csv")


@dataclass
class Count:
    """What one campaign came to.

    ``tried``: kills, faults or inputs. ``rows``: rows (replies, files, cells) that were compared with an
    undisturbed run. ``lost``, ``duplicated``, ``changed``: rows that differ from it. ``broken``: promises that were
    not kept otherwise, such as a traceback instead of a line.
    """

    group: str
    what: str
    tried: int = 0
    rows: int = 0
    lost: int = 0
    duplicated: int = 0
    changed: int = 0
    broken: int = 0

    def compare(self, whole, found):
        """Count the rows of ``found`` against ``whole``: dicts key -> value, or lists of pairs where keys may repeat."""
        pairs, expected = list(found.items() if isinstance(found, dict) else found), dict(whole)
        seen = dict(pairs)
        self.rows += len(expected)
        self.lost += len(expected.keys() - seen.keys())
        self.duplicated += len(pairs) - len(seen)
        self.changed += sum(
            seen[key] != value for key, value in expected.items() if key in seen
        ) + len(seen.keys() - expected.keys())

    @property
    def bad(self):
        return self.lost + self.duplicated + self.changed + self.broken


def write(counts):
    """Put ``counts`` into the table in the place of their earlier values."""
    names = [field.name for field in fields(Count)]
    rows = {}
    if TABLE.is_file():
        with TABLE.open(encoding="utf-8", newline="") as handle:
            rows = {(row["group"], row["what"]): row for row in csv.DictReader(handle)}
    rows.update({(count.group, count.what): asdict(count) for count in counts})
    with TABLE.open("w", encoding="utf-8", newline="") as handle:
        table = csv.DictWriter(handle, names, lineterminator="\n")
        table.writeheader()
        table.writerows(sorted(rows.values(), key=lambda row: GROUPS.index(row["group"])))


GROUPS = ["kill -9", "fault", "hostile text"]
