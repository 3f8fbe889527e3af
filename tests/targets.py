"""What must hold for any input whatever: one function per way in, called by the property tests and by the fuzzers.

Each takes a string (or bytes) and raises AssertionError where a promise is broken. The only exceptions that may leave
the code under test are the documented ones, which are caught here.
"""

import contextlib
import functools
import io
import json
import re
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

from kaomoji_lib import html as escape
from kaomoji_lib.claude import exchanges
from kaomoji_lib.claude.method import NotAnswered, read_answer
from kaomoji_lib.claude.questions import likelihoods
from kaomoji_lib.cli.extract import _reply
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces import extract as faces
from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.runs.files import read_json

TEMPLATES, FORM = ("gemma", "qwen"), likelihoods(["a"])
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
        assert faces.extract(text, truncated=truncated) == found


def canonical_form(text):
    """Idempotent, composed, and never longer than what was composed."""
    once = canonical(text)
    assert canonical(once) == once
    assert unicodedata.normalize("NFC", once) == once
    assert len(once) <= len(unicodedata.normalize("NFC", text))


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.tags.append(("comment", data))

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(markup):
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


def escaping(text):
    """What was written is what a reader of the dialect reads back, and nothing else."""
    markup = escape.element("p", text, title=text)
    assert not re.search(
        r"[<>\"]", markup.removeprefix('<p title="').removesuffix("</p>").replace('">', "", 1)
    )
    reader = read(markup)
    assert (
        [tag for tag, _ in reader.tags] == ["p"]
        and reader.text == text
        and reader.tags[0][1]["title"] == text
    )
    assert not re.search("[<>]", escape.label(text)) and read(escape.label(text)).text == text
    written = escape.markdown(text)
    assert not re.search("[\r\n]", written) and not re.search(
        r"[!-/:-@\[-`{-~]", re.sub(r"\\[!-/:-@\[-`{-~]", "", written)
    )
    shown = escape.terminal(text)
    assert not NOT_IN_A_LINE.search(shown) and "\n" not in shown and "\t" not in shown
    shown.encode("utf-8")


def names(text):
    """A portable file name."""
    name = escape.filename(text)
    assert (
        re.fullmatch(r"[A-Za-z0-9=_][A-Za-z0-9._=-]{0,119}", name)
        and not name.endswith(".")
        and Path(name).name == name
    )
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)


def reply_line(text):
    """The command `extract`: a record, or one line that says why not."""
    for line in (text, json.dumps({"text": text}), json.dumps({"text": text})[:-1]):
        try:
            said, truncated = _reply(line, "text")
        except ValueError as error:
            assert "\n" not in escape.terminal(str(error))
            continue
        assert isinstance(said, str) and isinstance(truncated, bool)


def strict_answer(text):
    """A judgement, or the reason why it is none."""
    for answer in (text, f'{{"a": {text}}}', json.dumps({"a": text})):
        try:
            value = read_answer({"text": answer}, FORM)["a"]
        except NotAnswered:
            continue
        assert isinstance(value, float) and 0 <= value <= 1


def _readable(reader, path):
    with contextlib.suppress(KaomojiError):
        return reader(path)
    return None


def exchange_file(data, path):
    """Exchanges of any file: rows that open with a face, or a complaint that quotes nothing of it."""
    path.write_bytes(data)
    for row in _readable(exchanges.read, path) or ():
        assert row.face and faces.extract(row.assistant).face == row.face
        hidden = exchanges.masked(row.assistant, row.face, row.raw)
        assert row.face not in hidden and row.raw not in hidden


def exchange_rows(text, path):
    """Any text inside a well-formed row."""
    row = {"user": text, "assistant": text, "source_model": text}
    export = [
        {
            "chat_messages": [
                {"sender": "human", "text": text},
                {"sender": "assistant", "content": [{"text": text}]},
            ]
        }
    ]
    exchange_file(json.dumps(row).encode(), path)
    exchange_file(json.dumps(export).encode(), path)


def table_file(data, path):
    """Prompts and categories of any bytes: tables that keep their promises, or a complaint that names the file."""
    from kaomoji_lib import stimuli

    for content in (
        data,
        b"id,category,text\n" + data,
        b"code,description,gloss,valence,arousal,dominance,colour,symbol\nA,a,a,0,0,,#000000,x\n"
        + data,
    ):
        path.write_bytes(content)
        for read in (stimuli.load_prompts, stimuli.load_scheme):
            try:
                table = read(path)
            except KaomojiError as error:
                assert path.name in str(error)
                continue
            if read is stimuli.load_prompts:
                assert not table["id"].duplicated().any() and (
                    table[["id", "category", "text"]] != ""
                ).all(axis=None)


def json_file(data, path):
    """A stored JSON object of any bytes: a dict, or a complaint that names it."""
    path.write_bytes(data)
    try:
        assert isinstance(read_json(path, "mend it"), dict)
    except KaomojiError as error:
        assert path.name in str(error) and "mend it" in str(error)


@functools.cache
def _templates():
    import small_models

    from kaomoji_lib.models.templates import adapt
    from kaomoji_lib.runs import registry
    from kaomoji_lib.stimuli import DATA

    made = []
    for family in TEMPLATES:
        words = small_models.tokenizer()
        words.chat_template = (DATA / "organisms" / "templates" / f"{family}.jinja").read_text(
            encoding="utf-8"
        )
        made.append(adapt(words, registry.model(f"organism-{family}").adapter))
    made.append(adapt(small_models.tokenizer(), {}))
    return made


@functools.cache
def _words():
    import small_models

    return small_models.tokenizer()


def chat_template(text):
    """Any text as the chat template itself: an adapter that renders, or one complaint."""
    from kaomoji_lib.models.templates import adapt

    # A loop over all numbers ends nowhere, and no reader of a model's files can tell that beforehand.
    if re.search(r"for|range|\*", text):
        return
    words = _words()
    words.chat_template = "{{ messages[0]['content'] }}" + text
    try:
        made = adapt(words, {})
    except KaomojiError as error:
        assert "chat template" in str(error)
        return
    assert isinstance(made.render("probe"), str) and len(made.hash) == 64


def template(text):
    """The message stands in the prompt once, and what follows it does not depend on what it says."""
    for made in _templates():
        plain, rendered = made.render("probe"), made.render(text)
        assert rendered.endswith(plain.rpartition("probe")[2])
        assert text.strip() in rendered


def command(text):
    """The command line with any text as model and option: one line, code 2, nothing that commands the terminal."""
    from kaomoji_lib import cli

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            code = cli.main(
                ["collect", f"no such {text}" if "/" not in text else f" {text}", "--top-p", "0"]
            )
        except SystemExit as stopped:
            code = stopped.code
    line = said.getvalue()
    assert code == 2 and line.count("\n") == 1 and not NOT_IN_A_LINE.search(line.rstrip("\n"))


TEXTS = {
    "extraction": extraction,
    "canonical form": canonical_form,
    "escaping": escaping,
    "file names": names,
    "replies (JSON lines)": reply_line,
    "strict answers": strict_answer,
    "templates": template,
    "chat templates": chat_template,
    "command line": command,
}
PLACED = {"exchange rows": exchange_rows}
BYTES = {"exchange files": exchange_file, "tables (CSV)": table_file, "stored JSON": json_file}

if str(Path(__file__).parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parent))
