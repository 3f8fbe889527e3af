"""What comes from outside, all of it hostile: prompts, categories, models, runs, replies, exchanges, corpora and published rows."""

import csv
import json
import shutil

import fake_api
import hostile
import numpy as np
import pandas as pd
import published_mirror
from report import ROOT

from kaomoji_lib import html as escape
from kaomoji_lib.categories import load_scheme
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs.files import sha256, write_parquet
from kaomoji_lib.runs.folder import RunFolder

# What a folder may be called; a model is called after its folder.
NAMES = (
    "<img src=x onerror=kaoBroke()> $x$ **b**",
    "\"'><svg onload=kaoBroke()> [x](javascript:kaoBroke()) {{7*7}}",
    "{glue:text}`what` <b>x %{x} \u202egnp",
)
TITLES = (
    "</title><script>kaoBroke()</script> \\(x\\) {7*7} {count.x}",
    "![x](/stolen.png) <b>bold</b> `code`",
    "<img src=/stolen.png> \u202egnp %{customdata}",
)
CODES = ("<b>", "$x$", "%{x}", '"><i', "`c`", "[a](b)", "{{x}}", "\x1b[31m", "&lt;")
CLAUDE = "<img/src=x/onerror=kaoBroke()>"
SPELLINGS = 3
# Of a face in a corpus.
LONGEST = 60


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


def model(place, name, organism="granite"):
    """A model in a folder of that name."""
    folder = place / "models" / name
    shutil.copytree(ROOT / "data" / "organisms" / organism, folder)
    return folder


def run(place, name, title, table, texts, organism="granite"):
    """A run folder whose faces, spellings, replies and model title are hostile, each face typed ``SPELLINGS`` times.

    It was collected for real, by a model that lies in a folder of that name; then its table was changed, and its states with it.
    """
    from safetensors.numpy import save_file

    folder, out = model(place, name, organism), place / "runs" / name
    kept = collect(str(folder), prompts=table, generations=2, out=out, progress=False)
    asked_for, dealt, shape = (
        kept.prompts(),
        np.random.default_rng(0),
        kept.states("emit").array.shape[1:],
    )
    generations = -(-SPELLINGS * len(texts) // len(asked_for))
    rows = []
    for number in range(generations * len(asked_for)):
        face = texts[number % len(texts)]
        raw = face if number % SPELLINGS else texts[(number + 7) % len(texts)]
        prompt = asked_for.iloc[number % len(asked_for)]
        rows.append(
            {
                "prompt_id": prompt["id"],
                "generation": number // len(asked_for),
                "category": prompt["category"],
                "text": f"{raw} {face}",
                "raw_face": raw,
                "face": face,
            }
        )
    place_of = {one: number for number, one in enumerate(asked_for["id"])}
    typed = pd.DataFrame(rows).sort_values(
        "prompt_id", kind="stable", key=lambda column: column.map(place_of)
    )
    whole = kept.emissions().iloc[np.zeros(len(typed), int)].reset_index(drop=True)
    for column in typed.columns:
        whole[column] = typed[column].to_numpy()
    whole["outcome"], whole["first_row"] = "kaomoji", range(len(whole))
    write_parquet(out / "emissions.parquet", whole)
    centres = dealt.normal(size=(len(asked_for), *shape)).astype(np.float32)
    of = whole["prompt_id"].map(place_of).to_numpy()
    for position in ("first", "face"):
        save_file(
            {"states": centres[of] + dealt.normal(0, 0.3, (len(whole), *shape)).astype(np.float32)},
            out / f"states-{position}.safetensors",
        )
    manifest = kept.manifest
    names = [path.name for path in out.iterdir() if path.suffix in (".parquet", ".safetensors")]
    kept.write_manifest(
        {
            **manifest,
            "model": {**manifest["model"], "title": title, "id": str(folder)},
            "settings": {**manifest["settings"], "generations": generations},
            "files": {name: sha256(out / name) for name in names},
        }
    )
    return RunFolder(out), generations


class Answers(fake_api.Answers):
    """A service that says hostile things: one string after the other opens ``SPELLINGS`` replies."""

    def __init__(self, texts):
        super().__init__()
        self.texts, self.given = texts, 0

    def __call__(self, params, occurrence):
        if params.get("system"):
            return super().__call__(params, occurrence)
        self.given += 1
        return f"{self.texts[self.given // SPELLINGS % len(self.texts)]} and so on", "end_turn"


def exchanges(path, texts):
    """A file of exchanges whose messages, replies and model names are hostile."""
    lines = [
        json.dumps({"user": text, "assistant": f"{face} {text}", "source_model": text})
        for text in texts
        for face in ("(^_^)", hostile.framed(text))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def corpus(place, texts):
    """Bundles of contributors who upload hostile faces, words, versions and model names, from folders with hostile names."""
    from kaomoji_lib.stimuli import load_lexicon

    words = list(load_lexicon()["word"])
    for number, name in enumerate(
        ("<img src=x onerror=kaoBroke()>", "**b** $x$ [x](javascript:kaoBroke())")
    ):
        bundle = place / "contributors" / name / f"bundle-2026010{number + 1}T000000Z"
        bundle.mkdir(parents=True)
        (bundle / "manifest.json").write_text(
            json.dumps({"lexicon_version": 2, "llmoji_version": texts[number]}), encoding="utf-8"
        )
        rows = [
            {
                "kaomoji": text[:LONGEST],
                "count": 3 + index % 5,
                "source_model": texts[index % 7],
                "synthesis": {
                    "primary_affect": [words[index % 30], texts[index % 50]],
                    "stance_modality_function": [words[30 + index % 15]],
                },
            }
            for index, text in enumerate(texts[number::2])
        ]
        broken = [
            "{",
            json.dumps({"kaomoji": "x" * 99}),
            json.dumps({"kaomoji": "(^_^)", "synthesis": 3}),
        ]
        (bundle / "x.jsonl").write_text(
            "\n".join([*map(json.dumps, rows), *broken]), encoding="utf-8"
        )
    return place


def published(place, texts):
    """The published study in small with hostile faces in its rows; the registry of it as a file that a kernel can read."""
    codes = list(published_mirror.CODES)
    faces = [text for text in texts if len(text) <= 40 and "\n" not in text]
    mine = {code: tuple(faces[number * 3 : number * 3 + 3]) for number, code in enumerate(codes)}
    kept = published_mirror.FACES, published_mirror.ALL_FACES
    published_mirror.FACES, published_mirror.ALL_FACES = (
        mine,
        tuple(face for own in mine.values() for face in own),
    )
    try:
        known = published_mirror.write(place)
    finally:
        published_mirror.FACES, published_mirror.ALL_FACES = kept
    for path in place.rglob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for number, row in enumerate(rows):
            if "prompt_text" in row:
                row["prompt_text"] = (
                    f"{row['prompt_text']} {texts[sum(row['prompt_id'].encode()) % len(texts)]}"
                )
                # Every third reply opens with another string, so that all of them occur.
                row.update(
                    {
                        "text": f"{texts[number % len(texts)]} well",
                        "first_word": texts[number % len(texts)],
                    }
                    if number % 3 == 2
                    else {}
                )
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
        )
    return published_mirror.registered(place, known)
