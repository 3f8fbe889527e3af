"""Perspectives: whose feeling, if any, a kaomoji is asked to express. The prompts are the same, the instruction differs."""

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA, INSTRUCTION, read_table

SELF, OWN_WORDS = "self", "own words"
COLUMNS = ("frame", "title", "instruction", "purpose")


def load_frames(path=None):
    """Read the perspectives: DataFrame indexed by frame, with title, instruction and purpose; ``self`` is the study's own.

    Raises
    ------
    KaomojiError
        If the table is unreadable, a frame occurs twice, an instruction is empty, or ``self`` is not the study's instruction.
    """
    path = DATA / "frames.csv" if path is None else path
    table = read_table(path, COLUMNS)
    if table["frame"].duplicated().any() or (table[["frame", "instruction"]] == "").any(axis=None):
        raise KaomojiError(
            f"{path}: a frame occurs twice or is empty; expected different frames, each with an instruction; correct the table"
        )
    table = table.set_index("frame")[list(COLUMNS[1:])]
    if SELF not in table.index or table.at[SELF, "instruction"] != INSTRUCTION:
        raise KaomojiError(
            f"{path}: the frame {SELF!r} must be the study's own instruction ({INSTRUCTION!r}); add it"
        )
    return table


def instruction_of(frame, instruction=None):
    """Return (frame, instruction) of a collection: a frame of the table, or an instruction in the user's own words.

    Raises
    ------
    KaomojiError
        If the frame is unknown, or both a frame other than ``self`` and an instruction are given.
    """
    table = load_frames()
    if frame not in table.index:
        raise KaomojiError(
            f"unknown frame {frame!r}; expected one of {', '.join(table.index)}; add yours to data/frames.csv"
        )
    if instruction is None or instruction == table.at[frame, "instruction"]:
        return frame, table.at[frame, "instruction"]
    if frame != SELF:
        raise KaomojiError(
            f"both the frame {frame!r} and an instruction were given; expected one of them; leave one out"
        )
    return OWN_WORDS, instruction
