"""Finding the face a reply opens with: by form and by exclusion, the best face of the first line."""

import re
from dataclasses import dataclass, replace

from kaomoji_lib.faces import scorer
from kaomoji_lib.faces.canonical import LEADING_ARMS, THROWN_TABLE, TRAILING_ARMS, canonical
from kaomoji_lib.faces.glyphs import LETTERS, ORNAMENTS, is_emoji, kinds, mirrored

OUTCOMES = ("kaomoji", "truncated", "emoji", "words", "refusal", "empty")
LONGEST = 32
_WINDOW, _REACH, _LONGEST_TAIL = 160, 32, 40

_SKIP = re.compile("[\\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]*")
_MARKDOWN = re.compile(
    r"(?:\*{1,3}(?!\s)|__|~~|`{1,3}|[-–—'](?=[(（])|>\s+|[-*+•‣]\s+|#{1,6}\s+|\(?\d{1,2}[.)]\s+"
    r"|[\"“”„‘«](?=\S)|'(?=\S+'(?:[\s.,!?]|$)))*"
)
_CODE = re.compile(r"`\S+`(?:[\s.,!?]|$)")
_QUOTES = dict(zip("\"'`“”„‘«", "\"'`””“’»"))
_EMOJI_TAIL = re.compile("[\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]*")
_BARE_STOPS = '.,!…。，！"”'
_TABLE = re.compile(rf"[ \u00a0\u3000]?{THROWN_TABLE}")
_UNFINISHED_TABLE = re.compile(
    "[\u200b-\u200d\u2060\ufe0f]*[ \u00a0\u3000]?[︵⌒彡ミ～~]*[ \u3000]?[┻┳┬┴━─═―]*"
)
_THOUGHT = re.compile("[.｡。．・･]{1,4}[oOｏＯ○◯〇]{1,4}|[zZｚＺ]{2,4}")
# Letters that are a hand, an arm or a weapon beside a face, when no word goes on after them.
_HANDS = frozenset(
    LEADING_ARMS
    + TRAILING_ARMS
    + "csＣｃｓoOｏＯdbqpmMvVwWyYuUtDcCQJLS9860ＤＷＶｖｍｄｂｐｑｙζσρφψΦΨθεξΣбщшШЩцэЭ"
    "ノﾉヽヾゝゞっつづﾂシｼヘﾍへくフ乁し丿屮彡三ミﾐ凸凹人八川旦且ლฅงو೨੭୨୧ღ۶७ა૮ʃʅƪԅԃﻭﻢऽ൬ʋɔ"
)
_NON_ASCII_HANDS = frozenset(char for char in _HANDS if not char.isascii())
_HAND_SIGNS = frozenset("✌✍☝")
_STRONG = frozenset("ymbdsivn")
_ARM_KINDS = "ymbdiovn]"
_LETTER_KINDS = tuple(LETTERS)
_WORDY = re.compile(rf"[{LETTERS}]{{2,}}|0{{2,}}")
_PAIR = re.compile(r"\(.*\)|\[.*\]")
_SEVERAL = re.compile("[ymbdivn]")
_PROSE = re.compile("[A-Za-z]{3}|[A-Za-z] [A-Za-z]|[A-Za-z]{2} |[0-9]{2}|\ufffd")
_WALLS = frozenset("|∥｜┃│❘川")
_ROUND_ENDS = frozenset("︵.,!?;:…、。！？，；：“”»\"’'*`—–「『")
_SURE_ENDS = frozenset("ノﾉ╯ﾞ゛♡♥☆★♪~～/／\\＼)）彡۶ᕗ")


@dataclass(frozen=True)
class Extraction:
    """What a reply opens with.

    ``outcome``: one of ``OUTCOMES``, what came first; after emoji or words a face may follow within 32 characters.
    ``raw_face``: the exact substring; ``face``: its canonical form; ``before``: the Markdown, list marks, quotes, emoji or words
    in front of it.
    """

    outcome: str
    raw_face: str | None = None
    face: str | None = None
    before: str = ""


