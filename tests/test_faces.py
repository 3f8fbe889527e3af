import random
import re
import unicodedata

import pytest

from kaomoji_lib.faces.canonical import DELETED, LEVELS, SPACES, at_level, with_arms
from kaomoji_lib.faces.extract import OUTCOMES, canonical, extract, span_ended
from kaomoji_lib.faces.published_fold import LEADING_ARMS, TRAILING_ARMS, published_fold

REST = " That sounds lovely, tell me more about it."

SPANS = [
    "(╯°□°）", "ヽ(°〇°)ﾉ", "ᕕ( ᐛ )ᕗ", "(╯°□°)╯︵ ┻━┻", "(╯°□°）╯︵ ┻━┻", "(ノಠ益ಠ)ノ彡┻━┻", "┬─┬ノ( º _ ºノ)",
    "¯\\_(ツ)_/¯", "(¯\\_(ツ)_/¯)", "ʕ•ᴥ•ʔ", "ʢ•ᴥ•ʡ", "（⌒‿⌒）", "[^_^]", "｛^_^｝", "「・ω・」", "【・_・】",
    "( ͡° ͜ʖ ͡°)", "(((;°Д°)))", "(っ◕‿◕)っ", "(=^･ω･^=)", "\\(^o^)/", "\\( ^_^)/", "ヾ(≧▽≦*)o", "ლ(ಠ益ಠ)ლ",
    "(\u2060◕\u2060ᴗ\u2060◕\u2060)", "( \u2060★\u2060‿\u2060★\u2060)", "(´；ω；｀)", "(T_T)", "(TwT)", "(^^)", "(;_;)",
    "(-_-;)", "(·_·)", "(・_・ヾ", "(／_＼)", "(」°ロ°)」", "(๑•̀ㅂ•́)", "(っ´ω`c)", "(ò_ó)", "(>ω<)", "( ̄▽ ̄)",
    "♥♥(ˆ⌣ˆ)", "d(^_^)b", "(★‿★)", "(^_−)☆",
]  # fmt: skip
BARE = [
    "^_^", "ಠ_ಠ", "T_T", ">_<", "o_O", ":)", ">:(", "=D", "^^", "vv", "xD", "=^.^=", "owo", "uwu", "ovo", "uvu",
    "OwO", "ㅠㅠ", "ಥ﹏ಥ", "ಥﻌಥ", "-_-", ";_;", ":'(", "*^_^*", "^_^;", ">///<", "ฅ^•ﻌ•^ฅ",
]  # fmt: skip
NOT_FACES = [
    "(1)", "[1]", "(2024)", "(x, y)", "（笑）", "「これは良い」", "()", "(", "f(x)", "(25°C)", "(a ≧ 5)", "(e.g.)",
    "(été)", "(привет)", "(naʔ)", "(x²+y²)", "(lol)", "（ジョン・スミス）", "(スーパー、コンビニ)", "(™)", "(→)",
    "(...)", "(★★★☆☆)", "[link](there)", "wow", "mom", "did", "0.0", "1.1", "---", "...", "***", "A/B", "1)", "->",
    "<br>", "**Bold**", "(Laughs softly)", "( see ≧▽≦ there )", "/~~\\", "*~*~*",
]  # fmt: skip
PICTURES = ["(🚨)", "♥", "♡", "❤️", "✨", "☕", "(❤️)", "( 😌 )", "(️✈️)", "♥️"]


@pytest.mark.parametrize("face", SPANS + BARE)
def test_span_is_found_whole_and_raw(face):
    found = extract(face + REST)
    assert (found.outcome, found.raw_face, found.before) == ("kaomoji", face, "")
    assert found.face == canonical(face)


@pytest.mark.parametrize("opening", NOT_FACES)
def test_words_numbers_and_lone_brackets_are_no_faces(opening):
    found = extract(opening + REST)
    assert (found.outcome, found.face) == ("words", None)


