"""The templates that read outside text, fed with some hostile strings, executed, rendered and looked at in a browser."""

import re
import shutil
from types import SimpleNamespace

import hostile_pages as pages
import pytest

TEXTS = pages.strings(60)


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    place = tmp_path_factory.mktemp("hostile notebooks")
    assert pages.execute(place, pages.plan(place, 60)) == 0
    return pages.render(place)


def test_nothing_runs_and_what_is_seen_is_what_was_typed(html, browser):
    wrong, read, met = pages.look(html, TEXTS, browser)
    assert wrong == [] and read > 200
    assert len(met["messages"]) > 0.8 * len(TEXTS)


def test_the_browser_would_have_noticed(html, browser, tmp_path):
    spoilt = tmp_path / "html"
    shutil.copytree(html, spoilt)
    page = spoilt / "book" / "runs" / "messages.html"
    (spoilt / "book" / "runs" / "model.html").unlink()
    # What stands in for scripts is no part of the page while there are some.
    parts = re.split(
        r"(<noscript>.*?</noscript>)", page.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    place = next(
        number
        for number, part in enumerate(parts)
        if "</table>" in part and not part.startswith("<noscript>")
    )
    broken = "<script>kaoBroke()</script><img src=/stolen.png><a href=javascript:kaoBroke()>x</a><p>&lt;img src=x onerror=half</p>"
    parts[place] = parts[place].replace("</table>", f"</table>{broken}", 1)
    page.write_text("".join(parts), encoding="utf-8")
    wrong, _, _ = pages.look(spoilt, TEXTS, browser)
    assert {"call", "request", "element", "text"} <= {where for _, where, _ in wrong}


def test_every_template_is_fed_or_reads_nothing_from_outside(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "run", lambda place, texts: SimpleNamespace(path=place))
    fed = set(pages.plan(tmp_path))
    templates = (pages.ROOT / "notebooks").glob("[0-9]*_*.py")
    assert fed | pages.OWN == {path.stem.partition("_")[2] for path in templates}
    assert not fed & pages.OWN
