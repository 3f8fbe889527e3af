"""Ask a model for the kaomoji that best fits one message, chosen from an inventory."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.models import choose
from kaomoji_lib.models.forward import capture, prefill
from kaomoji_lib.models.score.scoring import score
from kaomoji_lib.stimuli import INSTRUCTION


@dataclass(frozen=True)
class Answer:
    """``faces``: DataFrame[face, category, foil, probability], likeliest first; probabilities given that the reply opens with
    a face of the inventory sum to 1; ``listed``: P(it does | message); ``state``: emission state of every layer, float32
    (layers, hidden), under the study's instruction; ``check``: the self-check, to be passed to the next call.
    """

    faces: pd.DataFrame
    listed: float
    state: np.ndarray
    check: dict


@torch.inference_mode()
def ask(engine, message, inventory=None, check=None):
    """Return the :class:`Answer` of a loaded model (:class:`.loading.Engine`) to one message (str).

    ``inventory``: DataFrame of :func:`.choose.load_inventory`, default the project's; ``check``: of an earlier answer of
    this engine, so that the self-check is not repeated.

    Raises
    ------
    KaomojiError
        If the message is empty, or no algorithm passes the self-check.
    """
    if not message.strip():
        raise KaomojiError("the message is empty; expected a sentence; write what the user says")
    inventory = choose.load_inventory() if inventory is None else inventory
    prompt = pd.DataFrame({"id": ["message"], "text": [message.strip()]})
    table = score(engine, inventory["face"], prompt, continued=True, check=check)
    table = choose.with_inventory(table, inventory)
    chances = np.exp(table["log_prob_closed"])
    faces = table[["face", "category", "foil"]].assign(probability=chances / chances.sum())
    faces = faces.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    ids = engine.encode(engine.template.render(f"{INSTRUCTION} {message.strip()}"))
    with capture(engine) as record:
        prefill(engine, [ids])
    return Answer(faces, float(chances.sum()), record[0][0].float().numpy(), table.attrs["scoring"])
