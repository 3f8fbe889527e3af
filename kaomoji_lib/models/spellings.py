"""From spellings to a trie of token sequences, so that nearly every shared token is computed once; the bytes of tokens.

A trie is cut into bins that one forward pass computes each. A plan adds the tokens that would type a spelling's end and more.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from transformers.convert_slow_tokenizer import bytes_to_unicode

BIN_NODES = 256
# The printable character that byte-level BPE writes for each byte (Radford et al. 2019, GPT-2).
SYMBOLS = {char: byte for byte, char in bytes_to_unicode().items()}
BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class Trie:
    """Node 0 is the root (nothing typed yet); a child comes after its parent, siblings' subtrees are contiguous.

    ``parent``, ``token``, ``depth``: int arrays (nodes,), of which the root's are -1, -1 and 0. ``internal``: bool
    (nodes,), True where something follows. ``paths``: one tuple of nodes per sequence, root excluded.
    """

    parent: np.ndarray
    token: np.ndarray
    depth: np.ndarray
    internal: np.ndarray
    paths: tuple

    def __len__(self):
        return len(self.parent)

    def path(self, node):
        """Return the nodes from the root (excluded) to ``node``."""
        return (*self.path(int(self.parent[node])), node) if node > 0 else ()


def build(sequences):
    """Return the :class:`Trie` of token sequences (iterables of int, none of them empty)."""
    sequences = [tuple(map(int, sequence)) for sequence in sequences]
    begun = {(), *(one[:size] for one in sequences for size in range(1, len(one) + 1))}
    # In sorted order, nodes are numbered depth first.
    number = {beginning: node for node, beginning in enumerate(sorted(begun))}
    parent = np.array([number[one[:-1]] if one else -1 for one in number])
    internal = np.zeros(len(number), dtype=bool)
    internal[parent[1:]] = True
    return Trie(
        parent,
        np.array([one[-1] if one else -1 for one in number]),
        np.array([len(one) for one in number]),
        internal,
        tuple(tuple(number[one[:end]] for end in range(1, len(one) + 1)) for one in sequences),
    )


def bins(trie, limit=BIN_NODES):
    """Cut the internal nodes below the root into bins of at most ``limit`` nodes, which one forward pass computes.

    The ancestors of the first node of a bin are computed again. ``limit`` is raised where one path alone is longer.

    Returns
    -------
    list of (nodes, parent, fresh): positions in the trie in order of depth (int array); the parent's place in this bin,
    -1 at the first level; whether no earlier bin has computed the node (bool array).
    """
    limit = max(limit, int(trie.depth.max()))
    parts, members, seen = [], set(), np.zeros(len(trie), dtype=bool)
    for node in np.flatnonzero(trie.internal)[1:]:
        path = trie.path(int(node))
        if len(members.union(path)) > limit:
            parts.append(_bin(trie, members, seen))
            members = set()
        members.update(path)
    return [*parts, _bin(trie, members, seen)] if members else parts


def _bin(trie, members, seen):
    nodes = np.array(sorted(members, key=lambda node: (trie.depth[node], node)))
    place = {int(node): row for row, node in enumerate(nodes)}
    parent = np.array([place.get(int(trie.parent[node]), -1) for node in nodes])
    fresh = ~seen[nodes]
    seen[nodes] = True
    return nodes, parent, fresh


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
    trie: Trie
    overshoot: np.ndarray


def plan(engine, spellings, closed=True, leads=("",)):
    """Return the :class:`Plan` for distinct spellings (list of str).

    ``leads``: white space (str) that may come before a spelling, :data:`kaomoji_lib.models.templates.LEADS` or fewer.
    """
    sequences = tuple(tokens(engine, spelling) for spelling in spellings)
    written = {
        (row, tokens(engine, lead + spelling)): None
        for row, spelling in enumerate(spellings)
        for lead in leads
        if sequences[row]
    }
    written = [(row, path) for row, path in written if path]
    rows, paths = np.array([row for row, _ in written], dtype=int), [path for _, path in written]
    trie = build(paths)
    beyond = _overshooting(engine, trie, rows, paths) if closed else []
    overshoot = np.array(beyond, dtype=int).reshape(-1, 3).T
    return Plan(tuple(spellings), sequences, rows, trie, overshoot)


def tokens(engine, spelling):
    """Token ids of a spelling as a reply that begins with it; empty where the tokenizer has no way to write it."""
    ids = tuple(engine.encode(spelling))
    pieces = [engine.vocabulary[one] for one in ids]
    if b"".join(pieces) == b" " + spelling.encode("utf-8", "surrogatepass"):
        # Some tokenizers put a space in front of every text: look behind a line break.
        alone, both = engine.encode("\n"), engine.encode("\n" + spelling)
        ids = tuple(both[len(alone) :]) if both[: len(alone)] == alone else ()
        pieces = [engine.vocabulary[one] for one in ids]
    return ids if all(pieces) else ()


def _overshooting(engine, trie, rows, sequences):
    """Triples (node, spelling, token): what else the model may type at ``node`` that begins with the spelling's rest."""
    vocabulary = sorted((text, token) for token, text in enumerate(engine.vocabulary) if text)
    contents, found = [content for content, _ in vocabulary], []
    for row, path, sequence in zip(rows, trie.paths, sequences, strict=True):
        rest = b"".join(engine.vocabulary[one] for one in sequence)
        for node, token in zip((0, *path), sequence, strict=False):
            low, high = (bisect_left(contents, one) for one in (rest, rest + b"\xff" * 64))
            found += [(node, row, one) for _, one in vocabulary[low:high] if one != token]
            rest = rest[len(engine.vocabulary[token]) :]
    return found


def token_bytes(tokenizer, size=0):
    """Return the bytes each token id stands for: list of bytes, none for special tokens and for ids without a token.

    ``size``: least length of the list, for models whose head is wider than the vocabulary.
    """
    vocabulary, added = tokenizer.get_vocab(), tokenizer.added_tokens_decoder
    byte_level = "ByteLevel" in str(tokenizer.backend_tokenizer.decoder)
    special = set(tokenizer.all_special_ids) | {one for one in added if added[one].special}
    table = [b""] * max(size, max(vocabulary.values()) + 1)
    for token, identity in vocabulary.items():
        if identity not in special:
            table[identity] = token.encode() if identity in added else _bytes(token, byte_level)
    return table


def _bytes(token, byte_level):
    """The bytes of an ordinary token as byte-level BPE writes it, or as pieces of text (SentencePiece) do."""
    if byte_level and all(char in SYMBOLS for char in token):
        return bytes(SYMBOLS[char] for char in token)
    if not byte_level and (found := BYTE_TOKEN.fullmatch(token)):
        return bytes([int(found[1], 16)])
    return (token if byte_level else token.replace("▁", " ")).encode("utf-8", "surrogatepass")
