"""Three words for an estimate: what may be said of an effect measured with exact probabilities."""

import numpy as np

FOUND, SMALL, NOT_FOUND = "found", "too small to matter", "not found"
LEVEL = 0.05


def verdict(estimate, smallest):
    """``found``, ``too small to matter`` or ``not found``.

    Without sampling noise even a trace passes its null. So an effect is found when its p is at most ``LEVEL`` *and* it is not
    wholly below the ``smallest`` that would matter, in the estimate's own unit (a test against a smallest effect of
    interest: Lakens 2017, doi:10.1177/1948550617697177).
    """
    if (
        np.isnan(estimate.value)
        or (estimate.p is not None and estimate.p > LEVEL)
        or estimate.value <= 0
    ):
        return NOT_FOUND
    return FOUND if estimate.ci_high >= smallest and estimate.value >= smallest else SMALL
