"""Numbers that several built pages show are the same number."""

import json
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[1] / "book" / "runs"
INJECTED = "injected-parameters"
PREFIX = "application/papermill.record/"


def tags(cell):
    return cell.get("metadata", {}).get("tags", [])


def glued(notebook):
    """Names and texts that a page glued; on a page of one model, a plain name is also that name with the model's alias."""
    injected = ["".join(cell["source"]) for cell in notebook["cells"] if INJECTED in tags(cell)]
    named = re.search(r'^model = "(.+)"', "\n".join(injected), re.MULTILINE)
    model = named[1] if named else None
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name", "")
            text = output.get("data", {}).get(f"{PREFIX}text/plain")
            name = name.removeprefix(PREFIX)
            if name and text and ("." in name or isinstance(model, str)):
                yield (name, True, text) if "." in name else (f"{name}.{model}", False, text)


def conflicts(pages):
    """Dotted names of which two pages show different values: dict name -> set of texts; ``pages``: dict name -> notebook."""
    found = [(*item, page) for page, notebook in pages.items() for item in glued(notebook)]
    shared = {name for name, dotted, _, _ in found if dotted}
    values = {name: {"".join(text) for one, _, text, _ in found if one == name} for name in shared}
    return {name: texts for name, texts in values.items() if len(texts) > 1}


def page(model, name, text):
    said = {"metadata": {"scrapbook": {"name": PREFIX + name}}}
    said["data"] = {f"{PREFIX}text/plain": text}
    given = {"metadata": {"tags": [INJECTED]}, "source": [f'model = "{model}"'] * bool(model)}
    return {"cells": [given, {"outputs": [said]}]}


def test_different_values_of_one_name_are_found():
    small, together = page("small", "states", "90%"), page(None, "states.small", "90%")
    other = page(None, "states.small", "80%")
    assert conflicts({"small": small, "together": together}) == {}
    for first in (small, together):
        assert set(conflicts({"first": first, "other": other})) == {"states.small"}


def test_numbers_agree_between_pages():
    built = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in PAGES.glob("[!.]*.ipynb")}  # fmt: skip
    if not built:
        pytest.skip("no page is built; make book")
    assert conflicts(built) == {}
