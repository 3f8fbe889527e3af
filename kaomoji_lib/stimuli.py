"""The tables of the study: messages, categories, perspectives (whose feeling is asked for), lexicon; reading users' CSV files."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kaomoji_lib.errors import KaomojiError

_PACKAGE = Path(__file__).resolve().parent
DATA = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent / "data"

# A text may be longer than what the csv module takes by default.
csv.field_size_limit(2**31 - 1)

PROMPTS, UTF_16 = DATA / "prompts.csv", (b"\xff\xfe", b"\xfe\xff")
COLUMNS = ("code", "description", "gloss", "valence", "arousal", "dominance", "colour", "symbol")
SELF, OWN_WORDS = "self", "own words"
INSTRUCTION = "Start each message with a kaomoji that best represents how you feel."


def read_table(path, required, optional=()):
    """Read a CSV file of text cells; empty cells are empty strings, ``NA`` stays ``NA``.

    Unambiguous variants are accepted: commas, semicolons or tabs between the cells, a byte-order mark, UTF-16 with
    one, any line ends, empty lines, empty cells after the last column, and column names in another case.

    Raises
    ------
    KaomojiError
        If the file is missing or is not CSV, has no rows, a line has too many or too few cells (both are named), or
        one of the ``required`` columns is missing.
    """
    return _by_line(path, required, optional).reset_index(drop=True)


def _by_line(path, required, optional=()):
    """As :func:`read_table`, indexed by line number."""
    expected = "a CSV file with the columns " + ", ".join(required)
    lines = io.StringIO(read_text(path, expected), newline=None).readlines()
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    names, heads = {name.casefold(): name for name in (*required, *optional)}, {}
    for delimiter in ",;\t":
        cells = next(csv.reader(lines[start : start + 1], delimiter=delimiter), [])
        heads[delimiter] = [names.get(cell.strip().casefold(), cell.strip()) for cell in cells]
    delimiter = max(heads, key=lambda one: len(set(heads[one]) & set(names.values())))
    head = heads[delimiter]
    while head and not head[-1]:
        head.pop()
    missing = [name for name in required if name not in head]
    twice = sorted({name for name in head if head.count(name) > 1})
    if missing or twice:
        problem = "names twice" if twice else "lacks"
        raise KaomojiError(
            f"{path}, line {start + 1}: {problem} the column(s) {', '.join(twice or missing)}; "
            f"found {', '.join(head) or 'nothing'}; expected {expected}; correct the first line"
        )
    rows, before = {}, 0
    reader = csv.reader(lines[start + 1 :], delimiter=delimiter, strict=True)
    try:
        for row in reader:
            number, before = start + 2 + before, reader.line_num
            cells = [cell.strip() for cell in row]
            while len(cells) > len(head) and not cells[-1]:
                cells.pop()
            if any(cells) and len(cells) != len(head):
                raise KaomojiError(
                    f"{path}, line {number}: {len(cells)} cells, but the first line names {len(head)}; expected one for "
                    f"each; put cells that contain {delimiter!r} in quotation marks, and leave missing cells empty"
                )
            if any(cells):
                rows[number] = cells
    except csv.Error as error:
        raise KaomojiError(
            f"{path}, line {start + 2 + before}: not CSV ({error}); expected a quoted cell to end with "
            'a quotation mark and marks inside it to be doubled ("")'
        ) from None
    if not rows:
        raise KaomojiError(f"{path} has no rows; expected {expected}; add at least one row")
    return pd.DataFrame(rows.values(), rows, head, dtype=str)


def read_text(path, expected):
    """Return what a text file contains (str); raises KaomojiError, saying what was ``expected``, where it cannot be read."""
    try:
        content = Path(path).read_bytes()
        return decode(content)
    except OSError as error:
        problem, remedy = f"{path} cannot be read ({error.strerror})", "check the path"
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem, remedy = f"{path}, line {line}: not UTF-8", "save it again in UTF-8"
    raise KaomojiError(f"{problem}; expected {expected}; {remedy}")


def decode(content):
    """Decode the bytes of a text file: UTF-8 with or without a byte-order mark, or UTF-16 with one."""
    return content.decode("utf-16" if content[:2] in UTF_16 else "utf-8-sig")


def _refuse(path, problem, rows, remedy):
    """Raise KaomojiError, naming the first of ``rows``, if there are any."""
    if len(rows):
        raise KaomojiError(f"{path}: {problem}: {', '.join(map(repr, list(rows)[:5]))}; {remedy}")


def load_prompts(path=None):
    """Read the prompts: DataFrame with the columns id (unique), category, topic (may be empty), text.

    Raises
    ------
    KaomojiError
        If the table is unreadable, an id occurs twice, or an id, category or text is empty.
    """
    path, required = path or PROMPTS, ["id", "category", "text"]
    table = _by_line(path, required, ("topic",))
    twice = table.loc[table["id"].duplicated(), "id"]
    _refuse(path, "ids occur twice", twice, "make every id unique")
    empty = table.index[(table[required] == "").any(axis=1)]
    _refuse(path, "lines with an empty id, category or text", empty, "fill or delete them")
    table = table.reindex(columns=["id", "category", "topic", "text"], fill_value="")
    return table.reset_index(drop=True)


def load_lexicon():
    """Read the adjectives: DataFrame with the columns word (unique), category (empty: no anchor), version (int)."""
    columns = ("word", "category", "version")
    return read_table(DATA / "lexicon.csv", columns).astype({"version": int})


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
        return self.table.at[code, "colour"]

    def symbol(self, code):
        return self.table.at[code, "symbol"]

    def gloss(self, code):
        return self.table.at[code, "gloss"]


def load_scheme(path=None):
    """Read a category table (columns ``COLUMNS``) into a :class:`Scheme`.

    Raises
    ------
    KaomojiError
        If the table is unreadable, a code is empty or occurs twice, there are fewer than two
        codes, or a coordinate, dominance or colour is malformed.
    """
    path = path or DATA / "categories.csv"
    table = read_table(path, COLUMNS)
    if len(table) < 2 or table["code"].duplicated().any() or (table["code"] == "").any():
        raise KaomojiError(
            f"{path}: expected at least two categories with different, non-empty codes; correct the codes"
        )
    for column in ("valence", "arousal"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    good = {
        "valence": (table["valence"].between(-1, 1), "a number from -1 to 1"),
        "arousal": (table["arousal"].between(-1, 1), "a number from -1 to 1"),
        "dominance": (table["dominance"].isin(["D", "S", ""]), "D (high), S (low) or nothing"),
        "colour": (table["colour"].str.fullmatch("#[0-9a-fA-F]{6}"), "#rrggbb"),
    }
    for column, (rows, expected) in good.items():
        bad = table.loc[~rows, "code"]
        _refuse(path, f"malformed {column}; expected {expected}", bad, "correct the cells")
    return Scheme(table.set_index("code")[list(COLUMNS[1:])])


def load_perspectives():
    """Read the perspectives: DataFrame indexed by perspective, with title, instruction, purpose; ``self`` is the study's own."""
    columns = ("perspective", "title", "instruction", "purpose")
    return read_table(DATA / "perspectives.csv", columns).set_index("perspective")


def instruction_of(perspective, instruction=None):
    """Return (perspective, instruction) of a collection: a name of the table, or an instruction in the user's own words.

    Raises
    ------
    KaomojiError
        If the perspective is unknown, or both one other than ``self`` and an instruction are given.
    """
    table = load_perspectives()
    if perspective not in table.index:
        raise KaomojiError(
            f"unknown perspective {perspective!r}; expected one of {', '.join(table.index)}; "
            "add yours to data/perspectives.csv"
        )
    if instruction is None or instruction == table.at[perspective, "instruction"]:
        return perspective, table.at[perspective, "instruction"]
    if perspective != SELF:
        raise KaomojiError(
            f"both the perspective {perspective!r} and an instruction were given; expected one of them; leave one out"
        )
    return OWN_WORDS, instruction
