"""The explorer's bundle: places, spread, intervals and disagreement, planted and absent; and its plain form."""

import base64
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from worlds import BABBLE, CODES, PROMPTS, SPOKEN, STATES, run_states

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import data as explorer_data
from kaomoji_lib.explorer import layout as face_layout
from kaomoji_lib.explorer.payload import NEIGHBOURS, OWN, UNKNOWN, pack, parted, payload
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import faces as face_geometry

SCHEME = load_scheme()
RUN_STATES = run_states(STATES)
RUN_STATES.layers = ("embed", "1", "2")


def of(name, emissions, states=RUN_STATES, resamples=20):
    return explorer_data.from_emissions(
        name,
        name.title(),
        "a test",
        emissions,
        SCHEME,
        prompts=PROMPTS,
        states=states,
        resamples=resamples,
    )


@pytest.fixture(scope="module")
def source():
    return of("spoken", SPOKEN, resamples=200)


@pytest.fixture(scope="module")
def words(source):
    names = ["sly", "smug", "weary"]
    vectors = pd.DataFrame(
        np.random.default_rng(0).dirichlet(np.ones(3), len(source.faces)),
        index=list(source.faces),
        columns=names,
    )
    said = {face: (("sly", 0.7), ("weary", 0.3)) for face in source.faces}
    return explorer_data.from_reading(
        "words", "Words", "a test", source.reading, SCHEME, vectors=vectors, words=said
    )


@pytest.fixture(scope="module")
def bundle(source, words):
    return explorer_data.bundle([source, of("counts", SPOKEN, states=None), words], SCHEME)


def test_places_are_the_components_of_the_faces_means(source):
    means = face_geometry.face_means(RUN_STATES, SPOKEN, 1, 1)
    assert source.faces == means.faces
    U, S, _ = np.linalg.svd(means.means, full_matrices=False)
    layout = source.layouts[explorer_data.ALL_LAYERS]
    assert np.abs(layout.scores) == pytest.approx(np.abs(U[:, :3] * S[:3]), rel=1e-3, abs=1e-4)
    assert layout.variance == pytest.approx((S**2 / (S**2).sum())[:3], rel=1e-4)
    assert layout.cosine == pytest.approx(
        face_geometry.cosine(means, permutations=2, resamples=2).matrix.to_numpy(), abs=1e-5
    )
    assert list(source.layouts) == [explorer_data.ALL_LAYERS, "embedding", "layer 1", "layer 2"]


def test_first_component_goes_toward_pleasant_in_every_layer(source):
    valence = source.reading.table @ SCHEME.table["valence"]
    assert all(
        np.corrcoef(layout.scores[:, 0], valence)[0, 1] > 0.5 for layout in source.layouts.values()
    )


def test_rare_faces_are_laid_into_the_space_of_the_others():
    rare = SPOKEN.copy()
    rare.loc[0, ["face", "raw_face"]] = "(rare)"
    with_it, without = of("a", rare), of("b", rare.drop(index=0))
    kept = [face for face in with_it.faces if face != "(rare)"]
    rows = [with_it.faces.index(face) for face in kept]
    one, other = (
        with_it.layouts[explorer_data.ALL_LAYERS],
        without.layouts[explorer_data.ALL_LAYERS],
    )
    assert one.scores[rows] == pytest.approx(
        other.scores[[without.faces.index(face) for face in kept]], abs=1e-3
    )
    assert np.isnan(one.spread[with_it.faces.index("(rare)")]).all(), (
        "one prompt cannot say how far its face would move"
    )


