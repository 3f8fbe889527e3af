"""What the models are shown: the instruction, the prompts and the adjective lexicon; reading CSV tables of users."""

import csv
from pathlib import Path

import pandas as pd

from kaomoji_lib.errors import KaomojiError

_PACKAGE = Path(__file__).resolve().parent
DATA = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent / "data"

# A single text may be longer than what the csv module takes by default.
csv.field_size_limit(2**31 - 1)

PROMPTS = DATA / "prompts.csv"
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
    text = _decoded(Path(path), expected)
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


def _decoded(path, expected):
    try:
        content = path.read_bytes()
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
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if utf16 else "utf-8-sig").lstrip("\ufeff")


def _refuse_rows(path, rows, problem, remedy):
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
    _refuse_rows(
        path, table.loc[table["id"].duplicated(), "id"], "ids occur twice", "make every id unique"
    )
    empty = (table[["id", "category", "text"]] == "").any(axis=1)
    _refuse_rows(
        path,
        [line for line, bad in zip(lines, empty) if bad],
        "lines with an empty id, category or text",
        "fill or delete them",
    )
    return table[["id", "category", "topic", "text"]]


def load_lexicon(path=None):
    """Read the adjectives: DataFrame with the columns word (unique), category (empty: no anchor), version (int).

    Raises
    ------
    KaomojiError
        If the table is unreadable, a word occurs twice, or a version is not a whole number.
    """
    path = DATA / "lexicon.csv" if path is None else path
    table = read_table(path, ("word", "category", "version"))
    _refuse_rows(
        path,
        table.loc[table["word"].duplicated(), "word"],
        "words occur twice",
        "delete one of each",
    )
    odd = table.loc[~table["version"].str.fullmatch(r"\d+"), "version"]
    _refuse_rows(path, odd, "versions that are not whole numbers", "correct them")
    return table[["word", "category", "version"]].astype({"version": int})
