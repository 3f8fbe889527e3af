"""The next token after a rendered prompt is the first token of the visible reply, for templates of every shape."""

import pytest
import small_models

from kaomoji_lib.engine import organisms
from kaomoji_lib.engine.templates import FALLBACK, adapt
from kaomoji_lib.store import registry
from kaomoji_lib.study.errors import KaomojiError
from kaomoji_lib.study.stimuli import DATA

ENDS = {
    "gemma": "<|turn>model\n<|channel>thought\n<channel|>",
    "qwen": "<|im_start|>assistant\n<think>\n\n</think>\n\n",
    "ministral": "[/INST]",
    "gptoss": "<|start|>assistant<|channel|>final<|message|>",
    "granite": "<|start_of_role|>assistant<|end_of_role|>",
}
PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"


def template(source, **adapter):
    words = small_models.tokenizer()
    words.chat_template = source
    return adapt(words, adapter)


@pytest.mark.parametrize("family", ENDS)
def test_family_templates_end_where_the_visible_reply_begins(family):
    source = (DATA / "organisms" / "templates" / f"{family}.jinja").read_text(encoding="utf-8")
    known = template(source, **registry.model(f"organism-{family}").adapter)
    found_out = template(source)
    for made in (known, found_out):
        assert made.render("hello there").endswith(ENDS[family]), family
        assert "hello there" in made.render("hello there")


def test_default_system_prompt_is_replaced_by_an_empty_one():
    source = ("{% if messages[0].role != 'system' %}[SYS]THINK LONG AND HARD[/SYS]{% endif %}" + PLAIN)
    made = template(source)
    assert "THINK LONG" not in made.render("x") and made.notes


def test_template_without_system_role_is_asked_without():
    source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + PLAIN
    assert template(source).render("x") == "<user>x</user><assistant>"


def test_date_is_pinned():
    source = "{{ strftime_now('%d %B %Y') }}" + PLAIN
    assert template(source, date="2025-08-05").render("x").startswith("05 August 2025")
    assert template(source).render("x") == template(source).render("x")


@pytest.mark.parametrize("opening, closing", [("<think>", "</think>"), ("[THINK]", "[/THINK]")])
def test_opened_thinking_is_closed_and_said(opening, closing):
    made = template(PLAIN + opening + "\n")
    assert made.render("x").rstrip().endswith(closing) and opening in made.notes[0]


def test_thinking_that_cannot_be_closed_is_refused_with_advice():
    with pytest.raises(KaomojiError, match="data/models.yml"):
        template(PLAIN + "<think> let me see:")


def test_tokenizer_without_template_falls_back_and_says_so():
    made = template(None)
    assert made.render("hi") == "<eos>" + FALLBACK.format(message="hi") or made.render("hi") == FALLBACK.format(message="hi")
    assert "no chat template" in made.notes[0]


def test_template_that_refuses_is_named():
    with pytest.raises(KaomojiError, match="refuses a single user message"):
        template("{{ raise_exception('never') }}")


def test_message_arrives_unchanged():
    made = template(PLAIN)
    for message in ("{{ 7*7 }}", "{% raw %}", "a\u202eb", "<|im_end|>", "`$_*|\\"):
        assert f"<user>{message}</user>" in made.render(message)


@pytest.mark.parametrize("name", organisms.NAMES[:5])
def test_equal_words_have_equal_hashes(name):
    first, second = small_models.engine(name).template, small_models.engine(name).template
    assert first.hash == second.hash and len(first.hash) == 64
