"""A published study in small, in the layout of the real one, with planted answers; and where the real one lies."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from kaomoji_lib.published import files as published
from kaomoji_lib.published import tables
from kaomoji_lib.runs.files import sha256
from kaomoji_lib.stimuli import load_lexicon

ROOT = Path(__file__).resolve().parents[1]
CODES = tuple(tables.scheme("nine").codes)
FACES = {
    code: tuple(f"({eye}{mouth}{eye})" for mouth in "_ω▽")
    for code, eye in zip(CODES, "^╥ಠ˘◕⊙¬>°", strict=True)
}
ALL_FACES = tuple(face for own in FACES.values() for face in own)
# Typed with one mouth, scored with another: what the canonical form folds.
TYPED, SCORED = "(｡ᵔᴗᵔ｡)", "(｡ᵔ‿ᵔ｡)"
COHERENT = {
    "gemma": 0.85,
    "qwen": 0.8,
    "ministral": 0.15,
    "granite": 0.4,
    "gpt-oss": 0.15,
    "claude": 0.85,
    "claude-preamble": 0.85,
    "first-gemma": 0.85,
    "first-qwen": 0.8,
    "first-ministral": 0.3,
}
MODELS = ("gemma", "qwen", "ministral", "granite", "gpt-oss")
LOST = "qwen"


def real():
    """The folder with the real files, or None: the one that is named, or the one beside the checkout."""
    named = os.environ.get(published.PLACE)
    place = Path(named) if named else ROOT.parent / "shared" / "published"
    return place if (place / "llmoji-experiment").is_dir() else None


def prompt_ids(cells="nine"):
    """Prompt ids with their category."""
    table = tables._cells(cells)
    spans = zip(
        table["prefix"],
        table["first"].astype(int),
        table["last"].astype(int),
        table["category"],
        strict=True,
    )
    return [
        (f"{prefix}{number:02d}", code)
        for prefix, first, last, code in spans
        for number in range(first, last + 1)
    ]


def write(folder, replies=4, seed=0):
    """Write every registered file. Returns the :class:`published.Registry` of it, hashes and sizes included."""
    known, rng = published.registry(), np.random.default_rng(seed)
    for name, entry in known.sources.items():
        _emissions(folder / entry["emissions"][0], name, entry, replies, rng)
        if "likelihoods" in entry:
            _likelihoods(folder / entry["likelihoods"], lost=name == LOST, rng=rng)
        if "figure" in entry:
            _place(folder / entry["figure"]).write_text(
                figure(name, rng=rng).to_html(include_plotlyjs=False), encoding="utf-8"
            )
    for judge, entry in known.judgements.items():
        rows = [
            {
                "face": face,
                **{f"{judge}_lik_{code}": 0.9 if face in FACES[code] else 0.05 for code in CODES},
            }
            for face in ALL_FACES
        ]
        _lines(folder / entry["file"], rows)
    _lines(folder / known.syntheses, syntheses())
    pd.DataFrame({"face": ALL_FACES}).to_parquet(
        _place(folder / "llmoji-experiment/data/v3_face_union.parquet")
    )
    return registered(folder, known)


def registered(folder, known):
    """``known`` with the hashes and sizes of what lies in ``folder``; of the figures none is known, as of the real ones."""
    files = {}
    for name, item in known.files.items():
        path = folder / name
        files[name] = (
            item
            if item.sha256 is None
            else replace(item, sha256=sha256(path), size=path.stat().st_size)
        )
    return replace(known, files=files)


def _place(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _lines(path, rows):
    _place(path).write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )


def _emissions(path, name, entry, replies, rng):
    rows = []
    cells = {"claude-preamble": "six"}.get(name, entry["scheme"])
    for prompt, code in prompt_ids(cells):
        for seed in range(1 if name == "claude-preamble" else replies):
            own = FACES[code if code in FACES else "HP-S" if code == "HP" else "HN-D"]
            face = (
                rng.choice(own, p=[0.6, 0.3, 0.1])
                if rng.random() < COHERENT[name]
                else rng.choice(ALL_FACES)
            )
            rows.append(
                {
                    "prompt_id": prompt,
                    "prompt_text": f"message {prompt}",
                    "seed": seed,
                    "text": f"{face} well",
                    "first_word": str(face),
                }
            )
    if name in MODELS:
        for index in range(0, len(rows), 9):
            rows[index].update(text=f"{TYPED} well", first_word=TYPED)
        # What the stored extraction took for faces: a cut one, an emoji, a number; and one that it overlooked.
        rows[1].update(text="(⁄ ⁄•⁄ω", first_word="(⁄")
        rows[2].update(text="(🚨) oh", first_word="(🚨)")
        rows[3].update(text="(2024) was", first_word="(2024)")
        rows[4].update(text="ᕕ( ᐛ )ᕗ so", first_word="")
    _lines(path, rows)


def _likelihoods(path, lost, rng):
    prompts = prompt_ids()
    spellings = [*ALL_FACES, SCORED, "("]
    table = np.full((len(prompts), len(spellings)), -14.0) + rng.normal(
        0, 0.5, (len(prompts), len(spellings))
    )
    if not lost:
        for row, (_, code) in enumerate(prompts):
            for column, face in enumerate(ALL_FACES):
                share = (
                    (0.6, 0.3, 0.1)[FACES[code].index(face)] * 0.75
                    if face in FACES[code]
                    else 0.004
                )
                table[row, column] = np.log(share) + rng.normal(0, 0.05)
    table[:, -1] = np.log(0.99)
    frame = (
        pd.DataFrame(table, [prompt for prompt, _ in prompts], spellings)
        .rename_axis("prompt_id")
        .reset_index()
    )
    long = frame.melt("prompt_id", var_name="first_word", value_name="log_prob")
    long.assign(quadrant="", n_face_tokens=4, log_prob_per_token=long["log_prob"] / 4).to_parquet(
        _place(path)
    )


def syntheses():
    """Rows of the synthesized words: one upload under two names, and one of an older list."""
    anchors = load_lexicon()
    rows = []
    for code, own in FACES.items():
        words = list(anchors.loc[anchors["category"] == code, "word"])
        for face in own:
            said = {
                "count": 3,
                "source_model": "claude-opus-4-7",
                "lexicon_version": 2,
                "synthesis": {"primary_affect": words[:2], "stance_modality_function": ["wry"]},
            }
            rows.append(
                {
                    "kaomoji": face,
                    "count_total": 7,
                    "descriptions": [
                        {**said, "contributor": "one", "bundle": "bundle-20260101T000000Z"},
                        {**said, "contributor": "two", "bundle": "bundle-20260201T000000Z"},
                        {
                            **said,
                            "count": 1,
                            "contributor": "three",
                            "bundle": "bundle-20250101T000000Z",
                            "lexicon_version": 1,
                            "synthesis": {
                                "primary_affect": ["old"],
                                "stance_modality_function": [],
                            },
                        },
                    ],
                }
            )
    return rows


def figure(name="gemma", *, planted=True, repeats=4, spread=0.25, rng=None):
    """An interactive figure as plotly writes it: a trace of each category, rows of one prompt at one place, typed arrays.

    ``planted``: whether a category lies at its valence and arousal (turned and scaled by the model) or anywhere.
    """
    rng = rng or np.random.default_rng(0)
    angle = 0.25 * MODELS.index(name) if name in MODELS else 0.0
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]]
    ) * (1 + 0.5 * angle)
    scheme = tables.scheme("nine").table
    third = {"NB": 0.6, "HB": 0.8, "HP-D": 0.7, "HP-S": -0.9}
    figure = go.Figure()
    for code in CODES:
        count = 18 if name == "granite" and code == "LN" else 20
        centre = (
            np.array(
                [
                    2.0 * scheme.loc[code, "valence"],
                    1.2 * scheme.loc[code, "arousal"],
                    third.get(code, 0),
                ]
            )
            if planted
            else rng.normal(0, 0.05, 3)
        )
        places = np.repeat((centre + rng.normal(0, spread, (count, 3))) @ turn.T, repeats, axis=0)
        places += rng.normal(0, 1e-9, places.shape)
        figure.add_scatter3d(
            x=places[:, 0],
            y=places[:, 1],
            z=places[:, 2].astype(np.float32),
            mode="markers",
            name=f"{code} (n={len(places)})",
        )
    figure.add_scatter3d(
        x=np.array([0.0, 9.0]),
        y=np.array([0.0, 9.0]),
        z=np.array([0.0, 9.0]),
        mode="lines",
        name="axis",
    )
    figure.add_scatter3d(x=[99.0], y=[99.0], z=[99.0], mode="markers", name="HP-D")
    figure.update_layout(
        scene={
            "xaxis": {"title": {"text": "PC1 (30.5%)"}},
            "yaxis": {"title": {"text": "PC2 (12%)"}},
            "zaxis": {"title": {"text": "PC3 (8.0 %)"}},
        }
    )
    return figure
