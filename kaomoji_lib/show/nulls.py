"""The null editions: the same pages where there is nothing to find, so that every figure has a twin to be held against."""

import dataclasses
import zlib

import numpy as np

from kaomoji_lib import resampling
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.folder import States
from kaomoji_lib.show import dealing

DEALT = "dealt"
EDITIONS = {
    "within_category": "the states are dealt to other messages of the same category, in every model anew: what tells single messages apart is gone, the category is kept",
    "text_only": "the states are replaced by the vectors of a sentence encoder that read the messages alone: what a model adds to the text is gone",
    "untrained": "the states are those of the same architecture with random weights: what training put there is gone",
    DEALT: "states and probabilities are dealt to other messages, faces to other replies, answers to other faces, each in its own way: nothing is left but chance",
}
SHORT = {
    "within_category": "states dealt within categories",
    "text_only": "text in place of states",
    "untrained": "random weights in place of the model",
    DEALT: "everything dealt at random",
}
LEFT = "What this page still finds, the states had no part in, or not the part that was removed."
CHANCE = "What this page still finds, it finds by chance, as one test in twenty may; what the words of the messages say by themselves stays."
RESTRICTIONS = {"within_category": "within category", DEALT: "free"}
# What dealing to other messages leaves: the text is not dealt, and neither the spread of the states nor how often a face is typed depends on whose they are.
UNTOUCHED = ("words_accuracy", "pc1", "calibrated")
ANSWERS = {
    "elicit": dealing.emissions,
    "introspect": dealing.judgements,
    "synthesize": dealing.syntheses,
}


def require(null):
    """Raise KaomojiError unless ``null`` is empty or the name of an edition."""
    if null and null not in EDITIONS:
        raise KaomojiError(
            f"unknown null {null!r}; expected one of {', '.join(EDITIONS)}, or nothing"
        )


def statement(null):
    """What the edition takes away, and what follows: sentences that go behind the name of what is shown."""
    return f"{EDITIONS[null]}. {CHANCE if null == DEALT else LEFT}"


def edition(null):
    """The edition as the end of a figure's source line; nothing where there is none."""
    return f" · null edition: {SHORT[null]}" if null else ""


def states(run, position, null):
    """The run's states at ``position`` as the edition ``null`` has them: :class:`kaomoji_lib.runs.folder.States`."""
    if null == "untrained":
        return _twin(run, position)
    found = run.states(position)
    if null in RESTRICTIONS:
        return _dealt(found, run, RESTRICTIONS[null])
    if null == "text_only":
        return _text(found, run)
    return found


def controls(run, null, **loading):
    """The run's :class:`kaomoji_lib.runs.control_states.Controls`; its states where the message ends as the edition has them, None where it has none."""
    from kaomoji_lib.models import controls as engine

    found = engine.controls(run, **loading)
    if null in RESTRICTIONS:
        return dataclasses.replace(found, user=found.user[_order(run, RESTRICTIONS[null])])
    if null == "text_only":
        return dataclasses.replace(found, user=_sentences(run)[:, None])
    return dataclasses.replace(found, user=None) if null == "untrained" else found


def dealt(how, table, null, name):
    """``table`` as the edition has it: ``how``, a function of :mod:`kaomoji_lib.show.dealing`, cuts its links where all are cut."""
    return how(table, name) if null == DEALT else table


def _order(run, restriction):
    return resampling.orders(
        resampling.blocks(run.prompts(), restriction), 1, zlib.crc32(run.source.encode())
    )[0]


def _sentences(run):
    from kaomoji_lib.models.sentences import encode

    return np.asarray(encode(list(run.prompts()["text"])), dtype=np.float32)


def _dealt(found, run, restriction):
    prompts, order = run.prompts(), _order(run, restriction)
    if "generation" not in found.index.columns:
        return dataclasses.replace(found, array=found.array[order])
    ids = prompts["id"].to_numpy()
    owner = dict(zip(ids[order], ids, strict=True))
    return dataclasses.replace(
        found, index=found.index.assign(prompt_id=found.index["prompt_id"].map(owner))
    )


def _text(found, run):
    prompts = run.prompts()
    rows = (
        prompts["id"]
        .reset_index(drop=True)
        .reset_index()
        .set_index("id")["index"]
        .loc[found.index["prompt_id"]]
        .to_numpy()
    )
    return States(found.index, _sentences(run)[rows][:, None], ("text",))


def _twin(run, position):
    if position != "emit":
        raise KaomojiError(
            "the twin with random weights has read the messages and typed nothing; expected the emission position"
        )
    found = run.states("emit")
    return States(found.index, controls(run, "untrained").twins[0], found.layers)
