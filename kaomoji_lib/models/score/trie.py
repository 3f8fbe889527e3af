"""A trie of token sequences, cut into bins, so that nearly every shared token is computed once."""

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
    """Cut the internal nodes below the root into bins of at most ``limit`` nodes, which one forward pass computes.

    The ancestors of the first node of a bin are computed again. ``limit`` is raised where one path alone is longer.

    Returns
    -------
    list of (nodes, parent, fresh): positions in the trie in order of depth (int array); the parent's place in this bin,
    -1 at the first level; whether no earlier bin has computed the node (bool array).
    """
    inner = np.flatnonzero(trie.internal)[1:]
    limit = max(limit, int(trie.depth.max()))
    parts, members, seen = [], {}, np.zeros(len(trie), dtype=bool)
    for path in (trie.path(int(node)) for node in inner):
        if len(members) + sum(node not in members for node in path) > limit:
            parts.append(_bin(trie, members, seen))
            members = {}
        members.update(dict.fromkeys(path))
    return [*parts, _bin(trie, members, seen)] if members else parts


def _bin(trie, members, seen):
    nodes = np.array(sorted(members, key=lambda node: (trie.depth[node], node)))
    place = {int(node): row for row, node in enumerate(nodes)}
    parent = np.array([place.get(int(trie.parent[node]), -1) for node in nodes])
    fresh = ~seen[nodes]
    seen[nodes] = True
    return nodes, parent, fresh
