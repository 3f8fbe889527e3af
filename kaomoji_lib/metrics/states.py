"""Hidden states as vectors: layers stacked, rows rotated into few coordinates, the work on one thread."""

import numpy as np
from threadpoolctl import threadpool_limits


def one_thread(function):
    """Run ``function`` with the linear-algebra libraries held to one thread each."""
    return threadpool_limits.wrap(limits=1)(function)


def stack(states):
    """Concatenate the layers of ``states`` (n, layers, d) into (n, layers * d), float32.

    Each layer is first divided by the mean norm of its rows; otherwise late layers, whose norms are many times larger,
    drown the rest. An all-zero layer stays zero.
    """
    states = np.asarray(states, dtype=np.float32)
    norms = np.linalg.norm(states, axis=2).mean(axis=0)
    states = states / np.where(norms > 0, norms, 1)[None, :, None]
    return states.reshape(len(states), -1)


def compact(X):
    """Coordinates (n, <= n) with the inner products of the centred rows of ``X`` (n, d).

    A rotation that no label enters: components, distances and linear probes are unchanged and cost n instead of d. Rows
    that are all alike (an embedding of one template token) become zeros, not amplified rounding.
    """
    X = np.asarray(X, dtype=np.float64)
    size = np.linalg.norm(X)
    X = X - X.mean(axis=0)
    if np.linalg.norm(X) <= 1e-9 * size:
        return np.zeros((len(X), 1))
    if X.shape[1] <= len(X):
        return X
    values, vectors = np.linalg.eigh(X @ X.T)
    kept = values > max(values[-1], 0) * 1e-12
    return vectors[:, kept] * np.sqrt(values[kept])
