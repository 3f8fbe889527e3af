"""Predictions of the category find what was planted and nothing where nothing was; text, faces and states share one protocol."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from worlds import (
    BABBLE,
    CODES,
    IDS,
    LABELS,
    LOYAL,
    PROMPTS,
    SPOKEN,
    STATES,
    make_prompts,
    make_states,
)

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import choices, information, predict
from kaomoji_lib.metrics.states import compact, stack


def test_classifier_equals_the_reference_implementation():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 20)), rng.permutation(np.repeat(np.arange(6), 25))
    X[:, 0] += y
    weights = predict.fit_probes(X, np.array([y, y[::-1]]), 6)
    ours = predict.answers_of(X, weights)
    for row, labels in enumerate((y, y[::-1])):
        reference = LogisticRegression(tol=1e-8, max_iter=5000).fit(X, labels)
        own = weights[row, :-1].T - weights[row, :-1].mean(axis=1)
        assert own == pytest.approx(reference.coef_, abs=0.05)
        assert (ours[row] == reference.predict(X)).mean() > 0.98


def test_compact_keeps_distances_and_silences_constant_rows():
    X = np.random.default_rng(0).normal(size=(20, 300))
    Z = compact(X)
    assert Z.shape[1] < 20 and np.allclose(Z @ Z.T, (X - X.mean(0)) @ (X - X.mean(0)).T)
    assert not compact(np.full((20, 300), 0.1)).any()


def test_states_predict_what_was_planted_and_nothing_else():
    found, none = (
        predict.from_states(stack(X), LABELS, IDS, permutations=60)
        for X in (STATES, make_states(PROMPTS, effect=0.0))
    )
    assert found.accuracy.value > 0.8 and found.accuracy.p < 0.02
    assert found.accuracy.null_mean == pytest.approx(1 / len(CODES), abs=0.03)
    assert found.confusion.to_numpy().sum() == pytest.approx(len(PROMPTS))
    assert none.accuracy.value < 0.25 and none.accuracy.p > 0.05
    gain = predict.difference(found, none)
    assert gain.value == pytest.approx(found.accuracy.value - none.accuracy.value) and gain.p < 0.01


def test_rows_of_one_prompt_never_leak():
    rng = np.random.default_rng(3)
    rows = np.repeat(rng.normal(size=(len(PROMPTS), 30)), 4, axis=0)
    rows += 0.01 * rng.normal(size=rows.shape)
    labels, ids = np.repeat(LABELS, 4), np.repeat(IDS, 4)
    found = predict.from_states(rows, labels, ids, repeats=2, permutations=50).accuracy
    assert found.value < 0.25 and found.p > 0.05 and found.n == len(PROMPTS)


def test_faces_predict_what_was_planted_and_nothing_else():
    found, none = (predict.from_faces(table).accuracy for table in (SPOKEN, BABBLE))
    optimum = LOYAL.max().sum() / len(CODES)
    assert found.value == pytest.approx(optimum, abs=0.05) and found.p < 0.01
    assert none.value < 0.2 and none.p > 0.02
    own = predict.from_faces(SPOKEN.assign(face=SPOKEN["prompt_id"])).accuracy
    # Faces that no other prompt has say nothing, and guess evenly.
    assert own.value == pytest.approx(1 / len(CODES)) and own.p > 0.05
    bits = [information.from_emissions(table, permutations=99) for table in (SPOKEN, BABBLE)]
    assert bits[0].p == 0.01 and bits[1].p > 0.02 and abs(bits[1].value) < 0.1


def test_text_control_finds_words_and_only_words():
    def accuracy(texts, kind):
        prompts = PROMPTS.assign(text=texts)
        return predict.from_text(prompts, kind, repeats=2, permutations=40).accuracy

    rng = np.random.default_rng(0)
    named = [f"the {code.replace('-', '')} thing {i % 7}" for i, code in enumerate(LABELS)]
    random = [" ".join(rng.choice(list("abcdefghij"), 8)) for _ in LABELS]
    loud = ["a " + "!" * CODES.index(code) for code in LABELS]
    assert accuracy(named, "tfidf").value > 0.9 and accuracy(loud, "surface").value > 0.5
    assert min(accuracy(random, "tfidf").p, accuracy(random, "surface").p) > 0.03


def test_errors_name_the_problem():
    with pytest.raises(KaomojiError, match="only 1 category"):
        predict.from_states(np.ones((4, 3)), list("aaaa"), [1, 2, 3, 4])
    with pytest.raises(KaomojiError, match="fewer than 2 prompts"):
        predict.from_states(np.ones((3, 3)), list("aab"), [1, 2, 3])
    with pytest.raises(KaomojiError, match="no emission has a face"):
        predict.from_faces(SPOKEN.assign(face=None))


@pytest.mark.parametrize("planted", [True, False])
def test_baselines_count_only_what_the_text_does_not_say(planted):
    rng = np.random.default_rng(9)
    prompts = make_prompts(CODES[:3], per=30)
    label = prompts["category"].factorize()[0]
    sentences = rng.normal(size=(3, 6))[label] + 1.5 * rng.normal(size=(90, 6))
    more = 2.5 * rng.normal(size=(3, 6))[label] if planted else 0
    parts = sentences + 0.3 * rng.normal(size=(90, 6)), more + rng.normal(size=(90, 6))
    table = predict.against_text(np.hstack(parts)[:, None], prompts, sentences, permutations=40)
    accuracy, gain = (part.set_index("source") for _, part in table.groupby("measure"))
    assert list(accuracy.index) == [*predict.TEXT, predict.EMIT]
    gain, value = gain.loc[predict.STRONGEST], accuracy["value"]
    assert gain["value"] == pytest.approx(value[predict.EMIT] - value[predict.SENTENCES])
    assert (gain["p"] < 0.05 and gain["ci_low"] > 0) == planted


def test_emission_rate():
    spoken = SPOKEN.copy()
    silent = (spoken["category"] == CODES[0]) & (spoken["generation"] < 4)
    spoken.loc[silent, "outcome"] = "words"
    assert choices.rate(spoken).value == pytest.approx(1 - silent.mean())
