"""Perspectives: whose feeling, if any, a kaomoji is asked to express. The prompts are the same, the instruction differs."""

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, INSTRUCTION, read_table

SELF, OWN_WORDS = "self", "own words"


def load_perspectives(path=None):
    """Read the perspectives: DataFrame indexed by perspective, with title, instruction, purpose; ``self`` is the study's own.

    Raises
    ------
    KaomojiError
        If the table is unreadable, a perspective occurs twice, an instruction is empty, or ``self`` is not the study's
        instruction.
    """
    path = path or DATA / "perspectives.csv"
    table = read_table(path, ("perspective", "title", "instruction", "purpose"))
    table = table.set_index("perspective")
    if not table.index.is_unique or (table["instruction"] == "").any():
        raise KaomojiError(
            f"{path}: a perspective occurs twice or has no instruction; expected one each; correct the table"
        )
    if SELF not in table.index or table.at[SELF, "instruction"] != INSTRUCTION:
        raise KaomojiError(
            f"{path}: the perspective {SELF!r} must be the study's own instruction ({INSTRUCTION!r}); add it"
        )
    return table


def instruction_of(perspective, instruction=None):
    """Return (perspective, instruction) of a collection: a name of the table, or an instruction in the user's own words.

    Raises
    ------
    KaomojiError
        If the perspective is unknown, or both one other than ``self`` and an instruction are given.
    """
    table = load_perspectives()
    if perspective not in table.index:
        raise KaomojiError(
            f"unknown perspective {perspective!r}; expected one of {', '.join(table.index)}; "
            "add yours to data/perspectives.csv"
        )
    if instruction is None or instruction == table.at[perspective, "instruction"]:
        return perspective, table.at[perspective, "instruction"]
    if perspective != SELF:
        raise KaomojiError(
            f"both the perspective {perspective!r} and an instruction were given; expected one of them; leave one out"
        )
    return OWN_WORDS, instruction
