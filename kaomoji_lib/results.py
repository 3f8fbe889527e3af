"""The one shape of a result: a tidy table with one row per estimate; results by source; and the reason where there is none."""

import functools
from dataclasses import dataclass

import pandas as pd

from kaomoji_lib import html as escape
from kaomoji_lib import stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stats import Estimate

FIELDS = ("value", "ci_low", "ci_high", "null_mean", "p", "n", "unit")
COLUMNS = ["source", "measure", *FIELDS]


def frame(estimates, **labels):
    """Return a tidy table, one row per estimate: :data:`COLUMNS`, then ``labels``, the same in every row (``layer=3``).

    ``estimates``: mapping ``measure -> Estimate`` or ``(source, measure) -> Estimate``.
    """
    rows = []
    for key, value in estimates.items():
        source, measure = key if isinstance(key, tuple) else (labels.get("source", ""), key)
        fields = {name: getattr(value, name) for name in FIELDS}
        rows.append({**labels, "source": source, "measure": measure, **fields})
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*COLUMNS, *labels])))


def estimate(row):
    """Return the :class:`Estimate` in one row of a tidy table (Series)."""
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


def count_findings(table):
    """Return how many rows of a tidy table are findings (:func:`.stats.relevant`), p adjusted for the number of rows."""
    adjusted = table.assign(p=stats.holm(table["p"]))
    return sum(stats.relevant(estimate(row)) for _, row in adjusted.iterrows())


class BySource(dict):
    """Results by source title; ``missing``: dict source title -> reason, for each source that has none, in their order."""

    def __init__(self, results, missing=()):
        super().__init__(results)
        self.missing = dict(missing)

    def map(self, function):
        """Return the results of ``function`` applied to each result; a :class:`KaomojiError` becomes a reason."""
        results, missing = {}, dict(self.missing)
        for title, item in self.items():
            try:
                results[title] = function(item)
            except KaomojiError as error:
                missing[title] = str(error).rstrip(".")
        return BySource(results, missing)

    def frame(self, function=None):
        """Concatenate tidy tables. ``function``: result -> tidy table or mapping measure -> Estimate."""
        results = self if function is None else self.map(function)
        tables = []
        for title, item in results.items():
            table = item if isinstance(item, pd.DataFrame) else frame(item)
            tables.append(table.assign(source=title))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


@dataclass(frozen=True)
class Missing:
    """A result that could not be computed; shown as the reason."""

    reason: str

    def _repr_html_(self):
        head = escape.element("strong", "Not available here.")
        return escape.element("p", head, f" Reason: {self.reason}.", class_="kao-missing")


def attempt(function, *arguments, **named):
    """``function(*arguments, **named)``, or :class:`Missing` when it raises :class:`KaomojiError` or lacks an argument."""
    try:
        return passes_missing(function)(*arguments, **named)
    except KaomojiError as error:
        return Missing(str(error).rstrip("."))


def passes_missing(function):
    """Decorator: a figure or table of a missing result is the missing result."""

    @functools.wraps(function)
    def wrapped(*arguments, **named):
        given = (*arguments, *named.values())
        absent = next((value for value in given if isinstance(value, Missing)), None)
        return function(*arguments, **named) if absent is None else absent

    return wrapped
