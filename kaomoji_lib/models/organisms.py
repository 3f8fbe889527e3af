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


def pool():
    """Return the faces that organisms are trained to type: DataFrame[category, spelling]."""
    return read_table(HOME / "faces.csv", ("category", "spelling"))
