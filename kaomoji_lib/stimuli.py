"""The tables of the study: messages, categories, perspectives (whose feeling is asked for), lexicon; reading users' CSV files."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kaomoji_lib.errors import KaomojiError

_PACKAGE = Path(__file__).resolve().parent
DATA = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent / "data"

# A single text may be longer than what the csv module takes by default.
csv.field_size_limit(2**31 - 1)

PROMPTS = DATA / "prompts.csv"
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
    return _read_table(path, required, optional)[0]


def _read_table(path, required, optional=()):
    """As :func:`read_table`, with the line number of each row: (DataFrame, list of int)."""
    expected = "a CSV file with the columns " + ", ".join(required)
    text = read_text(path, expected)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    names = {name.casefold(): name for name in (*required, *optional)}
    delimiter, head = ",", []
    if start < len(lines) and lines[start].casefold().startswith("sep="):
        start += 1
    for candidate in ",;\t":
        cells = next(csv.reader(lines[start : start + 1], delimiter=candidate), [])
        cells = [names.get(cell.strip().casefold(), cell.strip()) for cell in cells]
        if not head or len(set(cells) & set(names.values())) > len(set(head) & set(names.values())):
            delimiter, head = candidate, cells
    while head and not head[-1]:
        head.pop()
    missing = [name for name in required if name not in head]
    if missing or len(set(head)) < len(head):
        twice = ", ".join(sorted({name for name in head if head.count(name) > 1}))
        problem = (
            f"names the column(s) {twice} twice"
            if twice
            else f"lacks the column(s) {', '.join(missing)}"
        )
        raise KaomojiError(
            f"{path}, line {start + 1}: {problem}; found {', '.join(head) or 'nothing'}; "
            f"expected {expected}; correct the first line"
        )
    rows, numbers, before = [], [], 0
    reader = csv.reader(
        (line + "\n" for line in lines[start + 1 :]), delimiter=delimiter, strict=True
    )
    try:
        for row in reader:
            number, before = start + 2 + before, reader.line_num
            if any(cell.strip() for cell in row):
                rows.append(_cells(path, number, row, head, delimiter))
                numbers.append(number)
    except csv.Error as error:
        raise KaomojiError(
            f"{path}, line {start + 2 + before}: not CSV ({error}); expected a quoted cell to end with "
            'a quotation mark and marks inside it to be doubled ("")'
        ) from None
    if not rows:
        raise KaomojiError(f"{path} has no rows; expected {expected}; add at least one row")
    return pd.DataFrame(rows, columns=head, dtype=str), numbers


def _cells(path, number, row, head, delimiter):
    while len(row) > len(head) and not row[-1].strip():
        row.pop()
    if len(row) != len(head):
        raise KaomojiError(
            f"{path}, line {number}: {len(row)} cells, but the first line names {len(head)}; expected one for each; "
            f"put cells that contain {delimiter!r} in quotation marks, and leave missing cells empty"
        )
    return [cell.strip() for cell in row]


def read_text(path, expected):
    """Return what a text file contains (str); raises KaomojiError, saying what was ``expected``, where it cannot be read."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise KaomojiError(f"{path} does not exist; expected {expected}; check the path") from None
    except OSError as error:
        raise KaomojiError(
            f"{path} cannot be read ({error.strerror}); expected {expected}; check it"
        ) from None
    try:
        return decode(content)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise KaomojiError(
            f"{path}, line {line}: not UTF-8; expected {expected} in UTF-8; save it again with this encoding"
        ) from None


def decode(content):
    """Decode the bytes of a text file: UTF-8 with or without a byte-order mark, or UTF-16 with one."""
    return content.decode(
        "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    ).lstrip("\ufeff")


def _refuse(path, problem, rows, remedy):
    """Raise KaomojiError, naming the first of ``rows``, if there are any."""
    if len(rows):
        shown = ", ".join(repr(row) for row in list(rows)[:5])
        raise KaomojiError(f"{path}: {problem}: {shown}; {remedy}")


def load_prompts(path=None):
    """Read the prompts: DataFrame with the columns id (unique), category, topic (may be empty), text.

    Raises
    ------
    KaomojiError
        If the table is unreadable, an id occurs twice, or an id, category or text is empty.
    """
    path = path or PROMPTS
    table, lines = _read_table(path, ("id", "category", "text"), ("topic",))
    if "topic" not in table:
        table["topic"] = ""
    twice = table.loc[table["id"].duplicated(), "id"]
    _refuse(path, "ids occur twice", twice, "make every id unique")
    empty = (table[["id", "category", "text"]] == "").any(axis=1)
    bad = [line for line, is_empty in zip(lines, empty) if is_empty]
    _refuse(path, "lines with an empty id, category or text", bad, "fill or delete them")
    return table[["id", "category", "topic", "text"]]


def load_lexicon():
    """Read the adjectives: DataFrame with the columns word (unique), category (empty: no anchor), version (int)."""
    table = read_table(DATA / "lexicon.csv", ("word", "category", "version"))
    return table.astype({"version": int})


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
    """Read the perspectives: DataFrame indexed by perspective, with title, instruction, purpose; ``self`` is the study's own.

    Raises
    ------
    KaomojiError
        If the table is unreadable, a perspective occurs twice, an instruction is empty, or ``self`` is not the study's
        instruction.
    """
    path = DATA / "perspectives.csv"
    table = read_table(path, ("perspective", "title", "instruction", "purpose"))
    twice = table.loc[table["perspective"].duplicated(), "perspective"]
    _refuse(path, "perspectives occur twice", twice, "delete one of each")
    table = table.set_index("perspective")
    empty = table.index[table["instruction"] == ""]
    _refuse(path, "perspectives without an instruction", empty, "fill or delete them")
    if SELF not in table.index or table.at[SELF, "instruction"] != INSTRUCTION:
        raise KaomojiError(
            f"{path}: the perspective {SELF!r} must be the study's own instruction ({INSTRUCTION!r}); add it"
        )
    return table


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