@dataclass(frozen=True)
class _Found:
    """A span of the reply; ``open``: more text could change it."""

    outcome: str
    start: int = 0
    end: int = 0
    open: bool = False
    face_start: int = -1
    judged: tuple[str, int | None] = ("", None)


def extract(text: str, truncated: bool = False, refused: bool = False) -> Extraction:
    """Return the face that opens ``text``.

    ``truncated``: a token limit ended the reply; a span still open there is the outcome "truncated", never a face. So is one
    in a reply that ends in the replacement character. ``refused``: an API's refusal stop reason.
    """
    if refused:
        return Extraction("refusal")
    found = _find(text, truncated)
    if found.end == 0:
        return Extraction(found.outcome)
    raw = text[found.start : found.end]
    before = text[: found.start].strip()
    return Extraction(found.outcome, raw, canonical(raw), _SKIP.sub("", before, count=1))


def span_ended(text: str) -> bool:
    """Return whether more text can no longer change what ``extract`` reads from ``text``."""
    found = _find(text, truncated=True)
    return found.outcome not in ("empty", "truncated") and not found.open


def explain(text: str) -> list[dict]:
    """Return every span of the first line that was judged, in reading order, as :func:`.scorer.explain` does."""
    line = _Line(text[_SKIP.match(text).end() :], cut=False)
    _scan(line)
    return [scorer.explain(span, arms) for span, arms in dict.fromkeys(line.judged)]


class _Line:
    """The first line of a reply, as far as a face can reach, with the class of each character."""

    def __init__(self, body, cut):
        self.text = body[:_WINDOW].split("\n", 1)[0]
        self.kinds, self.size = kinds(self.text), len(self.text)
        self.cut = cut and self.size == len(body)  # whether what follows is not known yet
        self.judged = []

    def is_face(self, span, arms=None):
        self.judged.append((span, arms))
        return scorer.score(span, arms) > 0


def _find(text: str, truncated: bool) -> _Found:
    body = text.rstrip("�")
    start = _SKIP.match(body).end()
    if start == len(body):
        return _Found("truncated" if body != text else "empty")
    found = _scan(_Line(body[start:], truncated or body != text))
    return replace(found, start=start + found.start, end=found.end and start + found.end)


def _scan(line: _Line) -> _Found:
    seen, ornaments, position = None, None, 0
    while position < line.size and position <= _REACH:
        found = _face_at(line, position, bare=seen != "words")
        if found and found.outcome == "kaomoji":
            return _Found(seen or "kaomoji", found.start, found.end, found.open)
        if found:
            return _Found(seen or "truncated", open=True)
        following = _next_position(line, position)
        if seen is None:
            kind = _kind_of(line, position, following)
            ornaments = ornaments or (kind == "ornaments" and "emoji")
            seen = (ornaments or kind) if kind in ("emoji", "words") else None
        position = following
    return _Found(seen or ornaments or "words", open=line.cut and position <= _REACH)


def _kind_of(line: _Line, position: int, following: int) -> str:
    """What was passed over: ornaments, emoji, words, or symbols that say nothing."""
    piece = line.text[position:following].strip()
    passed = line.kinds[position:following]
    if piece and set(piece) <= ORNAMENTS:
        return "ornaments"
    plain = line.text[position:].lstrip("*_`~- \ufe0f([（｛{ʕʢ") or piece or "-"
    if is_emoji(plain[0]) or plain[0] in "♥♡" or plain[1:2] == "\ufe0f":
        return "emoji"
    return "words" if _WORDY.search(passed) or set(passed) & set("aA0(!") else "symbols"


def _next_position(line: _Line, position: int) -> int:
    end = position + 1
    if (inside := _MARKDOWN.match(line.text, position).end()) > position:
        return inside
    if line.kinds[position] == "e":
        end = _EMOJI_TAIL.match(line.text, end).end()
    else:
        while end < line.size and line.kinds[end] not in " (e":
            end += 1
    return _SKIP.match(line.text, end).end()


