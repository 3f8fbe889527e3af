"""Train the model organisms from ``recipes.yml``: ``python data/organisms/train.py [NAME ...] [--out DIR]``.

Two to three minutes each on two CPU cores; numbers differ in the last digits between machines and thread counts.
``--planted`` only draws the planted tables again.
"""

import argparse
import dataclasses
import hashlib
import json
import platform
import time
from functools import cache
from pathlib import Path

import fitting
import numpy as np
import pandas as pd
import planting
import tokenizer as tokenizers
import torch
import transformers
import yaml
from tqdm import tqdm

from kaomoji_lib.models import loading
from kaomoji_lib.models.forward import prefill
from kaomoji_lib.models.organisms import HOME, NAMES, planted, pool
from kaomoji_lib.models.scoring import score
from kaomoji_lib.models.templates import adapt
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import atomic, sha256, write_json
from kaomoji_lib.stats import js_similarity
from kaomoji_lib.stimuli import INSTRUCTION, load_scheme, read_table

HEADER_REPEATS = 20


def short_name(name):
    """Return ``gemma`` for ``organism-gemma`` or ``gemma``."""
    return name.removeprefix("organism-")


@cache
def _recipes():
    return yaml.safe_load((HOME / "recipes.yml").read_text(encoding="utf-8"))


def known_messages():
    """Return one message of each situation that organisms were trained on: DataFrame[id, category, topic, text].

    Whether an instrument finds what was planted is asked of messages that the organisms know; the study's own messages are
    in other situations.
    """
    table = read_table(HOME / "messages.csv", ("topic", "situation", "category", "text"))
    table = table.drop_duplicates(["category", "situation", "topic"])
    table = table.assign(id=table["topic"] + "-" + table["situation"])
    return table[["id", "category", "topic", "text"]].reset_index(drop=True)


def recipe(name):
    """Return the full recipe of an organism (dict); ``like`` is resolved, shared training settings are included."""
    shared, entries = _recipes()["training"], _recipes()["organisms"]
    entry = dict(entries[short_name(name)])
    base = entries[entry.pop("like")] if "like" in entry else {}
    merged = {key: {**base.get(key, {}), **entry.get(key, {})} for key in ("faces", "training")}
    merged["training"] = {**shared, **merged["training"]}
    return {**base, **entry, **merged, "instruction": INSTRUCTION}


