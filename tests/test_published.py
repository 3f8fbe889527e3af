"""The published study, recomputed from the tables that ship."""

import json
import socket

import numpy as np
import pandas as pd
import pytest

from kaomoji_lib import cli, stats
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.published import faces, geometry, scorer_audit, sources, study, tables
from kaomoji_lib.runs.files import sha256

# Where the article printed no number, or another one than its own rule gives.
RECOMPUTED = {
    "accuracy.nine": [0.641, 0.521, 0.245, 0.343, 0.215, 0.559],
    "accuracy.later": [0.688, 0.435],
    "similarity.elicited-gemma-opus.": [0.708, 0.781],
    "similarity.uniform-guess": [0.447, 0.519],
}
CODES = list(tables.scheme().codes)


@pytest.fixture(scope="module")
def rows():
    """Every row, with few permutations, computed without the originals and without a network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "REFITS", 60)
        patch.setenv("KAOMOJI_PUBLISHED_DIR", "/nowhere")
        patch.setattr(socket.socket, "connect", None)
        return study.article().set_index("id")


def test_the_articles_numbers_come_out_of_the_shipped_tables(rows):
    printed = rows[rows["article"].notna() & rows["recomputed"].notna()]
    missed = printed.index[~printed["reproduces"].astype(bool)].str.rpartition(".")
    assert len(printed) == 19
    assert list(missed.get_level_values(0)) == ["accuracy.later"] * 2 + ["states.variance"] * 2
    for prefix, values in RECOMPUTED.items():
        found = rows.loc[rows.index.str.startswith(prefix), "recomputed"].round(3)
        assert list(found) == values, prefix
    old = sources.as_published()
    assert (len(old.faces), old.elicited.weight[old.faces].sum()) == (50, 1138)


def test_every_estimate_has_its_interval_and_similarities_share_faces_and_baseline(rows):
    own = rows[rows["n"] > 0]
    assert len(own) > 80 and own["unit"].ne("").all() and own["reference"].notna().all()
    assert (own["ci_low"] <= own["value"]).all() and (own["value"] <= own["ci_high"]).all()
    absent = rows[rows["rule"] == "unpublished"]
    assert set(absent["criterion"]) == {"states"} and (absent["n"] == 0).all()
    # Five classes, of which one has a third of the messages.
    assert rows.loc["states.accuracy.gemma", "reference"] == pytest.approx(1 / 3)
    alike = own[own.index.str.startswith(("similarity.", "introspection.", "pool."))]
    assert set(alike["n"]) == {len(sources.corrected().faces)}
    for weighting in ("uniform", "weighted"):
        elicited = alike[alike.index.str.match(rf"similarity\.elicited-.*\.{weighting}")]
        guess = rows.loc[f"similarity.marginal-guess.{weighting}", "value"]
        assert len(elicited) > 8 and np.allclose(elicited["null_mean"].astype(float), guess)
    best = rows.loc["similarity.elicited-introspected.uniform"]
    assert best["p"] < 0.01 and rows.loc["similarity.elicited-qwen.uniform", "p"] > 0.05
    gemma = best["value"] - rows.loc["introspection.over.gemma", "value"]
    assert gemma == pytest.approx(rows.loc["similarity.elicited-gemma.uniform", "value"])


def test_json_has_the_documented_keys_and_stable_ids(rows, capsys, monkeypatch):
    every = rows.reset_index()
    assert cli.main(["published", "--only", "nonsense"]) == 2
    chosen = lambda only: every[every["id"].str.startswith(only)]
    monkeypatch.setattr(study, "article", chosen)
    assert cli.main(["published", "--json"]) == 0
    out, err = capsys.readouterr()
    table = json.loads(out)
    keys = "id article recomputed corrected low high n reference".split()
    assert [list(item) for item in table] == [keys] * len(table) and "not published" in err
    assert [item["id"] for item in table] == list(every["id"].drop_duplicates())
    numbers = [value for item in table for value in list(item.values())[1:]]
    assert all(isinstance(value, int | float | None) for value in numbers)
    assert cli.main(["published", "--only", "similarity.elicited-gemma"]) == 0
    assert "CC-BY-SA-4.0" in capsys.readouterr().out


def test_shipped_tables_are_whole_small_licensed_and_without_texts():
    folder = tables.FOLDER
    manifest, readme, licence = (
        (folder / name).read_text(encoding="utf-8")
        for name in ("manifest.json", "README.md", "LICENSE")
    )
    listed = {name: table["sha256"] for name, table in json.loads(manifest)["tables"].items()}
    assert {name: sha256(folder / name) for name in tables.NAMES} == listed
    assert sum(path.stat().st_size for path in folder.iterdir()) < 6e6
    assert "CC-BY-SA-4.0" in readme and "CC-BY-SA-4.0" in licence
    commits = tables.commits(tables.registry()).values()
    assert all(sha in readme and sha in manifest for sha in commits)
    for name in tables.NAMES:
        texts = tables.read(name).select_dtypes(["object", "string"])
        for column in texts.columns.difference(["primary", "others", "contributor"]):
            assert texts[column].dropna().str.len().max() <= 32, (name, column)
    words = tables.read("words.csv")
    used = set(" ".join([*words["primary"], *words["others"]]).split())
    assert len(used) < 110 and max(map(len, used)) < 20, "words of two lexicons, no sentences"


def test_shipped_emissions_are_those_of_the_readme_and_of_our_extraction():
    sizes = {name: len(tables.emissions(name)) for name in tables.titles()}
    local = dict.fromkeys(tables.LOCAL, 1440)
    first = {f"first-{name}": 960 for name in tables.LOCAL[:3]}
    assert sizes == {**local, "claude": 1360, "claude-preamble": 120, **first}
    gemma = tables.emissions("gemma")
    assert (gemma["generation"].value_counts() == 180).all() and set(gemma["category"]) == {*CODES}
    assert set(tables.emissions("gemma", "first")["category"]) == set(tables.scheme("first").codes)
    with pytest.raises(KaomojiError, match="expected one of gemma"):
        tables.emissions("llama")
    words = tables.syntheses()
    once = tables.uploads_once(words)
    assert (words["contributor"].nunique(), once["contributor"].nunique()) == (2, 1)
    # METHODS: the spans stored for granite differ from ours in 154 replies; our extraction has since taken one back.
    granite = tables.emissions("granite")
    stored = granite["published_raw"].map(canonical, na_action="ignore")
    differing = granite[stored.fillna("") != granite["face"].fillna("")]
    assert len(differing) == 153
    cut = differing["published_raw"].isin(["ᕕ(", "\\("])
    assert cut.sum() > 50 and (differing.loc[cut, "outcome"] == "kaomoji").all()


def test_one_score_file_has_lost_its_prompt():
    audits = {name: scorer_audit.audit(name) for name in tables.LOCAL}
    assert [n for n, item in audits.items() if item.verdict == scorer_audit.LOST] == ["qwen"]
    gemma, qwen = audits["gemma"], audits["qwen"]
    assert f"{qwen.own:.1f} {qwen.elsewhere:.1f} {gemma.own:.1f}" == "-14.2 -14.4 -0.7"
    assert gemma.elsewhere == pytest.approx(-11.4, abs=0.2) and gemma.better.ci_low > 0.9
    rare = gemma.spelling.set_index("spelling").loc["in another spelling"]
    assert rare["sampled"] > 0.1 and rare["scored"] < 0.01


def streams(rng, shared, prompts=10, indices=8, kinds=40):
    """Replies whose face depends on the category and, where ``shared``, on the index alone beside it."""
    table = pd.MultiIndex.from_product([CODES, range(prompts), range(indices)])
    table = table.to_frame(index=False, name=["category", "prompt", "generation"])
    draw = rng.integers(kinds, size=(len(CODES), indices))
    drawn = np.repeat(draw[:, None], prompts, axis=1).ravel()
    drawn = drawn if shared else rng.integers(kinds, size=len(table))
    table["prompt_id"] = table["category"] + table["prompt"].astype(str)
    return table.assign(face=[f"({face})" for face in drawn])


def test_a_shared_stream_leaks_over_prompts_and_is_left_out(rows):
    leaking = streams(np.random.default_rng(0), shared=True)
    out = faces.accuracy(leaking, permutations=20).estimate()
    kept = faces.accuracy(leaking, own_index=True, permutations=0).estimate()
    assert kept.value > 0.5 > 0.25 > out.value, "a face of one index says nothing at another"
    assert faces.same_face(leaking, permutations=20).p < 0.05
    sound = streams(np.random.default_rng(1), shared=False)
    assert faces.accuracy(sound, permutations=20).estimate().p > 0.05
    assert faces.same_face(sound, permutations=20).p > 0.05
    gain = rows[rows.index.str.startswith("stream.accuracy.") & (rows["ci_low"] > 0)]
    assert set(gain["source"]) == {"qwen", "ministral", "gpt-oss"}
    same = rows[rows.index.str.startswith("stream.same-face.") & (rows["p"] > 0.05)]
    assert set(same["source"]) == {"claude"}, "a service does not share its streams"


def test_an_interval_over_prompts_and_indices_is_wider_than_one_over_prompts():
    hits = np.repeat(np.random.default_rng(0).integers(2, size=(1, 8)), 180, axis=0).astype(float)
    found = faces.Accuracy(hits, np.empty(0)).estimate()
    assert found.ci_high - found.ci_low > 0.3, "the eight streams alone differ"
    rest = faces.Accuracy(np.where(np.arange(8) < 2, np.nan, hits), np.empty(0)).estimate()
    assert rest.value == pytest.approx(hits[0, 2:].mean()) and rest.n == 180


def test_a_component_passes_only_for_the_coordinate_it_follows(rows):
    gemma = rows.loc[["states.valence.gemma", "states.arousal.gemma"]]
    assert gemma["value"].round(2).tolist() == [0.87, 0.07] and set(gemma["n"]) == {9}
    assert gemma["p"].iloc[0] < 0.01 < 0.5 < gemma["p"].iloc[1]
    index, guides = geometry.cloud("gemma").index, geometry.coordinates()
    planted = pd.DataFrame(guides.loc[index.get_level_values("category")].to_numpy(float), index)
    for name in guides:
        assert geometry.follows(planted, name).value == pytest.approx(1)
    wrong = planted[[1, 0, 2]] + np.random.default_rng(0).normal(0, 0.1, (180, 3))
    assert geometry.follows(wrong, "valence").p > 0.1, "nine clusters alone do not pass"


def test_merged_and_displaced_categories_are_seen():
    cloud, *others = (geometry.cloud(name) for name in ("gemma", "qwen", "granite"))
    negative, code = ("HN-D", "HN-S", "LN"), geometry.labels(cloud)
    assert geometry.merged(cloud, [cloud], negative).value == 0
    chosen = np.isin(code, negative)
    middle = cloud[chosen].mean()
    together = cloud.copy()
    together[chosen] = middle + 0.3 * (cloud[chosen] - middle)
    assert geometry.merged(together, others, negative).ci_high < 0
    moved = cloud + 200 * (code == "LN")[:, None]
    assert geometry.displaced(cloud, moved, ["LN"]).ci_low > 0
    assert geometry.displaced(cloud, moved, ["NB"]).ci_low < 0


def test_favourite_faces_of_prompts_do_not_make_blocks():
    """Faces that depend on the prompt and not on its category: with emissions permuted, 9 of 10 such sets pass."""
    cloud, rng, passed = geometry.cloud("gemma"), np.random.default_rng(0), 0
    names = np.array([f"({number})" for number in range(12)])
    for _ in range(40):
        shares = rng.dirichlet(np.ones(12), size=len(cloud))
        drawn = np.concatenate([rng.choice(names, size=8, p=share) for share in shares])
        ids = np.repeat(cloud.index.get_level_values("id"), 8)
        emissions = pd.DataFrame({"prompt_id": ids, "face": drawn})
        passed += geometry.face_blocks(cloud, emissions, permutations=39).p <= 0.05
    assert passed <= 6, "binomial(40, .05): 6 or fewer in 99.7 % of cases"
    assert geometry.face_blocks(cloud, tables.emissions("gemma"), permutations=39).p <= 0.05


def test_a_verdict_follows_the_numbers(rows, monkeypatch):
    tests, verdicts = study.tests(), study.verdicts().set_index("number")
    assert verdicts.loc[5, "verdict"] == study.STATES and verdicts.loc[5, "holds"] == ""
    assert verdicts.loc[9, "reproduces"] == "4 of 4" and verdicts.loc[1, "reproduces"] == "0 of 2"
    assert verdicts.loc[10, "verdict"] == study.IN_PART, "clusters, but not four"
    undecided = tests["holds"].isna() & ~tests["criterion"].isin(["", "states"])
    assert not undecided.any(), "every criterion is one that the code knows"
    every = rows.reset_index()

    def verdict(number, **changes):
        changed = every.copy()
        changed.loc[changed["claim"] == str(number), list(changes)] = list(changes.values())
        monkeypatch.setattr(study, "article", lambda seed=0: changed)
        return study.verdicts().set_index("number").loc[number, "verdict"]

    assert verdict(2, ci_low=-1.0, ci_high=1.0) == study.FAILS
    assert verdict(4, p=0.5) == study.FAILS and verdict(4, p=0.001) == study.HOLDS
    assert verdict(4, p=0.02) == study.FAILS, "four rows of one rule: Holm"
    assert verdict(10, ci_low=0.1, p=0.001) == study.HOLDS


def test_rows_of_one_prompt_do_not_leak_into_the_published_rule():
    rng = np.random.default_rng(1)
    rows = [(f"lp{number}", index, f"(·{number}ω)") for number in range(60) for index in range(8)]
    table = pd.DataFrame(rows, columns=["prompt_id", "generation", "face"])
    table["category"] = np.repeat(rng.choice(list("ABC"), 60), 8)
    assert faces.lookup_accuracy(table) < 0.6, "a face of one message says nothing about others"
    assert faces.accuracy(table, permutations=0).estimate().value < 0.6
    clear = table.assign(face=table["category"].map({"A": "(^_^)", "B": "(T_T)", "C": "(o_o)"}))
    assert faces.lookup_accuracy(clear) == 1
    assert faces.accuracy(clear, permutations=0).estimate().value == 1
    spans = ("(^_^)", "()", "OwO", "♥", "(OwO)", None)
    assert [faces.is_kaomoji(span) for span in spans] == [True] + [False] * 5