def _face_at(line: _Line, position: int, bare: bool) -> _Found | None:
    inside = _MARKDOWN.match(line.text, position).end()
    marks = line.text[position:inside].strip()
    found = _bracketed_at(line, inside)
    if not bare:
        return found
    if found is None or " " in line.kinds[inside : max(inside, found.face_start)]:
        within = (
            len(marks) > 1
            or marks in _QUOTES
            and (marks != "`" or _CODE.match(line.text, position))
        )
        for start in dict.fromkeys((inside, position) if within else (position, inside)):
            word = _bare_at(line, start, marks if start == inside else "", single=found is not None)
            if word and (found is None or scorer.score(*word.judged) > scorer.score(*found.judged)):
                return word
    arms = found and found.outcome == "kaomoji" and marks and set(marks) <= set("_~")
    if arms and not line.text.startswith(marks[0], found.end):
        return _Found("kaomoji", position, found.end, found.open)
    return found


def _bare_at(line: _Line, start: int, marks: str, single: bool) -> _Found | None:
    """A face without a pair of brackets: the next word, or up to three together unless ``single``."""
    end, closing = start, "".join(_QUOTES.get(mark, mark) for mark in reversed(marks))
    for _ in range(3):
        while end < line.size and line.kinds[end] != " ":
            end += 1
        word = line.text[start:end]
        if not word or len(word) > LONGEST:
            return None
        word = word.removesuffix(closing)
        outer = ")" in line.kinds[start:end] and "(" in line.kinds[:start]
        if outer or _PAIR.search(line.kinds, start, end) or _closes(line, start, end):
            return None
        wordy = _WORDY.search(line.kinds, start, end)
        shorter = word.rstrip(_BARE_STOPS).removesuffix(closing)
        face = next((form for form in (shorter, word) if line.is_face(form)), None)
        found = set(line.kinds[start:end])
        if line.cut and end == line.size and shorter:
            if face or not (wordy or found <= set("(o") or "e" in found):
                return _Found("truncated")
        if face:
            return _Found("kaomoji", start, start + len(face), judged=(face, None))
        if single or wordy or not (found & _STRONG or set(shorter) <= _WALLS):
            return None
        end = _SKIP.match(line.text, end).end()
    return None


def _closes(line: _Line, start: int, end: int) -> bool:
    """Whether a bracket that opens in a word is closed later: the pair was judged as a whole."""
    opening = line.kinds.find("(", start, end)
    closings = _closings(line, opening) if opening >= 0 else []
    between = line.kinds[opening : closings[0] + 1] if closings else ""
    return bool(between) and between.count("(") == between.count(")")


def _bracketed_at(line: _Line, start: int) -> _Found | None:
    opening = start
    for _ in range(5):
        opening = _opening(line, opening)
        if not _leads(line, start, min(opening, line.size)):
            return None
        if opening >= line.size:
            strong = set(line.kinds[start:]) & _STRONG or set(line.text[start:]) & _NON_ASCII_HANDS
            return _Found("truncated") if line.cut and strong else None
        found = _from_opening(line, start, opening)
        if found:
            return found
        opening += 1
    return None


def _opening(line: _Line, start: int) -> int:
    for index in range(start, min(line.size, start + _REACH)):
        kind = line.kinds[index]
        if kind == "(" or (kind == "[" and line.kinds[index + 1 : index + 2] != "("):
            return index
    return line.size


def _leads(line: _Line, start: int, opening: int) -> bool:
    """Whether what comes before a bracket can belong to the face: arms and decoration, no words."""
    lead, passed = line.text[start:opening], line.kinds[start:opening]
    if not passed:
        return True
    framed = passed.rstrip("z") == "e" and line.text.find(")" + lead, opening) > 0
    emoji = "e" in passed and not set(lead) & _HAND_SIGNS and not framed
    letter = passed[-1] in LETTERS + "0" and lead[-1] not in _HANDS
    runs = (lead[run.start() : run.end()] for run in _WORDY.finditer(passed))
    if "!" in passed or emoji or letter or not all(set(run) <= _NON_ASCII_HANDS for run in runs):
        return False
    return all(
        "b" in passed[word.start() : word.end()] or len(_SEVERAL.findall(passed, *word.span())) > 1
        for word in re.finditer("[^ ]+(?= )", passed)
    )


