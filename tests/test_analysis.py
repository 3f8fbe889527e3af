"""Each statistic finds what was planted and finds nothing where nothing was."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib import categories
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import classify as classifier
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import geometry
from kaomoji_lib.metrics import predict as prediction

SCHEME = categories.load_scheme()
CODES = list(SCHEME.codes)


def make_prompts(codes=CODES, per=12):
    rows = [
        (f"{code.lower()}{i:02d}", code, "", f"text {i} of it")
        for code in codes
        for i in range(per)
    ]
    return pd.DataFrame(rows, columns=["id", "category", "topic", "text"])


def make_states(prompts, effect=1.5, layers=3, width=40, seed=0):
    rng = np.random.default_rng(seed)
    table = SCHEME.table.loc[prompts["category"]]
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0]
    own = rng.normal(size=(len(CODES), width))[[CODES.index(code) for code in prompts["category"]]]
    plane = 4 * np.outer(table["valence"], axes[0]) + 2.5 * np.outer(table["arousal"], axes[1])
    noise = rng.normal(size=(len(prompts), layers, width))
    return (effect * (plane + 0.5 * own)[:, None] + noise).astype(np.float32)


def planted_table(codes=CODES, faces_per=3, loyal=0.8, seed=0):
    names = [f"({code}{i})" for code in codes for i in range(faces_per)]
    rows = []
    for code in codes:
        own = np.array([name.startswith(f"({code}") for name in names])
        share = np.where(own, loyal / own.sum(), (1 - loyal) / max((~own).sum(), 1))
        rows += [(code, name, name, p) for name, p in zip(names, share, strict=True)]
    return pd.DataFrame(rows, columns=["category", "spelling", "face", "probability"])


def make_emissions(prompts, planted, generations=8, seed=0):
    rng = np.random.default_rng(seed)
    given = {code: part for code, part in planted.groupby("category")}
    rows = []
    for prompt in prompts.itertuples():
        faces = rng.choice(
            given[prompt.category]["face"], generations, p=given[prompt.category]["probability"]
        )
        rows += [
            ("test", prompt.id, g, prompt.category, face, face, face, "kaomoji", g)
            for g, face in enumerate(faces)
        ]
    columns = [
        "source",
        "prompt_id",
        "generation",
        "category",
        "text",
        "raw_face",
        "face",
        "outcome",
        "seed",
    ]
    return pd.DataFrame(rows, columns=columns)


PROMPTS = make_prompts()
STATES = make_states(PROMPTS)
NOTHING = make_states(PROMPTS, effect=0.0)
LABELS, IDS = PROMPTS["category"].to_numpy(), PROMPTS["id"].to_numpy()
LOYAL = planted_table()
INDIFFERENT = planted_table(loyal=3 / (3 * len(CODES)))
SPOKEN = make_emissions(PROMPTS, LOYAL)
BABBLE = make_emissions(PROMPTS, INDIFFERENT)


def test_classifier_equals_the_reference_implementation():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 20)), rng.permutation(np.repeat(np.arange(6), 25))
    X[:, 0] += y
    weights = classifier.fit(X, np.array([y, y[::-1]]), 6)
    reference = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(X, y)
    ours = classifier.predict(X, weights)
    assert weights[0, :-1].T - weights[0, :-1].mean(axis=1) == pytest.approx(
        reference.coef_, abs=0.05
    )
    assert (ours[0] == reference.predict(X)).mean() > 0.98
    assert (ours[1] == LogisticRegression(max_iter=5000).fit(X, y[::-1]).predict(X)).mean() > 0.98


def test_compact_keeps_distances_and_silences_constant_rows():
    X = np.random.default_rng(0).normal(size=(20, 300))
    Z = classifier.compact(X)
    assert Z.shape[1] < 20 and np.allclose(Z @ Z.T, (X - X.mean(0)) @ (X - X.mean(0)).T)
    assert not classifier.compact(np.full((20, 300), 0.1)).any()


def test_states_predict_what_was_planted_and_nothing_else():
    found = prediction.from_states(geometry.stack(STATES), LABELS, IDS, permutations=100)
    assert found.accuracy.value > 0.8 and found.accuracy.p < 0.02
    assert found.accuracy.ci_low < found.accuracy.value <= found.accuracy.ci_high
    assert found.accuracy.null_mean == pytest.approx(1 / len(CODES), abs=0.03)
    assert (
        found.confusion.to_numpy().sum() == pytest.approx(len(PROMPTS))
        and list(found.recall.index) == CODES
    )
    none = prediction.from_states(geometry.stack(NOTHING), LABELS, IDS, permutations=100)
    assert none.accuracy.value < 0.25 and none.accuracy.p > 0.05
    constant = prediction.from_states(np.ones((len(PROMPTS), 500)), LABELS, IDS, permutations=20)
    assert constant.accuracy.value <= 0.2


def test_rows_of_one_prompt_never_leak():
    rng = np.random.default_rng(3)
    rows = np.repeat(rng.normal(size=(len(PROMPTS), 30)), 4, axis=0)
    rows += 0.01 * rng.normal(size=rows.shape)
    found = prediction.from_states(
        rows, np.repeat(LABELS, 4), np.repeat(IDS, 4), repeats=2, permutations=50
    )
    assert (
        found.accuracy.value < 0.25 and found.accuracy.p > 0.05 and found.accuracy.n == len(PROMPTS)
    )


def test_faces_predict_what_was_planted_and_nothing_else():
    found = prediction.from_faces(SPOKEN)
    optimum = LOYAL.groupby("face")["probability"].max().sum() / len(CODES)
    assert found.accuracy.value == pytest.approx(optimum, abs=0.05) and found.accuracy.p < 0.01
    assert found.bayes_bound >= found.accuracy.value
    assert found.mutual_information.p < 0.01
    none = prediction.from_faces(BABBLE)
    assert none.accuracy.value < 0.2 and none.accuracy.p > 0.02
    assert none.mutual_information.p > 0.02 and abs(none.mutual_information.value) < 0.1
    assert none.mutual_information.null_mean == pytest.approx(0, abs=0.03)


def test_a_prompt_that_always_types_its_own_face_tells_nothing():
    own = SPOKEN.assign(face=SPOKEN["prompt_id"])
    found = prediction.from_faces(own)
    assert found.accuracy.value < 0.2 and found.accuracy.p > 0.05 and found.bayes_bound == 1
    assert found.mutual_information.p > 0.05


def test_lookup_equals_a_plain_loop():
    found = prediction.from_faces(
        SPOKEN.sample(frac=0.5, random_state=1), repeats=1, permutations=5
    )
    table = SPOKEN.sample(frac=0.5, random_state=1)
    group, names = pd.factorize(table["prompt_id"])
    label = pd.factorize(table.drop_duplicates("prompt_id")["category"])[0]
    fold = dict(zip(names, prediction.folds(label, 0), strict=True))
    order = list(pd.unique(table["category"]))
    hits, share = 0, 1 / table.groupby("prompt_id")["face"].transform("size")
    for number in set(fold.values()):
        test = table["prompt_id"].map(fold) == number
        prior = share[~test].groupby(table["category"]).sum().reindex(order)
        seen = (
            pd.crosstab(table[~test]["face"], table[~test]["category"], share[~test], aggfunc="sum")
            .reindex(columns=order)
            .fillna(0)
            .round(9)
            + 1e-6 * prior / prior.sum()
        )
        best = seen.idxmax(axis=1)
        hits += share[test][
            table[test]["face"].map(best).fillna(prior.idxmax()) == table[test]["category"]
        ].sum()
    assert found.accuracy.value == pytest.approx(hits / len(names))


def test_categories_that_were_asked_more_often_are_not_read_from_the_face():
    rng, ps = np.random.default_rng(21), []
    asked = [
        (f"{code}{number}", code, replies)
        for code, replies in (("A", 8), ("B", 2), ("C", 2))
        for number in range(8)
    ]
    for draw in range(200):
        rows = [
            (prompt, g, code, f"({rng.integers(4)})")
            for prompt, code, replies in asked
            for g in range(replies)
        ]
        table = pd.DataFrame(rows, columns=["prompt_id", "generation", "category", "face"])
        ps.append(prediction.from_faces(table, repeats=1, permutations=19, seed=draw).accuracy.p)
    assert_level(ps)


def test_text_control_finds_words_and_only_words():
    told = PROMPTS.assign(
        text=[f"the {code.replace('-', '')} thing {i % 7}" for i, code in enumerate(LABELS)]
    )
    assert prediction.from_text(told, "tfidf", repeats=2, permutations=40).accuracy.value > 0.9
    rng = np.random.default_rng(0)
    random = PROMPTS.assign(
        text=[" ".join(rng.choice(list("abcdefghijklmnop"), 8)) for _ in LABELS]
    )
    for kind in ("tfidf", "surface"):
        none = prediction.from_text(random, kind, repeats=2, permutations=40)
        assert none.accuracy.p > 0.03, kind
    loud = PROMPTS.assign(text=["a " + "!" * CODES.index(code) for code in LABELS])
    assert prediction.from_text(loud, "surface", repeats=2, permutations=40).accuracy.value > 0.5
    with pytest.raises(KaomojiError, match="expected 'tfidf'"):
        prediction.from_text(PROMPTS, "bert")


@pytest.mark.parametrize("codes", [CODES[:2], CODES[:6]])
def test_any_number_of_categories(codes):
    prompts = make_prompts(codes)
    states = make_states(prompts)
    emissions = make_emissions(prompts, planted_table(codes))
    assert len(
        prediction.from_states(
            geometry.stack(states), prompts["category"], prompts["id"], permutations=20
        ).recall
    ) == len(codes)
    assert list(prediction.from_faces(emissions).recall.index) == codes
    parts = geometry.pca(geometry.stack(states), prompts, SCHEME)
    assert geometry.procrustes(
        parts.scores, parts.scores, prompts["category"], CODES
    ).residual.n == len(codes)
    frame = prediction.table([prediction.from_faces(emissions)])
    assert list(frame.columns) == [
        "reading",
        "accuracy",
        "ci_low",
        "ci_high",
        "null",
        "p",
        "macro_f1",
        "majority",
        "n",
    ]


def test_errors_name_the_problem():
    with pytest.raises(KaomojiError, match="more than one category"):
        prediction.from_states(np.ones((4, 3)), list("abab"), [1, 1, 2, 2])
    with pytest.raises(KaomojiError, match="fewer than 2 prompts"):
        prediction.from_states(np.ones((3, 3)), list("aab"), [1, 2, 3])
    with pytest.raises(KaomojiError, match="no emission carries a face"):
        prediction.from_faces(SPOKEN.assign(face=None))


def test_similarity_of_readings():
    truth = readings.elicited(SPOKEN, CODES)
    assert np.allclose(truth.table.sum(axis=1), 1)
    again = readings.elicited(make_emissions(PROMPTS, LOYAL, seed=9), CODES)
    found = readings.similarity(truth, again)
    assert found.value > 0.85 and found.p < 0.001 and found.null_mean < 0.6
    shuffled = readings.Reading(
        again.table.sample(frac=1, random_state=0).set_axis(again.table.index), again.weight
    )
    assert readings.similarity(truth, shuffled, weighted=True).p > 0.05
    rows = readings.compare(truth, {"again": again, "shuffled": shuffled}).set_index("source")[
        "similarity"
    ]
    assert rows["again"].value > rows["uniform guess"].value
    assert len({row.n for row in rows}) == 1
    assert readings.difference(truth, again, shuffled).p < 0.001
    assert readings.difference(truth, shuffled, shuffled).p == 1


def test_recovery_agrees_with_the_planted_table_and_refuses_another():
    found = readings.recovery(SPOKEN, LOYAL, CODES)
    assert found.expected.ci_low <= found.similarity.value <= found.expected.ci_high
    assert (
        found.measured_accuracy.ci_low
        <= found.bayes_accuracy
        <= found.measured_accuracy.ci_high + 0.02
    )
    assert found.bayes_accuracy == pytest.approx(0.8, abs=0.01) and found.unplanted == 0
    turned = LOYAL.assign(
        category=LOYAL["category"].map(dict(zip(CODES, CODES[1:] + CODES[:1], strict=True)))
    )
    wrong = readings.recovery(SPOKEN, turned, CODES)
    assert wrong.similarity.value < wrong.expected.ci_low
    babble = readings.recovery(BABBLE, INDIFFERENT, CODES)
    assert (
        babble.bayes_accuracy == pytest.approx(1 / len(CODES), abs=0.01)
        and babble.measured_accuracy.p > 0.02
    )
    assert babble.expected.ci_low <= babble.similarity.value <= babble.expected.ci_high


def test_emission_report():
    emission = pytest.importorskip("kaomoji_lib.metrics.emission")
    spoken = SPOKEN.copy()
    silent = (spoken["category"] == CODES[0]) & (spoken["generation"] < 4)
    spoken.loc[silent, ["face", "raw_face"]] = None
    spoken.loc[silent, "outcome"] = "words"
    report = emission.report(spoken).set_index("category")
    assert report.loc[CODES[0], "rate"].value == 0.5 and report.loc[CODES[0], "words"] == 48
    assert report.loc[CODES[1], "rate"].value == 1 and report["n"].sum() == len(spoken)
    assert emission.rate(spoken).value == pytest.approx(1 - silent.mean())


def run_states(array):
    return SimpleNamespace(index=PROMPTS[["id"]].set_axis(["prompt_id"], axis=1), array=array)


def test_face_means_average_emissions_and_form_blocks():
    means = geometry.face_means(run_states(STATES), SPOKEN)
    assert means.means.sum(axis=0) == pytest.approx(0, abs=1e-3) and np.allclose(
        means.shares.sum(axis=1), 1
    )
    assert list(means.counts) == sorted(means.counts, reverse=True)
    face = means.faces[0]
    rows = SPOKEN[SPOKEN["face"] == face]["prompt_id"].map({name: i for i, name in enumerate(IDS)})
    direct = geometry.stack(STATES)[rows].mean(axis=0)
    second = SPOKEN[SPOKEN["face"] == means.faces[1]]["prompt_id"].map(
        {name: i for i, name in enumerate(IDS)}
    )
    assert means.means[0] - means.means[1] == pytest.approx(
        direct - geometry.stack(STATES)[second].mean(axis=0), abs=1e-4
    )
    assert all(f"({code}" in face for face, code in means.primary.items())
    heat = geometry.cosine(means)
    assert heat.silhouette.value > 0.3 and heat.silhouette.p < 0.01 and 0.5 < heat.cophenetic <= 1
    assert sorted(heat.order) == sorted(means.faces) and set(heat.clusters.index) == set(
        means.faces
    )
    assert np.allclose(np.diag(heat.matrix), 1)


def test_face_blocks_are_absent_where_faces_say_nothing():
    heat = geometry.cosine(
        geometry.face_means(
            run_states(STATES),
            SPOKEN.assign(face=SPOKEN["face"].sample(frac=1, random_state=0).to_numpy()),
        )
    )
    assert heat.silhouette.value < 0.15 and heat.silhouette.p > 0.01
    with pytest.raises(KaomojiError, match="expected at least 3"):
        geometry.face_means(run_states(STATES), SPOKEN, min_emissions=10**6)


def test_face_means_join_states_of_generations():
    keys = SPOKEN[["prompt_id", "generation"]].iloc[::-1].reset_index(drop=True)
    array = np.repeat(STATES, 8, axis=0)[::-1]
    one = geometry.face_means(SimpleNamespace(index=keys, array=array), SPOKEN)
    assert one.means == pytest.approx(
        geometry.face_means(run_states(STATES), SPOKEN).means, abs=1e-4
    )
