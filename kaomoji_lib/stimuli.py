"""What the models are shown: the instruction, the prompts and the adjective lexicon."""

from pathlib import Path

import pandas as pd

from kaomoji_lib.errors import KaomojiError

_PACKAGE = Path(__file__).resolve().parent
DATA = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent / "data"

INSTRUCTION = "Start each message with a kaomoji that best represents how you feel."


def read_table(path, required):
    """Read a CSV file of text cells; empty cells stay empty strings, ``NA`` stays ``NA``.

    Raises
    ------
    KaomojiError
        If the file is missing, is not CSV, has no rows, or lacks one of the ``required`` columns.
    """
    path = Path(path)
    expected = "a CSV file with the columns " + ", ".join(required)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise KaomojiError(f"{path} does not exist; expected {expected}; check the path") from None
    except (OSError, ValueError) as error:
        raise KaomojiError(
            f"{path} cannot be read ({error}); expected {expected} in UTF-8; correct the file"
        ) from None
    table.columns = [str(name).strip() for name in table.columns]
    missing = [name for name in required if name not in table]
    if missing:
        raise KaomojiError(
            f"{path} lacks the column(s) {', '.join(missing)}; expected {expected}; add them"
        )
    if table.empty:
        raise KaomojiError(f"{path} has no rows; expected {expected}; add at least one row")
    return table.apply(lambda column: column.str.strip())


def _refuse_rows(path, rows, problem, remedy):
    if len(rows):
        shown = ", ".join(repr(row) for row in list(rows)[:5])
        raise KaomojiError(f"{path}: {problem}: {shown}; {remedy}")


def load_prompts(path=None):
    """The prompts: DataFrame with the columns id (unique), category, topic (may be empty), text.

    Raises
    ------
    KaomojiError
        If the table is unreadable, an id occurs twice, or an id, category or text is empty.
    """
    path = DATA / "prompts.csv" if path is None else path
    table = read_table(path, ("id", "category", "text"))
    if "topic" not in table:
        table["topic"] = ""
    _refuse_rows(
        path, table.loc[table["id"].duplicated(), "id"], "ids occur twice", "make every id unique"
    )
    empty = (table[["id", "category", "text"]] == "").any(axis=1)
    _refuse_rows(
        path,
        table.index[empty] + 2,
        "lines with an empty id, category or text",
        "fill or delete them",
    )
    return table[["id", "category", "topic", "text"]]


def load_lexicon(path=None):
    """The adjectives: DataFrame with the columns word (unique), category (empty: no anchor), version (int).

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
