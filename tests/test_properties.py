"""Promises that hold for any input: the hostile strings, very long lines, and what hypothesis makes up."""

import hostile
import pytest
import targets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GLYPHS = "()（）[]ʕʔ{}^_<>oO;･•ᴗ◡﹏ಠ╥°д;ヽノ\\/¯|*`~- \n\u2060\u200d\ufe0f\u0301\ud800\x00\U0001f600「」【】┻━︵ｃ。"
TEXT = st.one_of(
    st.text(st.characters()),
    st.text(GLYPHS, max_size=60),
    st.sampled_from(hostile.strings()),
    st.tuples(st.sampled_from(hostile.strings()), st.sampled_from(hostile.strings())).map("".join),
)
# A prompt or a command line of a million characters is nobody's.
SHORT = ("templates", "chat templates", "command line")
PIECES = r'{ } [ ] " : , null 1e999 NaN \ud800 "user" "assistant" "chat_messages" "mapping" "current_node" "text" '
PIECES += '"kaomoji" "sender" "human" "(^_^)" "conversations" "parts"'
PIECES = [*PIECES.encode().split(), b"\n", b"\xff", b"\x00", b"\xef\xbb\xbf"]
BYTES = st.one_of(
    st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
)


@pytest.mark.parametrize("name", targets.TEXTS)
def test_hostile_text_keeps_every_promise(name):
    for text in hostile.strings():
        targets.TEXTS[name](text)


@pytest.mark.parametrize("name", [name for name in targets.TEXTS if name not in SHORT])
def test_very_long_lines_keep_every_promise(name):
    for text in hostile.long(10**5):
        targets.TEXTS[name](text)


@pytest.mark.parametrize("name", targets.TEXTS)
def test_any_text_keeps_every_promise(name):
    FEW(given(TEXT)(targets.TEXTS[name]))()


@pytest.mark.parametrize("name", targets.PLACED)
def test_any_text_inside_a_file_keeps_every_promise(name, tmp_path):
    settings(FEW, max_examples=25)(
        given(TEXT)(
            lambda text: targets.PLACED[name](
                text, tmp_path / "x" if name == "exchange rows" else tmp_path
            )
        )
    )()


@pytest.mark.parametrize("name", targets.BYTES)
def test_any_file_keeps_every_promise(name, tmp_path):
    FEW(given(BYTES)(lambda data: targets.BYTES[name](data, tmp_path / "file.jsonl")))()


def test_there_are_enough_hostile_strings():
    assert len(hostile.strings()) >= 300 and set(hostile.faces()) <= set(hostile.strings())


@pytest.mark.parametrize("broken", [lambda text: text, lambda text: text.replace("<", "&lt;")])
def test_the_promises_are_not_empty(monkeypatch, broken):
    monkeypatch.setattr(targets.escape, "label", broken)
    with pytest.raises(AssertionError):
        for text in hostile.strings():
            targets.escaping(text)
