"""The question of introspection put to local models."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.claude import introspect
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import introspect as asked
from kaomoji_lib.models.loading import load
from kaomoji_lib.models.score.algorithms import plain_logits
from kaomoji_lib.runs import registry

VOCABULARY = [*map(str, range(10)), "75", "word", "٣"]
CODES = list(load_scheme().codes)


@pytest.fixture
def reader(monkeypatch):
    """Make an engine that knows which category a face belongs to: it says 8 there and 1 elsewhere, with ``mass`` on digits."""
    head = torch.nn.Linear(1, len(VOCABULARY) + 3, bias=False)

    def make(meant, mass=1.0):
        def chances(engine, texts, columns):
            right = [
                any(
                    text.endswith(f'{{"{code}": 0.') and f"\n\n{face}" in text
                    for face, code in meant.items()
                )
                for text in texts
            ]
            return np.array(
                [[mass * (column == (8 if one else 1)) for column in columns] for one in right]
            )

        monkeypatch.setattr(asked, "next_probabilities", chances)
        return SimpleNamespace(
            model=SimpleNamespace(get_output_embeddings=lambda: head),
            spec=SimpleNamespace(alias="toy"),
            template=SimpleNamespace(render=lambda message: f"<user>{message}</user>"),
            tokenizer=SimpleNamespace(
                get_vocab=lambda: {token: number for number, token in enumerate(VOCABULARY)}
            ),
        )

    return make


def test_what_a_reader_knows_is_read_and_what_it_does_not_is_not(reader):
    meant = {"(T_T)": "LN", "(^_^)": "HP-S"}
    table = asked.judge(reader(meant), meant, load_scheme()).set_index("face")
    for face, code in meant.items():
        assert table.loc[face, code] == pytest.approx(0.8)
        assert table.loc[face, [other for other in CODES if other != code]].to_numpy(
            float
        ) == pytest.approx(0.1)
    assert np.ptp(asked.judge(reader({}), meant, load_scheme())[CODES].to_numpy()) < 1e-12


@pytest.mark.parametrize("mass", [1.0, 0.2])
def test_attention_tells_whether_the_question_was_answered(reader, mass):
    assert asked.judge(reader({}, mass), ["(T_T)"], load_scheme())[
        "attention"
    ].item() == pytest.approx(mass)


def test_values_of_tokens_are_decimals_of_ascii_digits(reader):
    values = asked.number_tokens(reader({}))
    assert (
        values[7] == 0.7
        and values[VOCABULARY.index("75")] == 0.75
        and np.isnan(values[VOCABULARY.index("word")])
    )
    assert np.isnan(values[VOCABULARY.index("٣")]) and len(values) == len(VOCABULARY) + 3


@pytest.mark.parametrize("name", ["gemma", "qwen"])
def test_questions_answered_together_equal_plain_passes_over_each(name):
    engine, scheme = (
        load(registry.model(f"organism-{name}"), device="cpu", dtype="float32"),
        load_scheme(),
    )
    table = asked.judge(engine, ["(T_T)", "ヽ(^_^)ﾉ"], scheme)
    assert list(table["face"]) == ["(T_T)", "(^_^)"]
    values = asked.number_tokens(engine)
    digits = ~np.isnan(values)
    for code in (CODES[0], CODES[-1]):
        ids = engine.encode(
            *asked.questions(engine, introspect.system_prompt(scheme), "ヽ(^_^)ﾉ", [code])
        )
        with torch.inference_mode():
            chances = (
                plain_logits(engine, ids, [])[0].double().softmax(-1).numpy()[: len(values)][digits]
            )
        assert table.loc[1, code] == pytest.approx(
            chances @ values[digits] / chances.sum(), rel=1e-3
        )


def test_what_is_no_face_is_refused():
    with pytest.raises(KaomojiError, match="no face"):
        asked.judge(load(registry.model("organism-gemma"), device="cpu"), [" "], load_scheme())
