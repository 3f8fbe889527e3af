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

SPANS = [
    "(╯°□°）", "ヽ(°〇°)ﾉ", "ᕕ( ᐛ )ᕗ", "(╯°□°)╯︵ ┻━┻", "(╯°□°）╯︵ ┻━┻", "(ノಠ益ಠ)ノ彡┻━┻", "┬─┬ノ( º _ ºノ)",
    "¯\\_(ツ)_/¯", "(¯\\_(ツ)_/¯)", "ʕ•ᴥ•ʔ", "ʢ•ᴥ•ʡ", "（⌒‿⌒）", "[^_^]", "｛^_^｝", "「・ω・」", "【・_・】",
    "( ͡° ͜ʖ ͡°)", "(((;°Д°)))", "(っ◕‿◕)っ", "(=^･ω･^=)", "\\(^o^)/", "\\( ^_^)/", "ヾ(≧▽≦*)o", "ლ(ಠ益ಠ)ლ",
    "(\u2060◕\u2060ᴗ\u2060◕\u2060)", "( \u2060★\u2060‿\u2060★\u2060)", "(´；ω；｀)", "(T_T)", "(TwT)", "(^^)", "(;_;)",
    "(-_-;)", "(·_·)", "(・_・ヾ", "(／_＼)", "(」°ロ°)」", "(๑•̀ㅂ•́)", "(っ´ω`c)", "(ò_ó)", "(>ω<)", "( ̄▽ ̄)",
    "♥♥(ˆ⌣ˆ)", "d(^_^)b", "(★‿★)", "(^_−)☆",
]  # fmt: skip
BARE = """^_^ ಠ_ಠ T_T >_< o_O :) >:( =D ^^ vv xD =^.^= owo uwu ovo uvu OwO ㅠㅠ ಥ﹏ಥ ಥﻌಥ -_- ;_; :'( *^_^* ^_^; >///< ฅ^•ﻌ•^ฅ""".split()
NOT_FACES = [
    "(x, y)", "f(x)", "(25°C)", "(a ≧ 5)", "(naʔ)", "（ジョン・スミス）", "(スーパー、コンビニ)", "(★★★☆☆)", "(Laughs softly)",
    "( see ≧▽≦ there )", *"""(1) [1] (2024) （笑） 「これは良い」 () ( (e.g.) (été) (привет) (lol) (™) [link](there) wow mom did 0.0
    1.1 ... *** A/B <br> **Bold** /~~\\ *~*~*""".split(),
]  # fmt: skip
# What stands in brackets, quotes or marks and is no face, by kind.
NOT_FACES_BY_KIND = {
    "a unit, a sign or a mark": "(℃) (㎏) (µm) (①) (½) (§) (€) (©) (∞) (→) (♪) (ﷺ) (㈱) (!!) (?) (*) (#) (^) (...) (…)",
    "a formula": "(x,y) (α) (n=30) (x²+y²) (H₂O) (10⁻³) (∂f/∂x) (p<0.05) [0,1) (.*) (\\\\d+) ([0-9]) ([^a]) (a|b)",
    "phonetics": "[ə] [ʃ] (ɪŋ) [ˈkæt] [tʰ] /ə/",
    "a language's own name": "(日本語) (한국어) (العربية) (ελληνικά) (ไทย) (हिन्दी) (ქართული) (አማርኛ) (ᏣᎳᎩ) (ᐃᓄᒃᑎᑐᑦ) (ꆈꌠꉙ) (தமிழ்) (ಕನ್ನಡ) "
    "(മലയാളം) (မြန်မာ) (ខ្មែរ) (བོད་སྐད) (עברית) (Հայերեն) (ᠮᠣᠩᠭᠣᠯ) (Русский)",
    "a word without brackets": "हिन्दी धन्यवाद हिन्दी/उर्दू **हिन्दी** עברית עלייה שלום-עליכם ಕನ್ನಡ தமிழ் বাংলা ខ្មែរ မြန်မာ Հայերեն! ขอบคุณ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ",
    "brackets alone": "))) ])) ]))) ]]] })) ((( )))))) 】】",
    "corner brackets": "「東京」 「ショック」でしたね 「・・・」 「……」 「！」 「――」 【重要】 〈注〉 『坊っちゃん』",
    "a quoted word or code": "\"Wow\" “Yes” ‘Sure’ «Oui» „Ja“ `x` `foo()` '?' ('x')",
    "marks": "-- --- — … ... -> => << != >= ++ // ## $ % & * | || <div> {} [] [x] 1. 1) • → ✓ C++ 50/50 3:00",
    "words": "(笑) (株) (sic) (and/or) (s)he (T/F) (USA) (XIX) (noon)",
}
KNOWN = """(^m^) (TmT) (ΦmΦ) (^ｏ^) (＞ω＜) （＞＿＜） (≧w≦) (/_＼) (／ω＼) (ToT) (ＴДＴ) (TT) (ﾉωヽ) (ﾉ∀`) (ЖωЖ) (①_①) (눈_눈) (ㅇㅅㅇ)
    (^_~) (>_^) (?_?) (!_!) ('д') (`A´) _(:3」∠)_ |・ω・) |_・) ||ω・) ┴┬┴┤･ω･)ﾉ [・ω・] ༼•ᴥ•༽ ₍ᵔ·͈༝·͈ᵔ₎ ꒰ᵕ༚ᵕ꒱ ˁ˚ᴥ˚ˀ ❨•ω•❩ ლ(´ڡ`ლ) φ(._.)
    Σ(ﾟДﾟ) d(ﾟДﾟ)☆ ☆⌒(*^-゜)v ✧*｡٩(ˊᗜˋ*)و✧*｡ (*^^*) (^^;) (=ﾟωﾟ)ﾉ (●´ω｀●) (ง'̀-'́)ง (☞ﾟヮﾟ)☞ (ಡ‸ಡ) (ᗒᗣᗕ) (ↀДↀ) ($_$) (x_x) (0_0) (QAQ) (owo)
    (>w<) (._.) ('_') (¬‿¬) (⌐■_■) (((o(*ﾟ▽ﾟ*)o))) O(∩_∩)O ~(˘▾˘~) ┐(´д`)┌ ┌(┌^o^)┐ ┬─┬ノ(ಠ_ಠノ) ┻━┻︵ヽ(`Д´)ﾉ︵┻━┻ ◕‿◕ ._. ;-; TT_TT""".split()
