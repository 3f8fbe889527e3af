import html.parser
import re

import pytest

from kaomoji_lib import html as escape

FACES = [
    "(^_^)", "¯\\_(ツ)_/¯", "(>_<)", "<(^_^)>", "(*^_^*)", "(´･ω･`)", "\\(^o^)/", "|_|", "T_T", "{{x}}", "$_$", "=^.^=",
    "#_#", "~(˘▽˘)~", "'-'", '"_"', "&_&", "&lt;", "<br>", "</b>", "<script>alert(1)</script>", "[a](b)", "1.", "-_-",
    "( ͡° ͜ʖ ͡°)", "(\u2060◕\u2060ᴗ\u2060◕\u2060)", "ʕ•ᴥ•ʔ",
]  # fmt: skip


class _Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_data(self, data):
        self.text += data


def _read(markup):
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader


@pytest.mark.parametrize("face", FACES)
def test_every_form_shows_the_face_and_opens_nothing(face):
    inside = _read(f"<p>{escape.html(face)}</p>")
    assert inside.text == face and [tag for tag, _ in inside.tags] == ["p"]
    quoted = _read(f'<p title="{escape.html(face)}">')
    assert quoted.tags == [("p", [("title", face)])]
    escaped = escape.markdown(face)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped) == face
    assert not re.search(r"[!-/:-@\[-`{-~]", re.sub(r"\\[!-/:-@\[-`{-~]", "", escaped))
    label = escape.label(face)
    assert not re.search("[<>]", label) and _read(label).text == face, "plotly's parser of SVG"
    assert escape.terminal(face) == face


@pytest.mark.parametrize(
    ("write", "given", "written"),
    [
        (escape.markdown, "a\n\n b", "a b"),
        (escape.label, "<&>\"'", "&lt;&amp;&gt;\"'"),
        (escape.filename, "organism-gemma_1.5", "organism-gemma_1.5"),
        *((write, 3, "3") for write in (escape.html, escape.label, escape.terminal)),
    ],
)
def test_no_more_is_escaped_than_must_be(write, given, written):
    assert write(given) == written


@pytest.mark.parametrize(
    "text",
    ["\x1b[31mred", "a\rb", "a\nb", "a\tb", "\x07", "\u202egnp", "\u2066x", "\x9b2J", "\ud800"],
)
def test_terminal_disarms_control_and_direction_characters(text):
    shown = escape.terminal(text)
    assert shown.isprintable() and "\\" in shown
    shown.encode("utf-8")


def test_filename_is_portable_and_one_to_one():
    names = [*FACES, "", ".", "..", "-x", "con", "CON.txt", "nul", "a.", "a", "A", "a/b", "a\\b", "a=b", "x" * 300,
             "x" * 299 + "y", "==con", "\x00", "(^_^)x", "\ud800", "==", "=="]  # fmt: skip
    written = {name: escape.filename(name) for name in names}
    assert len(set(written.values())) == len(set(names))
    for name in written.values():
        assert re.fullmatch(r"[A-Za-z0-9=_][A-Za-z0-9._=-]{0,119}", name) and not name.endswith(".")
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)


def test_names_of_one_folder_differ_where_case_does_not_count():
    names = ["Model", "model", "MODEL", "model", "other", *FACES]
    written = escape.filenames(names)
    assert list(written) == list(dict.fromkeys(names)) and len(
        {name.lower() for name in written.values()}
    ) == len(written)
    assert (
        written["Model"] == "Model"
        and written["other"] == "other"
        and all(re.fullmatch(r"[\w=.-]{1,120}", name) for name in written.values())
    )


@pytest.mark.parametrize("face", [*FACES, "</script><script>", "<!--", "\u2028"])
def test_data_in_a_script_element_stays_data(face):
    import json

    written = escape.script_data({"face": face})
    assert json.loads(written) == {"face": face} and not re.search("[<>&\u2028\u2029]", written)
    assert [
        tag for tag, _ in _read(escape.element("script", written, type="application/json")).tags
    ] == ["script"]


def test_a_table_in_a_terminal_commands_nothing():
    from kaomoji_lib.tables import Table

    shown = repr(Table(("face\x1b[2J",), (("(^_^)",), ("\x1b[31m\u202e<b>",)), ("face",)))
    assert (
        "(^_^)" in shown and "\\x1b[31m\\u202e<b>" in shown and not re.search("[\x1b\u202e]", shown)
    )
