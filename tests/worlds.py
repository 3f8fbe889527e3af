"""Prompts, states and replies with a planted answer, for the tests of metrics and of what shows them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from kaomoji_lib import stimuli
from kaomoji_lib.runs.folder import EMISSION_COLUMNS

SCHEME = stimuli.load_scheme()
CODES = list(SCHEME.codes)


def make_prompts(codes=CODES, per=12):
    rows = [
        (f"{code.lower()}{i:02d}", code, "", f"text {i} of it")
        for code in codes
        for i in range(per)
    ]
    return pd.DataFrame(rows, columns=["id", "category", "topic", "text"])


def make_states(prompts, effect=1.5, layers=3, width=40, seed=0):
    rng = np.random.default_rng(seed)
    table = SCHEME.table.loc[prompts["category"]]
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
    own = rng.normal(size=(len(CODES), width))[[CODES.index(code) for code in prompts["category"]]]
    plane = 4 * np.outer(table["valence"], axes[0]) + 2.5 * np.outer(table["arousal"], axes[1])
    noise = rng.normal(size=(len(prompts), layers, width))
    return (effect * (plane + 0.5 * own)[:, None] + noise).astype(np.float32)


def planted_table(codes=CODES, faces_per=3, loyal=0.8, seed=0):
    names = [f"({code}{i})" for code in codes for i in range(faces_per)]
    rows = []
    for code in codes:
        own = np.array([name.startswith(f"({code}") for name in names])
        share = np.where(own, loyal / own.sum(), (1 - loyal) / max((~own).sum(), 1))
        rows += [(code, name, name, p) for name, p in zip(names, share, strict=True)]
    return pd.DataFrame(rows, columns=["category", "spelling", "face", "probability"])


def make_emissions(prompts, planted, generations=8, seed=0):
    rng = np.random.default_rng(seed)
    given = {code: part for code, part in planted.groupby("category")}
    rows = []
    for prompt in prompts.itertuples():
        faces = rng.choice(
            given[prompt.category]["face"], generations, p=given[prompt.category]["probability"]
        )
        rows += [
            ("test", prompt.id, g, prompt.category, face, face, face, "kaomoji", g)
            for g, face in enumerate(faces)
        ]
    return pd.DataFrame(rows, columns=EMISSION_COLUMNS)


def run_states(array):
    """States of the emission position, as a run has them."""
    return SimpleNamespace(index=PROMPTS[["id"]].set_axis(["prompt_id"], axis=1), array=array)


PROMPTS = make_prompts()
STATES = make_states(PROMPTS)
NOTHING = make_states(PROMPTS, effect=0.0)
LABELS, IDS = PROMPTS["category"].to_numpy(), PROMPTS["id"].to_numpy()
LOYAL = planted_table()
INDIFFERENT = planted_table(loyal=3 / (3 * len(CODES)))
SPOKEN = make_emissions(PROMPTS, LOYAL)
BABBLE = make_emissions(PROMPTS, INDIFFERENT)
