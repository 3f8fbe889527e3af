"""Recompute the rows of data/calibration.csv whose code changed; arguments: words of the statistics to recompute."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.calibration import harness

if __name__ == "__main__":
    harness.update(only=sys.argv[1:], jobs=int(os.environ.get("JOBS", "2")))
