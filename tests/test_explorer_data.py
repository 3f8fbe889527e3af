"""What the explorer shows: places, spread, intervals and disagreement, planted and absent; published data; the payload."""

import base64
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from worlds import CODES, PROMPTS, RUN_STATES, SPOKEN, STATES

from kaomoji_lib import stimuli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.explorer import data, gather
from kaomoji_lib.explorer.payload import NEIGHBOURS, payload
from kaomoji_lib.metrics.clusters import usage
from kaomoji_lib.metrics.states import stack
from kaomoji_lib.models import choose
from kaomoji_lib.published import tables
from kaomoji_lib.stimuli import load_scheme

SCHEME = load_scheme()


def of(name, emissions, states=RUN_STATES, resamples=20):
    given = {"prompts": PROMPTS, "states": states, "resamples": resamples}
    return gather.of_emissions(name, name.title(), "a test", emissions, **given)


@pytest.fixture(scope="module")
def source():
    return of("spoken", SPOKEN, resamples=200)


@pytest.fixture(scope="module")
def judge(source):
    """A judge that reads every kaomoji as the source uses it, one of them in two spellings."""
    table = source.reading.table.rename(index={source.faces[0]: f"ヽ{source.faces[0]}ﾉ"})
    words = dict.fromkeys(source.faces, (("sly", 0.7), ("weary", 0.3)))
    return gather.of_reading("judge", "Judge", "a test", table, data.typed([source]), words)


@pytest.fixture(scope="module")
def bundle(source, judge):
    return gather.bundle([source, of("counts", SPOKEN, states=None), judge])


def test_places_are_the_components_of_the_faces_means(source):
    uses = usage(SPOKEN, PROMPTS["id"])
    assert source.faces == tuple(uses.index)
    X = uses.to_numpy() @ stack(STATES) / uses.to_numpy().sum(axis=1)[:, None]
    X = X - X.mean(axis=0)
    U, S, _ = np.linalg.svd(X, full_matrices=False)
    places = source.layouts[gather.ALL_LAYERS]
    assert np.abs(places.scores) == pytest.approx(np.abs(U[:, :3] * S[:3]), rel=1e-3, abs=1e-4)
    assert places.variance == pytest.approx((S**2 / (S**2).sum())[:3], rel=1e-4)
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert places.cosine == pytest.approx(X @ X.T, abs=1e-5)
    assert list(source.layouts) == [gather.ALL_LAYERS, "embedding", "layer 1", "layer 2"]
    valence = source.reading.table @ SCHEME.table["valence"]
    for places in source.layouts.values():
        assert np.corrcoef(places.scores[:, 0], valence)[0, 1] > 0.5, "pleasant lies to the right"


def test_rare_faces_are_projected_into_the_space_of_the_others():
    rare = SPOKEN.copy()
    rare.loc[0, ["face", "raw_face"]] = "(rare)"
    both, without = of("a", rare), of("b", rare.drop(index=0))
    shared = [face for face in both.faces if face != "(rare)"]
    rows = ([item.faces.index(face) for face in shared] for item in (both, without))
    layouts = (item.layouts[gather.ALL_LAYERS] for item in (both, without))
    one, other = (layout.scores[place] for layout, place in zip(layouts, rows, strict=True))
    assert one == pytest.approx(other, abs=1e-3)
    spread = both.layouts[gather.ALL_LAYERS].spread[both.faces.index("(rare)")]
    assert np.isnan(spread).all(), "one prompt cannot show how far its face would move"


def test_spread_is_the_standard_error_of_a_mean():
    rng = np.random.default_rng(0)
    sizes, centres = [50, 50, 200], np.array([[20, 0, 0], [-20, 0, 0], [0, 20, 0]])
    group = np.repeat(np.arange(3), sizes)
    uses = np.eye(3)[group].T
    X = centres[group] + rng.normal(size=(300, 3))
    spread = data.lay(uses, X, np.zeros((3, 3)), resamples=800).spread
    assert (spread[:, 0] + spread[:, 3])[[0, 2]] == pytest.approx([2 / 50, 2 / 200], rel=0.35)
    equal = data.lay(uses, centres[group], np.zeros((3, 3))).spread
    assert np.nanmax(equal) == pytest.approx(0, abs=1e-9), "equal rows do not move their mean"


def test_intervals_contain_the_planted_share_and_narrow_with_more_prompts(source):
    own = [face for face in source.faces if source.prompts[face] >= 8]
    share = 0.8 / (0.8 + 8 * 0.2 / 8)
    covered = [source.low.at[f, f[1:-2]] <= share <= source.high.at[f, f[1:-2]] for f in own]
    assert np.mean(covered) > 0.8
    table = source.reading.table
    assert ((source.low <= table + 1e-9) & (source.high >= table - 1e-9)).all(axis=None)
    assert (source.high.to_numpy()[table.to_numpy() == 0] > 0).all(), "unseen is not impossible"
    few = of("few", SPOKEN[SPOKEN["generation"] < 2], resamples=200)
    shared = [face for face in few.faces if face in source.faces]
    few, many = ((item.high - item.low).loc[shared].mean(axis=None) for item in (few, source))
    assert few > many


def test_disagreement_is_zero_for_the_same_and_high_for_other_uses(source):
    same = data.disagreement([source, replace(source, id="again")])
    assert same.max() == pytest.approx(0, abs=1e-6)
    turned = dict(zip(CODES, CODES[1:] + CODES[:1], strict=True))
    faces = [f"({turned[face[1:-2]]}{face[-2:]}" for face in SPOKEN["face"]]
    assert data.disagreement([source, of("turned", SPOKEN.assign(face=faces))]).mean() > 0.5
    assert data.disagreement([source]).empty


