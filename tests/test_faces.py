import json
import random
import re
import time
import unicodedata
from pathlib import Path
from pydoc_data import topics

import pandas as pd
import pytest

from kaomoji_lib.faces import canonical as forms
from kaomoji_lib.faces.canonical import canonical, published_fold, with_arms
from kaomoji_lib.faces.extract import explain, extract, span_ended

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
REST = " That sounds lovely, tell me more about it."

# Faces found whole; words and emoji that are none, by kind; what stands before a face; folded forms.
GOLD = json.loads((DATA / "faces.json").read_text(encoding="utf-8"))


def test_span_is_found_whole_and_raw():
    for face in GOLD["whole"]:
        found = extract(face + REST)
        assert (found.outcome, found.raw_face, found.before) == ("kaomoji", face, ""), face
        assert found.face == canonical(face)


@pytest.mark.parametrize("outcome", ["words", "emoji"])
def test_words_numbers_lone_brackets_emoji_and_hearts_are_no_faces(outcome):
    for opening in GOLD[outcome]:
        found = extract(opening + REST)
        assert (found.outcome, found.face) == (outcome, None), opening


@pytest.mark.parametrize("kind", GOLD["kinds"])
def test_kinds_that_are_no_faces(kind):
    for opening in GOLD["kinds"][kind].split():
        for text in (opening, opening + " is one", opening + REST):
            assert extract(text).raw_face is None, text


@pytest.mark.parametrize("after", ["", " thanks, that helps", "\nthanks"])
def test_lines_that_were_missed_are_found(after):
    faces = (DATA / "faces.txt").read_text(encoding="utf-8").splitlines()
    assert [face for face in faces if extract(face + after).outcome != "kaomoji"] == []


def test_held_out_faces_are_found_and_prose_is_not():
    """The floors on half of the dictionary's odd core entries, which taught nothing, and on a small prose of another kind.

    The prose is the manual of the Python that runs this. A parenthetical begins with a letter; ("[]") and its like are code.
    """
    faces = (DATA / "faces_held_out.txt").read_text(encoding="utf-8").splitlines()
    found = [extract(face + " thanks, that helps") for face in faces]
    simple = [
        item for face, item in zip(faces, found) if re.fullmatch(r"[(（][^()（）]{2,14}[)）]", face)
    ]
    whole = [item.raw_face == face.strip() for face, item in zip(faces, found)]
    assert share(item.outcome == "kaomoji" for item in simple) >= 0.98
    assert share(item.outcome == "kaomoji" for item in found) >= 0.94
    assert share(whole) >= 0.75
    prose = "\n".join(topics.topics.values())
    natural = sorted(set(re.findall(r"\([A-Za-z][^()\n]{0,59}\).{0,40}", prose)))
    assert len(natural) > 400
    assert share(extract(text).outcome == "kaomoji" for text in natural) <= 0.004
    lines = sorted({line.strip() for line in prose.splitlines() if line.strip()[:1].isalpha()})
    assert share(extract(line).outcome == "kaomoji" for line in lines) <= 0.0005


def share(truths):
    truths = list(truths)
    return sum(truths) / len(truths)


def test_evaluation_on_file_meets_the_floors():
    """98 % of simple faces and 90 % of all are found, 75 % whole; at most 0.4 % of parentheticals are taken for faces.

    Against the first edition's reading of the published replies: outcome and canonical form agree for 99.8 % of them (99.9 %
    of those with a face), which meets the floor of 99.5 %. The raw span agrees for 95.4 %, since a face now takes its arms
    along (``ᕕ( ᐛ )ᕗ``): that is a change of definition, and `test_published` compares the spans with the shipped table.
    """
    table = pd.read_csv(ROOT / "data" / "faces_evaluation.csv")
    ours = table[table["package"] == "kaomoji_lib"].set_index("group")
    assert ours.loc["simple brackets", "found"] >= 0.98
    assert ours.loc["core entries", "found"] >= 0.90 and ours.loc["core entries", "whole"] >= 0.75
    languages = ours[(ours["rows"] == "parentheticals") & (ours.index != "all")]
    assert len(languages) >= 8 and ours.loc["all", "found"] <= 0.004
    others = table[(table["group"] == "core entries") & (table["package"] != "kaomoji_lib")]
    assert len(others) == 3 and (others["found"] < ours.loc["core entries", "found"]).all()


def test_what_stands_before_is_looked_through():
    for text, *expected in GOLD["behind"]:
        found = extract(text)
        assert [found.outcome, found.raw_face, found.before] == expected, text


