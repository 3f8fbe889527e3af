"""The fold that the published round counted its faces with, kept to the letter so that its numbers stay exact.

Our own identity of a face is in :mod:`kaomoji_lib.faces.canonical`.
"""

import re
import unicodedata

LEADING_ARMS = "\\⊂✧ΣψΨεƪ╲＼٩ᕕ໒ヽヾ╰╭╮┐┌¯_「『【〈《〔└┘♪♫♬♩♥♡❤★☆ᕦᕙ୧✿❀❣❥✦✩✪※"
TRAILING_ARMS = "ﻭっ/／⊂⊃✧۶ᕗ७ψΨзʃ╱ノﾉ╯╮╭┌┐┘└¯_」』】〉》〕♪♫♬♩♥♡❤★☆ᕤ୨✿❀❣❥✦✩✪※つづ"
TABLE = r"[┻┳┬┴┸┯][━─═―—ー ̄￣﹏]*[┻┳┬┴┸┯]"
THROWN_TABLE = rf"[︵⌒彡ミ～~]*[ \u3000]?{TABLE}(?:[ \u3000]?[︵⌒彡ミ～~]+)?"

INNER_HEAD, INNER_TAIL = "っ*つづ", "ςc*"
DELETED = "".join(
    map(
        chr,
        [
            *range(0x200B, 0x200E),
            0x2060,
            0xFEFF,
            0x0602,
            *range(0xFE00, 0xFE10),
            *range(0x0334, 0x0339),
            0x033F,
        ],
    )
)
FOLDED = "（）［］＞＜；：＿＊｀？！．，／～｜ｃ〜‘’“”◔◑◐◒◓◖◗◉●º˚･•ᴗ◡ᵕ⌣◍。"
FOLDS = "()[]><;:_*`?!.,/~|c~''\"\"◕◕◕◕◕◕◕⊙⊙°°・・‿‿‿‿｡｡"

_DELETED = re.compile(f"[{DELETED}]")
_FOLDS = str.maketrans(FOLDED, FOLDS)
_CYRILLIC_CAPITAL = re.compile("[\u0400-\u042f]")
_ARMS_BEFORE = re.compile(rf"^[{re.escape(LEADING_ARMS)}]+(?=\()")
_ARMS_BEHIND = re.compile(rf"(?<=\))[{re.escape(TRAILING_ARMS)}]+$")
_TABLE_BEHIND = re.compile(rf"(?<=[){re.escape(TRAILING_ARMS)}]){THROWN_TABLE}$")
_TABLE_BEFORE = re.compile(rf"^{THROWN_TABLE}[ \u3000]?[ノﾉヽ]?(?=[{re.escape(LEADING_ARMS)}]*\()")
_INNER_HEAD = re.compile(f"^[{INNER_HEAD}]+")
_INNER_TAIL = re.compile(f"[{INNER_TAIL}]+$")
_ESCAPED_PAIR = re.compile(r"^\\[(\[（].*\\[)\]）]")
_ESCAPED_MARK = re.compile(r"\\([*`~])|(?<=([^\s¯(]))\\(_)(?=\2)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def published_fold(raw: str) -> str:
    """Return the spelling of the face ``raw`` in the published tables.

    The folds run to a fixpoint, so the function is idempotent. Known faults are kept: a leading or trailing ``*`` is
    stripped even where it is an eye (``(*_*)`` gives ``(_)``), and only some format characters are deleted.
    """
    face = raw
    while (folded := _fold_once(face)) != face:
        face = folded
    return face


def _fold_once(face: str) -> str:
    face = unicodedata.normalize("NFC", face.strip())
    face = _DELETED.sub("", face)
    if _ESCAPED_PAIR.match(face):
        face = _ESCAPE.sub(r"\1", face)
    face = _ESCAPED_MARK.sub(lambda found: found[1] or found[3], face)
    face = _CYRILLIC_CAPITAL.sub(lambda found: found[0].lower(), face.translate(_FOLDS))
    face = _TABLE_BEHIND.sub("", _TABLE_BEFORE.sub("", face))
    face = _ARMS_BEHIND.sub("", _ARMS_BEFORE.sub("", face))
    if len(face) > 1 and face.startswith("(") and face.endswith(")"):
        inner = _INNER_TAIL.sub("", _INNER_HEAD.sub("", face[1:-1]))
        face = f"({inner.replace(' ', '')})"
    return face.replace("・-・", "・_・")
