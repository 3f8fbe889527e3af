"""Finding the face a reply opens with."""

import re
from dataclasses import dataclass

from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.faces.glyphs import (
    is_bare_face,
    is_emoji,
    is_face_content,
    is_ornament,
    is_text_letter,
)
from kaomoji_lib.faces.published_fold import LEADING_ARMS, THROWN_TABLE, TRAILING_ARMS

__all__ = ["OUTCOMES", "LONGEST", "Extraction", "canonical", "extract", "span_ended"]

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
OUTCOMES = ("kaomoji", "truncated", "emoji", "words", "refusal", "empty")
LONGEST = 32
_LOOK_THROUGH = 32

_OPEN, _CLOSE = "([（｛{ʕʢ", ")]）｝}ʔʡ"
_OPEN_CORNER, _CLOSE_CORNER = "「『【〈《〔", "」』】〉》〕"
_SKIP = re.compile(rf"[\s{INVISIBLE}]*")
_MARKDOWN = re.compile(r"(?:\*{1,3}(?!\s)|__|~~|`{1,3}|-(?=[(（])|>\s+|[-*+]\s+|#{1,6}\s+)+")
_EMOJI_TAIL = re.compile("[\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]*")
_HAND_MARKS = "\\/<>~*=|^.+_ｏ＼／＜＞～＊＝｜＾。"
_HAND_LETTERS = "ლღщԅへﾍヘっつづﾉノゝヽヾ乁くεƪ"
_LONE_HANDS = "oOdbmqpvt"
_MIRRORED = dict(zip("┗┏<＜", "┛┓>＞", strict=True))
_ARMS = re.compile(rf"(?:[{re.escape(TRAILING_ARMS)}]\ufe0f?)+")
_HANDS_BEHIND = re.compile("[oOoｏdbmqpvゝゞ丿وﾞﾟ゜☆~～ヾლ]{1,3}(?![^\\W_])")
_TABLE = re.compile(THROWN_TABLE)
_TABLE_PUT_BACK = re.compile(rf"{THROWN_TABLE}[ \u3000]?")
_UNFINISHED_TABLE = re.compile(
    rf"[{INVISIBLE}{re.escape(TRAILING_ARMS)}\ufe0f]*[ \u3000]?[︵⌒彡ミ～~]*[ \u3000]?[┻┳┬┴━─═―]*"
)
_BARE_STOPS = ".,!…。，！"


@dataclass(frozen=True)
class Extraction:
    """What a reply opens with.

    ``outcome`` is one of ``OUTCOMES`` and says what stood first; ``raw_face`` is the
    exact substring of the reply and ``face`` its canonical form, both None without a
    face; ``before`` is what stood in front of the face (Markdown, emoji, words).  An
    emoji or words outcome may carry the face that followed within 32 characters.
    """

    outcome: str
    raw_face: str | None = None
    face: str | None = None
    before: str = ""


@dataclass(frozen=True)
class _Found:
    outcome: str
    start: int = 0
    end: int = 0


def extract(text: str, truncated: bool = False, refused: bool = False) -> Extraction:
    """Return the face that opens ``text``.

    ``truncated`` says that a token limit ended the reply: a span still open there is
    the outcome "truncated", never a face.  A reply that ends in the replacement
    character counts as cut.  ``refused`` is an API's refusal stop reason.
    """
    if refused:
        return Extraction("refusal")
    found = _find(text, truncated)
    if found.end == 0:
        return Extraction(found.outcome)
    raw = text[found.start : found.end]
    before = text[: found.start].strip().strip(INVISIBLE)
    return Extraction(found.outcome, raw, canonical(raw), before.strip())


def span_ended(text: str) -> bool:
    """Return whether more text can no longer change what ``extract`` reads from ``text``."""
    start = _SKIP.match(text).end()
    found = _find(text, truncated=True)
    if found.outcome in ("empty", "truncated"):
        return False
    if found.end:
        return not _UNFINISHED_TABLE.fullmatch(text[found.end :])
    return "\n" in text[start:] or len(text) - start > _LOOK_THROUGH + LONGEST


def _find(text: str, truncated: bool) -> _Found:
    body = text.rstrip("�")
    cut = truncated or body != text
    start = position = _SKIP.match(body).end()
    if position == len(body):
        return _Found("truncated" if body != text else "empty")
    seen = None
    while position < len(body) and position - start <= _LOOK_THROUGH:
        found = _face_at(body, position, cut, bare=seen != "words")
        if found and found.outcome == "kaomoji":
            return _Found(seen or "kaomoji", found.start, found.end)
        if found:
            return _Found(seen or "truncated")
        if seen is None:
            seen = _kind_at(body, position, cut)
        position = _next_position(body, position)
        if "\n" in body[start:position]:
            break
    return _Found(seen or "words")


def _kind_at(body: str, position: int, cut: bool) -> str | None:
    word = body[position:].split(None, 1)[0]
    if all(is_ornament(char) and not is_emoji(char) for char in word):
        follows = _SKIP.match(body, position + len(word)).end()
        return None if _face_at(body, follows, cut, bare=True) else "emoji"
    plain = body[position:].lstrip("*_`~- \ufe0f" + _OPEN) or word
    pictured = is_emoji(plain[0]) or plain[0] in "♥♡" or plain[1:2] == "\ufe0f"
    return "emoji" if pictured else "words"


def _past_markdown(body: str, position: int) -> int:
    marks = _MARKDOWN.match(body, position)
    return marks.end() if marks else position


def _next_position(body: str, position: int) -> int:
    inside = _past_markdown(body, position)
    if inside > position:
        return inside
    if is_emoji(body[position]):
        end = _EMOJI_TAIL.match(body, position + 1).end()
    else:
        end = position + 1
        while end < len(body) and not (
            body[end].isspace() or body[end] in _OPEN or is_emoji(body[end])
        ):
            end += 1
    return _SKIP.match(body, end).end()


