"""A face's identity at three levels: as typed, with its arms, and canonical; and the fold of the published tables."""

import re
import unicodedata

LEVELS = ("raw", "with_arms", "canonical")

# Arms and thrown tables beside a face, and glyphs that fold into one, of both folds.
LEADING_ARMS = "\\⊂✧ΣψΨεƪ╲＼٩ᕕ໒ヽヾ╰╭╮┐┌¯_「『【〈《〔└┘♪♫♬♩♥♡❤★☆ᕦᕙ୧✿❀❣❥✦✩✪※"
TRAILING_ARMS = "ﻭっ/／⊂⊃✧۶ᕗ७ψΨзʃ╱ノﾉ╯╮╭┌┐┘└¯_」』】〉》〕♪♫♬♩♥♡❤★☆ᕤ୨✿❀❣❥✦✩✪※つづ"
TABLE = r"[┻┳┬┴┸┯][━─═―—ー ̄￣﹏]*[┻┳┬┴┸┯]"
THROWN_TABLE = rf"[︵⌒彡ミ～~]*[ \u3000]?{TABLE}(?:[ \u3000]?[︵⌒彡ミ～~]+)?"
FOLDED = "（）［］＞＜；：＿＊｀？！．，／～｜ｃ〜‘’“”◔◑◐◒◓◖◗◉●º˚･•ᴗ◡ᵕ⌣◍。"
FOLDS = "()[]><;:_*`?!.,/~|c~''\"\"◕◕◕◕◕◕◕⊙⊙°°・・‿‿‿‿｡｡"

# Every format character (category Cf), variation selectors and overlays: they change no glyph that a face is known by.
DELETED = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
    "\ufe00-\ufe0f\U000e0100-\U000e01ef\u0334-\u0338\u033f"
)
SPACES = (
    "\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000\u3164"
)
OPENERS, CLOSERS = "([{ʕʢ༼꒰₍⁽ˁ", ")]}ʔʡ༽꒱₎⁾ˀ"
BLUSH_BEFORE, BLUSH_BEHIND = "っ*つづ", "ςc*"
# Glyphs that are a mouth: where one end of a face is such a glyph and the other is none, an eye is lost.
MOUTHS = "_﹏ωд∀▽△∇口ロ益皿ヮ‿ェᴥ﹃﹀︿"

_DELETED = re.compile(f"[{DELETED}{SPACES}]")
_FOLDS = str.maketrans(FOLDED, FOLDS)
_CYRILLIC_CAPITAL = re.compile("[\u0400-\u042f]")
_BRACKETED = re.compile(
    rf"[^{re.escape(OPENERS)}]*(?P<face>[{re.escape(OPENERS)}].*[{re.escape(CLOSERS)}])", re.DOTALL
)
_ESCAPED_PAIR = re.compile(r"\\[(\[（].*\\[)\]）]")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_ESCAPED_MARK = re.compile(r"\\([*`~])|(?<=([^\s¯(]))\\(_)(?=\2)")


def with_arms(raw: str) -> str:
    """Return the face with all it carries, without white space, format characters, Markdown escapes and widths.

    Near-identical glyphs are one. Composed (NFC, never NFKC), idempotent, never longer than the composed input.
    """
    return _settled(_fold_once, raw)


def canonical(raw: str) -> str:
    """Return the face between its brackets: :func:`with_arms` without arms, thrown tables and blushes.

    No eye is stripped (``(*_*)`` stays, ``(*^_^*)`` gives ``(^_^)``), and brackets of other scripts stay what they are.
    A face without a pair of brackets has no arms to lose. Idempotent.
    """
    return _settled(lambda face: with_arms(_without_arms(face)), with_arms(raw))


def at_level(raw: str, level: str) -> str:
    """Return the identity of the spelling ``raw`` at one of ``LEVELS``."""
    return {"raw": str, "with_arms": with_arms, "canonical": canonical}[level](raw)


def _settled(step, face):
    """Return ``face`` after as many steps as change it."""
    while (after := step(face)) != face:
        face = after
    return face


def _fold_once(face):
    face = _DELETED.sub("", unicodedata.normalize("NFC", face)).translate(_FOLDS)
    face = _unescaped(_CYRILLIC_CAPITAL.sub(lambda match: match[0].lower(), face))
    return unicodedata.normalize("NFC", face.replace("・-・", "・_・"))


def _unescaped(face):
    if _ESCAPED_PAIR.match(face):
        face = _ESCAPE.sub(r"\1", face)
    return _ESCAPED_MARK.sub(lambda match: match[1] or match[3], face)


def _without_arms(face: str) -> str:
    bracketed = _BRACKETED.match(face)
    if not bracketed:
        return face
    face = bracketed["face"]
    inner = face[1:-1].lstrip(BLUSH_BEFORE).rstrip(BLUSH_BEHIND)
    eyes = len(inner) > 1 and (inner[0] in MOUTHS) == (inner[-1] in MOUTHS)
    return f"({inner})" if eyes and face[0] == "(" and face[-1] == ")" else face


# Of the published tables.
_PUBLISHED_DELETED = re.compile("[\u200b-\u200d\u2060\ufeff\u0602\ufe00-\ufe0f\u0334-\u0338\u033f]")
_ARMS_BEFORE = re.compile(rf"^[{re.escape(LEADING_ARMS)}]+(?=\()")
_ARMS_BEHIND = re.compile(rf"(?<=\))[{re.escape(TRAILING_ARMS)}]+$")
_TABLE_BEHIND = re.compile(rf"(?<=[){re.escape(TRAILING_ARMS)}]){THROWN_TABLE}$")
_TABLE_BEFORE = re.compile(rf"^{THROWN_TABLE}[ \u3000]?[ノﾉヽ]?(?=[{re.escape(LEADING_ARMS)}]*\()")


def published_fold(raw: str) -> str:
    """Return the spelling of the face ``raw`` in the published tables. Idempotent.

    Known faults are kept: a leading or trailing ``*`` is stripped even where it is an eye (``(*_*)`` gives ``(_)``), and only
    some format characters are deleted.
    """
    return _settled(_published_fold_once, raw)


def _published_fold_once(face: str) -> str:
    face = _unescaped(_PUBLISHED_DELETED.sub("", unicodedata.normalize("NFC", face.strip())))
    face = _CYRILLIC_CAPITAL.sub(lambda found: found[0].lower(), face.translate(_FOLDS))
    face = _TABLE_BEHIND.sub("", _TABLE_BEFORE.sub("", face))
    face = _ARMS_BEHIND.sub("", _ARMS_BEFORE.sub("", face))
    if len(face) > 1 and face.startswith("(") and face.endswith(")"):
        inner = face[1:-1].lstrip(BLUSH_BEFORE).rstrip(BLUSH_BEHIND)
        face = f"({inner.replace(' ', '')})"
    return face.replace("・-・", "・_・")
