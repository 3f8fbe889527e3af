"""A trie of token sequences, cut into bins of whole subtrees, so that every shared token is computed once."""

from dataclasses import dataclass

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
        """Return the nodes from the root (excluded) to ``node``."""
        nodes = []
        while node > 0:
            nodes.append(node)
            node = int(self.parent[node])
        return tuple(reversed(nodes))

    def stems(self):
        """Return the paths to the internal nodes without an internal child: together they visit every internal node."""
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


def build(sequences):
    """Return the :class:`Trie` of token sequences (iterables of int, none of them empty)."""
    sequences = [tuple(map(int, sequence)) for sequence in sequences]
    parent, token, depth, children, paths = [-1], [-1], [0], {}, {}
    # In sorted order, nodes are numbered depth first.
    for sequence in sorted(set(sequences)):
        node, path = 0, []
        for value in sequence:
            if (node, value) not in children:
                children[node, value] = len(parent)
                parent.append(node)
                token.append(value)
                depth.append(depth[node] + 1)
            node = children[node, value]
            path.append(node)
        paths[sequence] = tuple(path)
    internal = np.zeros(len(parent), dtype=bool)
    internal[parent[1:]] = True
    parent, token, depth = (np.array(numbers) for numbers in (parent, token, depth))
    return Trie(parent, token, depth, internal, tuple(paths[one] for one in sequences))


def bins(trie, limit=BIN_NODES):
    """Cut the internal nodes below the root into :class:`Bin` of at most ``limit`` nodes.

    Subtrees that fit stay whole. One that does not is split among its children, and its ancestors are in every bin that
    has a part of it. ``limit`` is raised where one path alone is longer.
    """
    inner = np.flatnonzero(trie.internal[1:]) + 1
    if not len(inner):
        return []
    limit = max(limit, 2 * int(trie.depth[inner].max()))
    inside = _subtree_counts(trie, trie.internal)
    rank = {int(node): row for row, node in enumerate(inner)}
    parts, members, seen = [], {}, np.zeros(len(trie), dtype=bool)
    for node in map(int, inner):
        if node in members:
            continue
        # Nodes are numbered depth first, so that a subtree's internal nodes are neighbours.
        whole = inside[node] + trie.depth[node] <= limit
        nodes = inner[rank[node] : rank[node] + inside[node]].tolist() if whole else [node]
        nodes = [*trie.path(node)[:-1], *nodes]
        if members and len(members) + sum(one not in members for one in nodes) > limit:
            parts.append(_bin(trie, members, seen))
            members = {}
        members.update(dict.fromkeys(nodes))
    return [*parts, _bin(trie, members, seen)]


def _subtree_counts(trie, counted):
    """Count the nodes of each subtree that are ``counted`` (bool array): int array (nodes,)."""
    counts = counted.astype(int)
    for node in range(len(trie) - 1, 0, -1):
        counts[trie.parent[node]] += counts[node]
    return counts


def _bin(trie, members, seen):
    nodes = np.array(sorted(members, key=lambda node: (trie.depth[node], node)))
    place = {int(node): row for row, node in enumerate(nodes)}
    parent = np.array([place.get(int(trie.parent[node]), -1) for node in nodes])
    fresh = ~seen[nodes]
    seen[nodes] = True
    return Bin(nodes, parent, trie.depth[nodes], fresh)
