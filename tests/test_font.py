"""The shipped font has a glyph for everything a face in the data is typed with."""

import csv
import unicodedata
from pathlib import Path

import pytest

ttlib = pytest.importorskip("fontTools.ttLib")

ROOT = Path(__file__).resolve().parents[1]
FONT = ROOT / "book" / "_static" / "fonts" / "kaomoji.woff2"
INVISIBLE = ("Cf", "Cc", "Cn")


@pytest.fixture(scope="module")
def glyphs():
    return set(ttlib.TTFont(FONT).getBestCmap())


def faces():
    # The published study's tables and the dictionary hold whatever was typed once; the book shows what is used.
    shown = [*(ROOT / "data").glob("*.csv"), *(ROOT / "data" / "human").glob("*.csv")]
    for path in sorted([*shown, *(ROOT / "data" / "organisms").rglob("*.csv")]):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for column in ("spelling", "face", "raw_face", "canonical"):
                    if row.get(column):
                        yield path.name, row[column]


def test_every_face_of_the_data_can_be_drawn(glyphs):
    lacking = {}
    for source, face in faces():
        for char in face:
            drawn = (
                unicodedata.category(char) not in INVISIBLE and not 0xFE00 <= ord(char) <= 0xFE0F
            )
            if drawn and ord(char) not in glyphs:
                lacking.setdefault(f"U+{ord(char):04X}", f"{face} in {source}")
    assert lacking == {}, "make the font again: book/make_font.py"


def test_character_list_can_be_drawn(glyphs):
    text = (ROOT / "book" / "font_characters.txt").read_text(encoding="utf-8")
    assert {char for char in text if char != "\n" and ord(char) not in glyphs} == set()


def test_voicing_marks_and_brackets_are_in_one_font(glyphs):
    assert {ord(char) for char in "(ﾟﾞ゛゜)◕‿ʕʔ"} <= glyphs


def test_font_is_small_and_its_license_is_beside_it():
    assert FONT.stat().st_size < 250_000
    assert "SIL OPEN FONT LICENSE" in (FONT.parent / "OFL.txt").read_text(encoding="utf-8")
