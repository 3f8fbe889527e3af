"""The category scheme, as a table: a study may bring its own."""

from dataclasses import dataclass

import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, read_table

COLUMNS = ("code", "description", "gloss", "valence", "arousal", "dominance", "colour", "symbol")


@dataclass(frozen=True)
class Scheme:
    """The emotional categories of a study.

    ``table`` is indexed by code and holds description, gloss (one or two words), valence and
    arousal (numbers in -1..1), dominance (``D`` high, ``S`` low, empty), colour (``#rrggbb``) and
    symbol (a plotly marker symbol).
    """

    table: pd.DataFrame

    @property
    def codes(self):
        return tuple(self.table.index)

    def colour(self, code):
        return self._cell(code, "colour")

    def symbol(self, code):
        return self._cell(code, "symbol")

    def gloss(self, code):
        return self._cell(code, "gloss")

    def _cell(self, code, column):
        if code not in self.table.index:
            raise KaomojiError(
                f"category {code!r} is not in the scheme; expected one of {', '.join(self.codes)}; "
                "add it to the category table or correct the data"
            )
        return self.table.at[code, column]


def load_scheme(path=None):
    """Read a category table (columns ``COLUMNS``) into a :class:`Scheme`.

    Raises
    ------
    KaomojiError
        If the table is unreadable, a code is empty or occurs twice, there are fewer than two
        codes, or a coordinate, dominance or colour is malformed.
    """
    path = DATA / "categories.csv" if path is None else path
    table = read_table(path, COLUMNS)
    if len(table) < 2 or table["code"].duplicated().any() or (table["code"] == "").any():
        raise KaomojiError(
            f"{path}: expected at least two categories with different, non-empty codes; correct the codes"
        )
    for column in ("valence", "arousal"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
        _check(path, table, column, table[column].between(-1, 1), "a number from -1 to 1")
    _check(
        path,
        table,
        "dominance",
        table["dominance"].isin(["D", "S", ""]),
        "D (high), S (low) or nothing",
    )
    _check(path, table, "colour", table["colour"].str.fullmatch("#[0-9a-fA-F]{6}"), "#rrggbb")
    return Scheme(table.set_index("code")[list(COLUMNS[1:])])


def _check(path, table, column, good, expected):
    if not good.all():
        bad = ", ".join(table.loc[~good, "code"])
        raise KaomojiError(
            f"{path}: {column} of {bad} is malformed; expected {expected}; correct the cell"
        )
