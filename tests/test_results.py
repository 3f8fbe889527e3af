"""Tidy tables of estimates, and results by source."""

import pytest

from kaomoji_lib import results
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stats import Estimate

SURE = Estimate(0.5, 0.4, 0.6, 20, "prompts", 0.1, 0.01)
BARE = Estimate(2.0, 1.0, 3.0, 5, "faces")


def test_a_frame_keeps_every_field_and_one_refuses_none_and_many():
    table = results.frame({"accuracy": SURE, ("B", "bits"): BARE}, source="Toy", layer=3)
    assert list(table.columns) == [*results.COLUMNS, "layer"]
    assert [results.estimate(row) for _, row in table.iterrows()] == [SURE, BARE]
    assert results.one(table, measure="bits", source="B") == BARE
    for where in ({"measure": "none"}, {"layer": 3}):
        with pytest.raises(KaomojiError, match="expected one"):
            results.one(table, **where)


def test_by_source_keeps_results_and_reasons():
    def half(number):
        if number == 0:
            raise KaomojiError("nothing to halve; expected a number above 0; collect more.")
        return {"half": Estimate(number / 2, 0, number, 1, "prompts")}

    found = results.BySource({"one": 1, "none": 0, "two": 2}).map(half)
    assert list(found) == ["one", "two"] and found.missing["none"].startswith("nothing to halve")
    table = found.frame()
    assert list(table["source"]) == ["one", "two"] and list(table["value"]) == [0.5, 1.0]
    assert "none" in found.map(lambda item: item["half"].value).missing
    assert results.BySource({}).frame().empty
