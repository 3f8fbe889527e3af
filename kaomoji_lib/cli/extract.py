"""Read replies, write the face each one starts with.

Replies come from a file or standard input, one after the other: JSON lines with a string "text" (and optionally
"truncated": true, when the token limit cut it), plain lines (--text, *.txt), or a column of a table (*.csv, *.tsv,
*.parquet; --column alone reads a CSV from standard input). Standard output: one JSON line each, in order: {"outcome",
"raw_face", "face"}; a reply that cannot be read gives {"error"} in its place. Standard error: how many there were of
each outcome. The exit code is 1 if something was left out.
"""

import collections
import csv
import json
import sys
from pathlib import Path

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces

HELP = "the face each reply starts with (JSON lines, plain lines or a table in, JSON lines out)"
EXAMPLES = """examples:
  echo '{"text": "(｡♥‿♥｡) what a day"}' | kaomoji extract
  kaomoji extract replies.jsonl > faces.jsonl
  kaomoji extract --text --explain < lines.txt
  kaomoji extract answers.csv --column reply
"""
INCOMPLETE = 1
ENCODING = {"encoding": "utf-8-sig", "errors": "surrogateescape"}
STRONGEST = 8
_TABLES = {".csv": ",", ".tsv": "\t"}
_EXPECTED = 'expected a JSON object with a string "text"'


def configure(parser):
    parser.add_argument("file", nargs="?", default="-", help="what to read; - is standard input")
    parser.add_argument("--text", action="store_true", help="every line is a reply as it is")
    parser.add_argument("--column", help='column of a table that has the replies (default "text")')
    parser.add_argument(
        "--explain", action="store_true", help="also write every span that was judged, and why"
    )


def run(arguments):
    # A line is out before the next one is read, so that a stream can be followed.
    sys.stdout.reconfigure(encoding="utf-8", errors="strict", newline="\n", line_buffering=True)
    bad, outcomes = [], collections.Counter()
    for place, reply in _replies(arguments):
        try:
            text, truncated = reply()
            face = faces.extract(text, truncated)
            record = {"outcome": face.outcome, "raw_face": face.raw_face, "face": face.face}
            if arguments.explain:
                record["judged"] = [_strongest(verdict) for verdict in faces.explain(text)]
            outcomes[face.outcome] += 1
        except ValueError as error:
            bad.append(f"{place}: {error}")
            record = {"error": bad[-1]}
        print(_line(record))
    counts = ", ".join(f"{outcomes[name]} {name}" for name in faces.OUTCOMES if outcomes[name])
    left_out = f"; {len(bad)} lines left out; the first: {bad[0]}" if bad else ""
    print(f"kaomoji: {outcomes.total()} replies: {counts or 'none'}{left_out}", file=sys.stderr)
    return INCOMPLETE if bad else 0


def _replies(arguments):
    """Pairs of the place of a reply and a function that returns (text, truncated) or raises ValueError."""
    path, column = arguments.file, arguments.column
    if path == "-":
        sys.stdin.reconfigure(**ENCODING, newline="" if column else "\n")
        yield from _streamed(sys.stdin, "standard input", "," if column else "", arguments)
    elif Path(path).suffix.lower() == ".parquet":
        yield from _parquet(path, column or "text")
    else:
        separator = _TABLES.get(Path(path).suffix.lower(), "," if column else "")
        with open(path, newline="" if separator else "\n", **ENCODING) as stream:
            yield from _streamed(stream, path, separator, arguments)


def _streamed(stream, name, separator, arguments):
    if separator:
        yield from _table(stream, name, separator, arguments.column or "text")
        return
    plain = arguments.text or Path(name).suffix.lower() == ".txt"
    for number, line in enumerate(stream, start=1):
        place = f"{name}, line {number}"
        if plain:
            yield place, lambda line=line: (line.rstrip("\r\n"), False)
        elif line.strip():
            yield place, lambda line=line: _reply(line)


def _table(stream, name, separator, column):
    csv.field_size_limit(2**31 - 1)
    rows = csv.DictReader(stream, delimiter=separator)
    try:
        _require(column, rows.fieldnames or (), name)
        for row in rows:
            yield f"{name}, line {rows.line_num}", lambda row=row: _cell(row, column)
    except csv.Error as error:
        raise KaomojiError(
            f"{name}, line {rows.line_num}: no table ({error}); expected CSV with a header; --text reads plain lines"
        ) from None


def _parquet(path, column):
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(path)
        names = table.schema_arrow.names
        _require(column, names, path)
        columns = [name for name in (column, "truncated") if name in names]
        rows = (row for batch in table.iter_batches(columns=columns) for row in batch.to_pylist())
        for number, row in enumerate(rows, start=1):
            yield f"{path}, row {number}", lambda row=row: _cell(row, column)
    except ArrowException as error:
        raise KaomojiError(
            f"{path}: not readable as Parquet ({error}); expected a Parquet file; write it again"
        ) from None


def _require(column, names, path):
    if column not in names:
        raise KaomojiError(
            f"{path}: no column {column!r}; expected one of {', '.join(map(str, names)) or 'the header'}; name it with --column"
        )


def _cell(row, column):
    if not isinstance(row[column], str):
        raise ValueError(f"no reply in column {column!r}; expected text")
    return row[column], str(row.get("truncated")).strip().lower() == "true"


def _strongest(verdict):
    features = dict(list(verdict["features"].items())[:STRONGEST])
    return {**verdict, "features": features}


def _line(record):
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(record)
    return text


def _reply(line):
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON ({error}); {_EXPECTED}") from None
    except RecursionError:
        raise ValueError(f"nested too deeply; {_EXPECTED}") from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise ValueError(f"no reply; {_EXPECTED}")
    return record["text"], record.get("truncated") is True
