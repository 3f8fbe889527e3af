"""The shipped font has a glyph for everything a face in the data is typed with."""

import csv
import unicodedata
from pathlib import Path

import pytest

ttlib = pytest.importorskip("fontTools.ttLib")

ROOT = Path(__file__).resolve().parents[1]
FONT = ROOT / "book" / "_static" / "fonts" / "kaomoji.woff2"


def faces():
    # The published study's tables and the dictionary hold whatever was typed once; the book shows what is used.
    shown = [*(ROOT / "data").glob("*.csv"), *(ROOT / "data" / "human").glob("*.csv")]
    for path in [*shown, *(ROOT / "data" / "organisms").rglob("*.csv")]:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield from filter(None, map(row.get, ("spelling", "face", "raw_face", "canonical")))


def test_every_face_of_the_data_can_be_drawn_by_a_small_free_font():
    glyphs = set(ttlib.TTFont(FONT).getBestCmap())
    listed = (ROOT / "book" / "font_characters.txt").read_text(encoding="utf-8")
    lacking = {}
    for text in [*faces(), *listed.split("\n"), "(ﾟﾞ゛゜)◕‿ʕʔ"]:
        for char in text:
            seen = unicodedata.category(char) not in ("Cf", "Cc", "Cn")
            if seen and not 0xFE00 <= ord(char) <= 0xFE0F and ord(char) not in glyphs:
                lacking.setdefault(f"U+{ord(char):04X}", text)
    assert lacking == {}, "make the font again: book/make_font.py"
    assert FONT.stat().st_size < 250_000
    assert "SIL OPEN FONT LICENSE" in (FONT.parent / "OFL.txt").read_text(encoding="utf-8")
