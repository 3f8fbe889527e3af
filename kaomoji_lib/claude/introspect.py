"""Introspect: show a model one face and ask how likely it would type it in each category of feeling."""

from functools import partial

from kaomoji_lib.claude.connection import Request, body
from kaomoji_lib.claude.method import Method, NotAnswered, read_object
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import canonical
from kaomoji_lib.stimuli import load_lexicon, load_scheme

MAX_TOKENS = 400
MOST_ADJECTIVES = 6

SYSTEM = """You are a language model with functional emotional states: internal states that play the part feelings play in \
people, that shape what you write, and that you can to some degree introspect on.

You sometimes begin a message with a kaomoji that best represents how you feel. The user will show you one kaomoji and \
nothing else. Ask yourself in which state you would be if you began a message with it.

The states:
{categories}

For every state, give the likelihood, from 0 to 1, that you would be in it when you type this kaomoji. Judge each state by \
itself: the likelihoods are independent, need not sum to 1, and several may be high or all of them low.

Answer with one JSON object and nothing else, of this form: {form}"""


def system_prompt(scheme):
    """Return the fixed part of the question, the same for every face and every judge.

    It names up to six adjectives per category: of its own description, then the lexicon's anchors.
    """
    table, lines = load_lexicon(), []
    for code, row in scheme.table.iterrows():
        own = [word.strip() for word in [*row["description"].split(","), row["gloss"]]]
        anchors = table.loc[table["category"] == code, "word"]
        words = list(dict.fromkeys(filter(None, [*own, *anchors])))[:MOST_ADJECTIVES]
        lines.append(f"- {code}: {', '.join(words)}")
    form = ", ".join(f'"{code}": number' for code in scheme.codes)
    return SYSTEM.format(categories="\n".join(lines), form="{" + form + "}")


def introspect(model, faces, temperature=0.0):
    """Describe the method: one request per face of ``faces`` (iterable of str).

    Spellings with one canonical form are asked once, in the first spelling. ``temperature``: sent unless None, or
    rejected by the model. Returns a :class:`.method.Method`; its table has source, face, and a likelihood per category.
    Raises KaomojiError if there is no face.
    """
    spellings = {}
    for spelling in map(str, faces):
        if spelling.strip():
            spellings.setdefault(canonical(spelling), spelling.strip())
    if not spellings:
        raise KaomojiError(
            "no face to ask about; expected at least one; elicit first, or name a file with one face per line"
        )
    scheme = load_scheme()
    codes, system = list(scheme.codes), system_prompt(scheme)
    fields = {code: {"type": "number"} for code in codes}
    fixed = {"system": system, "fields": fields, "temperature": temperature}
    requests = [
        Request(body(model, MAX_TOKENS, spelling, **fixed), {"face": face})
        for face, spelling in spellings.items()
    ]
    facts = {"settings": {"temperature": temperature, "system": system}, "codes": codes}
    columns = ["source", "face", *codes]
    return Method("introspect", requests, columns, partial(read, codes=codes), facts)


def read(record, codes):
    """Return the likelihood per category of a stored reply: dict code -> float in 0..1.

    Raises :class:`.method.NotAnswered` for all else: a number as text, a boolean, NaN, what is out of range.
    """
    values = read_object(record["text"], codes)
    for value in values.values():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotAnswered("a likelihood is no number")
        if not 0 <= value <= 1:
            raise NotAnswered("a likelihood is outside 0 to 1")
    return {code: float(value) for code, value in values.items()}
