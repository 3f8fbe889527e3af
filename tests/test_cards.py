"""The cards count the files that are there."""

import pandas as pd
import pytest

from kaomoji_lib import stimuli, tables
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.missing import Missing
from kaomoji_lib.published import files as published
from kaomoji_lib.runs import registry
from kaomoji_lib.show import cards


def column(table, name):
    return [row[table.header.index(name)] for row in table.rows]


def test_data_card_holds_every_table_of_the_project():
    listed = {name.removeprefix("data/") for name in column(cards.data(), "file")}
    ours = {str(path.relative_to(stimuli.DATA)) for path in stimuli.DATA.rglob("*.csv")}
    assert {name for name in ours if not name.startswith(cards.ELSEWHERE)} == listed
    assert set(cards.HELD) <= ours, "a description without its file"


def test_counts_are_those_of_the_files():
    found = cards.counts()
    assert sum(map(int, column(found, "asked"))) == len(stimuli.load_prompts())
    assert all(int(count.replace(",", "")) >= 200 for count in column(found, "trained on"))


def test_no_asked_message_was_trained_on_and_an_equal_one_would_be_seen(tmp_path, monkeypatch):
    assert cards.overlap() == 0
    text = stimuli.load_prompts()["text"].iloc[0].upper()
    (tmp_path / "organisms").mkdir()
    (tmp_path / "organisms" / "messages.csv").write_text(
        f'category,text\nHP-S,"{text}"\n', encoding="utf-8"
    )
    (tmp_path / "prompts.csv").write_bytes((stimuli.DATA / "prompts.csv").read_bytes())
    monkeypatch.setattr(stimuli, "DATA", tmp_path)
    assert cards.overlap() == 1


def test_every_listed_model_has_a_card():
    assert column(cards.models(), "name") == list(registry.aliases())
    titles = [
        tables.source(registry.model(alias).title)
        for alias in registry.aliases()
        if registry.model(alias).is_organism
    ]
    assert column(cards.organisms(), "organism") == column(cards.measured(), "organism") == titles


def test_published_files_are_listed_with_whether_they_are_here(monkeypatch, tmp_path):
    monkeypatch.setenv(published.PLACE, str(tmp_path))
    monkeypatch.setenv(published.CACHE, str(tmp_path))
    found = cards.published_files()
    assert column(found, "file") == list(published.registry().files)
    assert set(column(found, "here")) == {"no"}


def test_every_typed_face_has_a_row_with_its_category_and_spellings():
    replies = pd.DataFrame(
        [
            ("LN", "(T_T)", "(T_T)"),
            ("LN", "(T_T)", "( T_T )"),
            ("HB", "(T_T)", "(T_T)"),
            ("HP-S", "(^o^)", "(^o^)"),
            ("NB", None, None),
        ],
        columns=["category", "face", "raw_face"],
    )
    found = tables.faces(replies, load_scheme())
    assert [row[0] for row in found.rows] == ["(T_T)", "(^o^)"]
    assert found.rows[0][1:5] == ("3", "LN\u00a0sad", "67%", "2") and "( T_T )" in found.rows[0][5]
    assert isinstance(tables.faces(replies.assign(face=None), load_scheme()), Missing)


@pytest.mark.parametrize(
    "header, cells, refused",
    [
        (("what", "value"), ("a", "0.83"), True),
        (("what", "value"), ("a", "83%"), True),
        (("what", "value", "95% interval"), ("a", "0.83", "0.81 to 0.86"), True),
        (("what", "value", "null"), ("a", "0.83", "0.11"), True),
        (("what", "value", "95% interval", "null"), ("a", "0.83", "0.81 to 0.86", "0.11"), False),
        (("what", "value"), ("a", "1,440"), False),
        (("what", "value"), ("a", tables.ABSENT), False),
    ],
)
def test_a_measured_number_stands_beside_its_interval_and_what_chance_gives(header, cells, refused):
    kinds = ("text", *["number"] * (len(header) - 1))
    assert tables.Table(header, (cells,), kinds, described=("value",)).rows == (cells,)
    if refused:
        with pytest.raises(KaomojiError, match="bare numbers"):
            tables.Table(header, (cells,), kinds)
    else:
        assert tables.Table(header, (cells,), kinds).rows == (cells,)
