"""Many questions that begin alike: their common beginning is read once, and what differs is walked as a trie."""

import numpy as np
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.forward import head
from kaomoji_lib.models.score import trie as tries
from kaomoji_lib.models.score.algorithms import ALGORITHMS, applicable, plain_logits

PROVEN = 2
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8}
LOOSE = 0.05
ROWS = 256


@torch.inference_mode()
def next_probabilities(engine, texts, columns):
    """P of each token id in ``columns`` to come next behind each text (list of str): float64 array (texts, columns).

    The fastest algorithm of :mod:`.scoring_algorithms` is taken whose answers to the first and the last text equal those of
    plain forward passes (largest difference of log-probabilities that are not negligible).

    Raises
    ------
    KaomojiError
        If there is no text, or none agrees.
    """
    rows = [tuple(engine.encode(text)) for text in texts]
    if not rows or not min(map(len, rows)):
        raise KaomojiError(
            f"{len(rows)} questions, or an empty one among them; expected one or more"
        )
    proof = sorted({0, len(rows) - 1})[:PROVEN]
    expected = np.array(
        [_chosen(plain_logits(engine, list(rows[row]), [])[-1:], columns)[0] for row in proof]
    )
    for name in applicable(engine):
        found = _walk(engine, rows, columns, ALGORITHMS[name])
        if np.abs(found[proof] - expected).max() <= TOLERANCE.get(engine.dtype, LOOSE):
            return found
    raise KaomojiError(
        f"model {engine.spec.alias!r}: no way to share a prompt agrees with plain forward passes; use another --dtype or --device"
    )


def _walk(engine, rows, columns, algorithm):
    shared = _common(rows)
    # One more token behind each question makes its last node an inner one, whose distribution is computed.
    trie = tries.build([row[shared:] + (0,) for row in rows])
    found = np.full((len(trie), len(columns)), np.nan)
    for nodes, states in algorithm.run(engine, [list(rows[0][:shared])], trie):
        for start in range(0, len(nodes), ROWS):
            part = states[0, start : start + ROWS]
            found[nodes[start : start + ROWS]] = _chosen(
                part if algorithm.gives_logits else head(engine, part), columns
            )
    return found[[path[-2] for path in trie.paths]]


def _common(rows):
    """Length of the longest common beginning, one token short of the shortest row."""
    length = min(map(len, rows)) - 1
    while len({row[:length] for row in rows}) > 1:
        length -= 1
    if length < 1:
        raise KaomojiError("the questions have no common beginning; expected one template for all")
    return length


def _chosen(logits, columns):
    return logits.float().softmax(dim=-1)[:, list(columns)].double().cpu().numpy()
