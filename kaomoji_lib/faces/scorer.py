"""How much a piece of text looks like a face: a linear score over classes of characters and their form.

The weights (``data/face_scorer.json``) were learned offline by logistic regression, from a public dictionary of faces
and natural parentheticals in many languages; ``data/faces/learn.py --train`` writes the file again. A score is
the sum of the weights of the features that the text has, in nats; above 0 it is more likely a face than not.
"""

import json
import math
import re
import unicodedata
from functools import cache, lru_cache

from kaomoji_lib.faces import glyphs
from kaomoji_lib.stimuli import DATA

_NO_GLYPH = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0x0334, 0x0339))))
_LIST = re.compile(
    r"[\w∞)\]][,;]\s+[-−+±\w∞(\[]|\[\w-\w|\[\^|∂\w?/|^(['\"])[A-Za-z0-9]\1$|^/[\w ]+/$"
)
_MARKS = frozenset("!#$%&*+,-/:<=>?\\|_`~")
_RUNS = re.compile("([aA]{2,}|[lg]{2,}|c{2,}|j{2,}|h{2,}|k{2,}|x{2,}|i{2,}|0{2,})")


def plain(text: str) -> str:
    """Return the visible base glyphs, width folded; a mark by itself becomes a spacing glyph."""
    if text.isascii():
        return "".join(text.split())
    text = unicodedata.normalize("NFC", text)
    base, before = [], " "
    for char, kind, glyph in zip(text, glyphs.kinds(text), glyphs.fold_width(text), strict=True):
        if kind == "z":
            alone = before == " " and unicodedata.category(char)[0] == "M"
            if not alone or char in _NO_GLYPH:
                continue
            glyph = "¯"
        before = kind
        if kind != " ":
            base.append(glyph)
    return "".join(base)


def features(text: str) -> set[str]:
    """Return the names of the features that ``text`` (a span, or what its brackets enclose) has."""
    base = plain(text)
    kinds, size = glyphs.kinds(base), len(base)
    names = {"g" + char for char in base}
    names.update("k" + kind for kind in kinds)
    bounded = f"^{kinds}$"
    names.update("b" + bounded[at : at + 2] for at in range(size + 1))
    names.add(f"n{min(size, 6) if size < 7 else 8 if size < 10 else 12 if size < 17 else 17}")
    names.update(f"r{run[0].lower()}{min(len(run), 4)}" for run in _RUNS.findall(kinds))
    words = sum(len(word) > 2 and word.isalpha() for word in text.split())
    if words:
        names.add(f"w{min(words, 3)}")
    if len(text) > size and "z" in glyphs.kinds(unicodedata.normalize("NFC", text)):
        names.add("m")
    names.update(_form(base, kinds))
    return names


def _form(base: str, kinds: str) -> list[str]:
    """Features of the outermost pair of glyphs that are equal or mirrored around a short middle."""
    size = len(base)
    for left in range(min(4, size - 1)):
        for right in range(min(size - 1, left + 5), max(left, size - 5 - left), -1):
            eye, other, middle = base[left], base[right], kinds[left + 1 : right]
            if eye == other or glyphs.mirrored(eye, other):
                same, mouth = "=" if eye == other else "~", "m" + middle[:1]
                return [
                    f"f{same}{kinds[left]}", f"p{eye}{other}", f"f{same}{right - left}", f"f{mouth}",
                    f"f{kinds[left]}{mouth}", f"fo{left}", f"ft{size - 1 - right}",
                ]  # fmt: skip
    return ["f0"]


_EMOTICON = re.compile(
    r"[>}]?[:;=][’'^o-]?(?:[)(\]\[}{]+|[DPpOo3/\\|*cSs]|D+)|[xX]D+|D[:;=]"
    r"|([OoUuQqTtÒòÓó])([wWvV])\1|\\o/|[ㅠㅜㅡ]{2,}|vv|\^\^+;*|=\^.{1,5}\^=|>/{1,4}<|>[.,]<|[oO][_.][oO]|0_0|n_n|v_v"
    r"|([-~.*=^@+'xXu]|[TQ]{1,2})_+\3|([-~_,])\.\4|\._+\.|>[_.,wo]<|\^[_.,]~|([;'TQ@])[-.,w_]\5"
)
_BLUSH = "*=;#｡:'~`´\"〃"
_FORM = re.compile(
    r"\^\^|([\^TQX;@+°])[_.,wWvVoO03AmnuxД∀ω-]{1,3}\1|([oOuUxv-])[_.wWДωx∀]{1,3}\2|>[_.,wWoДω]{1,3}<"
)
_LETTERED = re.compile(r"([TQXO])[oOwWvVmMAnx3u]\1|([ou])[wvm]\2|TT|QQ|[oO]w[oO]|[uU]w[uU]")
_APART = re.compile(r"([^\w\s!#$%&*+,./:<=>?|~-]|[TXQOxu;^Ｔᵔ])\s+\1|[>˃]\s+(?:\S\ufe0f?\s+)?[<˂]")
_LONE = set("ツᐛ∵")
_SCRIPTS_OF_FACES = set("LATIN GREEK CYRILLIC CJK CANADIAN KATAKANA HIRAGANA MODIFIER".split())


@lru_cache(1 << 16)
def score(span: str, arms: int | None = None) -> float:
    """Return the nats above the threshold at which ``span`` is a face; infinite where a rule decides.

    ``arms``: for what two brackets enclose, how many arms it has outside (-1: a letter comes before the bracket, as
    in a formula); None for a word without a pair of brackets.
    """
    if rule := _rule(span, arms):
        return math.inf if rule[1] else -math.inf
    model = _weights()["bare" if arms is None else "bracketed"]
    shift = model["shift"] if arms is None else model["shift"][str(max(-2, min(arms, 1)))]
    total = shift + sum([model["weights"].get(name, 0.0) for name in features(span)])
    return round(total, 6)  # the order of the features must not decide at the threshold


