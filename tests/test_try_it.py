"""The page "Try it": what it shows is what the scores of the closed set say, without kernel, server or network."""

import sys
from pathlib import Path

import axe
import numpy as np
import pytest

from kaomoji_lib import stimuli
from kaomoji_lib.explorer import picker
from kaomoji_lib.metrics import human
from kaomoji_lib.models.choose import closed_set
from kaomoji_lib.runs.folder import SHIPPED, RunFolder
from kaomoji_lib.stimuli import load_scheme

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))
RUN = RunFolder(SHIPPED / "smollm2-135m-instruct")
NUMBER = 150  # a message in the middle of a category


@pytest.fixture(scope="module")
def payload():
    return picker.payload([RUN, RUN], stimuli.load_prompts(), human.load(load_scheme()))


def test_chosen_message_shows_its_likeliest_kaomoji(payload, watched, tmp_path):
    import kaomoji_picker

    payload["models"][1] = {**payload["models"][1], "title": "<b>second</b>", "rows": [None] * 180}
    page = tmp_path / "page.html"
    static, place = ROOT / "book" / "_static", kaomoji_picker.place(payload, None)
    style, script = (static / "kaomoji.css").as_uri(), (static / "picker.js").as_uri()
    head = f"<title>t</title><meta charset=utf-8><link rel=stylesheet href='{style}'>"
    body = f"<main>{place}</main><script src='{script}'></script>"
    page.write_text(f"<html lang=en data-theme=light>{head}{body}</html>", encoding="utf-8")
    opened = watched.open(page.as_uri())
    opened.get_by_role("combobox", name="Message").select_option(str(NUMBER))
    opened.wait_for_selector(f".kao-picker[data-done='{NUMBER} 0']")
    message = stimuli.load_prompts().iloc[NUMBER]
    table = closed_set(RUN).query("prompt_id == @message.id").set_index("spelling")
    chances = np.exp(table["log_prob_closed"])
    best = (chances / chances.sum()).nlargest(10)
    shares = [f"{p:.1%}" if p >= 0.0005 else "< 0.1%" for p in best]
    rows = opened.locator(".kao-pick-list li")
    assert rows.locator("bdi").all_text_contents() == list(best.index)
    assert rows.locator(".kao-pick-share").all_text_contents() == shares
    assert message["text"] in opened.locator(".kao-pick-message").text_content()
    assert axe.audit(opened) == []
    opened.get_by_role("combobox", name="Model").select_option("1")
    opened.wait_for_selector(f".kao-picker[data-done='{NUMBER} 1']")
    note = opened.locator(".kao-pick-note").text_content()
    assert note == "<b>second</b> was not asked this message." and rows.count() == 0
    assert watched.trouble == [] and all(u.startswith("file:") for u in watched.requests)


def test_labels_are_those_of_the_dictionary(payload):
    labels, reference = dict(payload["faces"]), human.load(load_scheme())
    assert {face for face in labels if labels[face]} == set(reference.lookup(labels))
