"""Judgements on glyphs: which characters, bracket contents and words look like a face."""

import re
import unicodedata

_PICTOGRAPHS = re.compile(
    "[\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d"
    "\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2648-\u2653\u267b\u267e\u267f"
    "\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26b0\u26b1\u26bd\u26be\u26c4\u26c5"
    "\u26c8\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702"
    "\u2705\u2708-\u270d\u270f\u2712\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755"
    "\u2757\u2764\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b50\u2b55"
    "\U0001f000-\U0001faff]"
)
_ORNAMENTS = set("★☆✦✧✩✪✫✯✰✿❀❁❣❥♥♡❦♪♫♬♩※ღ❤")
_PROSE_SYMBOLS = set(
    "·⋅•・…‥‐‑‒–—―‘’“”„«»‹›、。，．！？：；｡､｢｣〝〟°º¹²³½¼¾×÷±§¶†‡™©®→←↑↓↔⇒⇐€£¥¢₩₹₽‰№‼⁉"
    "～〜〰✔✓✗✘☐☑≈≠≤≥∞√∑≡〃々〆ー／＼＿－＋＝＆％＃＄｜＜＞＊（）［］「」『』【】〈〉《》〔〕¿¡�"
)
_FACE_LETTERS = set("ಠಥರತಡఠツッლʘఇಇ෴")
_FACE_BLOCKS = (
    (0x0250, 0x02FF), (0x1400, 0x167F), (0x1D00, 0x1DBF), (0x2070, 0x209F),
    (0xA000, 0xA4CF), (0xAA80, 0xAADF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC),
)  # fmt: skip
_EYES = _ORNAMENTS | set(
    "^-.,;:'\"~*+=oOTxXuUnvVqQiI@><$ー・•·｡°º×´`/\\／＼_＾＞＜－；ㅠㅜㅡ口ㅇ〇〃…′ﾉ"
)
_LETTER_EYES = set("oOTxXuUnvVqQiI")
_DIGIT_EYES = set("069")
_DOUBLED = set("^-・•°ー＾－ㅠㅜ×")
_DOUBLED_IN_BRACKETS = _DOUBLED | _ORNAMENTS | set(";_.@TO~；＿")
_PAIRS = {
    frozenset(pair)
    for pair in ("><", "／＼", "oO", "`´", "^-", "^~", "/\\", ".o", "-o", "0o", "0O", "＞＜", "°º",
                 ";:", "；：", "xX", "・-", "•-", "・<", "•<")
}  # fmt: skip
_MOUTHS = set(
    "_.-oOwWvVuUnxX3^~*=0AДд∀口ロ皿益へヘヮワェｪ一ー―人艸ノﾉっ×・•·｡'＿＾～өㅅㅂㅁㅇωΩ〇зεЗڡ"
)
_DECORATION_BEFORE = set("*｡。;:=o>^-~´`'\"〃#＊；＝ｏっつノﾉง人๑ฅ・•」「")
_DECORATION_BEHIND = set("*｡。;:=o<^-~´`'\"〃#?!l|Aν＊；：＝！？ｏっつノﾉヾゞゝงｿヘςсc−๑ฅ・•」「")
_NESTED = str.maketrans("", "", "()（）")
_STAND_ALONE = re.compile("(?:(?<=[ \u00a0])|^)[\u0300-\u0333\u0339-\u034e\u0350-\u036f]")
_VOICE_MARK = re.compile("(?<![\u3040-\u30ff])[\u3099\u309a]")
_WORD = re.compile("[A-Za-z]{4}")
_WESTERN = re.compile(r"[>}]?[:;=][’'^o-]?(?:[)(\]\[}{]+|[DPpOo3/\\|*cSs]|D+)|[xX]D+|D[:;=]")
_EMOTICON = re.compile(r"([OoUuQqTt])([wWvV])\1|\\o/|[ㅠㅜㅡ]{2,}|vv|\^\^+|=\^.{1,5}\^=|>/{1,4}<")


def is_emoji(char: str) -> bool:
    """Whether a character is a pictograph; the stars, flowers and open hearts of faces are not."""
    return bool(_PICTOGRAPHS.match(char))


def is_ornament(char: str) -> bool:
    """Whether a character is one of the stars, flowers, hearts and notes that decorate faces."""
    return char in _ORNAMENTS


def is_text_letter(char: str) -> bool:
    """Whether a character is a letter or digit of running text, in any script."""
    return char.isalnum() and unicodedata.category(char) != "Lm" and not _is_face_letter(char)


