"""Keeping strings from being typed, exactly: a byte automaton over everything typed so far.

Tokens need not end where characters do, so that neither banning tokens nor looking at decoded text is exact. The
automaton (Aho & Corasick 1975) reads bytes. A ban is closed towards the front: a UTF-8 prefix after which every
assigned character is banned is banned itself, so that no reply is led into half a character it cannot finish. Half a
character is followed by its other half: neither by another character, nor by the end of the reply.
"""

import sys
import unicodedata
from functools import cache

import numpy as np
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.glyphs import is_emoji

EMOJI_MAKERS = ("\ufe0f", "\u20e3")
# Its unassigned characters too: what is closest to a banned emoji would be typed in its place.
EMOJI_PLANE = tuple(map(chr, range(0x1F000, 0x20000)))
# Typed by itself it is an emoji, within a face a cheek or an eye.
HEART, SPACES = "❤", " \n\t\u3000"
KEPT = f"★☆✦✧✩✪✿❀♡♥♪♫♬{HEART}"


@cache
def _assigned():
    characters = map(chr, range(sys.maxunicode + 1))
    return [char for char in characters if unicodedata.category(char) not in ("Cn", "Cs")]


@cache
def emoji():
    """Return every character that is banned as an emoji: pictographs and their plane, the variation selector, the keycap."""
    pictographs = (char for char in _assigned() if is_emoji(char) and char not in KEPT)
    return tuple(sorted({*EMOJI_PLANE, *pictographs, *EMOJI_MAKERS}))


@cache
def closed_emoji():
    """The bans of :func:`emoji` as bytes, closed towards the front and without what a shorter ban contains."""
    banned, allowed = set(emoji()), set()
    for char in _assigned():
        if char not in banned:
            allowed.update(_prefixes(char.encode()))
    closed = {char.encode() for char in banned}
    closed |= {prefix for ban in closed for prefix in _prefixes(ban) if prefix not in allowed}
    return tuple(sorted(ban for ban in closed if closed.isdisjoint(_prefixes(ban))))


def _prefixes(encoded):
    return [encoded[:length] for length in range(1, len(encoded))]


def bans(interventions):
    """The banned byte strings of the registry's rules (``{suppress: emoji}``, ``{suppress: strings, strings: [...]}``).

    Raises KaomojiError if a rule is of no known kind.
    """
    found = []
    for rule in interventions:
        if rule.get("suppress") == "emoji":
            found += [*closed_emoji(), *(f"{space}{HEART}".encode() for space in SPACES)]
        elif rule.get("suppress") == "strings":
            found += [string.encode() for string in rule["strings"]]
        else:
            raise KaomojiError(
                f"unknown intervention {rule!r}; expected suppress: emoji or strings; correct data/models.yml"
            )
    return tuple(found)


class Suppressor:
    """Which tokens may follow, given the state (int) to which the tokens so far have led; ``start`` is the beginning.

    Parameters
    ----------
    banned : byte strings that must not occur anywhere in a reply; a space in front of one matches the beginning.
    vocabulary : list of bytes, what each token id stands for (:func:`kaomoji_lib.models.spellings.token_bytes`).
    stop_ids : token ids that end a reply.
    """

    def __init__(self, banned, vocabulary, stop_ids=()):
        self.table, self.forbidden = _whole_characters(*_automaton(set(banned)))
        self.start = int(self.table[0, ord(" ")])
        self.vocabulary, self.stop_ids, self._masks = vocabulary, sorted(stop_ids), {}
        longest = max(map(len, vocabulary), default=0)
        self._letters = np.full((len(vocabulary), longest), -1, dtype=np.int16)
        for identity, content in enumerate(vocabulary):
            self._letters[identity, : len(content)] = np.frombuffer(content, dtype=np.uint8)

    def banned_tokens(self, state):
        """Return a bool tensor (vocabulary,): True where the token would complete a banned string or cut a character."""
        if state not in self._masks:
            rows = np.arange(len(self.vocabulary))
            states, hit = np.full(len(rows), state), np.zeros(len(rows), dtype=bool)
            for letters in self._letters.T:
                rows = rows[letters[rows] >= 0]
                states[rows] = self.table[states[rows], letters[rows]]
                hit[rows] |= self.forbidden[states[rows]]
            if state % 4:
                hit |= self._letters[:, :1].max(axis=1, initial=-1) < 0
            if hit.all():
                hit[self.stop_ids] = False
            self._masks[state] = torch.from_numpy(hit)
        return self._masks[state]

    def advance(self, state, token):
        """Return the state after one more token."""
        for byte in self.vocabulary[token]:
            state = self.table[state, byte]
        return int(state)


def suppressor(engine):
    """Return the :class:`Suppressor` of a model's registry entry, or None where nothing is suppressed."""
    banned = bans(engine.spec.interventions)
    return Suppressor(banned, engine.vocabulary, engine.stop_ids) if banned else None


def _whole_characters(table, forbidden):
    """The automaton times the bytes that the latest character still lacks (0 to 3): state 4 s + lacking, the last a sink."""
    lead = np.searchsorted([0x80, 0xC2, 0xE0, 0xF0, 0xF5], np.arange(256), side="right")
    begun = np.array([0, -1, 1, 2, 3, -1])[lead]
    within = np.where((np.arange(256) & 0xC0) == 0x80, 0, -1)
    lacking = np.stack([begun, *(np.where(within < 0, -1, left) for left in range(3))])
    sink = 4 * len(table)
    states = np.where(lacking[None] < 0, sink, table[:, None] * 4 + lacking[None])
    rows = np.vstack([states.reshape(-1, 256), np.full((1, 256), sink)])
    return rows, np.append(np.repeat(forbidden, 4), True)


def _automaton(banned):
    """Transition table (states, 256) and the states in which a banned string has just been completed.

    A state is the longest end of what was typed that begins a banned string; state 0 is none.
    """
    begun = sorted({string[:size] for string in banned for size in range(len(string) + 1)}, key=len)
    number = {string: state for state, string in enumerate(begun)}

    def after(typed):
        return next(number[typed[at:]] for at in range(len(typed) + 1) if typed[at:] in number)

    table = [[after(string + bytes([byte])) for byte in range(256)] for string in begun]
    ends = [any(string[at:] in banned for at in range(len(string))) for string in begun]
    return np.array(table, dtype=np.int32), np.array(ends)
