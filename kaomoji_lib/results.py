"""The one shape of a result: a tidy table with one row per estimate, and a mapping of results by source."""

from collections.abc import Mapping

import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stats import Estimate

FIELDS = ("value", "ci_low", "ci_high", "null_mean", "p", "n", "unit")
COLUMNS = ["source", "measure", *FIELDS]


def frame(estimates, **labels):
    """Return a tidy table, one row per estimate.

    ``estimates``: mapping ``measure -> Estimate`` or ``(source, measure) -> Estimate``. ``labels``: columns that are
    the same in every row (``layer=3``, ``source="Gemma"``). Columns: :data:`COLUMNS`, then the labels.
    """
    rows = []
    for key, value in estimates.items():
        source, measure = key if isinstance(key, tuple) else (labels.get("source", ""), key)
        fields = {name: getattr(value, name) for name in FIELDS}
        rows.append({**labels, "source": source, "measure": measure, **fields})
    extra = [name for name in labels if name not in COLUMNS]
    return pd.DataFrame(rows, columns=[*COLUMNS, *extra])


def estimate(row):
    """Return the :class:`Estimate` in one row of a tidy table (Series, mapping or named tuple)."""
    row = row if isinstance(row, Mapping | pd.Series) else row._asdict()
    fields = {name: row[name] for name in FIELDS}
    for name in ("null_mean", "p"):
        fields[name] = None if pd.isna(fields[name]) else float(fields[name])
    return Estimate(**{**fields, "n": int(fields["n"])})


def one(table, **where):
    """Return the :class:`Estimate` of the only row of ``table`` whose columns equal ``where``.

    Raises
    ------
    KaomojiError
        If no row or more than one row matches.
    """
    rows = table
    for name, value in where.items():
        rows = rows[rows[name] == value]
    if len(rows) != 1:
        raise KaomojiError(f"{len(rows)} estimates match {where}; expected one; name more columns")
    return estimate(rows.iloc[0])


class BySource(Mapping):
    """Results by source title, with the reason for each source that has none.

    ``missing``: dict source title -> reason, in the order the sources were given.
    """

    def __init__(self, results, missing=()):
        self._results, self.missing = dict(results), dict(missing)

    @classmethod
    def collect(cls, sources, function):
        """Call ``function(source)`` for each of ``sources`` (mapping title -> source).

        A :class:`KaomojiError` becomes the reason that the source has no result.
        """
        return cls(sources).map(function)

    def map(self, function):
        """Return the results of ``function`` applied to each result, keeping what is missing."""
        results, missing = {}, dict(self.missing)
        for title, item in self.items():
            try:
                results[title] = function(item)
            except KaomojiError as error:
                missing[title] = str(error).rstrip(".")
        return BySource(results, missing)

    def frame(self, function=None, **labels):
        """Concatenate tidy tables. ``function``: result -> tidy table or mapping measure -> Estimate."""
        results = self if function is None else self.map(function)
        tables = []
        for title, item in results.items():
            table = item if isinstance(item, pd.DataFrame) else frame(item, **labels)
            tables.append(table.assign(source=title))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)

    def __getitem__(self, title):
        return self._results[title]

    def __iter__(self):
        return iter(self._results)

    def __len__(self):
        return len(self._results)