PICTURES = ["(🚨)", "♥", "♡", "❤️", "✨", "☕", "(❤️)", "( 😌 )", "(️✈️)", "♥️"]


def test_span_is_found_whole_and_raw():
    for face in SPANS + BARE + KNOWN:
        found = extract(face + REST)
        assert (found.outcome, found.raw_face, found.before) == ("kaomoji", face, ""), face
        assert found.face == canonical(face)


@pytest.mark.parametrize("openings, outcome", [(NOT_FACES, "words"), (PICTURES, "emoji")])
def test_words_numbers_lone_brackets_emoji_and_hearts_are_no_faces(openings, outcome):
    for opening in openings:
        found = extract(opening + REST)
        assert (found.outcome, found.face) == (outcome, None), opening


@pytest.mark.parametrize("kind", NOT_FACES_BY_KIND)
def test_kinds_that_are_no_faces(kind):
    for opening in NOT_FACES_BY_KIND[kind].split():
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


BEHIND = [
    ("\u2060 \ufeff(^_^) hi", "kaomoji", "(^_^)", ""), ("**(^_^)** hi", "kaomoji", "(^_^)", "**"),
    ("**^_^** hi", "kaomoji", "^_^", "**"), ("`(^_^)` hi", "kaomoji", "(^_^)", "`"),
    ("> (^_^) hi", "kaomoji", "(^_^)", ">"), ("- (^_^) hi", "kaomoji", "(^_^)", "-"),
    ("-(^_^) hi", "kaomoji", "(^_^)", "-"), ("\\(ಥ﹏ಥ\\) hi", "kaomoji", "\\(ಥ﹏ಥ\\)", ""),
    ("♥♥♥ (╥_╥) hi", "kaomoji", "(╥_╥)", "♥♥♥"), ("☕ (´･ω･`) hi", "emoji", "(´･ω･`)", "☕"),
    ("⏰\\(^o^)/ hi", "emoji", "\\(^o^)/", "⏰"), ("Yay! (≧▽≦) hi", "words", "(≧▽≦)", "Yay!"),
    ("Good morning! (ᕕ( ᐛ )ᕗ) hi", "words", "(ᕕ( ᐛ )ᕗ)", "Good morning!"), ("1. (^_^) hi", "kaomoji", "(^_^)", "1."),
    ("* (^_^) hi", "kaomoji", "(^_^)", "*"), ('"(^_^)" hi', "kaomoji", "(^_^)", '"'),
    ("“(^_^)” hi", "kaomoji", "(^_^)", "“"), ("'(^_^)' hi", "kaomoji", "(^_^)", "'"),
    ("┬─┬ ノ( ゜-゜ノ) hi", "kaomoji", "┬─┬ ノ( ゜-゜ノ)", ""), ("☆*:.｡.o(≧▽≦)o hi", "kaomoji", "☆*:.｡.o(≧▽≦)o", ""),
    ("(*’(OO)’*) hi", "kaomoji", "(*’(OO)’*)", ""), ("(^o^)y-~~ hi", "kaomoji", "(^o^)y-~~", ""),
    ("(・_・)ゞ はい", "kaomoji", "(・_・)ゞ", ""), ("(￣▽￣).｡oO hm", "kaomoji", "(￣▽￣).｡oO", ""),
    ("(^_^), hi", "kaomoji", "(^_^)", ""), ("(^_^)! hi", "kaomoji", "(^_^)", ""),
    ("(^_^)hi", "kaomoji", "(^_^)", ""), ("I see (^_^) hi", "words", "(^_^)", "I see"),
    ("f(^_^) hi", "words", "(^_^)", "f"), ("(smoke alarm) no", "words", None, ""),
    (":( (smoke alarm) no", "kaomoji", ":(", ""), ("(ﾉ◕ヮ◕)ﾉ*:･ﾟ✧ hi", "kaomoji", "(ﾉ◕ヮ◕)ﾉ", ""),
    ("(´・ω・`)っていう話", "kaomoji", "(´・ω・`)", ""), ("^_^. Hello", "kaomoji", "^_^", ""),
]  # fmt: skip