def test_spread_is_the_standard_error_of_a_mean():
    rng = np.random.default_rng(0)
    X = np.concatenate(
        [
            rng.normal(size=(50, 2)) + [20, 0],
            rng.normal(size=(50, 2)) - [20, 0],
            rng.normal(size=(200, 2)) + [0, 20],
        ]
    )
    uses = np.zeros((3, 300))
    uses[0, :50], uses[1, 50:100], uses[2, 100:] = 1, 1, 1
    X = np.column_stack([X, rng.normal(size=300)])
    found = face_layout.lay(uses, X @ X.T, np.zeros((3, 3)), resamples=800)
    variance = found.spread[:, 0] + found.spread[:, 3]
    assert variance[0] == pytest.approx(2 / 50, rel=0.35) and variance[2] == pytest.approx(
        2 / 200, rel=0.35
    )
    same = face_layout.lay(
        uses, np.repeat(np.repeat(np.eye(3), [50, 50, 200], 0), [50, 50, 200], 1), np.zeros((3, 3))
    )
    assert np.nanmax(same.spread) == pytest.approx(0, abs=1e-9), "equal rows do not move their mean"
    with pytest.raises(KaomojiError, match="expected at least 3"):
        face_layout.lay(np.eye(2), np.eye(2), np.zeros((2, 3)))


def test_intervals_hold_the_planted_share_and_say_more_with_more_prompts(source):
    own = [face for face in source.faces if source.prompts[face] >= 8]
    code = {face: face[1:-2] for face in own}
    planted = 0.8 / (0.8 + 8 * 0.2 / 8)
    held = [
        source.low.at[face, code[face]] <= planted <= source.high.at[face, code[face]]
        for face in own
    ]
    assert np.mean(held) > 0.8
    assert (
        ((source.low <= source.reading.table + 1e-9) & (source.high >= source.reading.table - 1e-9))
        .all()
        .all()
    )
    none = source.reading.table == 0
    assert (source.high.to_numpy()[none.to_numpy()] > 0).all(), "never seen is not impossible"
    few = of("few", SPOKEN[SPOKEN["generation"] < 2], resamples=200)
    shared = [face for face in few.faces if face in source.faces]
    assert (few.high - few.low).loc[shared].mean().mean() > (source.high - source.low).loc[
        shared
    ].mean().mean()


def test_disagreement_is_zero_for_the_same_and_high_for_other_uses(source):
    same = explorer_data.disagreement([source, replace(source, id="again")])
    assert same.max() == pytest.approx(0, abs=1e-6)
    turned = dict(zip(CODES, CODES[1:] + CODES[:1], strict=True))
    other = of(
        "turned",
        SPOKEN.assign(face=[f"({turned[face[1:-2]]}{face[-2:]}" for face in SPOKEN["face"]]),
    )
    assert explorer_data.disagreement([source, other]).mean() > 0.5
    assert explorer_data.disagreement([source]).empty


def test_pool_is_the_mean_and_leaves_out_what_one_source_knows(source):
    other = of("other", BABBLE)
    pool = explorer_data.pooled([source, other], SCHEME)
    face = pool.faces[0]
    assert pool.reading.table.loc[face].to_numpy() == pytest.approx(
        (source.reading.table.loc[face] + other.reading.table.loc[face]).to_numpy() / 2
    )
    assert (
        pool.reading.weight[face] == source.reading.weight[face] + other.reading.weight[face]
        and pool.low is None
    )
    with pytest.raises(KaomojiError, match="add sources"):
        explorer_data.pooled([source], SCHEME)


def test_examples_and_spellings_are_those_of_the_face(source):
    for face, rows in source.examples.items():
        assert 0 < len(rows) <= explorer_data.EXAMPLES and len({row[0] for row in rows}) == len(
            rows
        )
        mine = SPOKEN[SPOKEN["face"] == face]
        assert all(row[0] in set(mine["prompt_id"]) and row[3] in set(mine["text"]) for row in rows)
    assert source.spellings[source.faces[0]][0][1] == source.reading.weight.iloc[0]


def test_sources_need_ids_of_their_own_and_enough_faces(source):
    with pytest.raises(KaomojiError, match="id of its own"):
        explorer_data.bundle([source, source], SCHEME)
    with pytest.raises(KaomojiError, match="typed 3 times"):
        of("poor", SPOKEN.head(4))


def unpacked(packed):
    kinds = {"u8": "u1", "i8": "i1", "u16": "<u2", "i16": "<i2", "f32": "<f4"}
    values = np.frombuffer(base64.b64decode(packed["data"]), kinds[packed["type"]]).astype(float)
    return values * packed.get("scale", 1)


