"""Promises that hold for any input: the hostile strings, very long lines, and what hypothesis makes up.

Each promise takes a string (or bytes and a path). Of exceptions only the documented ones may leave the code under test.
"""

import contextlib
import functools
import io
import json
import re
import unicodedata

import hostile
import pytest
import small_models
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaomoji_lib import cli, stimuli
from kaomoji_lib import html as escape
from kaomoji_lib.claude import exchanges
from kaomoji_lib.claude.method import NotAnswered, read_answer
from kaomoji_lib.claude.questions import likelihoods
from kaomoji_lib.cli.extract import _reply
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.models.templates import adapt
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import read_json

FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GLYPHS = "()（）[]ʕʔ{}^_<>oO;･•ᴗ◡﹏ಠ╥°д;ヽノ\\/¯|*`~- \n\u2060\u200d\ufe0f\u0301\ud800\x00\U0001f600「」【】┻━︵ｃ。"
HOSTILE = st.sampled_from(hostile.strings())
TEXT = st.one_of(
    st.text(st.characters()), st.text(GLYPHS, max_size=60), HOSTILE, st.tuples(HOSTILE, HOSTILE).map("".join)
)  # fmt: skip
PIECES = r'{ } [ ] " : , null 1e999 NaN \ud800 "user" "assistant" "chat_messages" "mapping" "current_node" "text" '
PIECES += '"kaomoji" "sender" "human" "(^_^)" "conversations" "parts"'
PIECES = [*PIECES.encode().split(), b"\n", b"\xff", b"\x00", b"\xef\xbb\xbf"]
BYTES = st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
CATEGORIES = (
    b"code,description,gloss,valence,arousal,dominance,colour,symbol\nA,a,a,0,0,,#000000,x\n"
)
NOT_IN_A_LINE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def extraction(text):
    """One outcome; a face only as kaomoji or behind something; the face is a piece of the reply and canonical."""
    for truncated in (False, True):
        found = faces.extract(text, truncated=truncated)
        assert found.outcome in faces.OUTCOMES
        assert (found.raw_face is None) == (found.face is None)
        assert found.outcome != "kaomoji" or found.face
        assert found.outcome in ("kaomoji", "emoji", "words") or found.face is None
        if found.raw_face is not None:
            assert found.raw_face in text and found.face == canonical(found.raw_face)
            assert 2 <= len(found.raw_face) <= 4 * faces.LONGEST


def canonical_form(text):
    """Idempotent, composed, and never longer than what was composed."""
    once = canonical(text)
    assert canonical(once) == once == unicodedata.normalize("NFC", once)
    assert len(once) <= len(unicodedata.normalize("NFC", text))


def escaping(text):
    """What was written is what a reader of the dialect reads back, and nothing else."""
    for markup in (escape.element("p", text, title=text), escape.label(text)):
        # White space counts within <pre>.
        found = BeautifulSoup(f"<pre>{markup}</pre>", "html.parser")
        [_, *tags] = found.find_all(True)
        assert found.get_text() == text and [tag.name for tag in tags] in (["p"], [])
        assert all(tag["title"] == text for tag in tags)
    written = escape.markdown(text)
    assert not re.search(r"[\r\n!-/:-@\[-`{-~]", re.sub(r"\\[!-/:-@\[-`{-~]", "", written))
    shown = escape.terminal(text)
    assert not NOT_IN_A_LINE.search(shown) and "\n" not in shown and "\t" not in shown
    shown.encode("utf-8")


def file_names(text):
    """A portable file name."""
    name = escape.filename(text)
    assert re.fullmatch(r"[A-Za-z0-9=_][A-Za-z0-9._=-]{0,119}", name) and not name.endswith(".")
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)


def reply_line(text):
    """The command `extract`: a record, or one line that says why not."""
    for line in (text, json.dumps({"text": text}), json.dumps({"text": text})[:-1]):
        try:
            said, truncated = _reply(line, "text")
            assert isinstance(said, str) and isinstance(truncated, bool)
        except ValueError as error:
            assert "\n" not in escape.terminal(str(error))


def strict_answer(text):
    """A judgement, or the reason why it is none."""
    for answer in (text, f'{{"a": {text}}}', json.dumps({"a": text})):
        with contextlib.suppress(NotAnswered):
            value = read_answer({"text": answer}, likelihoods(["a"]))["a"]
            assert isinstance(value, float) and 0 <= value <= 1


tokenizer = functools.cache(small_models.tokenizer)


