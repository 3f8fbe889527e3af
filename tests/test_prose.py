"""The prose of the book: plain words, and few enough of them."""

import ast
import re
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).resolve().parent.parent
FIRST_PAGE, WHOLE_BOOK = 900, 15_000
SOURCES = [*sorted((ROOT / "book").glob("*.md")), *sorted((ROOT / "notebooks").glob("[0-9]*.py"))]
# Words that were used for something else than what a dictionary says.
BANNED = re.compile(r"\b(dealt|behind|beyond|told|stands|holds|anew|readers?)\b", re.IGNORECASE)
PLAIN = re.compile(
    r"stands for|holds (?:out|in part)|what holds|\bholds\b(?=\"|\*: how many)|what it holds|reader of the web",
    re.IGNORECASE,
)
# A state is a function of its text and cannot know more; a likelihood of one's own words is no self-knowledge.
OVERSTATED = re.compile(
    r"\b(states?|models?|it) (knows?|contains?|carr(y|ies)|says?) more\b|given the text|self-(specific|knowledge)|"
    r"more than (the|its) (text|words)|reads? its own|not in the (text|words)",
    re.IGNORECASE,
)


def prose(path):
    """Markdown of a page, without code, directives and links' targets."""
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
    else:
        cells = jupytext.read(path).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = re.sub(r"^```shell.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`]*`|\]\([^)]*\)|^:::?.*$|^---.*?---", " ", text, flags=re.MULTILINE)


def strings(path):
    """Strings of a page's code: titles, captions, names of columns."""
    if path.suffix == ".md":
        return []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_words_mean_what_a_dictionary_says(path):
    lines = [*prose(path).splitlines(), *(f'"{s}"' for s in strings(path) if isinstance(s, str))]
    assert [line for line in lines if BANNED.search(PLAIN.sub("", line))] == []
    assert OVERSTATED.findall(" ".join(" ".join(lines).split())) == []


def test_the_list_finds_what_it_is_for():
    for line in ("the face stands behind the message", "told apart", "a reader that guesses"):
        assert BANNED.search(PLAIN.sub("", line))
    assert not BANNED.search(PLAIN.sub("", "PC1 stands for valence"))
    for line in ("The state knows more of the category than the text", "shared, given the text"):
        assert OVERSTATED.search(line)


def test_the_book_is_short():
    counts = {path.name: len(re.findall(r"\w[\w'’-]*", prose(path))) for path in SOURCES}
    assert counts["index.md"] < FIRST_PAGE
    assert sum(counts.values()) < WHOLE_BOOK