def test_readings_are_joined_by_canonical_face_and_weighed_by_use(source, judge):
    assert set(judge.faces) == set(source.faces) and not judge.typed and judge.low is None
    assert list(judge.reading.weight) == sorted(source.reading.weight, reverse=True)
    few = {face: 2 for face in source.faces} | dict.fromkeys(source.faces[:4], 3)
    rare = gather.of_reading("rare", "Rare", "a test", source.reading.table, few)
    assert set(rare.faces) == set(source.faces[:4]) and rare.clustering is None


def test_a_run_is_shown_by_its_replies_or_by_its_choices(tmp_path, monkeypatch):
    scored = pd.crosstab(SPOKEN["prompt_id"], SPOKEN["face"]).add(0.01)
    scored = scored.stack().rename("n").reset_index().rename(columns={"face": "spelling"})
    scored = scored.assign(log_prob_closed=np.log(scored.pop("n")), listed=0.1)
    spec = SimpleNamespace(alias="small")
    given = {"spec": spec, "title": "Small", "caption": "a test", "scheme": SCHEME}
    given |= {"prompts": PROMPTS, "states": RUN_STATES, "emissions": SPOKEN}
    run = SimpleNamespace(run=SimpleNamespace(path=tmp_path, manifest={"source": "small"}), **given)
    assert gather.of_run(run).reading.weight.sum() == len(SPOKEN)
    run.emissions = SPOKEN.assign(face=None)
    with pytest.raises(KaomojiError, match="3"):
        gather.of_run(run)
    (tmp_path / f"closed-{stimuli.SELF}.parquet").touch()
    monkeypatch.setattr(choose, "closed_set", lambda run: scored)
    chosen = gather.of_run(run)
    assert "closed set" in chosen.what and chosen.reading.weight.sum() == 8 * len(PROMPTS)
    assert (chosen.reading.table.idxmax(axis=1) == [f[1:-2] for f in chosen.faces]).mean() > 0.9


def test_sources_need_ids_of_their_own_and_enough_faces(source):
    with pytest.raises(KaomojiError, match="id of its own"):
        gather.bundle([source, source])
    with pytest.raises(KaomojiError, match="3 times"):
        of("poor", SPOKEN.head(4))


def test_published_sources_share_faces_with_what_people_and_claude_say():
    replies, states = tables.emissions("gemma"), gather._components("gemma")
    given = {"states": states, "resamples": 20}
    gemma = gather.of_emissions("gemma", "Gemma", "published", replies, **given)
    assert list(gemma.layouts) == ["published hidden states"]
    assert gemma.reading.weight.sum() == replies["face"].notna().sum()
    meanings = gather.meanings([gemma])
    assert [source.id for source in meanings] == ["opus", "haiku", "synthesized", "people"]
    for source in meanings:
        assert set(source.faces) <= set(gemma.faces) and len(source.faces) > 10
        assert source.reading.table.sum(axis=1).to_numpy() == pytest.approx(1)
    people, synthesized = meanings[3], meanings[2]
    assert people.reading.table.loc["(╯°□°)"].idxmax() == "HN-D", "a thrown table is anger"
    assert synthesized.words and gather.bundle([gemma, *meanings]).sources[-1] is people


def unpacked(packed):
    values = np.frombuffer(base64.b64decode(packed["data"]), f"<{packed['type']}").astype(float)
    return values * packed.get("scale", 1)


def test_payload_is_json_and_equals_the_bundle(bundle, source):
    tours = [("One", "A sentence.", {"source": "judge"})]
    sent = json.loads(json.dumps(payload(bundle, tours=tours), allow_nan=False))
    assert sent["faces"] == list(bundle.faces) and sent["tours"][0]["state"] == tours[0][2]
    first, _, judge = sent["sources"]
    assert [sent["faces"][int(index)] for index in unpacked(first["index"])] == list(source.faces)
    shares, table = unpacked(first["shares"]).reshape(-1, 9), source.reading.table
    assert shares == pytest.approx(table.to_numpy(), abs=1.1e-5)
    places, sent_places = source.layouts[gather.ALL_LAYERS], first["layouts"][0]
    assert unpacked(sent_places["scores"]) == pytest.approx(places.scores.ravel(), rel=1e-5)
    assert unpacked(sent_places["spread"]) == pytest.approx(places.spread.ravel(), nan_ok=True)
    near = unpacked(sent_places["near"]).reshape(-1, NEIGHBOURS).astype(int)
    assert all(row not in near[row] for row in range(len(near)))
    assert near[0][0] == np.argsort(-places.cosine[0])[1]
    tree, clusters = first["tree"], source.clustering.clusters
    members = [source.faces[int(local)] for local in unpacked(tree["members"])]
    assert members == list(source.clustering.order)
    assert list(unpacked(tree["labels"])) == list(clusters[members])
    merges = unpacked(tree["merges"]).reshape(-1, 3)
    both = {members[int(leaf)] for leaf in merges[0, :2]}
    assert both == {clusters.index[int(leaf)] for leaf in source.clustering.linkage[0, :2]}
    assert len(tree["names"]) == len(tree["stability"]) == clusters.max()
    assert judge["words"][0] == [["sly", 0.7], ["weary", 0.3]]
    assert judge["layouts"][0]["spread"] is None
    category, _, reply = first["examples"][0][0]
    replies = set(SPOKEN.loc[SPOKEN["face"] == source.faces[0], "text"])
    assert category in {SCHEME.gloss(code) for code in CODES} and reply in replies