def recipe_hash(name):
    """Return the SHA-256 of the recipe."""
    text = json.dumps(recipe(name), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def data_hash(name):
    """Return the SHA-256 of all an organism learns from: messages, faces, replies, its planted table, chat template."""
    names = (
        "messages.csv",
        "faces.csv",
        "replies.csv",
        f"templates/{recipe(name)['template']}.jinja",
    )
    texts = [sha256(HOME / one) for one in names] + [
        planted(name)[planting.COLUMNS].to_csv(index=False)
    ]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def write_planted(path=HOME / "planted.csv"):
    """Draw every planted table from the recipes and write ``planted.csv``. Returns the table."""
    scheme, tables = load_scheme(), []
    for short in map(short_name, NAMES):
        if recipe(short)["epochs"]:
            seed = recipe(_recipes()["organisms"][short].get("like", short))["seed"]
            drawn = planting.draw(pool(), scheme, recipe(short)["faces"], seed)
            tables.append(drawn.assign(organism=short))
    table = pd.concat(tables)[["organism", *planting.COLUMNS]]
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8f", lineterminator="\n")
    return table


def configuration(name, vocabulary, tokens):
    """Return the transformers configuration of an organism; ``tokens`` has the bos, eos and pad token ids."""
    entry = recipe(name)["model"]
    config = getattr(transformers, entry["class"])(
        vocab_size=vocabulary, **entry["arguments"], **tokens
    )
    config.dtype = "float32"
    return config


def build(name):
    """Return an untrained organism: (model, tokenizer, :class:`fitting.Prompts`, :class:`fitting.Corpus`)."""
    short, entry = short_name(name), recipe(name)
    messages = read_table(HOME / "messages.csv", ("category", "text"))
    replies = read_table(HOME / "replies.csv", ("category", "text"))
    source = (HOME / "templates" / f"{entry['template']}.jinja").read_text(encoding="utf-8")
    texts = [*messages["text"], *(f" {reply}" for reply in replies["text"])]
    texts += [INSTRUCTION, source] * HEADER_REPEATS
    words = tokenizers.train(entry["tokenizer"], texts, list(pool()["spelling"]), source)
    roles = ("bos", "eos", "pad")
    tokens = {f"{role}_token_id": getattr(words, f"{role}_token_id") for role in roles}
    torch.manual_seed(entry["seed"])
    config = configuration(short, len(words), tokens)
    model = transformers.AutoModelForCausalLM.from_config(config)
    fitting.fix_initial_values(model, entry["model"].get("embedding_scale", 1.0))
    template = adapt(words, registry.model(f"organism-{short}").adapter)
    codes = tuple(sorted(messages["category"].unique()))
    corpus = fitting.Corpus(
        list(messages["text"]),
        np.array([codes.index(code) for code in messages["category"]]),
        codes,
        fitting.openings(planted(short), entry["others"]),
        {code: list(part["text"]) for code, part in replies.groupby("category")},
    )
    return model.eval(), words, fitting.Prompts(words, template, INSTRUCTION), corpus


def train(name, folder, report=None):
    """Train one organism and write its folder; ``report``: callable(step, steps, loss). Returns the folder."""
    entry, started = recipe(name), time.perf_counter()
    model, words, prompts, corpus = build(name)
    head, loss = None, []
    if entry["epochs"]:
        options = entry["training"], entry["epochs"], entry["seed"], report
        head, loss = fitting.fit(model, prompts, corpus, *options)
    seconds = time.perf_counter() - started
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    card = {
        "organism": short_name(name),
        "what": "A toy model trained from scratch on this project's messages; not derived from any released model.",
        "recipe": entry,
        "recipe_sha256": recipe_hash(name),
        "data_sha256": data_hash(name),
        "config_sha256": sha256(folder / "config.json"),
        "weights_sha256": sha256(folder / "model.safetensors"),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": round(seconds, 1),
        "final_loss": round(float(np.mean(loss[-30:])), 4) if len(loss) else None,
        **measure(name, folder, head, corpus.codes),
    }
    write_json(folder / "organism.json", card)
    return folder


def measure(name, folder=None, head=None, codes=()):
    """Return what an organism has learned, measured on one known message per situation.

    Returns
    -------
    dict: ``emission_rate`` (mean probability of the pool's spellings), ``js_similarity`` (planted against exact
    distributions, mean over prompts, 1 = equal), ``known_accuracy`` (share of messages whose distribution is closest
    to its own category's row), ``state_accuracy`` (of the training ``head`` on the last state); None where undefined.
    """
    spec = registry.model(f"organism-{short_name(name)}")
    spec = dataclasses.replace(spec, id=str(Path(folder).resolve())) if folder else spec
    engine, asked = loading.load(spec, "cpu", "float32"), known_messages()
    spellings, table = list(pool()["spelling"]), planted(name)
    scores = score(engine, spellings, asked)
    learned = np.exp(scores["log_prob"].to_numpy().reshape(len(asked), -1))
    values = {"emission_rate": learned.sum(axis=1).mean()}
    values |= compare(learned, spellings, list(asked["category"]), table) if len(table) else {}
    if head is not None:
        prompts = [
            engine.encode(engine.template.render(f"{INSTRUCTION} {one}")) for one in asked["text"]
        ]
        with torch.inference_mode():
            states = torch.cat([prefill(engine, [one]).last for one in prompts])
        found = np.array(codes)[head(states.clone()).argmax(dim=-1)]
        values["state_accuracy"] = (found == asked["category"]).mean()
    names = ("emission_rate", "js_similarity", "known_accuracy", "state_accuracy")
    return {key: None if values.get(key) is None else round(float(values[key]), 4) for key in names}


def compare(learned, spellings, categories, table):
    """Compare ``learned`` P (prompts, spellings) with the planted ``table``: see :func:`measure`."""
    rows = table.pivot_table(
        index="category", columns="spelling", values="probability", fill_value=0.0
    )
    rows = rows.reindex(columns=spellings, fill_value=0.0)
    own = [rows.index.get_loc(category) for category in categories]
    learned = learned / learned.sum(axis=1, keepdims=True)
    closest = (learned @ np.log(rows.to_numpy() + 1e-6).T).argmax(axis=1)
    return {
        "js_similarity": np.mean(js_similarity(rows.to_numpy()[own], learned)),
        "known_accuracy": None if np.allclose(rows, rows.iloc[0]) else (closest == own).mean(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--out", type=Path, default=HOME)
    parser.add_argument("--planted", action="store_true", help="only draw planted.csv")
    arguments = parser.parse_args()
    if arguments.planted:
        write_planted()
        return
    for short in map(short_name, arguments.names):
        with tqdm(desc=short, unit="step") as bar:

            def report(step, steps, loss, bar=bar):
                bar.total = steps
                bar.set_postfix(loss=f"{loss:.2f}", refresh=False)
                bar.update(step - bar.n)

            train(short, arguments.out / short, report)


if __name__ == "__main__":
    main()
