"""Introspect: show a model one face and ask how likely it would type it in each category of feeling."""

from functools import partial

import pandas as pd

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.claude import answered
from kaomoji_lib.claude.answers import AnswerFolder
from kaomoji_lib.claude.asks import Ask, json_format, system_block
from kaomoji_lib.claude.service import Service, manifest, outcome
from kaomoji_lib.claude.strict import likelihood, read_object
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.extract import canonical
from kaomoji_lib.stimuli import load_lexicon

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


def adjectives(scheme, lexicon=None):
    """Three to six adjectives per category where the tables have them: dict code -> tuple of str.

    From the category's own description, then from the anchors of the lexicon.
    """
    table = load_lexicon() if lexicon is None else lexicon
    found = {}
    for code, row in scheme.table.iterrows():
        own = [
            word.strip() for word in [*row["description"].split(","), row["gloss"]] if word.strip()
        ]
        anchors = list(table.loc[table["category"] == code, "word"])
        found[code] = tuple(list(dict.fromkeys([*own, *anchors]))[:MOST_ADJECTIVES])
    return found


def system_prompt(scheme, lexicon=None):
    """The fixed part of the question, the same for every face and every reader."""
    lines = "\n".join(
        f"- {code}: {', '.join(words)}" for code, words in adjectives(scheme, lexicon).items()
    )
    return SYSTEM.format(
        categories=lines, form="{" + ", ".join(f'"{code}": number' for code in scheme.codes) + "}"
    )


def schema(codes):
    """JSON schema of the answer. It cannot bound numbers, so what comes back is checked here."""
    return {
        "type": "object",
        "properties": {code: {"type": "number"} for code in codes},
        "required": list(codes),
        "additionalProperties": False,
    }


def ask_for(model, face, spelling, scheme, temperature=0.0):
    params = {
        "model": model,
        "max_tokens": MAX_TOKENS,
        "system": system_block(system_prompt(scheme)),
        "thinking": {"type": "disabled"},
        "messages": [{"role": "user", "content": spelling}],
        "output_config": json_format(schema(scheme.codes)),
        **({} if temperature is None else {"temperature": temperature}),
    }
    return Ask(params=params, about={"face": face})


def read(record, codes):
    """Likelihood per category of a stored reply: dict code -> float. Raises :class:`.strict.NotAnswered`."""
    return {code: likelihood(value) for code, value in read_object(record["text"], codes).items()}


def introspect(settings, faces, categories=None, temperature=0.0, told=None, options=()):
    """Ask a model what each face would mean in its own mouth.

    Parameters
    ----------
    settings : :class:`kaomoji_lib.claude.service.Settings`.
    faces : iterable of str; spellings with one canonical form are asked once, in the first spelling.
    categories : path of a category table; default this project's.
    temperature : sent unless None. options : command line options that say where ``faces`` came from.

    Returns
    -------
    AnswerFolder, Outcome

    Raises
    ------
    KaomojiError
        If there is no face, and for what else the user can mend.
    """
    scheme = load_scheme(categories)
    asks = all_asks(settings.model, faces, categories, temperature)
    answer = partial(read, codes=scheme.codes)
    problem = answered.complaint(answer)
    with Service(settings, told) as service:
        report = service.ask(asks, problem)
        found = outcome(service, "introspect", asks, problem, report, options)
        folder = AnswerFolder(found.folder)
        folder.write(
            pd.DataFrame(
                answered.rows(service, asks, problem, answer),
                columns=["source", "face", *scheme.codes],
            ),
            manifest(
                service,
                "introspect",
                asks,
                found,
                settings={"temperature": temperature, "system": system_prompt(scheme)},
                codes=list(scheme.codes),
            ),
        )
    return folder, found


def all_asks(model, faces, categories=None, temperature=0.0):
    """One question per distinct face."""
    scheme = load_scheme(categories)
    return [
        ask_for(model, face, spelling, scheme, temperature)
        for face, spelling in distinct(faces).items()
    ]


def distinct(faces):
    """dict canonical face -> its first spelling. Raises KaomojiError when there is none."""
    found = {}
    for spelling in faces:
        if str(spelling).strip():
            found.setdefault(canonical(str(spelling)), str(spelling).strip())
    if not found:
        raise KaomojiError(
            "no face to ask about; expected at least one; elicit first, or name a file with one face per line"
        )
    return found
