"""The line that runs a page again gives papermill exactly the page's parameters."""

import importlib.util
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.show import recipe

ROOT = Path(__file__).resolve().parents[1]
jupytext = pytest.importorskip("jupytext")

spec = importlib.util.spec_from_file_location("kaomoji_build_pages", ROOT / "book" / "build.py")
build = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = build
spec.loader.exec_module(build)
PAGES = [page for _, pages in build.grid()[1] for page in pages if not isinstance(page, str)]


def received(line):
    """What papermill's own command line makes of the arguments of a line."""
    from papermill.cli import _resolve_type

    words, found = shlex.split(line)[3:], {}
    while words:
        flag = words.pop(0)
        if flag == "-y":
            found.update(yaml.safe_load(words.pop(0)))
        else:
            name, value = words.pop(0), words.pop(0)
            found[name] = _resolve_type(value) if flag == "-p" else value
    return found


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"model": "organism-gemma", "seed": 3},
        {"models": ["a", "b c", "(╥_╥)"]},
        {"dtype": "None", "out": "", "model": "12"},
        {"share": 0.25, "batch": True, "prompts": "my prompts; rm -rf $HOME.csv"},
        {"settings": {"a": [1, None]}},
        {"a": None},
        {"a": "1_000", "b": "nan", "c": "1e5", "d": "-inf"},
    ],
    ids=str,
)
def test_papermill_receives_the_values(values):
    assert received(recipe.line("10_local_model", "my page", values)) == values


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_says_how_it_was_made(page):
    notebook = jupytext.read(page.source)
    box = build.how_to_run(page, notebook).source
    line = next(line for line in box.splitlines() if line.startswith("papermill "))
    assert received(line) == page.parameters
    assert (ROOT / shlex.split(line)[1]).with_suffix(".py").exists()
    cell = next(
        (cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])),
        "",
    )
    known = recipe.parameters(cell)
    assert set(page.parameters) <= {item.name for item in known}, (
        "a parameter of the page that its template does not have"
    )
    assert all(item.words for item in known), "a parameter without a comment"
    assert all(f"| `{item.name}` |" in box for item in known)


def test_parameters_are_read_with_type_default_and_comment():
    [seed, models] = recipe.parameters(
        'seed: int = 0  # of "everything" random\nmodels: list = ["a#b"]  # aliases; empty: all\nx = 1'
    )
    assert (models.name, models.kind, models.default, models.words) == (
        "models",
        "list",
        ["a#b"],
        "aliases; empty: all",
    )
    assert (seed.kind, seed.default, seed.words) == ("int", 0, 'of "everything" random')


def test_computed_default_is_refused():
    with pytest.raises(KaomojiError, match="seed"):
        recipe.parameters("seed: int = max(1, 2)")


def test_values_in_the_box_are_escaped():
    box = recipe.box(
        "10_local_model", "p", {"model": "a|b*c"}, 'model: str = ""  # which *one*|it is'
    )
    assert "a\\|b\\*c" in box and "which \\*one\\*\\|it is" in box
