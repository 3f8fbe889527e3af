"""The human reference: its mapping is frozen, and its raters agree."""

import hashlib

import pytest

from kaomoji_lib.metrics import human
from kaomoji_lib.stimuli import DATA

FROZEN = "7f35c4ec69e17be85d094decb361fcfdb6251b75bc523695d2807fd771d9e592"


def test_the_mapping_is_frozen():
    """Change this hash only with a reason in CHANGELOG.md: every human-anchored number depends on the mapping."""
    assert hashlib.sha256((DATA / "human" / "groups.csv").read_bytes()).hexdigest() == FROZEN


def test_the_raters_agree_above_chance_by_the_masi_distance():
    pairs = {"a a": 0, " ": 0, "a b": 1, "a ": 1, "a ab": 2 / 3, "ab bc": 8 / 9}
    sets = {pair: [frozenset(side) for side in pair.split(" ")] for pair in pairs}
    assert {pair: human._masi(*both) for pair, both in sets.items()} == pytest.approx(pairs)
    agreement = human.rater_agreement()
    assert agreement.ci_low > 0.3 and agreement.value < 1
