"""Keeping strings from being typed, exactly: a byte automaton over everything typed so far.

Tokens need not end where characters do, so that neither banning tokens nor looking at decoded text is exact. The
automaton (Aho & Corasick 1975) reads bytes. A ban is closed towards the front: a UTF-8 prefix after which every
assigned character is banned is banned itself, so that no reply is led into half a character it cannot finish.
"""

import unicodedata
from functools import cache

import numpy as np

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.glyphs import is_emoji

EMOJI_MAKERS = ("\ufe0f", "\u20e3")
UNICODE_END = 0x110000
SURROGATES = range(0xD800, 0xE000)


@cache
def emoji():
    """Every character that is banned as an emoji: pictographs, the emoji variation selector and the keycap."""
    kept = set("★☆✦✧✩✪✿❀♡♥♪♫♬❤")
    return (
        *(chr(code) for code in _characters() if is_emoji(chr(code)) and chr(code) not in kept),
        *EMOJI_MAKERS,
    )


def _characters():
    return (code for code in range(UNICODE_END) if code not in SURROGATES)


@cache
def closed_emoji():
    """The bans of :func:`emoji` as bytes, closed towards the front and without what a shorter ban contains."""
    banned = {char.encode() for char in emoji()}
    open_prefixes, prefixes = (
        set(),
        {encoded[:length] for encoded in banned for length in range(1, len(encoded))},
    )
    for code in _characters():
        encoded = chr(code).encode()
        if encoded not in banned and unicodedata.category(chr(code)) != "Cn":
            open_prefixes.update(encoded[:length] for length in range(1, len(encoded)))
    closed = banned | (prefixes - open_prefixes)
    return tuple(
        sorted(
            ban
            for ban in closed
            if not any(ban[:length] in closed for length in range(1, len(ban)))
        )
    )


def _strings(rule):
    return tuple(string.encode() for string in rule["strings"])


KINDS = {"emoji": lambda rule: closed_emoji(), "strings": _strings}


def bans(interventions):
    """The banned byte strings of the registry's rules (``{suppress: emoji}``, ``{suppress: strings, strings: [...]}``).

    Raises
    ------
    KaomojiError
        If a rule is of no known kind.
    """
    found = []
    for rule in interventions:
        kind = rule.get("suppress")
        if kind not in KINDS:
            raise KaomojiError(
                f"unknown intervention {rule!r}; expected suppress: {' or '.join(KINDS)}; correct data/models.yml"
            )
        found.extend(KINDS[kind](rule))
    return tuple(found)


class Suppressor:
    """Which tokens may follow, given the state the tokens so far have led to. State 0 is the beginning.

    Parameters
    ----------
    banned : byte strings that must not occur anywhere in a reply.
    vocabulary : list of bytes, what each token id stands for (:func:`kaomoji_lib.models.vocabulary.token_bytes`).
    """

    def __init__(self, banned, vocabulary):
        self.table, self.forbidden = _automaton(banned)
        self.vocabulary = vocabulary
        longest = max(map(len, vocabulary), default=0)
        self._letters = np.full((len(vocabulary), longest), -1, dtype=np.int16)
        for identity, content in enumerate(vocabulary):
            self._letters[identity, : len(content)] = np.frombuffer(content, dtype=np.uint8)
        self._masks = {}

    def banned_tokens(self, state):
        """Boolean array (vocabulary,): True where the token would complete a banned string."""
        if state not in self._masks:
            rows = np.arange(len(self.vocabulary))
            states, hit = np.full(len(rows), state), np.zeros(len(rows), dtype=bool)
            for letters in self._letters.T:
                rows = rows[letters[rows] >= 0]
                states[rows] = self.table[states[rows], letters[rows]]
                hit[rows] |= self.forbidden[states[rows]]
            self._masks[state] = hit
        return self._masks[state]

    def advance(self, state, token):
        """The state after one more token."""
        for byte in self.vocabulary[token]:
            state = self.table[state, byte]
        return int(state)


def suppressor(engine):
    """The :class:`Suppressor` of a model's registry entry, or None where nothing is suppressed."""
    banned = bans(engine.spec.interventions)
    return Suppressor(banned, engine.vocabulary) if banned else None


def _automaton(banned):
    """Transition table (states, 256) and the states in which a banned string has just been completed."""
    children, ends = [{}], [False]
    for string in banned:
        state = 0
        for byte in string:
            if byte not in children[state]:
                children[state][byte] = len(children)
                children.append({})
                ends.append(False)
            state = children[state][byte]
        ends[state] = True
    table = np.zeros((len(children), 256), dtype=np.int32)
    forbidden, failure, queue = np.array(ends), [0] * len(children), [0]
    for state in queue:
        table[state] = table[failure[state]] if state else 0
        for byte, child in children[state].items():
            failure[child] = int(table[failure[state], byte]) if state else 0
            forbidden[child] |= forbidden[failure[child]]
            table[state, byte] = child
            queue.append(child)
    return table, forbidden
