"""The model organisms: small models with a planted answer, the positive control of every analysis.

They are trained from scratch by this project (``data/organisms.yml`` is the recipe) and are no reduced copies of the
models whose architecture they share: what they type says nothing about those. See :mod:`.organism_training` for
what is put into them on purpose.
"""

import hashlib
import json
import platform
import time
from functools import cache
from pathlib import Path

import pandas as pd
import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import atomic, read_json, sha256, write_json
from kaomoji_lib.stimuli import DATA, INSTRUCTION, load_prompts, read_table

NAMES = tuple(
    f"organism-{short}"
    for short in ("gemma", "qwen", "ministral", "gptoss", "granite", "scrambled", "untrained")
)
HOME = DATA / "organisms"
HEADER_REPEATS = 20
SOURCES = ("messages.csv", "faces.csv", "replies.csv", "planted.csv")


def short_name(name):
    """``gemma`` for ``organism-gemma`` or ``gemma``. Raises KaomojiError for a name that is none of ``NAMES``."""
    short = str(name).removeprefix("organism-")
    if f"organism-{short}" not in NAMES:
        raise KaomojiError(f"unknown organism {name!r}; expected one of {', '.join(NAMES)}")
    return short


def folder(name):
    """Path of an organism's shipped folder (config, weights, tokenizer, organism.json)."""
    return HOME / short_name(name)


def card(name):
    """The shipped ``organism.json`` of an organism as a dict: recipe, seed, hashes, versions, measured values."""
    path = folder(name) / "organism.json"
    if not path.is_file():
        raise KaomojiError(f"{path} is missing; run `kaomoji organisms train`")
    return read_json(path, "run `kaomoji organisms train`")


def planted(name):
    """The planted table of an organism.

    Returns
    -------
    DataFrame[category, spelling, face, probability]: P(spelling | category, the reply opens with a face); sums to 1
    per category; ``face`` is the canonical form. Empty for the untrained organism, in which nothing is planted.
    """
    from kaomoji_lib.faces.extract import canonical

    table = read_table(HOME / "planted.csv", ("organism", "category", "spelling", "probability"))
    table = table[table["organism"] == short_name(name)].astype({"probability": float})
    table["face"] = table["spelling"].map(canonical)
    return table[["category", "spelling", "face", "probability"]].reset_index(drop=True)


def pool():
    """The pool of faces: DataFrame[category, spelling]."""
    return read_table(HOME / "faces.csv", ("category", "spelling"))


@cache
def _recipes():
    return yaml.safe_load((DATA / "organisms.yml").read_text(encoding="utf-8"))


def recipe(name):
    """The full recipe of an organism as a dict; ``like`` is resolved, shared training settings are included."""
    short, all_recipes = short_name(name), _recipes()
    entry = dict(all_recipes["organisms"][short])
    base = all_recipes["organisms"][entry.pop("like")] if "like" in entry else {}
    faces = {**base.get("faces", {}), **entry.get("faces", {})}
    training = {**all_recipes["training"], **base.get("training", {}), **entry.get("training", {})}
    return {**base, **entry, "faces": faces, "training": training, "instruction": INSTRUCTION}


