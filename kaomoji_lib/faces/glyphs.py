"""Classes of characters: what a glyph is in running text, and what it may be in a face."""

import re
import unicodedata
from functools import cache
from string import ascii_lowercase, ascii_uppercase

from kaomoji_lib.faces.canonical import FOLDED, FOLDS

_PICTOGRAPHS = re.compile(
    "[\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d"
    "\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2648-\u2653\u267b\u267e\u267f"
    "\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26b0\u26b1\u26bd\u26be\u26c4\u26c5"
    "\u26c8\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702"
    "\u2705\u2708-\u270d\u270f\u2712\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755"
    "\u2757\u2764\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b50\u2b55"
    "\U0001f000-\U0001ffff]"
)
ORNAMENTS = set("★☆✦✧✩✪✫✯✰✿❀❁❣❥♥♡❦♪♫♬♩※ღ❤")
OPENERS, CLOSERS = "([（［{｛ʕʢ꒰༼₍⁽ˁ❨⦅⟮⸨⟦༺", ")]）］}｝ʔʡ꒱༽₎⁾ˀ❩⦆⟯⸩⟧༻"
# One letter for each class; LETTERS are those that words are made of.
LETTERS = "aAlgcjhkx"
_OWN = {
    "a": ascii_lowercase, "A": ascii_uppercase, "p": ".,!?:;'\"-", "q": "#$%&*+/<=>@\\^_`|~", "(": OPENERS, ")": CLOSERS,
    "[": "「『【〈《〔｢", "]": "」』】〉》〕｣", "o": ORNAMENTS, "!": "\ufffd", "d": "ﾞ", "i": "ﾟ",
}  # fmt: skip
_OWN_KINDS = {char: kind for kind, chars in _OWN.items() for char in chars}
_CATEGORIES = {"Mn": "z", "Mc": "z", "Me": "z", "Cf": "z", "Cc": "!", "Cs": "!", "Nd": "0", "No": "n", "Nl": "n"}  # fmt: skip
# Of glyphs in none of the ranges; punctuation and what is not assigned is "s".
_OTHERS = {"Ll": "x", "Lu": "x", "Lt": "x", "Lo": "x", "Lm": "i", "Sm": "m", "Sk": "d", "Sc": "p", "So": "y"}  # fmt: skip
_RANGES = (
    (0x0080, 0x024F, "l"), (0x0250, 0x02FF, "i"), (0x0300, 0x036F, "l"), (0x0370, 0x03FF, "g"), (0x0400, 0x052F, "c"),
    (0x1100, 0x11FF, "k"), (0x1400, 0x167F, "v"), (0x1D00, 0x1DBF, "i"), (0x1E00, 0x1EFF, "l"), (0x1F00, 0x1FFF, "g"),
    (0x2070, 0x209F, "i"), (0x2500, 0x257F, "b"), (0x2580, 0x25FF, "y"), (0x3041, 0x30FF, "j"), (0x3130, 0x318F, "k"),
    (0x3400, 0x9FFF, "h"), (0xA000, 0xA4FF, "v"), (0xAC00, 0xD7A3, "k"), (0xF900, 0xFAFF, "h"), (0xFF66, 0xFF9F, "j"),
    (0x20000, 0x3FFFF, "h"),
)  # fmt: skip
_MIRRORS = "<>≧≦≥≤/\\╱╲`´ˋˊ()[]{}qpdbᓀᓂ«»‹›╯╰╮╭ノヽ◜◝ᕙᕗ⌒⌒≪≫⊃⊂「」『』【】つ⊂∂6ᵒoOoxX;:.o-^~^'`⸝⸜ÓÒóò"  # fmt: skip
_MIRRORED = set(zip(_MIRRORS[::2], _MIRRORS[1::2], strict=True))


def is_emoji(char: str) -> bool:
    """Whether a character is a pictograph; the stars, flowers and open hearts of faces are not."""
    return bool(_PICTOGRAPHS.match(char))


def kinds(text: str) -> str:
    """Return the class of every character of ``text``, one letter each."""
    return "".join(map(_kind, text))


def fold_width(text: str) -> str:
    """Return ``text`` with full-width and near-identical glyphs folded, one for one."""
    return "".join(map(_width, text))


def mirrored(left: str, right: str) -> bool:
    """Whether two glyphs are each other's mirror image, or one eye in two sizes."""
    return (left, right) in _MIRRORED or (right, left) in _MIRRORED


@cache
def _kind(char):
    if char.isspace() or char in "\u2800\u3164":
        return " "
    category = unicodedata.category(char)
    if known := _OWN_KINDS.get(char) or ("e" if is_emoji(char) else _CATEGORIES.get(category)):
        return known
    folded = _width(char) if char < "\uffe0" else char
    if folded in _OWN_KINDS:
        return _OWN_KINDS[folded]
    for low, high, kind in _RANGES:
        if low <= ord(folded) <= high and (category[0] == "L" or kind in "byiv"):
            return kind
    return _OTHERS.get(category, "s")


@cache
def _width(char):
    return chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else _FOLDED.get(char, char)


_FOLDED = dict(zip(FOLDED, FOLDS, strict=True)) | dict(zip("＾￣–−—゜ﾟ。", "^¯---°°｡", strict=True))