@pytest.mark.parametrize("opening", PICTURES)
def test_emoji_and_lone_hearts_are_no_faces(opening):
    found = extract(opening + REST)
    assert (found.outcome, found.face) == ("emoji", None)


@pytest.mark.parametrize(
    ("text", "outcome", "raw", "before"),
    [
        ("\u2060 \ufeff(^_^) hi", "kaomoji", "(^_^)", ""),
        ("**(^_^)** hi", "kaomoji", "(^_^)", "**"),
        ("**^_^** hi", "kaomoji", "^_^", "**"),
        ("`(^_^)` hi", "kaomoji", "(^_^)", "`"),
        ("> (^_^) hi", "kaomoji", "(^_^)", ">"),
        ("- (^_^) hi", "kaomoji", "(^_^)", "-"),
        ("-(^_^) hi", "kaomoji", "(^_^)", "-"),
        ("\\(ಥ﹏ಥ\\) hi", "kaomoji", "\\(ಥ﹏ಥ\\)", ""),
        ("♥♥♥ (╥_╥) hi", "kaomoji", "(╥_╥)", "♥♥♥"),
        ("☕ (´･ω･`) hi", "emoji", "(´･ω･`)", "☕"),
        ("⏰\\(^o^)/ hi", "emoji", "\\(^o^)/", "⏰"),
        ("Yay! (≧▽≦) hi", "words", "(≧▽≦)", "Yay!"),
        ("Good morning! (ᕕ( ᐛ )ᕗ) hi", "words", "(ᕕ( ᐛ )ᕗ)", "Good morning!"),
        ("(smoke alarm) no", "words", None, ""),
        (":( (smoke alarm) no", "kaomoji", ":(", ""),
        ("(ﾉ◕ヮ◕)ﾉ*:･ﾟ✧ hi", "kaomoji", "(ﾉ◕ヮ◕)ﾉ", ""),
        ("(´・ω・`)っていう話", "kaomoji", "(´・ω・`)", ""),
        ("^_^. Hello", "kaomoji", "^_^", ""),
    ],
)
def test_what_stands_before_is_looked_through(text, outcome, raw, before):
    found = extract(text)
    assert (found.outcome, found.raw_face, found.before) == (outcome, raw, before)


@pytest.mark.parametrize(
    "text", ["(⁄ ⁄•⁄ω⁄•⁄ ⁄", "(\u2060◕\u2060ᴗ", "(◕‿◕�", "(", "ヽ", "ᕕ( ᐛ", "ಥ﹏", "((╯°□°)", "^_^"]
)
def test_a_span_the_limit_cut_is_truncated_never_a_face(text):
    found = extract(text, truncated=True)
    assert (found.outcome, found.raw_face, found.face) == ("truncated", None, None)


def test_a_replacement_character_at_the_end_means_cut():
    assert extract("(◕‿�").outcome == "truncated"
    assert extract("(◕‿◕) So nice �").outcome == "kaomoji"


def test_a_cut_after_the_closing_bracket_leaves_a_face():
    assert extract("(ﾉ◕ヮ◕)ﾉ*:�", truncated=True).face == "(ﾉ◕ヮ◕)"
    assert extract("(the rest of", truncated=True).outcome == "words"


def test_a_finished_reply_is_not_truncated():
    assert extract("^_^").outcome == "kaomoji"
    assert extract("(").outcome == "words"


def test_span_length_limit():
    assert extract("(" + "◕" * 30 + ")" + REST).outcome == "kaomoji"
    assert extract("(" + "◕" * 31 + ")" + REST).outcome == "words"
    joined = "(" + "\u2060◕" * 30 + ")"
    assert extract(joined + REST).raw_face == joined


def test_refusal_and_empty():
    assert extract("(^_^)", refused=True).outcome == "refusal"
    assert extract(" \u200b\n\ufeff").outcome == "empty"
    assert extract("").outcome == "empty"


