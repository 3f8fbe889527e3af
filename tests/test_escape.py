"""Escaping changes no more than it must; names of files are portable; data in scripts and terminals stays data.

What holds for any text is in ``test_properties``.
"""

import json
import re

import hostile
from bs4 import BeautifulSoup

from kaomoji_lib import html as escape
from kaomoji_lib.tables import Table

FACES = [*hostile.faces(), "<(^_^)>", "{{x}}", "&lt;", "</b>", "[a](b)", "( ͡° ͜ʖ ͡°)", "(\u2060◕)"]


def test_no_more_is_escaped_than_must_be():
    assert escape.markdown("a\n\n b") == "a b" and escape.label("<&>\"'") == "&lt;&amp;&gt;\"'"
    assert escape.filename("organism-gemma_1.5") == "organism-gemma_1.5"
    assert all(write(3) == "3" for write in (escape.label, escape.terminal))
    assert all(escape.terminal(face) == face for face in FACES[:9])


def test_names_of_files_are_one_to_one_and_portable():
    names = [*FACES, "", ".", "..", "-x", "con", "CON.txt", "nul", "a.", "a", "A", "a/b", "a\\b", "a=b", "x" * 300,
             "x" * 299 + "y", "==con", "\x00", "(^_^)x", "\ud800", "==", "Model", "model", "MODEL", "model"]  # fmt: skip
    written = {name: escape.filename(name) for name in names}
    assert len(set(written.values())) == len(written) and written["Model"] == "Model"
    assert all(re.fullmatch(r"[\w=.-]{1,120}", name) for name in written.values())


def test_data_in_a_script_element_stays_data():
    for text in [*FACES, "</script><script>", "<!--", "\u2028"]:
        written = escape.script_data({"face": text})
        assert json.loads(written) == {"face": text}
        assert not re.search("[<>&\u2028\u2029]", written)
        element = escape.element("script", written, type="application/json")
        [script] = BeautifulSoup(element, "html.parser").contents
        assert script.name == "script" and script.string == written


def test_a_table_in_a_terminal_commands_nothing():
    shown = repr(Table(("face\x1b[2J",), (("(^_^)",), ("\x1b[31m\u202e<b>",)), ("face",)))
    assert "(^_^)" in shown and "\\x1b[31m\\u202e<b>" in shown
    assert not re.search("[\x1b\u202e]", shown)
