"""How much a piece of text looks like a face: a linear score over classes of characters and their form.

The weights (``data/face_scorer.json``) were learned offline by logistic regression, from a public dictionary of faces
and natural parentheticals in many languages; ``data/faces/learn.py --train`` writes the file again. A score is
the sum of the weights of the features that the text has, in nats; above 0 it is more likely a face than not.
"""

import json
import math
import re
import unicodedata
from functools import lru_cache

from kaomoji_lib.faces import glyphs
from kaomoji_lib.stimuli import DATA

_NO_GLYPH = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0x0334, 0x0339))))
_LIST = re.compile(
    r"[\w∞)\]][,;]\s+[-−+±\w∞(\[]|\[\w-\w|\[\^|∂\w?/|^(['\"])[A-Za-z0-9]\1$|^/[\w ]+/$"
)
_DOUBLED_MARKS = frozenset("!#$%&*+,-/:<=>?\\|_`~")
_RUNS = re.compile("([aA]{2,}|[lg]{2,}|c{2,}|j{2,}|h{2,}|k{2,}|x{2,}|i{2,}|0{2,})")


def plain(text: str) -> str:
    """Return the visible base glyphs, width folded; a mark by itself becomes a spacing glyph."""
    if text.isascii():
        return "".join(text.split())
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    kinds = glyphs.kinds(text)
    if "z" not in kinds:
        return "".join(glyphs.fold_width(text).split())
    base, before = [], " "
    for char, kind, glyph in zip(text, kinds, glyphs.fold_width(text), strict=True):
        if kind == "z":
            if before == " " and unicodedata.category(char)[0] == "M" and char not in _NO_GLYPH:
                base.append("¯")
                before = kind
            elif char in "\u3099\u309a" and before != "j":
                base.append("°")
            continue
        before = kind
        if kind != " ":
            base.append(glyph)
    return "".join(base)


def features(text: str) -> set[str]:
    """Return the names of the features that ``text`` (a span, or what its brackets enclose) has."""
    base = plain(text)
    kinds = glyphs.kinds(base)
    size = len(base)
    names = {"g" + char for char in base}
    names.update("k" + kind for kind in kinds)
    bounded = f"^{kinds}$"
    names.update("b" + bounded[at : at + 2] for at in range(size + 1))
    names.add(f"n{min(size, 6) if size < 7 else 8 if size < 10 else 12 if size < 17 else 17}")
    for run in _RUNS.findall(kinds):
        names.add(f"r{run[0].lower()}{min(len(run), 4)}")
    words = sum(len(word) > 2 and word.isalpha() for word in text.split())
    if words:
        names.add(f"w{min(words, 3)}")
    if len(text) > size and any(
        kind == "z" for kind in glyphs.kinds(unicodedata.normalize("NFC", text))
    ):
        names.add("m")
    names.update(_form(base, kinds))
    return names


def _form(base: str, kinds: str) -> list[str]:
    """Features of the outermost pair of glyphs that are equal or mirrored around a short middle."""
    size = len(base)
    for left in range(min(4, size - 1)):
        eye = base[left]
        for right in range(min(size - 1, left + 5), left, -1):
            if size - 1 - right - left > 3:
                break
            other = base[right]
            if eye == other or glyphs.mirrored(eye, other):
                same = "=" if eye == other else "~"
                middle = base[left + 1 : right]
                mouth = "m" + kinds[left + 1] if middle else "m"
                return [
                    f"f{same}{kinds[left]}", f"p{eye}{other}", f"f{same}{right - left}", f"f{mouth}",
                    f"f{kinds[left]}{mouth}", f"fo{left}", f"ft{size - 1 - right}",
                ]  # fmt: skip
    return ["f0"]


_EMOTICON = re.compile(
    r"[>}]?[:;=][’'^o-]?(?:[)(\]\[}{]+|[DPpOo3/\\|*cSs]|D+)|[xX]D+|D[:;=]"
    r"|([OoUuQqTtÒòÓó])([wWvV])\1|\\o/|[ㅠㅜㅡ]{2,}|vv|\^\^+;*|=\^.{1,5}\^=|>/{1,4}<|>[.,]<|o[_.]O|O[_.]o"
    r"|([-~.*=^@+'xXu]|[TQ]{1,2})_+\3|([-~_,])\.\4|\._+\.|>[_.,wo]<|\^[_.,]~|([;'TQ@])[-.,w_]\5"
)
_BLUSH = "*=;#｡:'~`´\"〃"
_FORM = re.compile(
    r"\^\^|([\^TQX;@+°])[_.,wWvVoO03AmnuxД∀ω-]{1,3}\1|([oOuUxv-])[_.wWДωx∀]{1,3}\2|>[_.,wWoДω]{1,3}<"
)
_LETTERED = re.compile(r"([TQXO])[oOwWvVmMAnx3u]\1|([ou])[wvm]\2|TT|QQ|[oO]w[oO]|[uU]w[uU]")
_APART = re.compile(r"([^\w\s!#$%&*+,./:<=>?|~-]|[TXQOxu;^Ｔᵔ])\s+\1|[>˃]\s+(?:\S\ufe0f?\s+)?[<˂]")
_LONE = set("ツᐛ∵")