def test_every_text_has_exactly_one_outcome():
    rng = random.Random(0)
    alphabet = list("()（）[]ʕʔ「」^_-;:°◕‿ω・T><*~`\\/ \n abcXY1笑🚨♥✨️\u2060\u0301�┻━︵╯")
    for _ in range(4000):
        text = "".join(rng.choices(alphabet, k=rng.randrange(24)))
        for truncated in (False, True):
            found = extract(text, truncated)
            assert found.outcome in OUTCOMES
            assert (found.raw_face is None) == (found.face is None)
            assert found.raw_face is None or found.raw_face in text
            assert found.outcome not in ("truncated", "empty") or found.face is None


@pytest.mark.parametrize(
    "opening", SPANS + BARE + NOT_FACES + PICTURES + ["Yay! (≧▽≦)", "☕ (´･ω･`)"]
)
def test_once_the_span_has_ended_more_text_changes_nothing(opening):
    text = opening + REST * 3
    final = extract(text)
    ended = [end for end in range(len(text) + 1) if span_ended(text[:end])]
    assert ended
    assert all(extract(text[:end], truncated=True) == final for end in ended[:40])


@pytest.mark.parametrize(
    "text", ["", "  ", "(", "(◕", "(◕‿◕)", "(╯°□°)╯", "(╯°□°)╯︵", "(╯°□°)╯︵ ┻", "^_", "\u2060"]
)
def test_an_open_span_has_not_ended(text):
    assert not span_ended(text)


PUBLISHED_FOLDS = [
    ("（＾＿＾）", "(＾_＾)"), ("［；！？．，／～｜］", "[;!?.,/~|]"), ("(＞﹏＜)", "(>﹏<)"), ("(｀：´)", "(`:´)"),
    ("(ｃ_ｃ)", "(c_)"), ("(〜‘’“”)", "(~''\"\")"), ("(◔_◑)", "(◕_◕)"), ("(◐◒◓◖◗)", "(◕◕◕◕◕)"), ("(◉_●)", "(⊙_⊙)"),
    ("(º_˚)", "(°_°)"), ("(･ω•)", "(・ω・)"), ("(ᴗ◡ᵕ⌣)", "(‿‿‿‿)"), ("(◍‿。)", "(｡‿｡)"), ("(°Д°)", "(°д°)"),
    ("(˃̶ᴗ˂̸)", "(˃‿˂)"), ("(\u2060◕\ufe0f\u0602‿◕\u033f)", "(◕‿◕)"), ("(・-・)", "(・_・)"), ("( ^ _ ^ )", "(^_^)"),
    ("(*^_^*)", "(^_^)"), ("(っ◕‿◕)っ", "(◕‿◕)"), ("(っ- ‸ -ς)", "(-‸-)"), ("(つ°ヮ°)つ", "(°ヮ°)"),
    ("( * *^ω^ * )", "(^ω^)"), ("ヽ(°〇°)ﾉ", "(°〇°)"), ("ᕕ( ᐛ )ᕗ", "(ᐛ)"), ("¯\\_(ツ)_/¯", "(ツ)"),
    ("(╯°□°）╯︵ ┻━┻", "(╯°□°)"), ("\\(ಥ﹏ಥ\\)", "(ಥ﹏ಥ)"), ("\\(ಥ\\_ಥ)", "(ಥ_ಥ)"), ("  (^_^) ", "(^_^)"),
    ("「(^_^)」", "(^_^)"), ("(•́︿•̀)", "(・́︿・̀)"), ("e\u0301", "é"),
]  # fmt: skip
# What ours does otherwise: every format character and every space goes, no eye is stripped, all arms are.
OWN = [
    ("(*_*)", "(*_*)"), ("(*_*;)", "(*_*;)"), ("(ｃ_ｃ)", "(c_c)"), ("(つ﹏⊂)", "(つ﹏⊂)"), ("(*o*)", "(*o*)"), ("(**)", "(**)"),
    ("(\u200e^_^\u00ad)", "(^_^)"), ("(^\u00a0_\u2003^)", "(^_^)"), ("(　´∀`　)", "(´∀`)"), ("(・_・)ゞ", "(・_・)"),
    ("d(^_^)b", "(^_^)"), ("┗(^_^)┛", "(^_^)"), ("ヽ༼ຈل͜ຈ༽ﾉ", "༼ຈل͜ຈ༽"), ("ʕ•ᴥ•ʔﾉ♡", "ʕ・ᴥ・ʔ"), ("^_^", "^_^"),
    ("(*^_^*)", "(^_^)"), ("(^^)人(^^)", "(^^)人(^^)"),
]  # fmt: skip
DIFFERS = {"(ｃ_ｃ)", "(*_*)"}


