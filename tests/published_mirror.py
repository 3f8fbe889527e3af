"""The article's originals in small, with planted answers, in the layout and format of the real ones."""

import base64
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kaomoji_lib.published import files, tables
from kaomoji_lib.runs.files import sha256

ROOT = Path(__file__).resolve().parents[1]
CODES = tuple(tables.scheme().codes)
FACES = {
    code: tuple(f"({eye}{mouth}{eye})" for mouth in "_ω▽")
    for code, eye in zip(CODES, "°^˘◕ಠ⊙╥>¬", strict=True)
}
ALL_FACES = tuple(face for own in FACES.values() for face in own)
# What a reply says, what the article's extraction stored of it, and the outcome and face that ours reads.
ODD = [
    ("(⁄ ⁄•⁄ω", "(⁄", "truncated", None),
    ("(🚨) oh", "(🚨)", "emoji", None),
    ("(2024) was", "(2024)", "words", None),
    ("ᕕ( ᐛ )ᕗ so", "", "kaomoji", "(ᐛ)"),
]
REPLIES = 4


def real():
    """The folder with the real originals, or None: the one that is named, or the one beside the checkout."""
    named = os.environ.get(files.PLACE)
    place = Path(named) if named else ROOT.parent / "shared" / "published"
    return place if (place / "llmoji-experiment").is_dir() else None


def write(folder):
    """Write every original. Returns the registry of them, with their own hashes."""
    known = files.registry()
    for name, entry in known.sources.items():
        rows = _replies(name, entry["scheme"])
        _lines(folder / entry["emissions"], rows)
        if "likelihoods" in entry:
            _likelihoods(_place(folder / entry["likelihoods"]))
            _cloud(_place(folder / entry["figure"]), rows)
    for judge, entry in known.judgements.items():
        _lines(
            folder / entry["file"],
            [
                {
                    "face": face,
                    **{f"{judge}_lik_{c}": 0.9 if face in FACES[c] else 0.05 for c in CODES},
                }
                for face in ALL_FACES
            ],
        )
    _lines(folder / known.syntheses, syntheses())
    centroids = [
        {"hovertemplate": f"gpt_oss_20b<br>{code}<br>{axis}=", **_axes([[number, 1, 2]])}
        for axis in ("PC1", "x")
        for number, code in enumerate(CODES)
    ]
    _figure(_place(folder / known.figures["centroids"]), centroids)
    hover = f"<b>{ALL_FACES[0]}</b>  (n=7)<br>HP-D=5, LP=2"
    panel = {"text": [ALL_FACES[0]], "hovertext": [hover], **_axes([[1, 2, 3]])}
    _figure(_place(folder / known.figures["face_means"]), [panel] * 5)
    return registered(folder, known)


def registered(folder, known):
    """``known`` with the hashes of what lies in ``folder``."""
    names = [name for name in known.files if (folder / name).is_file()]
    return replace(known, files={name: sha256(folder / name) for name in names})


def _place(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _lines(path, rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    _place(path).write_text(text, encoding="utf-8")


def _replies(name, scheme):
    prompts = tables.prompts(scheme)
    rows = []
    for number, (prompt, code) in enumerate(zip(prompts["id"], prompts["category"], strict=True)):
        for seed in range(REPLIES):
            own = FACES.get(code, FACES["HP-S"])[(number + seed) % 3]
            row = {"prompt_id": prompt, "prompt_text": "a secret message", "first_word": own}
            index = "run_index" if name.startswith("claude") else "seed"
            rows.append({**row, index: seed, "text": f"{own} a secret reply"})
    for row, (text, stored, *_) in zip(rows, ODD, strict=False):
        row.update(text=text, first_word=stored)
    return rows


def _likelihoods(path):
    prompts = tables.prompts()
    wide = pd.DataFrame(-9.0, prompts["id"], pd.Index([*ALL_FACES, "("], name="first_word"))
    for face in ALL_FACES:
        wide.loc[[c for c in prompts["id"] if face in FACES[tables.category([c])[0]]], face] = -1.5
    long = wide.rename_axis("prompt_id").stack().rename("log_prob").reset_index()
    long.assign(n_face_tokens=4).to_parquet(path)


def _cloud(path, rows):
    """A trace per category with a point per reply with a kaomoji, those of a prompt at one place."""
    prompt = [row["prompt_id"] for row in rows]
    counted = [
        tables.published_face(row["first_word"]) not in (None, "(2024)", "(⁄") for row in rows
    ]
    traces = [{"type": "scatter3d", "name": "axis", **_axes([[0, 0, 0], [9, 9, 9]])}]
    for code in CODES:
        ids = tables.prompts().query("category == @code")["id"].tolist()
        points = [place(p) for p, is_in in zip(prompt, counted, strict=True) if p in ids and is_in]
        traces.append({"type": "scatter3d", "name": f"{code} (n={len(points)})", **_axes(points)})
    _figure(path, traces)


def place(prompt):
    """Where a prompt lies in the figure: (3,)."""
    scheme, number = tables.scheme().table.loc[tables.category([prompt])[0]], int(prompt[2:])
    return [scheme["valence"] * 5 + number / 50, scheme["arousal"] * 3 - number / 60, number / 40]


def _axes(points):
    columns = zip("xyz", np.asarray(points, dtype="<f4").T, strict=True)
    coded = {axis: base64.b64encode(column.tobytes()).decode() for axis, column in columns}
    return {axis: {"dtype": "f4", "bdata": text} for axis, text in coded.items()}


def _figure(path, traces):
    layout = {
        "scene": {
            f"{a}axis": {"title": {"text": f"PC ({s}%)"}} for a, s in zip("xyz", (30, 12.5, 8))
        }
    }
    call = f"Plotly.newPlot('id', {json.dumps(traces)}, {json.dumps(layout)})".replace("'", '"')
    path.write_text(f"<html><script>{call}</script></html>\n", encoding="utf-8")


def syntheses():
    """Synthesized words: one upload under two names, and one of an older list."""
    said = {"primary_affect": ["satisfied", "relieved"], "stance_modality_function": ["wry"]}
    row = {"count": 3, "source_model": "claude-opus-4-7", "lexicon_version": 2, "synthesis": said}
    uploads = [("one", "20260101", 2), ("two", "20260201", 2), ("one", "20250101", 1)]
    described = [
        {**row, "contributor": who, "bundle": f"bundle-{day}T000000Z", "lexicon_version": version}
        for who, day, version in uploads
    ]
    return [{"kaomoji": face, "descriptions": described} for face in ALL_FACES]
