"""The next token after a rendered prompt is the first token of the visible reply, for templates of every shape."""

import dataclasses
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import small_models
import yaml

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models.templates import FALLBACK, adapt
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.folder import RunFolder
from kaomoji_lib.stimuli import DATA, load_prompts

# Whole templates of released models: registry entry and end of the prompt.
FAMILIES = {
    "gemma": ("gemma-4-31b-it", "<|turn>model\n<|channel>thought\n<channel|>"),
    "qwen": ("qwen3.6-27b", "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    "ministral": ("ministral-3-14b", "[/INST]"),
    "gptoss": ("gpt-oss-20b", "<|start|>assistant<|channel|>final<|message|>"),
    "granite": ("granite-4.1-30b", "<|start_of_role|>assistant<|end_of_role|>"),
}
TEMPLATES = Path(__file__).parent / "data" / "templates"
PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"


def template(source, **adapter):
    words = small_models.tokenizer()
    words.chat_template = source
    return adapt(words, adapter)


def test_family_templates_end_where_the_visible_reply_begins():
    for family, (model, end) in FAMILIES.items():
        shipped = DATA / "organisms" / "templates" / f"{family}.jinja"
        path = shipped if shipped.is_file() else TEMPLATES / f"{family}.jinja"
        for adapter in (registry.model(model).adapter, {}):
            made = template(path.read_text(encoding="utf-8"), **adapter).render("hello there")
            assert made.endswith(end) and "hello there" in made, family


PUBLIC = yaml.safe_load((Path(__file__).parent / "data" / "templates.yml").read_text("utf-8"))


def composed(entry):
    """The Jinja source of an entry of ``templates.yml``."""
    text = "{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}"
    content = text if entry.get("parts") else "{{ m.content }}"
    turns = {"user": entry["user"], "assistant": entry["reply"], "system": entry.get("system", "")}
    if turns["system"] == "refused":
        turns["system"] = "{{ raise_exception('no system role') }}"
    branches = "".join(
        f"{{% if m.role == '{role}' %}}{turn.replace('{}', content)}{{% endif %}}"
        for role, turn in turns.items()
    )
    return (
        f"{entry.get('before', '')}{{% for m in messages %}}{branches}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{entry['generation']}{{% endif %}}"
    )


def test_prompts_of_public_templates_end_where_their_history_puts_replies():
    assert len({composed(entry) for entry in PUBLIC}) >= 60
    for entry in PUBLIC:
        source, expected = composed(entry), entry.get("notes", [])
        made = template({"default": source, "tool_use": "x"} if entry.get("named") else source)
        assert made.render("hi") == entry["prompt"], entry["models"]
        assert len(made.notes) == len(expected), (entry["models"], made.notes)
        for note, part in zip(made.notes, expected):
            assert part.replace("\n", "\\n") in note


def test_both_commands_work_on_every_public_template(tmp_path, monkeypatch, capsys):
    """A small model takes every template through ``kaomoji collect`` and ``kaomoji score``."""
    model = str(small_models.write(tmp_path / "model", "llama"))
    engine = small_models.engine(model)
    load_prompts().iloc[:2].to_csv(tmp_path / "two.csv", index=False)
    (tmp_path / "faces.txt").write_text("(^_^)\n(._.)", encoding="utf-8")
    for number, entry in enumerate(PUBLIC):
        made = dataclasses.replace(engine, template=template(composed(entry)))
        monkeypatch.setattr(loading, "load", lambda *_, made=made: made)
        where = [model, "--prompts", str(tmp_path / "two.csv"), "--out"]
        run = ["collect", *where, str(tmp_path / f"{number}"), "--generations=2"]
        assert cli.main([*run, "--max-new-tokens=3"]) == 0, entry["models"]
        scores = ["score", *where, str(tmp_path / f"{number}.parquet")]
        assert cli.main([*scores, "--faces", str(tmp_path / "faces.txt")]) == 0, entry["models"]
        assert len(RunFolder(tmp_path / f"{number}").emissions()) == 4
        table = pd.read_parquet(tmp_path / f"{number}.parquet")
        assert (len(table), table["log_prob"].lt(0).all()) == (4, True)
    capsys.readouterr()


THINKING = """<think> </think>
[THINK] [/THINK]
<seed:think> </seed:think>
<|START_THINKING|> <|END_THINKING|>
◁think▷ ◁/think▷
<|begin_of_thought|> <|end_of_thought|>
[Reasoning] [/Reasoning]"""


@pytest.mark.parametrize("marks", THINKING.splitlines())
def test_opened_thinking_is_closed_where_its_end_is_known(marks):
    opening, closing = marks.split()
    without = f"{{{{ m.content | replace('{closing}', '') }}}}"
    with_history = PLAIN.replace("{{ m.content }}", without)
    made = template(with_history + opening)
    assert made.render("x").endswith(f"{opening}\n\n{closing}\n\n") and opening in made.notes[0]
    assert template(with_history + opening + "\n" + closing).prefill == ""
    if closing not in ("</think>", "[/THINK]"):
        with pytest.raises(KaomojiError, match="data/models.yml"):
            template(PLAIN + opening)


def test_what_cannot_be_mended_is_refused_and_what_opens_no_thinking_is_left_alone():
    for tail in ("<|channel>thought\n", "<|channel|>analysis<|message|>", "<think> let me see:"):
        with pytest.raises(KaomojiError, match="prefill for this model in data/models.yml"):
            template(PLAIN + tail)
    for tail in ("<assistant>", "<|END_THINKING|>", "</think>", "[INST]"):
        made = template(PLAIN + tail)
        assert made.prefill == "" and made.notes == ()
    with pytest.raises(KaomojiError, match="refuses a single user message"):
        template("{{ raise_exception('never') }}")
    made = template(None)
    assert made.render("hi").removeprefix("<eos>") == FALLBACK.replace("{text}", "hi")
    assert "no chat template" in made.notes[0]


def test_renaming_a_mark_changes_nothing_but_the_note(tmp_path):
    """The marks are asked of the template: under another name, and absent from the prompt that it renders, they are found."""
    shutil.copytree(DATA / "organisms" / "qwen", tmp_path / "renamed")
    for file in ("tokenizer.json", "chat_template.jinja"):
        path = tmp_path / "renamed" / file
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub("<(/?)think>", r"<\1part>", text), encoding="utf-8")
    source = path.read_text(encoding="utf-8")
    block = re.search(r"{% if enable_thinking.*?{% endif %}", source)[0]
    mark = re.search("'<part>[^']*</part>[^']*'", block)[0]
    written = f"({mark} if message['role'] == 'assistant' else '') + message['content']"
    path.write_text(source.replace(block, "").replace("message['content']", written), "utf-8")
    first, second = small_models.engine("organism-qwen"), small_models.engine(tmp_path / "renamed")
    assert "<part>" in second.template.notes[-1] and "<part>" not in str(first.template.notes)
    assert first.encode(first.template.render("hi")) == second.encode(second.template.render("hi"))
    rows, others = (
        sampling.sample(engine, ["hi there"], ["a"], sampling.Sampling(4))[0]
        for engine in (first, second)
    )
    assert rows == others
    special = set(second.tokenizer.all_special_ids)
    for row in rows:
        pieces = b"".join(second.vocabulary[token] for token in row["token_ids"])
        assert row["text"] == pieces.decode("utf-8", "replace"), "every token is visible"
        assert not special & set(row["token_ids"]) and "<" not in row["text"]


def test_equal_words_have_equal_hashes_and_dates_are_pinned():
    assert template(PLAIN).hash == template(PLAIN).hash != template("!" + PLAIN).hash
    dated = template("{{ strftime_now('%d %B %Y') }}" + PLAIN, date="2025-08-05")
    assert dated.render("x").startswith("05 August 2025")
