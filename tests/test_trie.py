"""The trie and its bins: every node once, every parent at hand; the masks: ancestors and nothing else."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kaomoji_lib.models import spellings as trie
from kaomoji_lib.models import tree

RANDOM = random.Random(0)
SETS = {
    "one": [(5,)],
    "nested": [(1,), (1, 2), (1, 2, 3)],
    "chain": [tuple(range(40))],
    "random": [tuple(RANDOM.choices(range(4), k=RANDOM.randint(1, 9))) for _ in range(300)],
    "wide": [(0, token, 1, token) for token in range(200)],
}


@pytest.fixture(params=SETS)
def sequences(request):
    return list(dict.fromkeys(SETS[request.param]))


def test_paths_spell_their_sequences(sequences):
    tree = trie.build(sequences)
    assert [tuple(tree.token[list(path)]) for path in tree.paths] == sequences
    begun = {sequence[:size] for sequence in sequences for size in range(len(sequence) + 1)}
    assert len(tree) == len(begun) and (tree.parent[1:] < np.arange(1, len(tree))).all()
    inner = np.flatnonzero(tree.internal)
    stems = {sequence[:size] for sequence in sequences for size in range(len(sequence))}
    assert {tuple(tree.token[list(tree.path(node))]) for node in inner} == stems


@pytest.mark.parametrize("limit", [1, 7, 32, 512])
def test_bins_compute_every_internal_node_once(sequences, limit):
    tree = trie.build(sequences)
    found = trie.bins(tree, limit)
    if len(sequences) > 250 and limit == 32:
        assert sum(len(nodes) for nodes, _, _ in found) < 1.5 * tree.internal.sum(), (
            "few are repeated"
        )
    computed = [int(node) for nodes, _, fresh in found for node in nodes[fresh]]
    assert sorted(computed) == [node for node in np.flatnonzero(tree.internal) if node]
    for nodes, parent, _ in found:
        assert len(nodes) <= max(limit, int(tree.depth.max()))
        assert (np.diff(tree.depth[nodes]) >= 0).all()
        for place, node in enumerate(nodes):
            above = tree.parent[node]
            assert nodes[parent[place]] == above if above else parent[place] == -1


CONFIG = SimpleNamespace(
    layer_types=["full_attention", "sliding_attention", "linear_attention"],
    sliding_window=4,
    num_hidden_layers=3,
)


def test_masks_show_prompt_and_ancestors_only():
    parent, depth = [-1, -1, 0, 2, 1], [1, 1, 2, 3, 2]
    prompt = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    masks = tree.masks(CONFIG, prompt, parent, depth, torch.float32)
    assert masks["linear_attention"] is None
    seen = masks["full_attention"][:, 0] == 0
    ancestors = {0: {0}, 1: {1}, 2: {0, 2}, 3: {0, 2, 3}, 4: {1, 4}}
    for row in range(2):
        for node in range(5):
            assert set(torch.nonzero(seen[row, node, 5:])[:, 0].tolist()) == ancestors[node]
            assert seen[row, node, :5].tolist() == prompt[row].bool().tolist()
    near = masks["sliding_attention"][1, 0] == 0
    assert near[3].tolist() == [False] * 4 + [True] + [True, False, True, True, False]
    assert near[0].tolist() == [False, False, True, True, True] + [True] + [False] * 4
