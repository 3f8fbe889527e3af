"""Headline numbers of the pages that were executed, read from the pages themselves."""

import dataclasses
from pathlib import Path

from kaomoji_lib.runs.files import read_json
from kaomoji_lib.stats import Estimate
from kaomoji_lib.stimuli import DATA

MIME = "application/vnd.kaomoji.estimate+json"
GLUED = f"application/papermill.record/{MIME}"


def fields(value):
    """An Estimate's fields as a JSON-able dict (not-a-number becomes None); None for anything else."""
    if not isinstance(value, Estimate):
        return None
    return {
        name: None if item is None or item != item else item
        for name, item in dataclasses.asdict(value).items()
    }


def pages_folder():
    """Where the builder puts executed pages: ``book/runs`` of the checkout."""
    return DATA.parent / "book" / "runs"


def read(folder=None):
    """What the executed pages report: dict page -> dict key -> Estimate. Empty where no page was executed."""
    folder = pages_folder() if folder is None else Path(folder)
    return {path.stem: _page(path) for path in sorted(folder.glob("[!.]*.ipynb"))}


def _page(path):
    found = {}
    for cell in read_json(path, "run that page again").get("cells", ()):
        for output in cell.get("outputs", []):
            kept = output.get("data", {}).get(GLUED)
            if kept is not None:
                numbers = {
                    name: float("nan")
                    if item is None and name in ("value", "ci_low", "ci_high")
                    else item
                    for name, item in kept.items()
                }
                found[output["metadata"]["scrapbook"]["name"]] = Estimate(**numbers)
    return found