def recipe_hash(name):
    """SHA-256 of the recipe."""
    return hashlib.sha256(
        json.dumps(recipe(name), sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()


def data_hash(name):
    """SHA-256 over everything an organism learns from: messages, faces, replies, planted tables, chat template."""
    paths = [HOME / source for source in SOURCES] + [
        HOME / "templates" / f"{recipe(name)['template']}.jinja"
    ]
    return hashlib.sha256("".join(sha256(path) for path in paths).encode()).hexdigest()


def write_planted(path=None):
    """Draw every planted table from the recipes and write ``planted.csv``. Returns the table."""
    from kaomoji_lib.categories import load_scheme
    from kaomoji_lib.models import organism_design

    scheme, tables = load_scheme(), []
    for short in (short_name(name) for name in NAMES):
        entry = recipe(short)
        if entry["epochs"]:
            seed = recipe(_recipes()["organisms"][short].get("like", short))["seed"]
            tables.append(
                organism_design.draw(pool(), scheme, entry["faces"], seed).assign(organism=short)
            )
    table = pd.concat(tables)[["organism", *organism_design.COLUMNS]]
    with atomic(path or HOME / "planted.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.8f", lineterminator="\n")
    return table


def configuration(name, vocabulary, tokens):
    """The transformers configuration of an organism; ``tokens`` holds bos, eos and pad token ids."""
    import transformers

    entry = recipe(name)["model"]
    config = getattr(transformers, entry["class"])(
        vocab_size=vocabulary, **entry["arguments"], **tokens
    )
    config.dtype = "float32"
    return config


def build(name):
    """An untrained organism from its recipe: (model, tokenizer, prompts, corpus)."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    from kaomoji_lib.models import organism_tokenizers, organism_training
    from kaomoji_lib.models.templates import adapt
    from kaomoji_lib.runs import registry

    short, entry = short_name(name), recipe(name)
    messages = read_table(HOME / "messages.csv", ("category", "text"))
    replies = read_table(HOME / "replies.csv", ("category", "text"))
    source = (HOME / "templates" / f"{entry['template']}.jinja").read_text(encoding="utf-8")
    texts = [
        *messages["text"],
        *(" " + reply for reply in replies["text"]),
        *([INSTRUCTION, source] * HEADER_REPEATS),
    ]
    tokenizer = organism_tokenizers.train(
        entry["tokenizer"], texts, list(pool()["spelling"]), source
    )
    tokens = {
        f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")
    }
    torch.manual_seed(entry["seed"])
    model = AutoModelForCausalLM.from_config(configuration(short, len(tokenizer), tokens))
    organism_training.start_well(model, entry["model"].get("embedding_scale", 1.0))
    template = adapt(tokenizer, registry.model(f"organism-{short}").adapter)
    codes = tuple(sorted(messages["category"].unique()))
    rows = organism_training.openings(planted(short), entry["others"])
    corpus = organism_training.Corpus(
        list(messages["text"]),
        np.array([codes.index(code) for code in messages["category"]]),
        codes,
        rows,
        {code: list(part["text"]) for code, part in replies.groupby("category")},
    )
    return (
        model.eval(),
        tokenizer,
        organism_training.Prompts(tokenizer, template, INSTRUCTION),
        corpus,
    )


def train(names=None, out=None, report=None):
    """Train organisms from the recipe and write their folders.

    Parameters
    ----------
    names : iterable of names, default all. out : parent folder, default the shipped place.
    report : callable(name, step, steps, loss), optional.

    Returns
    -------
    dict name -> folder. Two to three minutes per organism on two CPU cores; numbers differ in the last digits
    between machines and thread counts.
    """
    out = Path(out) if out else HOME
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KaomojiError(
            f"cannot write to {out} ({error.strerror}); expected a folder for the organisms; give another --out"
        ) from None
    return {
        name: _train_one(short_name(name), out / short_name(name), report)
        for name in names or NAMES
    }


def _train_one(short, where, report):
    import tokenizers
    import torch
    import transformers

    from kaomoji_lib.models import organism_training

    entry, started = recipe(short), time.perf_counter()
    model, tokenizer, prompts, corpus = build(short)
    head, loss = None, []
    if entry["epochs"]:
        told = report and (lambda *progress: report(f"organism-{short}", *progress))
        head, loss = organism_training.fit(
            model, prompts, corpus, entry["training"], entry["epochs"], entry["seed"], told
        )
    seconds = time.perf_counter() - started
    model.save_pretrained(where)
    tokenizer.save_pretrained(where)
    write_json(
        where / "organism.json",
        {
            "organism": short,
            "what": "A toy model trained from scratch on this project's messages; not derived from any released model.",
            "recipe": entry,
            "recipe_sha256": recipe_hash(short),
            "data_sha256": data_hash(short),
            "config_sha256": sha256(where / "config.json"),
            "weights_sha256": sha256(where / "model.safetensors"),
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "tokenizers": tokenizers.__version__,
            },
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "seconds": round(seconds, 1),
            "final_loss": round(float(sum(loss[-30:]) / 30), 4) if len(loss) else None,
            **measure(short, model, prompts, corpus, head),
        },
    )
    return where


def measure(name, model, prompts, corpus, head=None):
    """Planted against learned on the study's own prompts, which no organism was trained on (dict, see organism.json)."""
    from kaomoji_lib.models import organism_measure

    asked, spellings = load_prompts(), list(pool()["spelling"])
    distribution = organism_measure.face_distribution(
        model, prompts, list(asked["text"]), spellings
    )
    table = planted(name)
    if table.empty:
        values = {
            "emission_rate": float(distribution.sum(axis=1).mean()),
            "js_similarity": None,
            "heldout_accuracy": None,
        }
    else:
        values = organism_measure.compare(distribution, spellings, list(asked["category"]), table)
    values["state_accuracy"] = None
    if head is not None:
        states = organism_measure.last_states(model, prompts, list(asked["text"]))
        right = [corpus.codes[row] for row in head(states).argmax(dim=-1).tolist()] == asked[
            "category"
        ].to_numpy()
        values["state_accuracy"] = float(right.mean())
    return {key: value if value is None else round(value, 4) for key, value in values.items()}
