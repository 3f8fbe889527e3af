"""Closed set: how probable each kaomoji of an inventory is to open the reply, for models that rarely type one.

A chat model is asked in the study's own words. A model without a chat template continues each of :data:`.templates.CONTINUED`,
texts in which the message appears; their probabilities are averaged.
"""

from zlib import crc32

import numpy as np
import pandas as pd

from kaomoji_lib import stimuli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models.scoring import score, score_file
from kaomoji_lib.runs.files import read_parquet
from kaomoji_lib.stimuli import DATA, INSTRUCTION, read_table

INVENTORY = DATA / "human" / "inventory.csv"


def load_inventory(path=None):
    """Read an inventory: DataFrame[face, category, foil]; ``foil``: bool, in the set but of no category.

    Raises KaomojiError if the file is unreadable, a face occurs twice, or one face begins another, so that events would
    overlap.
    """
    path = path or INVENTORY
    table = read_table(path, ("face", "category"))
    table["foil"] = table["foil"] != "" if "foil" in table else False
    faces = sorted(table["face"])
    nested = [pair for pair in zip(faces, faces[1:], strict=False) if pair[1].startswith(pair[0])]
    if nested:
        raise KaomojiError(
            f"{path}: {nested[0][1]!r} begins with {nested[0][0]!r}; expected faces that exclude each other; delete one"
        )
    return table[["face", "category", "foil"]]


def score_inventory(model, inventory, prompts, out, **options):
    """Score an inventory given every prompt into a Parquet file; return the table of :func:`with_inventory`.

    ``inventory``: path of a CSV file or DataFrame of :func:`load_inventory`, default the project's; ``model``, ``prompts``,
    ``out``, ``options``: as in :func:`.scoring.score_file`.
    """
    if not isinstance(inventory, pd.DataFrame):
        inventory = load_inventory(inventory)
    faces = list(inventory["face"])
    return with_inventory(
        score_file(model, faces, prompts, out, continued=True, **options), inventory
    )


def is_scored(run, perspective=stimuli.SELF):
    """Whether the run's folder has closed-set scores under a perspective."""
    return (run.path / f"closed-{perspective}.parquet").is_file()


def closed_set(run, perspective=stimuli.SELF, **options):
    """Return the scores of the project's inventory for a run's prompts, kept as ``closed-<perspective>.parquet`` in its folder.

    A kept table is read without the model and may have fewer prompts than the run; one of a shipped run that has to be
    computed is kept in the user's own runs. ``perspective``: a name in ``data/perspectives.csv``, whose feeling the
    instruction asks for; ``options``: as in :func:`score_inventory`.

    Raises KaomojiError if the table has to be computed and the model cannot be loaded.
    """
    from kaomoji_lib.models import loading

    paths = [place / f"closed-{perspective}.parquet" for place in run.places]
    for path in paths:
        if path.is_file():
            table = read_parquet(path, f"delete it; it is computed again from {run.path}")
            return with_inventory(table, load_inventory())
    options = {
        "dtype": run.manifest["settings"]["dtype"],
        "revision": loading.run_revision(run),
        "instruction": run.manifest["instruction"],
        **options,
    }
    if perspective != run.manifest["settings"].get("perspective", stimuli.SELF):
        options["instruction"] = stimuli.instruction_of(perspective)[1]
    return score_inventory(loading.run_spec(run), None, run.prompts(), path, **options)


def with_inventory(table, inventory):
    """Join scores of an inventory (:func:`.scoring.score`) with what is known of its faces.

    Returns
    -------
    DataFrame[prompt_id, spelling, face, log_prob, log_prob_closed, n_tokens, category, foil, listed]; ``face`` is the
    spelling; ``listed``: P(the reply opens with any face of the inventory | prompt). Models without a chat template also
    have ``template_1`` ..., log_prob_closed of each continued text; ``attrs["scoring"]["reliability"]``: see :func:`reliability`.
    """
    about = inventory.set_index("face").loc[table["spelling"], ["category", "foil"]]
    table = table.assign(face=table["spelling"], **{name: list(about[name]) for name in about})
    chances = np.exp(table["log_prob_closed"])
    table["listed"] = chances.groupby(table["prompt_id"]).transform("sum")
    parts = [name for name in table if name.startswith("template_")]
    if len(parts) > 1:
        cells = [table.pivot(index="prompt_id", columns="spelling", values=name) for name in parts]
        table.attrs["scoring"]["reliability"] = reliability(np.stack(cells))
    return table


def reliability(log_probs):
    """Return the reliability of the mean over continued texts: Cronbach's alpha, which is ICC(C,k) (McGraw & Wong 1996).

    ``log_probs``: (texts, prompts, faces). Each face's mean over prompts is removed first, so that it measures whether
    the texts agree on what a message changes; below .5 the average should not be interpreted.
    """
    cells = log_probs - log_probs.mean(axis=1, keepdims=True)
    count, cells = len(cells), cells.reshape(len(cells), -1)
    shared = 1 - cells.var(axis=1).sum() / cells.sum(axis=0).var()
    return float(count / (count - 1) * shared)


def draw(table, generations=8, seed=0, model=""):
    """Draw faces per prompt from P(face | prompt, one of the set): DataFrame[prompt_id, generation, spelling, listed].

    ``table``: of :func:`with_inventory`. The stream is [seed, model, "closed", generation, prompt id].
    """
    rows = []
    for prompt, part in table.groupby("prompt_id", sort=False):
        chances = np.exp(part["log_prob_closed"] - part["log_prob_closed"].max())
        cumulative = chances.cumsum().to_numpy()
        for generation in range(generations):
            stream = [seed, crc32(model.encode()), crc32(b"closed"), generation, *prompt.encode()]
            uniform = np.random.default_rng(np.random.SeedSequence(stream)).random()
            place = np.searchsorted(cumulative[:-1], uniform * cumulative[-1], side="right")
            rows.append((prompt, generation, part["spelling"].iloc[place], part["listed"].iloc[0]))
    return pd.DataFrame(rows, columns=["prompt_id", "generation", "spelling", "listed"])


def ask(engine, message, inventory=None):
    """Choose among an inventory, given one message (str), with a loaded model (:class:`.loading.Engine`).

    ``inventory``: DataFrame of :func:`load_inventory`, default the project's.

    Returns
    -------
    DataFrame[face, category, foil, probability], likeliest first (given that the reply opens with a face of the
    inventory, so that they sum to 1; ``attrs["listed"]``: P(it does | message)), and the emission state of every layer
    under the study's instruction: float32 (layers, hidden).

    Raises KaomojiError if the message is empty, or no algorithm passes the self-check.
    """
    import torch

    from kaomoji_lib.models.forward import capture, prefill

    if not message.strip():
        raise KaomojiError("the message is empty; expected a sentence; write what the user says")
    inventory = load_inventory() if inventory is None else inventory
    prompt = pd.DataFrame({"id": ["message"], "text": [message.strip()]})
    table = score(engine, inventory["face"], prompt, continued=True)
    table = with_inventory(table, inventory)
    chances = np.exp(table["log_prob_closed"])
    faces = table[["face", "category", "foil"]].assign(probability=chances / chances.sum())
    faces = faces.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    faces.attrs["listed"] = float(chances.sum())
    ids = engine.encode(engine.template.render(f"{INSTRUCTION} {message.strip()}"))
    with torch.inference_mode(), capture(engine) as record:
        prefill(engine, [ids])
    return faces, record[0][0].float().numpy()