@pytest.mark.parametrize(("raw", "expected"), PUBLISHED_FOLDS)
def test_published_fold_is_exact_and_ours_follows(raw, expected):
    assert published_fold(raw) == expected
    assert raw in DIFFERS or canonical(raw) == expected


@pytest.mark.parametrize(("raw", "expected"), OWN)
def test_canonical_form(raw, expected):
    assert canonical(raw) == expected == canonical(expected)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("ヽ(´∀`)ﾉ", "ヽ(´∀`)ﾉ"),
        ("(っ◕‿◕)っ ♡", "(っ◕‿◕)っ♡"),
        ("（*＾_＾*）", "(*＾_＾*)"),
        ("(╯°□°)╯︵ ┻━┻", "(╯°□°)╯︵┻━┻"),
        ("\\(ಥ\\_ಥ\\)", "(ಥ_ಥ)"),
    ],
)
def test_with_arms_keeps_what_the_face_carries(raw, expected):
    assert with_arms(raw) == expected == with_arms(expected)


@pytest.mark.parametrize(
    "face", ["(￣▽￣)", "(~_~)", "(﹏_﹏)", "(·_⋅)", "(・_・)", "ʕ・ᴥ・ʔ", "(ﾟдﾟ)", "^_^"]
)
def test_these_glyphs_stay_what_they_are(face):
    assert canonical(face) == published_fold(face) == face


@pytest.mark.parametrize("arms", [*LEADING_ARMS, *(f"){arm}" for arm in TRAILING_ARMS)])
def test_every_arm_is_stripped(arms):
    raw = f"(^_^{arms}{arms[1:]}" if arms[0] == ")" else f"{arms}{arms}(^_^)"
    assert canonical(raw) == published_fold(raw) == "(^_^)" != with_arms(raw)


def test_every_format_character_and_every_space_is_deleted():
    deleted = re.compile(f"[{DELETED}{SPACES}]")
    for char in map(chr, range(0x110000)):
        if unicodedata.category(char) == "Cf" or char.isspace():
            assert deleted.match(char), hex(ord(char))


def test_each_level_is_idempotent_and_composed():
    rng = random.Random(1)
    alphabet = (
        "".join(SPANS + BARE)
        + LEADING_ARMS
        + TRAILING_ARMS
        + " \\()*c_（）・-\u0301\u0338\u200d\ufe0f"
    )
    for _ in range(20000):
        text = "".join(rng.choices(alphabet, k=rng.randrange(14)))
        for level in LEVELS:
            once = at_level(text, level)
            assert at_level(once, level) == once
            assert level == "raw" or unicodedata.is_normalized("NFC", once)
        assert published_fold(published_fold(text)) == published_fold(text)
    assert canonical("ﾟ") == "ﾟ"


@pytest.mark.parametrize("text", ["(=\x16\x18p", "(\x07_\x07)", "�(^_^) hi"])
def test_control_characters_and_broken_bytes_are_no_arms_of_a_face(text):
    assert extract(text).outcome != "kaomoji"