def test_what_stands_before_is_looked_through():
    for text, *expected in BEHIND:
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
OPEN = [
    "",
    "  ",
    "(",
    "(◕",
    "(◕‿◕)",
    "(╯°□°)╯",
    "(╯°□°)╯︵",
    "(╯°□°)╯︵ ┻",
    "^_",
    "\u2060",
    "Sure, I",
]


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
    for opening in [*SPANS, *BARE, *KNOWN, *NOT_FACES, *PICTURES, "Yay! (≧▽≦)", "☕ (´･ω･`)"]:
        text = opening + REST * 3
        final = extract(text)
        ended = [end for end in range(len(text) + 1) if span_ended(text[:end])]
        assert ended
        assert all(extract(text[:end], truncated=True) == final for end in ended[:40]), opening


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


WITH_ARMS = [
    ("ヽ(´∀`)ﾉ", "ヽ(´∀`)ﾉ"), ("(っ◕‿◕)っ ♡", "(っ◕‿◕)っ♡"), ("（*＾_＾*）", "(*＾_＾*)"),
    ("(╯°□°)╯︵ ┻━┻", "(╯°□°)╯︵┻━┻"), ("\\(ಥ\\_ಥ\\)", "(ಥ_ಥ)"),
]  # fmt: skip
SAME = "(￣▽￣) (~_~) (﹏_﹏) (·_⋅) (・_・) ʕ・ᴥ・ʔ (ﾟдﾟ) ^_^".split()


def test_forms_of_a_face():
    """The published fold is exact, and ours follows but for what it does on purpose."""
    for raw, expected in [*PUBLISHED_FOLDS, *((face, face) for face in SAME)]:
        assert published_fold(raw) == expected, raw
        assert raw in DIFFERS or canonical(raw) == expected, raw
    for raw, expected in OWN:
        assert canonical(raw) == expected == canonical(expected), raw
    for raw, expected in WITH_ARMS:
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
    alphabet = "".join(SPANS + BARE) + forms.LEADING_ARMS + forms.TRAILING_ARMS + marks
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