@lru_cache(1 << 16)
def score(span: str, arms: int | None = None) -> float:
    """Return the nats above the threshold at which ``span`` is a face; infinite where a rule decides.

    ``arms``: for what two brackets enclose, how many arms it has outside (-1: a letter comes before the bracket, as
    in a formula); None for a word without a pair of brackets.
    """
    if rule := _rule(span, arms):
        return math.inf if rule[0] else -math.inf
    model = _weights()["bare" if arms is None else "bracketed"]
    weights = model["weights"]
    shift = model["shift"] if arms is None else model["shift"][str(max(-2, min(arms, 1)))]
    return shift + sum([weights.get(name, 0.0) for name in features(span)])


def judge(span: str, arms: int | None = None) -> bool:
    """Whether ``span`` is a face; ``arms`` as in :func:`score`."""
    return score(span, arms) > 0


def explain(span: str, arms: int | None) -> dict:
    """Return what :func:`judge` made of a span: ``span``, ``face``, ``score``, ``rule`` and ``features``."""
    rule, value = _rule(span, arms), score(span, arms)
    weights = _weights()["bare" if arms is None else "bracketed"]["weights"]
    shares = {name: weights[name] for name in features(span) if name in weights}
    return {
        "span": span,
        "face": value > 0,
        "score": None if rule else round(value, 2),
        "rule": rule[1] if rule else None,
        "features": dict(sorted(shares.items(), key=lambda item: -abs(item[1]))),
    }


def _rule(span, arms):
    """What needs no score: (verdict, reason), or None."""
    decided = ((verdict, reason) for holds, verdict, reason in _rules(span, arms) if holds)
    return next(decided, None)


def _rules(span, arms):
    """Yield (whether a rule applies, its verdict, its reason); the first that applies decides."""
    kinds, base, bracketed = glyphs.kinds(span), plain(span), arms is not None
    size, glyph_kinds = len(base), glyphs.kinds(base)
    visible = glyph_kinds.replace("e", "").replace("o", "")
    yield "!" in kinds, False, "control or broken characters"
    yield not base, False, "nothing visible"
    yield not bracketed and not 2 <= size <= 32, False, "too short or too long without brackets"
    eyes = bracketed and size > 1 and base[0] == base[-1] and base[0] in glyphs.ORNAMENTS
    apart = eyes and (size == 2 or base[0] not in base[1:-1])
    yield not visible, apart, "emoji or ornaments alone"
    repeated = bracketed and size > 2 and len(set(base)) == 1 and base[0] != "¯"
    repeated = repeated and visible[:1] in "pqsd" and len(set(span.split()[0])) == 1
    yield repeated, False, "one mark repeated"
    letters = bracketed and base.isascii() and base.isalpha()
    yield letters, bool(_LETTERED.fullmatch(base)), "letters alone"
    yield _LIST.search(span), False, "a list or a formula"
    runs = re.finditer("x{3,}", glyph_kinds)
    words = [base.replace("་", ""), *(base[run.start() : run.end()] for run in runs)]
    yield any(_is_word(word, kinds) for word in words), False, "letters of one script"
    marks = arms == 0 and size == 2 and base[0] == base[1] and base[0] in _DOUBLED_MARKS
    yield marks, " " in span.strip(), "two marks"
    yield bracketed and arms < 0 and len(set(base)) == 1, False, "one mark repeated"
    emoji = "e" in kinds and not visible.strip("pq") and base[0] != base[-1]
    yield emoji, False, "emoji and marks alone"
    framed = bracketed and arms >= 0 and _FORM.fullmatch(base.strip(_BLUSH) or base)
    yield framed, True, "equal eyes around a mouth"
    yield bracketed and _APART.fullmatch(span.strip()), True, "two equal eyes apart"
    yield not bracketed and _EMOTICON.fullmatch(base), True, "a known emoticon"
    yield re.search("[A-Za-z]{4}", base), False, "a word"
    drawn = not visible.strip("b()[]") or "e" in kinds or set(base) <= set("*~-_.=#/")
    yield not bracketed and drawn, False, "lines, brackets or marks alone"
    alone = bracketed and size == 1
    yield alone, alone and _is_lone_face(base, kinds, arms), "one glyph between brackets"


def _is_lone_face(base, kinds, arms):
    """Whether one glyph between brackets is a face: a known one, or one with arms that is no letter or number."""
    plain_kinds = tuple("aAlgch0pq"[: 2 if arms > 1 and not base.isascii() else 9])
    return base in _LONE or (arms > 0 and kinds.strip(" z") not in plain_kinds)


def _is_word(base, kinds):
    """Whether all glyphs are letters of one script that do not mirror each other, as in a language's own name."""
    if (
        len(base) < 2
        or not all(map(str.isalpha, base))
        or ("z" not in kinds and base == base[::-1])
    ):
        return False
    scripts = {unicodedata.name(char, "?").split()[0] for char in base}
    return len(scripts) == 1 and not scripts & {
        "LATIN",
        "GREEK",
        "CYRILLIC",
        "CJK",
        "CANADIAN",
        "KATAKANA",
        "HIRAGANA",
        "MODIFIER",
    }


@lru_cache(1)
def _weights():
    return json.loads((DATA / "face_scorer.json").read_text(encoding="utf-8"))
