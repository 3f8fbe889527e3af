"""Read replies, write the face each one starts with.

Replies come from a file or standard input, one after the other: JSON lines with a string "text" (and optionally
"truncated": true, when the token limit cut it), plain lines (--text, *.txt), or a column of a table (*.csv, *.tsv,
*.parquet; --column alone reads a CSV from standard input). Standard output: one JSON line each, in order: {"outcome",
"raw_face", "face"}; a reply that cannot be read gives {"error"} in its place. Standard error: how many there were of
each outcome. The exit code is 1 if something was left out.
"""

import collections
import io
import json
import sys
from pathlib import Path

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.runs.files import read_parquet
from kaomoji_lib.stimuli import read_table

HELP = "the face each reply starts with (JSON lines, plain lines or a table in, JSON lines out)"
EXAMPLES = """examples:
  echo '{"text": "(｡♥‿♥｡) what a day"}' | kaomoji extract
  kaomoji extract replies.jsonl > faces.jsonl
  kaomoji extract --text --explain < lines.txt
  kaomoji extract answers.csv --column reply
"""
TABLES = (".csv", ".tsv", ".parquet")


def configure(parser):
    add = parser.add_argument
    add("file", nargs="?", default="-", help="what to read; - is standard input")
    add("--text", action="store_true", help="every line is a reply as it is")
    add("--column", help='column of a table that has the replies (default "text")')
    add("--explain", action="store_true", help="also write every span that was judged, and why")


def run(arguments):
    # Half of a surrogate pair is written as JSON escapes it. A line is out before the next one is read, so that a stream can be followed.
    sys.stdout.reconfigure(
        encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
    )
    is_table = arguments.column or Path(arguments.file).suffix.lower() in TABLES
    column = arguments.column or "text"
    replies = _table(arguments.file, column) if is_table else _lines(arguments.file, arguments.text)
    bad, outcomes = [], collections.Counter()
    for place, reply in replies:
        try:
            text, truncated = _reply(reply, column)
            face = faces.extract(text, truncated)
            record = {"outcome": face.outcome, "raw_face": face.raw_face, "face": face.face}
            if arguments.explain:
                record["judged"] = faces.explain(text)
            outcomes[face.outcome] += 1
        except ValueError as error:
            bad.append(f"{place}: {error}")
            record = {"error": bad[-1]}
        print(json.dumps(record, ensure_ascii=False))
    counts = ", ".join(f"{outcomes[name]} {name}" for name in faces.OUTCOMES if outcomes[name])
    left_out = f"; {len(bad)} lines left out; the first: {bad[0]}" if bad else ""
    print(f"kaomoji: {outcomes.total()} replies: {counts or 'none'}{left_out}", file=sys.stderr)
    return 1 if bad else 0


def _lines(file, text):
    """Yield (place, reply): a line of JSON, or a dict for a plain line."""
    name = "standard input" if file == "-" else file
    plain = text or Path(file).suffix.lower() == ".txt"
    with sys.stdin.buffer if file == "-" else open(file, "rb") as binary:
        utf16 = binary.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
        encoding = ("utf-16", "replace") if utf16 else ("utf-8-sig", "surrogateescape")
        stream = io.TextIOWrapper(binary, *encoding, newline="\n")
        for number, line in enumerate(stream, start=1):
            if plain:
                yield f"{name}, line {number}", {"text": line.rstrip("\r\n")}
            elif line.strip():
                yield f"{name}, line {number}", line


def _table(file, column):
    """Yield (place, row as a dict) of a Parquet file or of what :func:`read_table` reads, also from standard input."""
    if Path(file).suffix.lower() == ".parquet":
        Path(file).stat()
        table = read_parquet(file, "write it again, or read plain lines with --text")
    else:
        try:
            table = read_table("/dev/stdin" if file == "-" else file, (column,), ("truncated",))
        except KaomojiError as error:
            raise KaomojiError(f"{error}, or name another column with --column") from None
    if column not in table:
        raise KaomojiError(
            f"{file}: no column {column!r}; expected one of {', '.join(map(str, table))}; name it with --column"
        )
    for number, row in enumerate(table.to_dict("records"), start=1):
        yield f"{file}, row {number}", row


def _reply(reply, column):
    """Return the text of a reply, and whether it was cut; raises ValueError."""
    if isinstance(reply, str):
        try:
            reply = json.loads(reply)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not JSON ({error}); expected a JSON object") from None
    if not isinstance(reply, dict) or not isinstance(reply.get(column), str):
        raise ValueError(f"no reply; expected a string {column!r}")
    return reply[column], str(reply.get("truncated")).strip().lower() == "true"
