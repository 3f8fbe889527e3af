"""From spellings to token sequences, and to the tokens that would type a spelling's end and more at once."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from kaomoji_lib.models.score import trie as tries


@dataclass(frozen=True)
class Plan:
    """What is to be read off a model for a list of spellings.

    ``sequences``: token ids of each spelling, empty where the tokenizer cannot write it; ``rows``: for each of the trie's
    sequences, the spelling it belongs to (one sequence per lead: probabilities of a spelling's sequences add up).
    ``overshoot``: int array (3, n) of nodes, spellings and tokens: typed at the node, on the spelling's path, the token
    completes the spelling in another way than its own tokens do, mostly by going beyond its end.
    """

    spellings: tuple
    sequences: tuple
    rows: np.ndarray
    trie: tries.Trie
    overshoot: np.ndarray


def plan(engine, spellings, closed=True, leads=("",)):
    """Return the :class:`Plan` for distinct spellings (list of str).

    ``leads``: white space (str) that may come before a spelling, :data:`kaomoji_lib.models.templates.LEADS` or fewer.
    """
    sequences = tuple(tokens(engine, spelling) for spelling in spellings)
    written = {
        (row, tokens(engine, lead + spelling) if lead else sequence): None
        for row, (spelling, sequence) in enumerate(zip(spellings, sequences, strict=True))
        for lead in leads
        if sequence
    }
    written = [(row, path) for row, path in written if path]
    rows, paths = np.array([row for row, _ in written], dtype=int), [path for _, path in written]
    trie = tries.build(paths)
    beyond = _overshooting(engine, trie, rows, paths) if closed else []
    overshoot = np.array(beyond, dtype=int).reshape(-1, 3).T
    return Plan(tuple(spellings), sequences, rows, trie, overshoot)


def tokens(engine, spelling):
    """Token ids of a spelling as a reply that begins with it; empty where the tokenizer has no way to write it."""
    written = spelling.encode("utf-8", "surrogatepass")
    ids = tuple(engine.encode(spelling))
    pieces = [engine.vocabulary[one] for one in ids]
    if b"".join(pieces) == b" " + written:
        # Some tokenizers put a space in front of every text: look behind a line break.
        alone, both = engine.encode("\n"), engine.encode("\n" + spelling)
        ids = tuple(both[len(alone) :]) if both[: len(alone)] == alone else ()
        pieces = [engine.vocabulary[one] for one in ids]
    return ids if ids and all(pieces) else ()


def _overshooting(engine, trie, rows, sequences):
    """Triples (node, spelling, token): what else the model may type at ``node`` that begins with the spelling's rest."""
    vocabulary = sorted((text, token) for token, text in enumerate(engine.vocabulary) if text)
    contents = [content for content, _ in vocabulary]
    found = []
    for row, path, sequence in zip(rows, trie.paths, sequences, strict=True):
        rest = b"".join(engine.vocabulary[one] for one in sequence)
        for node, token in zip((0, *path), sequence, strict=False):
            low, high = bisect_left(contents, rest), bisect_left(contents, _successor(rest))
            found += [(node, row, one) for _, one in vocabulary[low:high] if one != token]
            rest = rest[len(engine.vocabulary[token]) :]
    return found


def _successor(prefix):
    """Return the smallest byte string after all that begin with ``prefix``."""
    shortened = prefix.rstrip(b"\xff")
    return shortened[:-1] + bytes([shortened[-1] + 1]) if shortened else b"\xff" * 64
