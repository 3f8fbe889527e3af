"""Read replies, write the face each one starts with.

Standard input: JSON lines with a string "text" (and optionally "truncated": true, when the token limit cut it).
Standard output: one JSON line each, in order: {"outcome", "raw_face", "face"}. A line that cannot be read gives
{"error"} in its place; they are counted at the end, and the exit code is 1.
"""

import json
import sys

from kaomoji_lib.faces import extract as faces

HELP = "the face each reply starts with (JSON lines in, JSON lines out)"
EXAMPLES = """examples:
  echo '{"text": "(｡♥‿♥｡) what a day"}' | kaomoji extract
  kaomoji extract < replies.jsonl > faces.jsonl
"""
INCOMPLETE = 1
_EXPECTED = 'expected a JSON object with a string "text"'


def configure(parser):
    pass


def run(arguments):
    # A byte-order mark is no part of the first reply.
    sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape", newline="\n")
    sys.stdout.reconfigure(encoding="utf-8", errors="strict", newline="\n")
    bad = []
    for number, line in enumerate(sys.stdin, start=1):
        if line.strip():
            try:
                face = faces.extract(*_reply(line))
                record = {"outcome": face.outcome, "raw_face": face.raw_face, "face": face.face}
            except ValueError as error:
                bad.append(f"standard input, line {number}: {error}; {_EXPECTED}")
                record = {"error": bad[-1]}
            print(_line(record))
    if bad:
        print(f"kaomoji: {len(bad)} lines left out; the first: {bad[0]}", file=sys.stderr)
    return INCOMPLETE if bad else 0


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
        raise ValueError(f"not JSON ({error})") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise ValueError("no reply")
    return record["text"], record.get("truncated") is True
