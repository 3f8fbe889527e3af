"""A trie of token sequences, cut into bins of whole subtrees, so that every shared token is computed once."""

from dataclasses import dataclass, field

import numpy as np

BIN_NODES = 256


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
        """The nodes from the root (excluded) to ``node``."""
        nodes = []
        while node > 0:
            nodes.append(node)
            node = int(self.parent[node])
        return tuple(reversed(nodes))

    def stems(self):
        """The paths to the internal nodes that have no internal child: together they visit every internal node."""
        inner = self.internal & (np.arange(len(self)) > 0)
        covered = np.zeros(len(self), dtype=bool)
        covered[self.parent[inner]] = True
        return tuple(self.path(int(node)) for node in np.flatnonzero(inner & ~covered))


@dataclass(frozen=True)
class Bin:
    """Nodes that one forward pass computes, level by level, ancestors included.

    ``nodes``: positions in the trie, in order of depth. ``parent``: int array (nodes,), the parent's place in this
    bin, -1 at the first level. ``fresh``: bool (nodes,), False where an earlier bin has computed the node already.
    """

    nodes: np.ndarray
    parent: np.ndarray
    depth: np.ndarray
    fresh: np.ndarray


@dataclass
class _Growing:
    children: dict = field(default_factory=dict)


def build(sequences):
    """The :class:`Trie` of token sequences (iterables of int, none of them empty)."""
    root = _Growing()
    for sequence in sequences:
        place = root
        for token in sequence:
            place = place.children.setdefault(int(token), _Growing())
    parent, token, depth, numbers = [-1], [-1], [0], {id(root): 0}
    stack = [(root, iter(root.children.items()))]
    while stack:
        place, remaining = stack[-1]
        for value, child in remaining:
            numbers[id(child)] = len(parent)
            parent.append(numbers[id(place)])
            token.append(value)
            depth.append(len(stack))
            stack.append((child, iter(child.children.items())))
            break
        else:
            stack.pop()
    parent = np.array(parent)
    internal = np.zeros(len(parent), dtype=bool)
    internal[parent[1:]] = True
    return Trie(
        parent,
        np.array(token),
        np.array(depth),
        internal,
        tuple(_walk(root, numbers, one) for one in sequences),
    )


def _walk(place, numbers, sequence):
    nodes = []
    for token in sequence:
        place = place.children[int(token)]
        nodes.append(numbers[id(place)])
    return tuple(nodes)


def bins(trie, limit=BIN_NODES):
    """Cut the internal nodes below the root into :class:`Bin` of at most ``limit`` nodes.

    Subtrees that fit stay whole. One that does not is split among its children, and its ancestors stand in every bin
    that holds a part of it. ``limit`` is raised where one path alone is longer.
    """
    inner = np.flatnonzero(trie.internal[1:]) + 1
    if not len(inner):
        return []
    limit = max(limit, 2 * int(trie.depth[inner].max()))
    inside = _subtree_counts(trie, trie.internal)
    rank = {int(node): row for row, node in enumerate(inner)}
    found, held, seen = [], {}, np.zeros(len(trie), dtype=bool)
    for node in map(int, inner):
        if node in held:
            continue
        # Nodes are numbered depth first, so that a subtree's internal nodes are neighbours.
        whole = inside[node] + trie.depth[node] <= limit
        wanted = inner[rank[node] : rank[node] + inside[node]].tolist() if whole else [node]
        wanted = [*trie.path(node)[:-1], *wanted]
        if held and len(held) + sum(one not in held for one in wanted) > limit:
            found.append(_bin(trie, held, seen))
            held = {}
        held.update(dict.fromkeys(wanted))
    return [*found, _bin(trie, held, seen)]


def _subtree_counts(trie, counted):
    """How many nodes of each subtree are ``counted`` (bool array): int array (nodes,)."""
    counts = counted.astype(int)
    for node in range(len(trie) - 1, 0, -1):
        counts[trie.parent[node]] += counts[node]
    return counts


def _bin(trie, held, seen):
    nodes = np.array(sorted(held, key=lambda node: (trie.depth[node], node)))
    place = {int(node): row for row, node in enumerate(nodes)}
    parent = np.array([place.get(int(trie.parent[node]), -1) for node in nodes])
    fresh = ~seen[nodes]
    seen[nodes] = True
    return Bin(nodes, parent, trie.depth[nodes], fresh)