@functools.cache
def templates():
    words, folder = small_models.tokenizer(), stimuli.DATA / "organisms" / "templates"
    made = [adapt(words, {})]
    for family in ("gemma", "qwen"):
        words.chat_template = (folder / f"{family}.jinja").read_text(encoding="utf-8")
        made.append(adapt(words, registry.model(f"organism-{family}").adapter))
    return made


def template(text):
    """The message stands in the prompt, and what follows it does not depend on what it says."""
    for made in templates():
        plain, rendered = made.render("probe"), made.render(text)
        assert rendered.endswith(plain.rpartition("probe")[2]) and text.strip() in rendered


def chat_template(text):
    """Any text as the chat template itself: an adapter that renders, or one complaint."""
    # A loop over all numbers ends nowhere, and no reader of a model's files can tell that beforehand.
    if not re.search(r"for|range|\*", text):
        words = tokenizer()
        words.chat_template = "{{ messages[0]['content'] }}" + text
        try:
            assert isinstance(adapt(words, {}).render("probe"), str)
        except KaomojiError as error:
            assert "chat template" in str(error)


def command(text):
    """The command line with any text as model and option: one line, code 2, nothing that commands the terminal."""
    said, model = io.StringIO(), f" {text}" if "/" in text else f"no such {text}"
    with contextlib.redirect_stderr(said):
        try:
            code = cli.main(["collect", model, "--top-p", "0"])
        except SystemExit as stopped:
            code = stopped.code
    line = said.getvalue()
    assert code == 2 and line.count("\n") == 1 and not NOT_IN_A_LINE.search(line.rstrip("\n"))


def exchange_file(data, path):
    """Exchanges of any file: rows that open with a face, which is masked, or a complaint."""
    path.write_bytes(data)
    with contextlib.suppress(KaomojiError):
        for row in exchanges.read(path):
            assert row.face and faces.extract(row.assistant).face == row.face
            hidden = exchanges.masked(row.assistant, row.face, row.raw)
            assert row.face not in hidden and row.raw not in hidden


def table_file(data, path):
    """Prompts and categories of any bytes: tables that keep their promises, or a complaint that names the file."""
    for content in (data, b"id,category,text\n" + data, CATEGORIES + data):
        path.write_bytes(content)
        for read in (stimuli.load_prompts, stimuli.load_scheme):
            try:
                table = read(path)
            except KaomojiError as error:
                assert path.name in str(error)
                continue
            if read is stimuli.load_prompts:
                assert not table["id"].duplicated().any()
                assert (table[["id", "category", "text"]] != "").all(axis=None)


def json_file(data, path):
    """A stored JSON object of any bytes: a dict, or a complaint that names it."""
    path.write_bytes(data)
    try:
        assert isinstance(read_json(path, "mend it"), dict)
    except KaomojiError as error:
        assert path.name in str(error) and "mend it" in str(error)


FREE = [extraction, canonical_form, escaping, file_names, reply_line, strict_answer]
# A prompt or a command line of a million characters is nobody's.
SHORT = [template, chat_template, command]


@pytest.mark.parametrize("promise", FREE + SHORT, ids=lambda promise: promise.__name__)
def test_any_text_keeps_every_promise(promise):
    for text in hostile.strings() + (() if promise in SHORT else hostile.long(10**5)):
        promise(text)
    FEW(given(TEXT)(promise))()


@pytest.mark.parametrize("promise", [exchange_file, table_file, json_file])
def test_any_file_keeps_every_promise(promise, tmp_path):
    FEW(given(BYTES)(lambda data: promise(data, tmp_path / "file.jsonl")))()


def test_any_text_inside_an_exchange_keeps_its_promise(tmp_path):
    @settings(FEW, max_examples=25)
    @given(TEXT)
    def holds(text):
        row = {"user": text, "assistant": text, "source_model": text}
        reply = {"sender": "assistant", "content": [{"text": text}]}
        export = [{"chat_messages": [{"sender": "human", "text": text}, reply]}]
        for content in (row, export):
            exchange_file(json.dumps(content).encode(), tmp_path / "x")

    holds()


@pytest.mark.parametrize("broken", [lambda text: text, lambda text: text.replace("<", "&lt;")])
def test_the_promises_are_not_empty(monkeypatch, broken):
    assert len(hostile.strings()) >= 300 and set(hostile.faces()) <= set(hostile.strings())
    monkeypatch.setattr(escape, "label", broken)
    with pytest.raises(AssertionError):
        for text in hostile.strings():
            escaping(text)