def _from_opening(line: _Line, start: int, opening: int) -> _Found | None:
    ends = _closings(line, opening)
    for closing in ends:
        content = line.text[opening + 1 : closing]
        arms = _arms(line, start, opening, closing)
        if line.is_face(content, arms):
            end, unfinished = _tail(line, closing + 1, line.text[start:opening])
            return _Found("kaomoji", start, end, line.cut and unfinished, opening, (content, arms))
    if not ends and line.cut:
        content = line.text[opening + 1 :]
        if len(scorer.plain(content)) < LONGEST and not _PROSE.search(content):
            return _Found("truncated", face_start=opening)
    return None


def _arms(line: _Line, start: int, opening: int, closing: int) -> int:
    """How much the surroundings speak for a face: arms outside, brackets of another script; negative for code."""
    bracket, before = line.text[opening], line.text[start:opening].rstrip("(（")
    after, kind = line.text[closing + 1 : closing + 2], line.kinds[closing + 1 : closing + 2]
    both = bool(before) and (mirrored(before[-1], after) or before[-1] == after)
    if bracket in "[{" or line.kinds[opening] == "[":
        coded = line.text[opening : closing + 1].isascii()
        return -2 if coded else 0 if both and not before.isascii() else -1
    if both and not (before[-1].isalnum() and before[-1].isascii()):
        return 2
    if before and before[-1].isascii() and before[-1].isalnum():
        return -1
    return bool(before) + (kind != "" and kind in _ARM_KINDS) + (bracket not in "({（｛")


def _closings(line: _Line, opening: int) -> list[int]:
    """Where the bracket may close: where the depth is zero again, else the first closer before a space and the last."""
    opens, closes = ("[", "]") if line.kinds[opening] == "[" else ("(", ")")
    depth, visible, loose = 0, 0, []
    for index in range(opening, line.size):
        kind = line.kinds[index]
        visible += kind not in "z "
        if visible > LONGEST:
            break
        depth += (kind == opens) - (kind == closes)
        if depth == 0:
            return [index]
        if kind == closes:
            loose.append(index)
    else:
        if line.cut and (not loose or not _PROSE.search(line.text[loose[-1] + 1 :])):
            return []
    spaced = [index for index in loose if line.kinds[index + 1 : index + 2] in ("", " ")]
    return list(dict.fromkeys(spaced[:1] + loose[-1:]))


def _tail(line: _Line, end: int, lead: str) -> tuple[int, bool]:
    """Return the end of the arms and decoration after a face, and whether more text could move it."""
    text, passed = line.text, line.kinds
    index, limit = end, min(line.size, end + _LONGEST_TAIL)
    while index < limit:
        kind, char = passed[index], text[index]
        thought = _THOUGHT.match(text, index)
        if thought and passed[thought.end() : thought.end() + 1] not in _LETTER_KINDS:
            index = thought.end()
            continue
        if kind == "(":
            group = _closings(line, index)
            content = text[index + 1 : group[0]] if group else ""
            if not group or (content.strip() and not line.is_face(content, 0)):
                break
            index = group[0]
        elif kind in LETTERS + "0":
            word = passed[index + 1 : index + 2] in _LETTER_KINDS
            if char not in _HANDS or (word and text[index + 1] not in _NON_ASCII_HANDS):
                break
        elif kind in " ![" or (char == "*" and "*" not in lead) or (kind == ")" and index == end):
            break
        elif kind == "e" and char not in _HAND_SIGNS and not lead.startswith(char):
            break
        index += 1
    unfinished = index == line.size
    if index < limit and passed[index] in LETTERS + "0":
        while index > end and text[index - 1] not in _SURE_ENDS:
            index -= 1
    while index > end and text[index - 1] in _ROUND_ENDS and text[index - 1] not in lead[:1]:
        index -= 1
    if table := _TABLE.match(text, index):
        index = table.end()
    return index, unfinished or bool(_UNFINISHED_TABLE.fullmatch(text, index))
