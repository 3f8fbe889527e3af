"""Hostile text in everything that a page reads from outside: messages, categories, models, runs and replies."""

import csv

import hostile
import numpy as np
import pandas as pd
import small_models

from kaomoji_lib import html as escape
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs.files import sha256, write_parquet
from kaomoji_lib.runs.folder import RunFolder

# A model is called after its folder.
NAME = "<img src=x onerror=kaoBroke()> $x$ **b**"
TITLE = (
    "</title><script>kaoBroke()</script> \\(x\\) {7*7} {count.x} ![x](/stolen.png) %{customdata}"
)
CODES = ("<b>", "$x$", "%{x}", '"><i', "`c`", "[a](b)", "{{x}}", "\x1b[31m", "&lt;")
SPELLINGS = 3


def strings(most=None):
    """The hostile strings as a store can hold them, none empty, each once; the very long ones are for other tests."""
    kept = dict.fromkeys(
        text
        for one in hostile.strings()
        if (text := escape.storable(one).strip()) and len(text) < 2_000
    )
    kept = list(kept)
    return kept if most is None else kept[:: max(1, len(kept) // most)]


def _table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle, quoting=csv.QUOTE_ALL)
        table.writerows([header, *rows])
    return path


def scheme(path):
    """The nine categories with codes, descriptions and glosses of hostile text."""
    texts, whole = strings(), load_scheme().table.reset_index()
    whole["code"] = CODES
    whole["description"], whole["gloss"] = texts[:9], texts[20:29]
    return _table(path, list(whole.columns), whole.astype(str).to_numpy().tolist())


def prompts(path, texts, codes):
    """One prompt per text, over all categories; topics and ids hostile too."""
    topics = strings()[40:44]
    rows = [
        (
            f"{number}{strings()[number % 30]}",
            codes[number % len(codes)],
            topics[number % len(topics)],
            text,
        )
        for number, text in enumerate(texts)
    ]
    return _table(path, ("id", "category", "topic", "text"), rows)


def asked(path, texts, codes, number=27):
    """``number`` prompts which hold all of the texts between them."""
    return prompts(path, [" · ".join(texts[start::number]) for start in range(number)], codes)


def run(place, texts):
    """Return a run folder whose kaomoji, spellings, replies and model title are hostile, each kaomoji ``SPELLINGS`` times.

    It is collected by a model that lies in a folder with a hostile name; then its table of replies is changed.
    """
    folder, out = small_models.write(place / "models" / NAME, "llama"), place / "runs" / NAME
    table = asked(place / "asked.csv", texts, list(load_scheme().codes))
    run = collect(str(folder), prompts=table, generations=2, out=out, progress=False)
    messages = run.prompts()
    generations = -(-SPELLINGS * len(texts) // len(messages))
    rows = []
    for number in range(generations * len(messages)):
        face = texts[number % len(texts)]
        raw = face if number % SPELLINGS else texts[(number + 7) % len(texts)]
        place, generation = divmod(number, generations)
        message = messages.iloc[place]
        rows.append(
            {
                "prompt_id": message["id"],
                "generation": generation,
                "category": message["category"],
                "text": f"{raw} {face}",
                "raw_face": raw,
                "face": face,
            }
        )
    replies = run.emissions().iloc[np.zeros(len(rows), int)].reset_index(drop=True)
    replies = replies.assign(**pd.DataFrame(rows), outcome="kaomoji", first_row=range(len(rows)))
    write_parquet(out / "emissions.parquet", replies)
    manifest = run.manifest
    run.write_manifest(
        {
            **manifest,
            "model": {**manifest["model"], "title": TITLE, "id": str(folder)},
            "settings": {**manifest["settings"], "generations": generations},
            "files": {**manifest["files"], "emissions.parquet": sha256(out / "emissions.parquet")},
        }
    )
    return RunFolder(out)
