"""Prompts, states and replies with a planted answer, for the tests of metrics and of what shows them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from kaomoji_lib import stimuli
from kaomoji_lib.runs.folder import EMISSION_COLUMNS

SCHEME = stimuli.load_scheme()
CODES = list(SCHEME.codes)


def make_prompts(codes=CODES, per=12):
    places = [(code, i) for code in codes for i in range(per)]
    rows = [(f"{code.lower()}{i:02d}", code, "", f"text {i} of it") for code, i in places]
    return pd.DataFrame(rows, columns=["id", "category", "topic", "text"])


def make_states(prompts, effect=1.5, layers=3, width=40, seed=0):
    rng = np.random.default_rng(seed)
    table = SCHEME.table.loc[prompts["category"]]
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
    own = rng.normal(size=(len(CODES), width))[[CODES.index(code) for code in prompts["category"]]]
    plane = 4 * np.outer(table["valence"], axes[0]) + 2.5 * np.outer(table["arousal"], axes[1])
    noise = rng.normal(size=(len(prompts), layers, width))
    return (effect * (plane + 0.5 * own)[:, None] + noise).astype(np.float32)


def planted_table(loyal):
    """P(face | category): three faces of each category share ``loyal``, all others the rest."""
    names = [f"({code}{i})" for code in CODES for i in range(3)]
    own = np.array([[name.startswith(f"({code}") for name in names] for code in CODES])
    return pd.DataFrame(np.where(own, loyal / 3, (1 - loyal) / (len(names) - 3)), CODES, names)


def make_emissions(prompts, planted, generations=8):
    rng, rows = np.random.default_rng(0), []
    for prompt in prompts.itertuples():
        faces = rng.choice(planted.columns, generations, p=planted.loc[prompt.category])
        rows += [
            ("test", prompt.id, g, prompt.category, face, face, face, "kaomoji", g)
            for g, face in enumerate(faces)
        ]
    return pd.DataFrame(rows, columns=EMISSION_COLUMNS)


PROMPTS = make_prompts()
STATES = make_states(PROMPTS)
# As a run has them.
RUN_STATES = SimpleNamespace(
    index=PROMPTS[["id"]].set_axis(["prompt_id"], axis=1), array=STATES, layers=("embed", "1", "2")
)
LABELS, IDS = PROMPTS["category"].to_numpy(), PROMPTS["id"].to_numpy()
LOYAL = planted_table(0.8)
SPOKEN = make_emissions(PROMPTS, LOYAL)
BABBLE = make_emissions(PROMPTS, planted_table(1 / len(CODES)))