CUT = ["(⁄ ⁄•⁄ω⁄•⁄ ⁄", "(\u2060◕\u2060ᴗ", "(◕‿◕�", "(", "ヽ", "ᕕ( ᐛ", "ಥ﹏", "((╯°□°)", "^_^"]
ENDS = [("(◕‿�", "truncated"), ("(◕‿◕) So nice �", "kaomoji"), ("^_^", "kaomoji"), ("(", "words")]
ENDS += [(" \u200b\n\ufeff", "empty"), ("", "empty")]
ENDS += [("(" + "◕" * 30 + ")" + REST, "kaomoji"), ("(" + "◕" * 31 + ")" + REST, "words")]
ENDS += [("(" + "\u2060◕" * 30 + ")" + REST, "kaomoji")]


def test_ends_lengths_and_spans_that_the_limit_cut():
    for text in CUT:
        found = extract(text, truncated=True)
        assert (found.outcome, found.raw_face, found.face) == ("truncated", None, None), text
    for text, outcome in ENDS:
        assert extract(text).outcome == outcome, text
        assert extract(text, refused=True).outcome == "refusal"
    assert extract("(the rest of", truncated=True).outcome == "words"
    assert extract("(ﾉ◕ヮ◕)ﾉ*:�", truncated=True).face == "(ﾉ◕ヮ◕)"


ENDED = ["(^_^) hi", "Sure, I can help you with that one, of course", "Hi there!\n"]
ENDED += ["😊 Hello you, how is the day over there, I hope"]
OPEN = ["", "  ", "(", "(◕", "(◕‿◕)", "(╯°□°)╯", "(╯°□°)╯︵", "(╯°□°)╯︵ ┻", "^_", "\u2060", "Sure, I"]  # fmt: skip


def test_a_reply_stops_as_soon_as_no_face_can_begin_and_not_before():
    assert all(map(span_ended, ENDED)) and not any(map(span_ended, OPEN))


def test_time_grows_with_the_length_of_the_reply():
    def seconds(size):
        begun = time.process_time()
        for piece in ("(", "(^", "a(", "^_^ ", "(^_^)", "ヽ", "\u2060(", "((^)", "| ", "*`"):
            for read in (extract, span_ended, canonical, with_arms, published_fold):
                read(piece * size)
        return time.process_time() - begun

    seconds(100)
    assert seconds(40_000) < 40 * seconds(4_000) + 0.5


def test_once_the_span_has_ended_more_text_changes_nothing():
    for opening in [*GOLD["whole"], *GOLD["words"], *GOLD["emoji"], "Yay! (≧▽≦)"]:
        text = opening + REST * 3
        final = extract(text)
        ended = [end for end in range(len(text) + 1) if span_ended(text[:end])]
        assert ended
        assert all(extract(text[:end], truncated=True) == final for end in ended[:40]), opening


def test_forms_of_a_face():
    """The published fold is exact, and ours follows but for what it does on purpose."""
    own = dict(
        GOLD["own"]
    )  # every format character and space goes, no eye is stripped, all arms are
    for raw, expected in GOLD["published"]:
        assert published_fold(raw) == expected, raw
        assert canonical(raw) == own.get(raw, expected), raw
    for raw, expected in own.items():
        assert canonical(raw) == expected == canonical(expected), raw
    for raw, expected in GOLD["with_arms"]:
        assert with_arms(raw) == expected == with_arms(expected), raw
    for arms in [*forms.LEADING_ARMS, *(f"){arm}" for arm in forms.TRAILING_ARMS)]:
        raw = f"(^_^{arms}{arms[1:]}" if arms[0] == ")" else f"{arms}{arms}(^_^)"
        assert canonical(raw) == published_fold(raw) == "(^_^)" != with_arms(raw), raw


def test_every_format_character_and_every_space_is_deleted():
    deleted = re.compile(f"[{forms.DELETED}{forms.SPACES}]")
    for char in map(chr, range(0x110000)):
        if unicodedata.category(char) == "Cf" or char.isspace():
            assert deleted.match(char), hex(ord(char))


def test_each_level_is_idempotent_and_composed():
    rng = random.Random(1)
    marks = " \\()*c_（）・-\u0301\u0338\u200d\ufe0f"
    alphabet = "".join(GOLD["whole"]) + forms.LEADING_ARMS + forms.TRAILING_ARMS + marks
    for _ in range(20000):
        text = "".join(rng.choices(alphabet, k=rng.randrange(14)))
        for fold in (with_arms, canonical, published_fold):
            once = fold(text)
            assert fold(once) == once and unicodedata.is_normalized("NFC", once)


def test_control_characters_and_broken_bytes_are_no_arms_of_a_face():
    for text in ("(=\x16\x18p", "(\x07_\x07)", "�(^_^) hi"):
        assert extract(text).outcome != "kaomoji"


def test_explain_says_what_was_judged_and_why():
    (verdict,) = [item for item in explain("(´・ω・`) hi") if item["face"]]
    assert verdict["span"] == "´・ω・`" and verdict["score"] > 0 and verdict["features"]["gω"] > 0
    assert all(not item["face"] for item in explain("(see below) and so on"))
    assert [item["rule"] for item in explain("^_^ hi")] == ["a known emoticon"]
