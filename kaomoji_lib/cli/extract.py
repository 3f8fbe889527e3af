"""Read replies, write the face each one starts with.

Standard input: JSON lines with a string "text" (and optionally "truncated": true, when the token limit cut it).
Standard output: one JSON line each, in order: {"outcome", "raw_face", "face"}.
"""

import json
import sys

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces

HELP = "the face each reply starts with (JSON lines in, JSON lines out)"
EXAMPLES = """examples:
  echo '{"text": "(｡♥‿♥｡) what a day"}' | kaomoji extract
  kaomoji extract < replies.jsonl > faces.jsonl
"""


def configure(parser):
    pass


def run(arguments):
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(
            encoding="utf-8",
            errors="surrogateescape" if stream is sys.stdin else "strict",
            newline="\n",
        )
    for number, line in enumerate(sys.stdin, start=1):
        if line.strip():
            found = faces.extract(*_reply(line, number))
            record = {"outcome": found.outcome, "raw_face": found.raw_face, "face": found.face}
            print(_line(record))


def _line(record):
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(record)
    return text


def _reply(line, number):
    expected = 'expected a JSON object with a string "text"'
    try:
        record = json.loads(line)
    except ValueError as error:
        raise KaomojiError(
            f"standard input, line {number}: not JSON ({error}); {expected}"
        ) from None
    except RecursionError:
        raise KaomojiError(
            f"standard input, line {number}: nested too deeply; {expected}"
        ) from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise KaomojiError(f"standard input, line {number}: {expected}")
    return record["text"], record.get("truncated") is True