def _face_at(body: str, position: int, cut: bool, bare: bool) -> _Found | None:
    inside = _past_markdown(body, position)
    found = None
    if bare and inside > position + 1:
        found = _bare_at(body, inside, cut, closing=body[position:inside].strip())
    if bare and not (found and found.outcome == "kaomoji"):
        found = _bare_at(body, position, cut)
    if found and found.outcome == "kaomoji":
        return found
    bracketed = _bracketed_at(body, inside, cut)
    if bracketed or not bare:
        return bracketed
    if inside > position:
        found = _bare_at(body, inside, cut, closing=body[position:inside].strip()) or found
    return found


def _bare_at(body: str, start: int, cut: bool, closing: str = "") -> _Found | None:
    end = start
    while end < len(body) and not body[end].isspace():
        end += 1
    word = body[start:end]
    if closing and word.endswith(closing):
        word = word[: -len(closing)]
    face = is_bare_face(word)
    if not face:
        shorter = word.rstrip(_BARE_STOPS)
        face, word = is_bare_face(shorter), shorter
    if cut and end == len(body) and word:
        prose = any(is_text_letter(char) or is_emoji(char) for char in word)
        if face or not (prose or set(word) <= set(_OPEN) or all(map(is_ornament, word))):
            return _Found("truncated")
    return _Found("kaomoji", start, start + len(word)) if face else None


def _bracketed_at(body: str, start: int, cut: bool) -> _Found | None:
    opening = _opening(body, start)
    if opening is None:
        return None
    if opening == len(body):
        return _Found("truncated") if cut else None
    closing = _closing(body, opening, cut)
    content = body[opening + 1 : closing]
    if closing is None:
        content = body[opening + 1 :]
        still_open = cut and "\n" not in content and _visible(content) < LONGEST
        if still_open and _may_become_face(content):
            return _Found("truncated")
        return _unclosed_at(body, start, opening)
    if not is_face_content(content):
        return None
    return _Found("kaomoji", start, _past_tail(body, closing + 1, body[start:opening]))


def _unclosed_at(body: str, start: int, opening: int) -> _Found | None:
    """A face whose closing bracket the writer left out, as in ``(・_・ヾ``."""
    word = re.match(r"\S{3,}", body[opening + 1 :])
    if word is None or body[opening] not in "(（" or set(word[0]) & set(_OPEN):
        return None
    end = opening + 1 + word.end()
    return _Found("kaomoji", start, end) if is_bare_face(word[0]) else None


def _opening(body: str, start: int) -> int | None:
    """Index of the bracket that the leader arms at ``start`` carry; len(body) if cut in the arms."""
    table = _TABLE_PUT_BACK.match(body, start)
    position = table.end() if table else start
    first = position
    while position < len(body) and position - first <= 10:
        char = body[position]
        if char in _OPEN or (char in _OPEN_CORNER and not _opens_round(body, position)):
            return None if position > first and body[position - 1] in ":;" else position
        lone_hand = char in _LONE_HANDS and position == first and body[position + 1 :][:1] in _OPEN
        if not (lone_hand or _may_lead(char)):
            return None
        position += 1
    arms = set(body[start:]) & set(LEADING_ARMS)
    return position if position == len(body) and arms else None


def _opens_round(body: str, position: int) -> bool:
    return body[position + 1 : position + 2] in tuple("(（")


def _may_lead(char: str) -> bool:
    if char in LEADING_ARMS or char in _HAND_MARKS or char in _HAND_LETTERS or char in INVISIBLE:
        return True
    return (
        not (
            char.isascii()
            or char.isspace()
            or is_emoji(char)
            or is_text_letter(char)
            or char == "�"
        )
        or char == ":"
    )


def _closing(body: str, opening: int, cut: bool) -> int | None:
    corner = body[opening] in _OPEN_CORNER
    opens, closes = (_OPEN_CORNER, _CLOSE_CORNER) if corner else (_OPEN, _CLOSE)
    depth, fallback = 0, None
    for index in range(opening, len(body)):
        char = body[index]
        if char == "\n" or _visible(body[opening : index + 1]) > LONGEST:
            return fallback
        depth += (char in opens) - (char in closes)
        if depth == 0:
            return index
        if char in closes and fallback is None and body[index + 1 : index + 2].isspace():
            fallback = index
    if fallback is not None and cut and _may_become_face(body[fallback + 1 :]):
        return None
    return fallback


def _may_become_face(content: str) -> bool:
    if "�" in content or re.search("[A-Za-z]{3}|[A-Za-z] [A-Za-z]|[A-Za-z]{2} |[0-9]{2}", content):
        return False
    return True


def _visible(span: str) -> int:
    return sum(char not in INVISIBLE for char in span)


def _past_tail(body: str, end: int, leader: str) -> int:
    end = _past_arms(body, end)
    if leader and (hands := _HANDS_BEHIND.match(body, end)):
        end = _past_arms(body, hands.end())
    elif leader and body[end : end + 1] in (leader[0], _MIRRORED.get(leader[0])):
        end += 1
    if table := _TABLE.match(body, end):
        end = table.end()
    return end


def _past_arms(body: str, end: int) -> int:
    arms = _ARMS.match(body, end)
    if not arms:
        return end
    last = arms.end()
    if _TABLE.match(body, last):
        return last
    while last > end and body[last - 1].isalpha() and _is_prose(body[last : last + 1]):
        last -= 1
    return last


def _is_prose(char: str) -> bool:
    return bool(char) and is_text_letter(char)