def is_face_content(content: str) -> bool:
    """Whether what stands between two brackets can be a face.

    True for content with symbols that prose does not use, and for ordinary
    characters that stand eye-mouth-eye; false for words, numbers, lone hearts and
    emoji, control characters, and nothing at all.
    """
    if any(map(_is_control, content)):
        return False
    plain = _plain(content).translate(_NESTED)
    rating = len(plain) > 3 and set(plain) <= _ORNAMENTS
    if not plain or rating or _WORD.search(plain) or _reads_as_words(plain):
        return False
    formula = any(char.isascii() and char.isalnum() for char in plain)
    return any(
        _is_strong(char) and not (formula and _is_notation(char)) for char in plain
    ) or _is_eye_mouth_eye(plain, bracketed=True)


def is_bare_face(word: str) -> bool:
    """Whether a word without brackets is a face: eyes around a mouth, or an emoticon."""
    plain = _plain(word)
    if (
        not 2 <= len(plain) <= 32
        or _WORD.search(plain)
        or "�" in plain
        or any(map(_is_control, word))
        or set(plain) <= set("*~")
    ):
        return False
    if _WESTERN.fullmatch(plain) or _EMOTICON.fullmatch(plain):
        return True
    return not _reads_as_words(plain) and _is_eye_mouth_eye(plain, bracketed=False)


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc" and not char.isspace()


def _plain(text: str) -> str:
    """The visible base characters; a mark that stands alone becomes a spacing glyph."""
    text = _VOICE_MARK.sub("ﾟ", _STAND_ALONE.sub("￣", unicodedata.normalize("NFC", text)))
    hidden = ("Mn", "Me", "Mc", "Cf", "Cc")
    return "".join(c for c in text if not (c.isspace() or unicodedata.category(c) in hidden))


def _is_face_letter(char: str) -> bool:
    return char in _FACE_LETTERS or any(low <= ord(char) <= high for low, high in _FACE_BLOCKS)


def _is_strong(char: str) -> bool:
    if char.isascii() or char in _PROSE_SYMBOLS or char in _ORNAMENTS or is_emoji(char):
        return False
    kind = unicodedata.category(char)
    return _is_face_letter(char) or kind[0] in "SP" or kind in ("Lm", "Nl")


def _is_notation(char: str) -> bool:
    phonetic = char.isalpha() and not 0x1400 <= ord(char) <= 0x167F
    return phonetic or unicodedata.category(char) == "Sm" or "\u2070" <= char <= "\u209f"


def _reads_as_words(plain: str) -> bool:
    run = 0
    for char in plain:
        if char in _MOUTHS or char in _DECORATION_BEHIND or char in "ㅠㅜㅡ":
            continue
        run = run + 1 if is_text_letter(char) and not char.isascii() else 0
        if run >= 3:
            return True
    return False


def _is_eye_mouth_eye(plain: str, bracketed: bool) -> bool:
    for head in range(min(3, len(plain) - 2) + 1):
        if not _decorates(plain[:head], _DECORATION_BEFORE):
            break
        for tail in range(min(4, len(plain) - head - 2) + 1):
            end = len(plain) - tail
            if not bracketed and set(plain[head:end]) & set(plain[:head] + plain[end:]):
                continue
            if _decorates(plain[end:], _DECORATION_BEHIND) and _is_core(plain[head:end], bracketed):
                return True
    return bracketed and bool(_WESTERN.fullmatch(plain) or _EMOTICON.fullmatch(plain))


def _decorates(text: str, decoration: set[str]) -> bool:
    return all(c in decoration or c in _ORNAMENTS or is_emoji(c) or _is_strong(c) for c in text)


def _is_core(core: str, bracketed: bool) -> bool:
    left, mouth, right = core[0], core[1:-1], core[-1]
    if not (_base(left) == _base(right) or frozenset((left, right)) in _PAIRS):
        return False
    if core == "><":
        return True
    if not mouth:
        return left == right and left in (_DOUBLED_IN_BRACKETS if bracketed else _DOUBLED)
    if len(mouth) > 3 or left in mouth or (left in "/\\／＼" and not bracketed):
        return False
    if left in _DIGIT_EYES:
        return mouth == "_"
    if left in _LETTER_EYES and any(char.isascii() and char.isalnum() for char in mouth):
        return False
    pictured = bracketed and left in _ORNAMENTS
    if not all(
        c in _MOUTHS or _is_strong(c) or (pictured and (c == left or is_emoji(c))) for c in mouth
    ):
        return False
    if left in _EYES or _is_strong(left) or (bracketed and is_emoji(left)):
        return True
    return not left.isascii() and (set(mouth) <= set("_＿﹏皿益") or _is_strong(mouth[0]))


def _base(char: str) -> str:
    return unicodedata.normalize("NFD", char)[0]
