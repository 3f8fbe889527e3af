"""Which prompt is steered where, and what it then types: one table of exact probabilities per run.

Directions are estimated on most of the prompts of each category and tried on the rest. Each tried prompt is
steered toward a few categories that are not its own, drawn at random, and as often along directions of the same length that
mean nothing: *shuffled* ones, differences of means after the categories were dealt to other prompts (they lie where the
states vary), and *isotropic* ones.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.cache import derived

ARMS = ("none", "category", "shuffled", "isotropic")
META = ("prompt_id", "layer", "arm", "direction", "dose")


@dataclass(frozen=True)
class Plan:
    """``layer``: where the dose is varied, 0 the embedding; None: a quarter of the way up. ``doses``: lengths of what is added, in
    units of the mean length of a state there. ``per_category``: tried prompts; ``targets``: directions of each arm a prompt
    gets; ``profile``: the dose that is tried at every layer (None: at no other)."""

    layer: int | None = None
    doses: tuple = (0.5, 1.0, 2.0)
    per_category: int = 3
    targets: int = 3
    profile: float | None = 1.0
    seed: int = 0


def split(prompts, per_category):
    """Which prompts directions are estimated on (bool array), and which are tried (int array, equally many per category).

    Tried are every other of the first prompts of a category, in the order of the table; all others go to the estimate.
    """
    place = prompts.groupby("category").cumcount().to_numpy()
    tried = (place % 2 == 1) & (place < 2 * per_category)
    return ~tried, np.flatnonzero(tried)


def directions(states, labels, codes):
    """Unit vectors from the mean of the categories' means to each of them: (categories, hidden).

    ``states``: (prompts, hidden); ``labels``: (prompts,). Raises KaomojiError where a category has no prompt.
    """
    absent = [code for code in codes if not (labels == code).any()]
    if absent:
        raise KaomojiError(
            f"no prompt of category {', '.join(absent)} to estimate a direction on; expected all of {', '.join(codes)}"
        )
    means = np.array([states[labels == code].mean(axis=0) for code in codes])
    moved = means - means.mean(axis=0)
    # States that do not differ have no direction; a zero vector then changes nothing.
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)


def table(run, words, plan=Plan(), device="auto"):  # noqa: B008
    """What the run's model types under every arm: DataFrame[META, one column per spelling in ``words``], kept in the run's folder.

    The cells are P(the reply begins with the spelling), prefix-closed. ``direction`` is a category's code or a number.
    """
    return derived(
        run,
        "steering",
        {"spellings": list(words), **asdict(plan)},
        lambda: _table(run, words, plan, device),
    )


def _table(run, words, plan, device):
    from kaomoji_lib.models.reloading import reload
    from kaomoji_lib.models.steer import Addition, face_log_probs, prompt_states, proven

    engine, prompts = reload(run, device), run.prompts()
    codes = list(dict.fromkeys(prompts["category"]))
    encoded = [
        engine.encode(engine.template.render(f"{run.manifest['instruction']} {text}"))
        for text in prompts["text"]
    ]
    fit, tried = split(prompts, plan.per_category)
    middle, _ = prompt_states(engine, [encoded[row] for row in np.flatnonzero(fit)])
    labels, algorithm = prompts["category"].to_numpy()[fit], None
    main = max(1, round(len(engine.blocks) / 4)) if plan.layer is None else plan.layer
    rng, frames = np.random.default_rng(plan.seed), []
    for layer in range(len(engine.blocks)) if plan.profile is not None else [main]:
        sets = (
            _sets(middle[:, layer], labels, codes, rng)
            if layer == main
            else {"category": directions(middle[:, layer], labels, codes)}
        )
        length = float(np.linalg.norm(middle[:, layer], axis=1).mean())
        doses = plan.doses if layer == main else (plan.profile,)
        rows = [
            (row, arm, number, dose)
            for arm, vectors in sets.items()
            for dose in doses
            for row, number in _dealt(
                prompts["category"].to_numpy(), tried, codes, plan.targets, rng
            )
        ]
        change = Addition(
            layer,
            np.array(
                [sets[arm][number] * length * dose for _, arm, number, dose in rows],
                dtype=np.float32,
            ),
        )
        asked = [encoded[row] for row, *_ in rows]
        algorithm = algorithm or proven(engine, asked, words, change)
        closed = face_log_probs(engine, asked, words, change, algorithm)[1]
        meta = [
            (
                prompts["id"].iloc[row],
                layer,
                arm,
                codes[number] if arm == "category" else str(number),
                dose,
            )
            for row, arm, number, dose in rows
        ]
        frames.append(_frame(meta, closed, words))
    still = face_log_probs(engine, [encoded[row] for row in tried], words, algorithm=algorithm)[1]
    frames.insert(
        0, _frame([(prompts["id"].iloc[row], main, "none", "", 0.0) for row in tried], still, words)
    )
    return pd.concat(frames, ignore_index=True)


def _sets(states, labels, codes, rng):
    isotropic = rng.normal(size=(len(codes), states.shape[1]))
    return {
        "category": directions(states, labels, codes),
        "shuffled": directions(states, rng.permutation(labels), codes),
        "isotropic": isotropic / np.linalg.norm(isotropic, axis=1, keepdims=True),
    }


def _dealt(categories, tried, codes, targets, rng):
    """Pairs (prompt, direction): ``targets`` categories that are not its own for each tried prompt."""
    pairs = []
    for row in tried:
        own = codes.index(categories[row])
        for step in rng.permutation(len(codes) - 1)[:targets]:
            pairs.append((int(row), int((own + 1 + step) % len(codes))))
    return pairs


def _frame(meta, log_probs, words):
    return pd.concat(
        [
            pd.DataFrame(meta, columns=list(META)),
            pd.DataFrame(np.exp(log_probs), columns=list(words)),
        ],
        axis=1,
    )
