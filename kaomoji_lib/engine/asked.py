"""The question of introspection put to the model behind a run, about any faces, kept in the run's folder."""

import numpy as np
import pandas as pd

from kaomoji_lib.engine import exact
from kaomoji_lib.engine.claude import introspect, local_reader
from kaomoji_lib.engine.shared_questions import next_probabilities
from kaomoji_lib.store.derived import derived


def judgements(run, spellings, scheme, device="auto"):
    """What the run's model answers about each face, cold: DataFrame[source, face, one column per category, attention].

    The question and the reading of the answer are those of :func:`kaomoji_lib.engine.claude.local_reader.judge`; all questions
    are answered in one pass, since they differ in their ends alone. ``spellings``: iterable of str.
    """
    asked = introspect.system_prompt(scheme)
    return derived(run, "judged", {"spellings": list(spellings), "question": asked},
                   lambda: judge(exact.reload(run, device), spellings, scheme))


def judge(engine, spellings, scheme):
    """The same for a loaded engine."""
    asked, faces = introspect.system_prompt(scheme), introspect.distinct(spellings)
    rendered = [engine.template.render(f"{asked}\n\n{spelling}") for spelling in faces.values()]
    values = local_reader.number_tokens(engine)
    digits = np.flatnonzero(~np.isnan(values))
    texts = [f'{text}{{"{code}": 0.' for text in rendered for code in scheme.codes]
    chances = next_probabilities(engine, texts, digits)
    mass = chances.sum(axis=1)
    expected = (chances @ values[digits] / np.maximum(mass, 1e-300)).reshape(len(faces), -1)
    table = pd.DataFrame(expected, columns=list(scheme.codes))
    table.insert(0, "face", list(faces))
    table.insert(0, "source", engine.spec.alias)
    return table.assign(attention=mass.reshape(len(faces), -1).mean(axis=1))
