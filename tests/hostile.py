"""Text that wants to break out: the strings which every route to a page, a file or a terminal has to survive.

``hostile.json`` lists them by what they attack. No string asks for anything but ``/stolen`` or calls anything but
``kaoBroke()``, so that a browser can tell.
"""

import csv
import json
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ASK = "/stolen"


@cache
def faces():
    """Every spelling of the data: what the organisms were taught to type."""
    with (HERE.parent / "data/organisms/planted.csv").open(encoding="utf-8") as handle:
        return tuple(dict.fromkeys(row["spelling"] for row in csv.DictReader(handle)))


@cache
def strings():
    """All strings, each once: written ones, those of the data, and short ones inside the brackets of a face."""
    kinds = json.loads((HERE / "hostile.json").read_text(encoding="utf-8"))
    written = [text for kind in kinds.values() for text in kind]
    dressed = [f"({text})" for text in written if len(text) <= 30]
    return tuple(dict.fromkeys([*written, *faces(), *dressed]))


def long(size=10**6):
    """Lines of a million characters."""
    pieces = ("a", "(", "<b>", "﹏", "\u0301", "[", "( ͡° ͜ʖ ͡°)", "&")
    return tuple(piece * (size // len(piece)) for piece in pieces)