def test_payload_is_json_and_says_what_the_bundle_says(bundle, source, words):
    data = json.loads(json.dumps(payload(bundle), allow_nan=False))
    assert data["faces"] == list(bundle.faces) and [item["id"] for item in data["sources"]] == [
        "spoken",
        "counts",
        "words",
    ]
    first = data["sources"][0]
    assert [data["faces"][int(index)] for index in unpacked(first["index"])] == list(source.faces)
    assert unpacked(first["shares"]).reshape(-1, 9) == pytest.approx(
        source.reading.table.to_numpy(), abs=1.1e-5
    )
    layout = source.layouts[explorer_data.ALL_LAYERS]
    assert unpacked(first["layouts"][0]["scores"]).reshape(-1, 3) == pytest.approx(
        layout.scores, abs=1e-3 * np.abs(layout.scores).max()
    )
    near = unpacked(first["layouts"][0]["near"]).reshape(-1, NEIGHBOURS).astype(int)
    assert (
        all(row not in near[row] for row in range(len(near)))
        and near[0][0] == np.argsort(-layout.cosine[0])[1]
    )
    tree = first["tree"]
    cut = tree["numbers"].index(tree["chosen"])
    labels = unpacked(tree["labels"]).reshape(len(tree["numbers"]), -1)[cut].astype(int)
    assert list(labels) == list(source.clustering.clusters) and len(tree["names"][cut]) == tree[
        "chosen"
    ] == max(labels)
    assert [
        [data["vocabulary"][word], share] for word, share in data["sources"][2]["words"][0]
    ] == [["sly", 0.7], ["weary", 0.3]] and data["sources"][2]["layouts"][0]["spread"] is None
    assert (
        data["sources"][0]["examples"][0][0][1] in set(SPOKEN["text"])
        and len(data["prompts"][0]) == 3
    )


def test_spread_survives_as_roots(source):
    layout = source.layouts[explorer_data.ALL_LAYERS]
    flat = np.array(layout.spread)
    flat[0], flat[1] = np.nan, [4, 0, 0, 0, 0, 0]  # one that cannot be told, one without width
    packed = payload(
        explorer_data.bundle(
            [replace(source, layouts={"one": replace(layout, spread=flat)})], SCHEME
        )
    )["sources"][0]["layouts"][0]["spread"]
    a, b, c, d, e, f = unpacked(packed).reshape(-1, 6).T
    found = np.column_stack(
        [a * a, a * b, a * d, b * b + c * c, b * d + c * e, d * d + e * e + f * f]
    )
    assert found[1:] == pytest.approx(flat[1:], abs=2e-3 * np.nanmax(np.abs(flat)))
    assert (
        a[0] / packed["scale"] == pytest.approx(UNKNOWN)
        and np.abs(a[1:] / packed["scale"]).max() < -UNKNOWN
    )


def test_what_one_source_needs_stands_apart_and_nothing_is_lost(bundle):
    data = payload(bundle)
    common, parts = parted(data)
    assert list(parts) == [source["id"] for source in data["sources"]]
    for whole, shared in zip(data["sources"], common["sources"], strict=True):
        assert {**shared, **parts[whole["id"]]} == whole and not set(OWN) & set(shared)
    assert {"spellings", "shares", "index"} <= set(common["sources"][0]), (
        "what is searched, and compared, is there from the first"
    )


def test_packing_keeps_numbers_within_its_scale():
    values = np.linspace(-1, 1, 50)
    assert unpacked(pack(values, "i2", 1 / 10000)) == pytest.approx(values, abs=1e-4)
    assert np.isnan(unpacked(pack([np.nan], "f4"))[0])


def test_places_that_were_computed_elsewhere_come_along(bundle, source):
    xy = np.random.default_rng(0).normal(size=(len(source.faces), 2))
    data = payload(explorer_data.bundle([replace(source, flat={"UMAP": xy})], SCHEME))
    flat = data["sources"][0]["flat"][0]
    assert flat["name"] == "UMAP" and unpacked(flat["scores"]).reshape(-1, 3)[
        :, :2
    ] == pytest.approx(xy, abs=1e-3)


def test_reading_without_use_has_no_intervals(words):
    assert (
        words.low is None and words.kind == "words" and list(words.layouts) == [explorer_data.WORDS]
    )
    assert isinstance(words.reading, readings.Reading)
