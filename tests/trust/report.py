"""The counts of one campaign, and the table that keeps the latest of every campaign."""

from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("counts.csv")


@dataclass
class Count:
    """What one campaign came to.

    ``tried``: kills or faults. ``rows``: rows (replies, states, files) that were compared with an undisturbed run.
    ``lost``, ``duplicated``, ``changed``: rows that differ from it. ``broken``: promises that were not kept
    otherwise, such as a traceback instead of a line.
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
        """Count the pairs (key, value) of ``found``, whose keys may repeat, against the dict ``whole``."""
        seen = dict(found)
        self.rows += len(whole)
        self.lost += len(whole.keys() - seen.keys())
        self.duplicated += len(found) - len(seen)
        self.changed += sum(key not in whole or seen[key] != whole[key] for key in seen)

    @property
    def bad(self):
        return self.lost + self.duplicated + self.changed + self.broken


def write(counts):
    """Put ``counts`` into the table in the place of their earlier values."""
    table = pd.concat([pd.read_csv(TABLE), pd.DataFrame(map(asdict, counts))])
    table = table.drop_duplicates(["group", "what"], keep="last")
    table.sort_values(["group", "what"]).to_csv(TABLE, index=False)
