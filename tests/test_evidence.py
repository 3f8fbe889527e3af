"""The tests a sceptic asks for: right verdicts on planted data, and no more false alarms than their level allows."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_resampling import assert_level

from kaomoji_lib import categories, resampling
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import baselines as ladder
from kaomoji_lib.metrics import circumplex, layerwise, similarity
from kaomoji_lib.metrics import face_increment as beyond
from kaomoji_lib.metrics import partial_similarity as given_text
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


def source(rng, *shared, layers=2, width=8):
    """States (n, layers, width) of noise and what is ``shared``: arrays (n, k), mixed anew by every source and layer."""
    states = rng.normal(size=(len(ASKED), layers, width))
    for part in shared:
        for layer in range(layers):
            states[:, layer] += 1.5 * part @ rng.normal(size=(part.shape[1], width))
    return states


def members(rng):
    return rng.normal(size=(3, 4))[LABEL]


@pytest.mark.parametrize("measure", layerwise.MEASURES)
def test_the_best_of_all_layers_keeps_its_level_within_categories(measure):
    rng, free, within = np.random.default_rng(1), [], []
    for draw in range(DRAWS):
        common = members(rng)
        found = layerwise.shared(
            {"a": source(rng, common), "b": source(rng, common)},
            ASKED,
            measure=measure,
            permutations=39,
            seed=draw,
            halves=2,
        )["a", "b"]
        free.append(found.tests["free"].p)
        within.append(found.tests["within category"].p)
    assert_level(within)
    assert (np.array(free) <= 0.05).mean() > 0.8


@pytest.mark.parametrize("measure", layerwise.MEASURES)
def test_an_arrangement_beyond_the_category_is_found_and_named(measure):
    rng = np.random.default_rng(2)
    common, own = members(rng), rng.normal(size=(len(ASKED), 6))
    found = layerwise.shared(
        {"a": source(rng, common, own), "b": source(rng, common, own), "noise": source(rng)},
        ASKED,
        measure=measure,
        permutations=99,
    )
    pair = found["a", "b"]
    assert (
        pair.tests["within category"].p <= 0.02 and "more than the nine categories" in pair.licence
    )
    assert pair.tests["within category"].null_mean > pair.tests["free"].null_mean
    assert (
        pair.adjusted["within category"].shape == (2, 2)
        and pair.values[pair.best] == pair.values.max()
    )
    assert found["a", "noise"].tests["free"].p > 0.02
    with pytest.raises(KaomojiError, match="same order"):
        layerwise.shared({"a": source(rng)[:-1], "b": source(rng)}, ASKED)


def test_topics_are_a_null_of_their_own():
    rng = np.random.default_rng(3)
    table = prompts(per=20).assign(topic=["work", "home"] * 30)
    cell = table.groupby(["category", "topic"]).ngroup().to_numpy()
    common = rng.normal(size=(6, 4))[cell]
    states = [common @ rng.normal(size=(4, 8)) + 0.7 * rng.normal(size=(60, 8)) for _ in range(2)]
    tests = layerwise.shared(
        {"a": states[0][:, None], "b": states[1][:, None]}, table, permutations=199
    )["a", "b"].tests
    assert tests["within category"].p < 0.05 < tests["within category and topic"].p


@pytest.mark.parametrize("measure", given_text.MEASURES)
def test_what_only_text_and_category_share_is_not_found_beyond_them(measure):
    rng, category, both, more = np.random.default_rng(4), [], [], []
    for draw in range(DRAWS):
        text, common, own = (
            rng.normal(size=(len(ASKED), 5)),
            members(rng),
            rng.normal(size=(len(ASKED), 5)),
        )
        # In both sources the messages of one category are spread more widely than those of another: nothing shared by single messages.
        spread = np.array([0.3, 1.0, 2.0])[LABEL][:, None, None]
        left, right = (
            spread * rng.normal(size=(len(ASKED), 2, 8)) + source(rng, text, common)
            for _ in range(2)
        )
        found = given_text.beyond_text(
            {"a": left, "b": right},
            ASKED,
            text,
            measure=measure,
            permutations=19,
            seed=draw,
            halves=2,
        )["a", "b"]
        category.append(found.tests["given the text"].p)
        both.append(found.tests["given text and category"].p)
        if draw < 20:
            more.append(
                given_text.beyond_text(
                    {"a": source(rng, text, common, own), "b": source(rng, text, common, own)},
                    ASKED,
                    text,
                    measure=measure,
                    permutations=39,
                    halves=2,
                )["a", "b"]
                .tests["given text and category"]
                .p
            )
    assert_level(both)
    assert (np.array(category) <= 0.05).mean() > 0.8 and (np.array(more) <= 0.05).mean() > 0.8


def test_spread_alone_is_no_likeness_beyond_text_and_category():
    rng, ps = np.random.default_rng(17), []
    spread = np.array([0.1, 0.1, 2.0])[LABEL][:, None, None]
    for draw in range(DRAWS):
        text = rng.normal(size=(len(ASKED), 5))
        one, other = (spread * rng.normal(size=(len(ASKED), 1, 4)) for _ in range(2))
        ps.append(
            given_text.beyond_text(
                {"a": one, "b": other},
                ASKED,
                text,
                measure="RSA",
                permutations=19,
                seed=draw,
                halves=2,
            )["a", "b"]
            .tests["given text and category"]
            .p
        )
    assert_level(ps)


def test_regressing_out_leaves_nothing_of_what_was_known():
    rng = np.random.default_rng(5)
    text = rng.normal(size=(30, 6))
    known = text @ rng.normal(size=(6, 9)) + rng.normal(size=(3, 9))[LABEL]
    assert np.abs(given_text._fitted(known, text, LABEL)[0]).max() < 1e-9
    rest, basis = given_text._fitted(
        known + np.array([0.1, 1.0, 5.0])[LABEL][:, None] * rng.normal(size=(30, 9)), text, LABEL
    )
    assert np.abs(
        basis.T @ (rest / given_text._evened(basis)[:, None])
    ).max() < 1e-9 and basis.shape == (30, 9)
    spread = np.sqrt(np.bincount(LABEL, np.square(rest).sum(axis=1)))
    assert spread.max() / spread.min() < 1.2, "all categories are spread alike"


@pytest.mark.parametrize("measure", given_text.MEASURES)
def test_beyond_the_text_is_the_measure_of_residuals(measure):
    rng = np.random.default_rng(18)
    text, shared = rng.normal(size=(2, 30, 4))
    X, Y = text + shared, text + 2 * shared
    found = given_text.beyond_text(
        {"a": X[:, None], "b": Y[:, None]}, ASKED, text, measure=measure, permutations=9, halves=2
    )["a", "b"]
    nuisance = np.column_stack([np.ones(30), text])
    left = 1 - np.diag(nuisance @ np.linalg.pinv(nuisance))

    def evened(part):
        return (part - nuisance @ np.linalg.lstsq(nuisance, part, rcond=None)[0]) / np.sqrt(left)[
            :, None
        ]

    rest = [evened(evened(part)) for part in (X, Y)]
    assert found.values[0, 0] == pytest.approx(
        float(similarity.signature(rest[0], measure) @ similarity.signature(rest[1], measure)),
        abs=1e-3,
    )
    assert found.tests["given the text"].p == 0.1 and found.tests["given the text"].null_mean < 0.5
    nothing = given_text.beyond_text(
        {"a": X[:, None], "b": text[:, None]},
        ASKED,
        text,
        measure=measure,
        permutations=9,
        halves=2,
    )["a", "b"]
    assert abs(nothing.values[0, 0]) < 0.3
    with pytest.raises(KaomojiError, match="beyond the text"):
        given_text.beyond_text(
            {"a": X[:, None], "b": Y[:, None]}, ASKED, text, measure="mutual kNN"
        )


def test_permuted_residuals_stay_in_the_space_that_is_left():
    rng = np.random.default_rng(20)
    text, states = (
        rng.normal(size=(30, 4)),
        {"a": rng.normal(size=(30, 2, 8)), "b": rng.normal(size=(30, 1, 8))},
    )
    tool, order = given_text._Residuals(states, text, LABEL, "CKA"), rng.permutation(30)
    rest, basis = tool.rest["a"][1]
    again = rest[order] - basis @ (basis.T @ rest[order])
    assert np.abs(basis.T @ again).max() < 1e-9
    even = again * given_text._evened(basis)[:, None]
    assert tool._moved(order)[1] == pytest.approx(even @ even.T / np.square(rest).sum(), abs=1e-5)
    assert tool.signatures == pytest.approx(
        similarity.signatures_of_grams(tool._moved(np.arange(30)), "CKA"), abs=1e-6
    ), "what is observed is one of the permutations"


def test_residuals_are_of_one_length_however_much_the_text_tells():
    rng = np.random.default_rng(23)
    text = rng.normal(size=(40, 3))
    text[:8] *= 12
    lengths = np.array(
        [
            np.square(given_text._fitted(rng.normal(size=(40, 30)), text, None)[0]).sum(axis=1)
            for _ in range(50)
        ]
    ).mean(axis=0)
    assert lengths.max() / lengths.min() < 1.25
    assert given_text._evened(np.eye(4)[:, :1]).tolist() == [0, 1, 1, 1], (
        "nothing is left of a message that is known altogether"
    )


def test_u_centring_of_many_equals_that_of_each_and_ignores_what_is_added_to_rows():
    grams = np.einsum("lnk,lmk->lnm", *[np.random.default_rng(19).normal(size=(3, 12, 5))] * 2)
    together = similarity.u_centred(grams)
    assert together[1] == pytest.approx(similarity.u_centred(grams[1]))
    shift = np.arange(12.0)
    assert similarity.u_centred(grams[1] + shift[:, None] + shift[None]) == pytest.approx(
        together[1], abs=1e-9
    )


@pytest.mark.parametrize("measure", similarity.MEASURES)
def test_relabelling_moves_a_signature_and_nothing_else(measure):
    X = np.random.default_rng(6).normal(size=(30, 7))
    order = np.random.default_rng(7).permutation(30)
    straight = similarity.signature(X, measure)[:, None]
    again = similarity.signature(X[order], measure)
    assert similarity.permuted(straight, straight, order[None], measure)[0, 0, 0] == pytest.approx(
        float(straight[:, 0] @ again), abs=1e-5
    )
    assert np.linalg.norm(straight) == pytest.approx(1, abs=1e-5)
    assert not similarity.signature(np.full((30, 7), 0.1), measure).any()


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


def circle_states(rng, planted, per=12):
    asked = prompts(SCHEME.codes, per)
    table = SCHEME.table.loc[asked["category"]]
    own = rng.normal(size=(len(SCHEME.codes), 6))[asked["category"].factorize()[0]]
    plane = np.zeros((len(asked), 6))
    plane[:, 0], plane[:, 1] = 3 * table["valence"], 3 * table["arousal"]
    return asked, (plane if planted else 2 * own) + rng.normal(size=(len(asked), 6))


def test_a_planted_plane_is_found_in_order_and_arousal_beyond_valence():
    asked, X = circle_states(np.random.default_rng(10), True)
    found = circumplex.circumplex(X, asked["category"], SCHEME, splits=8, halves=20)
    assert found.order.value > 0.6 and found.order.p < 0.01 and 0.9 < found.ceiling.value <= 1
    plane, line = found.fits["valence and arousal plane"], found.fits["valence line"]
    assert plane.value > 0.9 and plane.p <= 0.02 and plane.value > line.value
    assert found.contrasts["arousal beyond valence"].p <= 0.02
    assert (
        found.contrasts["circle against plane"].ci_high < 0
        and found.contrasts["circle against plane"].p is None
    )


def test_categories_without_a_circle_keep_the_level_of_its_tests():
    rng, order, plane, arousal = np.random.default_rng(11), [], [], []
    for draw in range(DRAWS):
        asked, X = circle_states(rng, False, per=8)
        found = circumplex.circumplex(
            X,
            asked["category"],
            SCHEME,
            permutations=39,
            dealings=19,
            splits=3,
            halves=2,
            seed=draw,
        )
        order.append(found.order.p)
        plane.append(found.fits["valence and arousal plane"].p)
        arousal.append(found.contrasts["arousal beyond valence"].p)
    for ps in (order, plane, arousal):
        assert_level(ps)


def test_a_text_that_explains_the_distances_leaves_nothing_to_the_plane():
    asked, X = circle_states(np.random.default_rng(12), True)
    found = circumplex.circumplex(X, asked["category"], SCHEME, X + 0.1, splits=8, halves=10)
    assert (
        found.fits["text of the prompts"].value > 0.9
        and found.contrasts["plane beyond text"].value < 0.05
    )
    with pytest.raises(KaomojiError, match="too few prompts"):
        circumplex.circumplex(X[:20], asked["category"][:20], SCHEME)


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


def test_the_cost_of_a_large_model_is_measured_step_by_step():
    from kaomoji_lib.show import scale

    found = scale.measure(layers=2, width=20, permutations=9)
    assert (
        len(found) == 10
        and (found["seconds"] > 0).all()
        and found["peak_gb"].is_monotonic_increasing
    )
    kept = pd.read_csv(scale.PATH)
    assert list(kept["analysis"]) == list(found["analysis"]) and {"machine", "date"} <= set(kept)
    assert kept["seconds"].sum() < 300 and kept["peak_gb"].max() < 8, (
        "what is promised of a model of real size"
    )


def test_growth_varies_one_size_at_a_time():
    from kaomoji_lib.show import evidence, scale

    found = scale.growth(
        {"messages": (60, 90), "layers of each model": (2,), "models": (2,)},
        permutations=2,
        width=8,
    )
    assert list(found["size"]) == [60, 90, 2, 2] and (found["seconds"] > 0).all()
    assert [row[0] for row in evidence.growth().rows] == list(scale.SIZES)


def test_a_title_that_counts_takes_any_name_and_nothing_to_count_is_said():
    from kaomoji_lib.show import evidence, evidence_figures

    from kaomoji_lib.missing import Missing
    from kaomoji_lib.stats import Estimate

    found = Estimate(0.5, 0.4, 0.6, 9, "prompts", 0.1, 0.01)
    assert (
        evidence_figures.counted(
            {"a": found}, "{count} of {total} like {name}", "none", "{7*7} {count.x} %s"
        )
        == "1 of 1 like {7*7} {count.x} %s"
    )
    absent = Missing("no states")
    assert evidence._counted({"a": absent}, "{count}", "none", "line") is absent
