"""The question of introspection put to local models."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kaomoji_lib.engine.claude import local_reader
from kaomoji_lib.engine.loading import load
from kaomoji_lib.store import registry
from kaomoji_lib.study.categories import load_scheme
from kaomoji_lib.study.errors import KaomojiError

VOCABULARY = [*map(str, range(10)), "75", "word", "٣"]


class Understanding(torch.nn.Module):
    """A reader that knows which category a face belongs to: it says 8 there and 1 elsewhere, with ``mass`` on digits."""

    def __init__(self, meant, mass=1.0):
        super().__init__()
        self.meant, self.mass, self.head = meant, mass, torch.nn.Linear(1, len(VOCABULARY) + 3, bias=False)
        self.texts = []

    def get_output_embeddings(self):
        return self.head

    def forward(self, input_ids, attention_mask, position_ids, logits_to_keep):
        chances = torch.full((len(input_ids), 1, len(VOCABULARY) + 3), 1e-9)
        for row, (ids, mask) in enumerate(zip(input_ids, attention_mask, strict=True)):
            text = "".join(map(chr, ids[mask.bool()].tolist()))
            right = any(text.endswith(f'{{"{code}": 0.') and f"\n\n{face}" in text for face, code in self.meant.items())
            chances[row, 0, 8 if right else 1] = self.mass
            chances[row, 0, VOCABULARY.index("word")] = 1 - self.mass + 1e-9
        return SimpleNamespace(logits=chances.log())


def engine_of(model):
    return SimpleNamespace(
        model=model, device=torch.device("cpu"), spec=SimpleNamespace(alias="toy"), encode=lambda text: [ord(char) for char in text],
        template=SimpleNamespace(render=lambda message: f"<user>{message}</user>"),
        tokenizer=SimpleNamespace(get_vocab=lambda: {token: number for number, token in enumerate(VOCABULARY)}))


def test_what_a_reader_knows_is_read_and_what_it_does_not_is_not():
    meant = {"(T_T)": "LN", "(^_^)": "HP-S"}
    table = local_reader.judge(engine_of(Understanding(meant)), meant, load_scheme(), batch=4).set_index("face")
    codes = list(load_scheme().codes)
    for face, code in meant.items():
        assert table.loc[face, code] == pytest.approx(0.8, abs=1e-3)
        assert table.loc[face, [other for other in codes if other != code]].to_numpy(float) == pytest.approx(0.1, abs=1e-3)
    blind = local_reader.judge(engine_of(Understanding({})), meant, load_scheme())[codes].to_numpy()
    assert np.ptp(blind) < 1e-6


def test_attention_tells_whether_the_question_was_answered():
    faces = ["(T_T)"]
    assert local_reader.judge(engine_of(Understanding({}, mass=1.0)), faces, load_scheme())["attention"].item() == pytest.approx(1, abs=1e-3)
    assert local_reader.judge(engine_of(Understanding({}, mass=0.2)), faces, load_scheme())["attention"].item() == pytest.approx(0.2, abs=1e-3)


def test_values_of_tokens_are_decimals_of_ascii_digits():
    values = local_reader.number_tokens(engine_of(Understanding({})))
    assert values[7] == 0.7 and values[VOCABULARY.index("75")] == 0.75 and np.isnan(values[VOCABULARY.index("word")])
    assert np.isnan(values[VOCABULARY.index("٣")]) and len(values) == len(VOCABULARY) + 3


@pytest.mark.parametrize("name", ["organism-gemma", "organism-qwen"])
def test_any_engine_is_a_reader_and_the_batch_does_not_matter(name):
    engine, faces = load(registry.model(name), device="cpu"), ["(T_T)", "ヽ(^_^)ﾉ"]
    one = local_reader.judge(engine, faces, load_scheme(), batch=1)
    many = local_reader.judge(engine, faces, load_scheme(), batch=16)
    codes = list(load_scheme().codes)
    np.testing.assert_allclose(one[codes].to_numpy(), many[codes].to_numpy(), atol=2e-3)
    assert list(one["face"]) == ["(T_T)", "(^_^)"] and one[codes].to_numpy().min() >= 0 and one[codes].to_numpy().max() <= 1
    with pytest.raises(KaomojiError, match="no face"):
        local_reader.judge(engine, [" "], load_scheme())
