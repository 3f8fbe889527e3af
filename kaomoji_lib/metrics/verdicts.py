"""Three words for an estimate: what may be said of an effect that is measured precisely."""

import numpy as np

FOUND, SMALL, NOT_FOUND = "found", "too small to matter", "not found"
LEVEL = 0.05


def verdict(estimate, smallest=0.0):
    """Return ``found``, ``too small to matter`` or ``not found``.

    Without sampling noise even a trace passes its null. So an effect is found when its p is at most ``LEVEL``
    and it is at least the ``smallest`` that would matter, in the estimate's own unit (smallest effect of
    interest: Lakens 2017, doi:10.1177/1948550617697177).
    """
    if (
        np.isnan(estimate.value)
        or (estimate.p is not None and not estimate.p <= LEVEL)
        or estimate.value <= 0
    ):
        return NOT_FOUND
    return FOUND if estimate.value >= smallest else SMALL
