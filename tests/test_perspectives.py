"""Perspectives: recorded, kept apart, drawn independently."""

import pytest

from kaomoji_lib import stimuli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import organisms
from kaomoji_lib.models.collect import collect
from kaomoji_lib.stimuli import INSTRUCTION


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.setenv("KAOMOJI_RUNS", str(tmp_path / "runs"))
    lines = [f"a{row},HP-D,the gnome moved again" for row in range(4)]
    (tmp_path / "few.csv").write_text("\n".join(["id,category,text", *lines]), encoding="utf-8")
    return {"prompts": tmp_path / "few.csv", "generations": 8, "progress": False}


def test_the_table_of_perspectives_and_instructions_of_ones_own():
    table = stimuli.load_perspectives()
    assert {"self", "user", "third_party", "symbol", "opposite"} <= set(table.index)
    assert stimuli.instruction_of("self") == ("self", INSTRUCTION)
    assert stimuli.instruction_of("self", "Say hi.") == (stimuli.OWN_WORDS, "Say hi.")
    for asked, named in ((["nobody"], "unknown perspective"), (["user", "Say hi."], "both")):
        with pytest.raises(KaomojiError, match=named):
            stimuli.instruction_of(*asked)


def test_a_run_keeps_its_perspective_refuses_another_and_draws_independently(options, monkeypatch):
    table = stimuli.load_perspectives()
    table.loc["user", "instruction"] = INSTRUCTION
    monkeypatch.setattr(stimuli, "load_perspectives", lambda path=None: table)
    plain = collect("organism-gemma", **options)
    user = collect("organism-gemma", perspective="user", **options)
    asked = [run.manifest["settings"]["perspective"] for run in (plain, user)]
    assert asked == ["self", "user"]
    assert user.path.name == "organism-gemma--few--user"
    with pytest.raises(KaomojiError, match="perspective: there 'user', asked for 'symbol'"):
        collect("organism-gemma", perspective="symbol", out=user.path, **options)
    # Equal instructions do not share random numbers.
    texts = [list(run.emissions()["text"]) for run in (plain, user)]
    assert sum(a == b for a, b in zip(*texts, strict=True)) < 20


def test_two_models_draw_independently(options, tmp_path):
    """The same weights under two names: equal distributions, other random numbers."""
    other = collect(str(organisms.HOME / "gemma"), out=tmp_path / "other", **options)
    texts = [list(run.emissions()["text"]) for run in (collect("organism-gemma", **options), other)]
    assert sum(a == b for a, b in zip(*texts, strict=True)) < 20
