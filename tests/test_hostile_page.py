"""Hostile text on a built page, in a browser: nothing runs, nothing is asked for, and what is seen is what was typed."""

import sys
from pathlib import Path

import hostile
import pytest

sys.path.append(str(Path(__file__).parent / "trust"))

import pages  # noqa: E402

STRINGS = pages.shown(
    [
        *hostile.HTML,
        *hostile.PLOTLY,
        *hostile.MARKDOWN[:30],
        *hostile.DIRECTIVES[:20],
        *hostile.CODES[:20],
        *hostile.faces()[:30],
    ]
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return pages.make(tmp_path_factory.mktemp("hostile page"), STRINGS)


def test_nothing_runs_and_text_stays_text(page, browser):
    wrong, looked_at = pages.look(page, STRINGS, browser)
    assert wrong == [] and looked_at > 2 * len(STRINGS)


def test_the_browser_would_have_noticed(page, browser, tmp_path):
    text = page.read_text(encoding="utf-8").replace(
        "&lt;script&gt;kaoBroke()&lt;/script&gt;</td>", "<script>kaoBroke()</script></td>", 1
    )
    spoilt = page.with_name("spoilt.html")
    spoilt.write_text(
        text.replace("&lt;img src=/stolen.png&gt;</td>", "<img src=/stolen.png></td>", 1),
        encoding="utf-8",
    )
    wrong, _ = pages.look(spoilt, STRINGS, browser)
    assert {"call", "request", "element", "table cell"} <= {where for where, _, _ in wrong}
