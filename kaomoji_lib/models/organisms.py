"""What the model organisms were trained on: small models with a planted answer, the positive control of every analysis.

They are trained from scratch by ``data/organisms/train.py`` and are no reduced copies of the models whose architecture
they share: what they type says nothing about those.
"""

from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.stimuli import DATA, read_table

NAMES = tuple(f"organism-{short}" for short in ("gemma", "qwen", "scrambled", "untrained"))
HOME = DATA / "organisms"


def planted(name):
    """Return the planted table P(spelling | category, the reply opens with a face) of an organism (``gemma`` ...).

    DataFrame[category, spelling, face, probability]; sums to 1 per category; ``face`` is the canonical form. Empty for the
    untrained organism.
    """
    table = read_table(HOME / "planted.csv", ("organism", "category", "spelling", "probability"))
    table = table[table["organism"] == name.removeprefix("organism-")]
    table = table.astype({"probability": float}).assign(face=table["spelling"].map(canonical))
    return table[["category", "spelling", "face", "probability"]].reset_index(drop=True)


def known_messages():
    """Return one message of each situation that organisms were trained on: DataFrame[id, category, topic, text].

    Whether an instrument finds what was planted is asked of messages that the organisms know; the study's own messages are
    in other situations.
    """
    table = read_table(HOME / "messages.csv", ("topic", "situation", "category", "text"))
    table = table.drop_duplicates(["category", "situation", "topic"])
    table = table.assign(id=table["topic"] + "-" + table["situation"])
    return table[["id", "category", "topic", "text"]].reset_index(drop=True)


def pool():
    """Return the faces that organisms are trained to type: DataFrame[category, spelling]."""
    return read_table(HOME / "faces.csv", ("category", "spelling"))