def explain(span: str, arms: int | None) -> dict:
    """Return how a span was judged: ``span``, ``face`` (bool), ``score`` (nats above the threshold, None where a rule
    decided), ``rule`` and ``features`` (name -> weight, strongest first)."""
    rule, value = _rule(span, arms), score(span, arms)
    weights = _weights()["bare" if arms is None else "bracketed"]["weights"]
    shares = {name: weights[name] for name in features(span) if name in weights}
    return {
        "span": span,
        "face": value > 0,
        "score": None if rule else round(value, 2),
        "rule": rule and rule[0],
        "features": dict(sorted(shares.items(), key=lambda item: -abs(item[1]))),
    }


def _rule(text, arms):
    """Return the first of the rules that applies, or None."""
    span = _Span(text, arms)
    return next((rule for rule in _RULES if rule[2](span)), None)


class _Span:
    """A span as the rules look at it; ``visible``: the kinds of its glyphs without emoji and ornaments; ``inner``: no blush."""

    def __init__(self, text, arms):
        self.text, self.arms, self.bare = text, arms, arms is None
        self.kinds, self.base = glyphs.kinds(text), plain(text)
        self.size, self.inner = len(self.base), self.base.strip(_BLUSH) or self.base
        self.glyph_kinds = glyphs.kinds(self.base)
        self.visible = self.glyph_kinds.replace("e", "").replace("o", "")
        self.letters = not self.bare and self.base.isascii() and self.base.isalpha()
        self.pair = arms == 0 and self.size == 2 and self.base[0] == self.base[1]


def _are_ornaments_apart(span):
    first, between = span.base[0], span.base[1:-1]
    alike = not span.bare and span.size > 1 and first == span.base[-1]
    return alike and first in glyphs.ORNAMENTS and first not in between


def _is_one_mark(span):
    alike = span.size > 2 and len(set(span.base)) == 1 and span.base[0] != "¯"
    return alike and span.visible[0] in "pqsd" and len(set(span.text.split()[0])) == 1


def _are_emoji_and_marks(span):
    return "e" in span.kinds and not span.visible.strip("pq") and span.base[0] != span.base[-1]


def _is_drawn(span):
    return not span.visible.strip("b()[]") or "e" in span.kinds or set(span.base) <= set("*~-_.=#/")


def _is_lone_face(span):
    """Whether one glyph between brackets is known as a face, or has arms and is no letter or number."""
    plain_kinds = tuple("aAlgch0pq"[: 2 if span.arms > 1 and not span.base.isascii() else 9])
    return span.base in _LONE or (span.arms > 0 and span.kinds.strip(" z") not in plain_kinds)


def _holds_word(span):
    """Whether a span, or three glyphs of it on end, is a word of a script that faces do not draw on."""
    runs = re.finditer("x{3,}", span.glyph_kinds)
    words = [span.base.replace("་", ""), *(span.base[run.start() : run.end()] for run in runs)]
    return any(_is_word(word, span.kinds) for word in words)


def _is_word(base, kinds):
    """Whether all glyphs are letters of one script that do not mirror each other, as in a language's own name."""
    mirrored = "z" not in kinds and base == base[::-1]
    if len(base) < 2 or mirrored or not all(map(str.isalpha, base)):
        return False
    scripts = {unicodedata.name(char, "?").split()[0] for char in base}
    return len(scripts) == 1 and not scripts & _SCRIPTS_OF_FACES


# (reason, whether it is a face, when): what needs no score; the first rule that applies decides.
_RULES = (
    ("control or broken characters", False, lambda s: "!" in s.kinds),
    ("nothing visible", False, lambda s: not s.base),
    ("too short or long without brackets", False, lambda s: s.bare and not 2 <= s.size <= 32),
    ("two ornaments apart", True, lambda s: not s.visible and _are_ornaments_apart(s)),
    ("emoji or ornaments alone", False, lambda s: not s.visible),
    ("one mark repeated", False, lambda s: not s.bare and _is_one_mark(s)),
    ("eyes and a mouth of letters", True, lambda s: s.letters and _LETTERED.fullmatch(s.base)),
    ("letters alone", False, lambda s: s.letters),
    ("a list or a formula", False, lambda s: _LIST.search(s.text)),
    ("letters of one script", False, _holds_word),
    ("two marks apart", True, lambda s: s.pair and s.base[0] in _MARKS and " " in s.text.strip()),
    ("two marks", False, lambda s: s.pair and s.base[0] in _MARKS),
    ("one mark repeated", False, lambda s: not s.bare and s.arms < 0 and len(set(s.base)) == 1),
    ("emoji and marks alone", False, _are_emoji_and_marks),
    (
        "equal eyes around a mouth",
        True,
        lambda s: not s.bare and s.arms >= 0 and _FORM.fullmatch(s.inner),
    ),
    ("two equal eyes apart", True, lambda s: not s.bare and _APART.fullmatch(s.text.strip())),
    ("a known emoticon", True, lambda s: s.bare and _EMOTICON.fullmatch(s.base)),
    ("a word", False, lambda s: re.search("[A-Za-z]{4}", s.base)),
    ("lines, brackets or marks alone", False, lambda s: s.bare and _is_drawn(s)),
    ("one glyph that is a face", True, lambda s: not s.bare and s.size == 1 and _is_lone_face(s)),
    ("one glyph between brackets", False, lambda s: not s.bare and s.size == 1),
)


@cache
def _weights():
    return json.loads((DATA / "face_scorer.json").read_text(encoding="utf-8"))
