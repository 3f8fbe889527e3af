"""All layers of a state as one vector."""

import numpy as np


def stack(states, scaled=True):
    """Concatenate the layers of ``states`` (n, layers, d) into (n, layers * d), float32.

    With ``scaled`` each layer is first divided by the mean norm of its rows; otherwise late layers,
    whose norms are many times larger, drown the rest. An all-zero layer stays zero.
    """
    states = np.asarray(states, dtype=np.float32)
    if scaled:
        norms = np.linalg.norm(states, axis=2).mean(axis=0)
        states = states / np.where(norms > 0, norms, 1)[None, :, None]
    return states.reshape(len(states), -1)


def coordinates(states, components=50):
    """First principal components of the scaled layers side by side, (n, <= components), without laying them side by side.

    ``states``: (n, layers, d). Memory beyond the states themselves is n x n and one layer.
    """
    total = np.zeros((len(states), len(states)))
    for layer in range(states.shape[1]):
        part = np.asarray(states[:, layer], dtype=np.float64)
        norm = np.linalg.norm(part, axis=1).mean()
        part = (part - part.mean(axis=0)) / (norm if norm > 0 else 1)
        total += part @ part.T
    values, vectors = np.linalg.eigh(total)
    kept = np.flatnonzero(values > max(values[-1], 0) * 1e-10)[::-1][:components]
    return (
        vectors[:, kept] * np.sqrt(values[kept])
        if len(kept) and values[-1] > 1e-12 * len(states)
        else np.zeros((len(states), 1))
    )
