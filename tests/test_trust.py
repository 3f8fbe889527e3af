"""The counts of the campaigns: written, read, shown; and the campaigns' own eyes."""

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parent / "trust"))

import report  # noqa: E402

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import attempt
from kaomoji_lib.show import trust  # noqa: E402


def test_lost_duplicated_and_changed_rows_are_told_apart():
    count = report.Count("kill -9", "x")
    count.compare({"a": 1, "b": 2, "c": 3}, [("a", 1), ("a", 1), ("b", 9)])
    assert (count.rows, count.lost, count.duplicated, count.changed, count.bad) == (3, 1, 1, 1, 3)
    good = report.Count("kill -9", "y")
    good.compare({"a": 1}, {"a": 1})
    assert good.bad == 0 and good.rows == 1


def test_counts_replace_their_earlier_values_and_reach_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "TABLE", tmp_path / "trust.csv")
    report.write(
        [
            report.Count("fault", "late answers", tried=5, rows=7),
            report.Count("kill -9", "collecting", tried=2, lost=1),
        ]
    )
    report.write([report.Count("kill -9", "collecting", tried=30, rows=900)])
    found = trust.read(tmp_path / "trust.csv")
    assert (
        list(found.table["group"]) == ["kill -9", "fault"]
        and trust.tried(found, "kill -9") == "30"
        and trust.total(found, "lost") == "0"
    )
    assert "Nothing was lost" in trust.drawn(found).layout.title.text
    assert "late answers" in trust.counts(found, ["fault"])._repr_html_()
    report.write([report.Count("fault", "late answers", tried=5, changed=2)])
    assert "2 times" in trust.drawn(trust.read(tmp_path / "trust.csv")).layout.title.text


def test_counts_that_are_none_are_refused(tmp_path):
    pd.DataFrame([dict.fromkeys(trust.COLUMNS, "many")]).to_csv(tmp_path / "trust.csv", index=False)
    with pytest.raises(KaomojiError, match="no whole number.*make trust"):
        trust.read(tmp_path / "trust.csv")
    absent = attempt(trust.read, tmp_path / "none.csv")
    assert (
        "not available" in str(trust.tried(absent, "fault")) and trust.drawn(absent)._repr_html_()
    )
