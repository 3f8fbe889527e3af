"""How much a piece of text looks like a face: a linear score over classes of characters and their form.

The weights (``data/face_scorer.json``) were learned offline by logistic regression, from a public dictionary of faces
and natural parentheticals in many languages; ``tests/benchmarks/faces.py --train`` writes the file again. A score is
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
    """Return the visible base glyphs, width folded; a mark that stands alone becomes a spacing glyph."""
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
    """Return the names of the features that ``text`` (a span, or what stands between its brackets) has."""
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
def judge(span: str, arms: int | None = None) -> bool:
    """Whether ``span`` is a face.

    ``arms``: for what stands between two brackets, how many arms it has outside (-1: a letter stands before the bracket, as
    in a formula); None for a word without a pair of brackets.
    """
    rule = _rule(span, arms)
    return _score(span, arms) > 0 if rule is None else rule[0]


def explain(span: str, arms: int | None) -> dict:
    """Return what :func:`judge` made of a span: ``span``, ``face``, ``score``, ``rule`` and ``features``."""
    rule = _rule(span, arms)
    weights = _weights()["bare" if arms is None else "bracketed"]["weights"]
    shares = {name: weights[name] for name in features(span) if name in weights}
    return {
        "span": span,
        "face": judge(span, arms),
        "score": None if rule else round(_score(span, arms), 2),
        "rule": rule[1] if rule else None,
        "features": dict(sorted(shares.items(), key=lambda item: -abs(item[1]))),
    }


def _rule(span, arms):
    """What needs no score: (verdict, reason), or None."""
    kinds = glyphs.kinds(span)
    if "!" in kinds:
        return False, "control or broken characters"
    base = plain(span)
    if not base:
        return False, "nothing visible"
    if arms is None and not 2 <= len(base) <= 32:
        return False, "too short or too long for a face without brackets"
    visible = glyphs.kinds(base).replace("e", "").replace("o", "")
    if not visible:
        eyes = (
            arms is not None
            and base[0] == base[-1]
            and base[0] in glyphs.ORNAMENTS
            and len(base) > 1
        )
        return eyes and (len(base) == 2 or base[0] not in base[1:-1]), "emoji or ornaments alone"
    if (
        arms is not None
        and len(base) > 2
        and len(set(base)) == 1
        and visible[:1] in "pqsd"
        and len(set(span.split()[0])) == 1
        and base[0] != "¯"
    ):
        return False, "one mark repeated"
    if arms is not None and base.isascii() and base.isalpha():
        return bool(_LETTERED.fullmatch(base)), "letters alone"
    if _LIST.search(span):
        return False, "a list or a formula"
    if arms is not None and _is_word(base.replace("་", ""), glyphs.kinds(span)):
        return False, "letters of one script"
    if arms == 0 and len(base) == 2 and base[0] == base[1] and base[0] in _DOUBLED_MARKS:
        return " " in span.strip(), "two marks"
    if arms is not None and arms < 0 and len(set(base)) == 1:
        return False, "one mark repeated"
    if "e" in kinds and not visible.strip("pq") and base[0] != base[-1]:
        return False, "emoji and marks alone"
    if arms is not None and arms >= 0 and _FORM.fullmatch(base.strip(_BLUSH) or base):
        return True, "equal eyes around a mouth"
    if arms is not None and _APART.fullmatch(span.strip()):
        return True, "two equal eyes apart"
    if arms is None and _EMOTICON.fullmatch(base):
        return True, "a known emoticon"
    if re.search("[A-Za-z]{4}", base):
        return False, "a word"
    if arms is None and (not visible.strip("b") or "e" in kinds or set(base) <= set("*~-_.=#/")):
        return False, "a table, a line or marks alone"
    if arms is not None and len(base) == 1:
        lone = base in _LONE or (
            arms > 0
            and kinds.strip(" z")
            not in tuple("aAlgch0pq"[: 2 if arms > 1 and not base.isascii() else 9])
        )
        return lone, "one glyph between brackets"
    return None


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


def _score(span, arms):
    model = _weights()["bare" if arms is None else "bracketed"]
    weights = model["weights"]
    shift = model["shift"] if arms is None else model["shift"][str(max(-2, min(arms, 1)))]
    return shift + sum([weights.get(name, 0.0) for name in features(span)])


@lru_cache(1)
def _weights():
    return json.loads((DATA / "face_scorer.json").read_text(encoding="utf-8"))


def score(span: str, arms: int | None = None) -> float:
    """Nats above the threshold; infinite where a rule decides."""
    rule = _rule(span, arms)
    return _score(span, arms) if rule is None else math.inf if rule[0] else -math.inf
