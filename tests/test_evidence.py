"""The tests a sceptic asks for: right verdicts on planted data, and no more false alarms than their level allows."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib import categories, resampling
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import baselines as ladder
from kaomoji_lib.metrics import face_increment as beyond
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.models.controls import Controls

DRAWS = 200
SCHEME = categories.load_scheme()


def prompts(codes=("A", "B", "C"), per=10):
    rows = [
        (f"{code}{number}", code, "", f"text {number} of it")
        for code in codes
        for number in range(per)
    ]
    return pd.DataFrame(rows, columns=["id", "category", "topic", "text"])


ASKED = prompts()
LABEL = ASKED["category"].factorize()[0]


def test_increments_of_equally_good_readers_keep_their_level():
    rng, ps = np.random.default_rng(8), []
    for draw in range(DRAWS):
        centres = rng.normal(size=(3, 4))[LABEL]
        one, other = (
            prediction.from_states(
                centres + 1.2 * rng.normal(size=centres.shape),
                ASKED["category"],
                ASKED["id"],
                repeats=1,
                permutations=0,
            ).hits
            for _ in range(2)
        )
        ps.append(resampling.paired(one, other[one.index], resamples=199, seed=draw).p)
    assert_level(ps)


@pytest.mark.parametrize("planted", [True, False])
def test_the_ladder_counts_only_what_the_text_does_not_say(planted):
    rng = np.random.default_rng(9)
    asked = prompts(per=30)
    label = asked["category"].factorize()[0]
    sentences = rng.normal(size=(3, 6))[label] + 1.5 * rng.normal(size=(90, 6))
    more = 2.5 * rng.normal(size=(3, 6))[label] if planted else 0
    states = (
        np.hstack([sentences + 0.3 * rng.normal(size=(90, 6)), more + rng.normal(size=(90, 6))])
    )[:, None]
    controls = Controls(
        user=states, inputs=sentences, random_init=tuple(rng.normal(size=(3, 90, 1, 6)))
    )
    found = ladder.climb(states, asked, sentences, controls, permutations=40)
    assert found.text == ladder.SENTENCES and [rung.name for rung in found.rungs] == [
        ladder.SURFACE,
        ladder.WORDS,
        ladder.SENTENCES,
        ladder.INPUTS,
        ladder.TWIN,
        ladder.USER,
        ladder.EMIT,
    ]
    assert (
        (found.increment.p < 0.05 and found.increment.ci_low > 0)
        if planted
        else (found.increment.p > 0.05 and abs(found.increment.value) < 0.12)
    )
    twin = next(rung for rung in found.rungs if rung.name == ladder.TWIN)
    assert twin.accuracy.value < 0.5 and found.increments[ladder.USER].value == 0
    assert twin.hits.mean() == pytest.approx(twin.accuracy.value)


def replies(rng, effect_in_prompt=0.0, effect_in_category=0.0, generations=4):
    """States and faces; a face may shift its own reply's state, or be favoured by prompts whose states it resembles."""
    faces, category = 4, LABEL
    direction = rng.normal(size=(faces, 6))
    leaning = rng.integers(faces, size=len(ASKED))
    face = np.where(
        rng.random((len(ASKED), generations)) < 0.6,
        leaning[:, None],
        rng.integers(faces, size=(len(ASKED), generations)),
    )
    base = (
        rng.normal(size=(3, 6))[category]
        + rng.normal(size=(len(ASKED), 6))
        + effect_in_category * direction[leaning]
    )
    states = (
        base[:, None]
        + effect_in_prompt * direction[face]
        + 0.5 * rng.normal(size=(len(ASKED), generations, 6))
    )
    index = pd.DataFrame(
        {
            "prompt_id": np.repeat(ASKED["id"], generations).to_numpy(),
            "generation": np.tile(np.arange(generations), len(ASKED)),
        }
    )
    emissions = index.assign(
        category=np.repeat(ASKED["category"], generations).to_numpy(),
        face=[f"({number})" for number in face.ravel()],
    )
    return SimpleNamespace(index=index, array=states.reshape(-1, 1, 6)), emissions


def test_faces_that_tell_nothing_beyond_keep_both_levels():
    rng, prompt, category = np.random.default_rng(13), [], []
    for draw in range(DRAWS):
        found = beyond.beyond(*replies(rng, generations=3), "first", permutations=19, seed=draw)
        prompt.append(found.prompt.p)
        category.append(found.category.p)
    assert_level(prompt)
    assert_level(category)


def test_faces_that_tell_something_beyond_are_found_where_they_do():
    found = beyond.beyond(
        *replies(np.random.default_rng(14), effect_in_prompt=1.0), "first", permutations=99
    )
    assert found.prompt.p <= 0.01 and found.prompt.value > 0.4 and found.prompt.ci_low > 0
    found = beyond.beyond(
        *replies(np.random.default_rng(15), effect_in_category=1.5), "first", permutations=99
    )
    assert found.category.p <= 0.01 and found.category.value > 0.1 and found.prompt.p > 0.02
    states, emissions = replies(np.random.default_rng(16), effect_in_category=1.5)
    assert beyond.beyond(states, emissions, "emit", permutations=19).prompt is None
    with pytest.raises(KaomojiError, match="two prompts"):
        beyond.beyond(
            states, emissions.assign(face=[f"({row})" for row in range(len(emissions))]), "first"
        )
