"""The probe: principal components, standardisation and L2 logistic regression, for many labellings at once."""

import numpy as np

COMPONENTS = 50
ITERATIONS = 60


def compact(X):
    """Coordinates (n, <= n) with the inner products of the centred rows of ``X`` (n, d).

    A rotation that no label enters: everything that depends on inner products (principal
    components, distances, linear probes) is unchanged and costs n instead of d. Rows that are all
    alike (an embedding of one template token) become zeros, not amplified rounding.
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


def project(X, train, components=COMPONENTS):
    """Standardised principal-component scores of all rows, fitted on the rows ``train`` alone.

    ``X``: (n, d); ``train``: boolean (n,). Returns (n, k), k <= ``components``.
    """
    centred = X - X[train].mean(axis=0)
    _, singular, axes = np.linalg.svd(centred[train], full_matrices=False)
    rank = int((singular > 1e-8 * singular.max(initial=1e-290)).sum())
    scores = centred @ axes[: min(components, rank)].T
    return scores / np.maximum(scores[train].std(axis=0), 1e-12)


def fit(X, labels, n_classes, C=1.0, iterations=ITERATIONS):
    """Multinomial logistic regression with L2 penalty, one model per labelling.

    Minimises C * sum of log losses + ||W||^2 / 2, as scikit-learn does, by accelerated steps under
    Boehning's (1992) bound on the curvature: the bound depends on ``X`` alone, so all labellings
    share one factorisation. ``X``: (n, d); ``labels``: ints (m, n). Returns weights (m, d + 1,
    n_classes), the last row being the (all but unpenalised) intercept.
    """
    X = np.hstack([X, np.ones((len(X), 1))])
    penalty = np.append(np.ones(X.shape[1] - 1), 1e-4)
    step = np.linalg.inv(C / 2 * X.T @ X + np.diag(penalty))
    # One matrix product for all labellings; classes come before rows, since numpy reduces a short last axis slowly.
    target = np.eye(n_classes)[labels].swapaxes(1, 2)
    weights = ahead = np.zeros((len(labels) * n_classes, X.shape[1]))
    momentum = 1.0
    for _ in range(iterations):
        residual = (ahead @ X.T).reshape(target.shape)
        residual -= residual.max(axis=1, keepdims=True)
        np.exp(residual, out=residual)
        residual /= residual.sum(axis=1, keepdims=True)
        residual -= target
        moved = ahead - (C * (residual.reshape(len(ahead), -1) @ X) + penalty * ahead) @ step
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights.reshape(len(labels), n_classes, -1).swapaxes(1, 2)


def predict(X, weights):
    """Most likely class per row: ints (m, n)."""
    return (X @ weights[:, :-1] + weights[:, -1:]).argmax(axis=-1)
