"""The living corpus: bundles of every age, none trusted, each upload counted once."""

import json
import re

import pytest
from published_mirror import ALL_FACES, FACES

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.published import corpus, corpus_report
from kaomoji_lib.stimuli import load_lexicon

EARLY, LATE, LATER = (f"bundle-2026050{day}T010101Z" for day in (1, 2, 3))
WORDS = {code: list(load_lexicon().query("category == @code")["word"]) for code in FACES}


def described(face, count=2, **changes):
    code = next((code for code, own in FACES.items() if face in own), "LP")
    return {
        "kaomoji": face,
        "count": count,
        "synthesis": {"primary_affect": WORDS[code][:2], "stance_modality_function": ["wry"]},
        **changes,
    }


def bundle(folder, contributor, name, rows, manifest=None, file="claude-opus-4-7"):
    place = folder / "contributors" / contributor / name if contributor else folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "manifest.json").write_text(
        json.dumps(
            {"llmoji_version": "2.0.1", "lexicon_version": 2} if manifest is None else manifest
        ),
        encoding="utf-8",
    )
    text = "".join(
        (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n"
        for row in rows
    )
    (place / f"{file}.jsonl").write_text(text, encoding="utf-8")
    return place


@pytest.fixture
def dataset(tmp_path):
    """Uploads of every kind: prose of two versions, an older word list, a machine that uploads again and again, a second person."""
    bundle(
        tmp_path,
        "old",
        EARLY,
        [{"kaomoji": "(^_^)", "count": 4, "haiku_synthesis_description": "glad"}],
        {"llmoji_version": "1.0.0"},
    )
    bundle(
        tmp_path,
        "prose",
        EARLY,
        [{"kaomoji": "(T_T)", "count": 1, "synthesis_description": "sad"}],
        {"llmoji_version": "1.1.0"},
    )
    bundle(
        tmp_path,
        "elder",
        EARLY,
        [described("(^ω^)")],
        {"llmoji_version": "2.0.0", "lexicon_version": 1},
    )
    bundle(tmp_path, "machine", EARLY, [described(face) for face in ALL_FACES[:20]])
    bundle(tmp_path, "machine", LATE, [described(face, 3) for face in ALL_FACES])
    bundle(tmp_path, "second", LATE, [described(face, 1) for face in ALL_FACES[:8]], file="gpt-5")
    return tmp_path


def test_every_shape_is_read_and_versions_stay_apart(dataset):
    found = corpus.read(dataset)
    assert found.rows.groupby("shape").size().to_dict() == {
        "1.0": 1,
        "1.1": 1,
        "2": 1 + len(ALL_FACES) + 8,
    }
    assert sorted(found.rows["lexicon_version"].unique()) == [0, 1, 2] and found.skipped.empty
    assert set(found.rows.loc[found.rows["lexicon_version"] == 0, "description"]) == {"glad", "sad"}
    assert set(found.of_version(2)["contributor"]) == {"machine", "second"} and list(
        found.of_version(1)["face"]
    ) == ["(^ω^)"]
    assert set(found.of_version(2)["source_model"]) == {"claude-opus-4-7", "gpt-5"}


def test_a_machine_that_uploads_again_counts_once(dataset):
    found = corpus.read(dataset)
    machine = found.bundles[found.bundles["contributor"] == "machine"].set_index("bundle")
    assert list(machine["kept"]) == [False, True] and "later bundle" in machine.loc[EARLY, "why"]
    assert (found.rows.query("contributor == 'machine'")["count"] == 3).all()


def test_a_machine_that_changed_its_name_counts_once(dataset):
    bundle(dataset, "renamed", LATER, [described(face, 4) for face in ALL_FACES])
    found = corpus.read(dataset)
    assert set(found.of_version(2)["contributor"]) == {"renamed", "second"}
    assert (
        "nearly the same" in found.bundles.set_index("contributor").loc["machine", "why"].iloc[-1]
    )


def test_the_same_faces_of_another_person_are_kept(dataset):
    bundle(dataset, "alike", LATER, [described(face) for face in ALL_FACES], file="another-model")
    assert {"machine", "alike"} <= set(corpus.read(dataset).of_version(2)["contributor"])


@pytest.mark.parametrize(
    "row, why",
    [
        ("{", "no JSON"),
        ("[1]", "no object"),
        ("[" * 90_000, "no JSON"),
        ('{"kaomoji": "' + "x" * 100_001 + '"}', "too long"),
        ({"kaomoji": 3, "count": 1}, "no kaomoji"),
        ({"kaomoji": "", "count": 1}, "no kaomoji"),
        ({"kaomoji": "(" * 65, "count": 1}, "no kaomoji"),
        (described("(^_^)", 0), "count"),
        (described("(^_^)", True), "count"),
        (described("(^_^)", 1.5), "count"),
        ({"kaomoji": "(^_^)", "count": 1, "synthesis_3": {}}, "unknown shape"),
        (described("(^_^)", synthesis={"primary_affect": "sad"}), "unknown shape"),
        (
            described(
                "(^_^)", synthesis={"primary_affect": ["sad"] * 41, "stance_modality_function": []}
            ),
            "unknown shape",
        ),
        (
            described("(^_^)", synthesis={"primary_affect": [3], "stance_modality_function": []}),
            "unknown shape",
        ),
    ],
)
def test_what_is_not_known_is_reported_and_skipped(dataset, row, why):
    bundle(dataset, "strange", LATER, [described("(o_o)"), row, row])
    found = corpus.read(dataset)
    assert [(item.where, item.rows) for item in found.skipped.itertuples()] == [
        (f"contributors/strange/{LATER}", 2)
    ] and why in found.skipped["why"].iloc[0]
    assert len(found.rows.query("contributor == 'strange'")) == 1, "its good row stays"


def test_words_of_an_unnamed_list_are_not_mixed_in(dataset):
    bundle(dataset, "unnamed", LATER, [described("(o_o)")], {"llmoji_version": "3"})
    assert "unnamed list" in corpus.read(dataset).skipped["why"].iloc[0]
    bundle(dataset, "newer", LATER, [described("(o_o)", lexicon_version=7)])
    found = corpus.read(dataset)
    assert list(found.of_version(7)["contributor"]) == ["newer"] and "newer" not in set(
        found.of_version(2)["contributor"]
    )


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_a_broken_manifest_is_reported(dataset, text):
    (bundle(dataset, "broken", LATER, [described("(o_o)")]) / "manifest.json").write_text(text)
    found = corpus.read(dataset)
    assert "manifest" in found.skipped["why"].iloc[0] and "broken" not in set(
        found.rows["contributor"]
    )


def test_ones_own_bundle(tmp_path):
    home = tmp_path / ".llmoji"
    bundle(home, "", "bundle", [described(face) for face in ALL_FACES[:9]])
    (home / "journal.jsonl").write_text('{"kaomoji": "(secret)", "text": "private"}\n')
    for place in (home, home / "bundle"):
        found = corpus.read(place)
        assert (
            set(found.rows["contributor"]) == {"this machine"}
            and len(found.rows) == 9
            and "(secret)" not in set(found.rows["face"])
        )


def test_nothing_to_read_says_what_was_expected(tmp_path):
    for place, words in ((tmp_path, "no bundle"), (tmp_path / "nowhere", "no folder")):
        with pytest.raises(KaomojiError, match=words) as error:
            corpus.read(place)
        assert "expected" in str(error.value)


def test_the_command_reports_all_of_it(dataset, capsys):
    bundle(dataset, "strange", LATER, ["{"])
    assert cli.main(["corpus", "--local", str(dataset), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (
        report["bundles"] == 7
        and report["kept_bundles"] == 6
        and report["faces"] == len(ALL_FACES) + 1
    )
    assert [item["lexicon_version"] for item in report["versions"]] == [0, 1, 2] and report[
        "skipped"
    ][0]["why"].startswith("no JSON")
    assert report["left_out"] == [
        {
            "contributor": "machine",
            "bundle": EARLY,
            "why": "a later bundle of this contributor holds it",
        }
    ]
    assert 9 <= report["clusters"] <= report["faces"] and 0 < report["pc2"] <= report["pc1"] < 1
    assert cli.main(["corpus", "--local", str(dataset)]) == 0
    out = capsys.readouterr().out
    assert (
        "prose: 2 descriptions" in out
        and "left out: machine/" in out
        and "skipped: contributors/strange" in out
        and f"{report['clusters']} clusters" in out
    )
    assert cli.main(["corpus", "--local", str(dataset / "nowhere")]) == 2


def test_a_terminal_is_safe_from_names(tmp_path, capsys):
    bundle(tmp_path, "evil\x1b[2J", EARLY, [described("(^_^)"), "{"])
    assert cli.main(["corpus", "--local", str(tmp_path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_corpus_of_prose_has_no_clusters_and_says_why(tmp_path, capsys):
    bundle(
        tmp_path,
        "old",
        EARLY,
        [{"kaomoji": "(^_^)", "count": 4, "haiku_synthesis_description": "glad"}],
        {"llmoji_version": "1.0.0"},
    )
    assert cli.main(["corpus", "--local", str(tmp_path)]) == 0
    assert "no clusters" in (out := capsys.readouterr().out) and "lexicon version 2" in out


def test_the_dataset_is_read_through_the_hub(dataset, monkeypatch):
    import huggingface_hub

    revision = dataset.rename(dataset.parent / ("0123456789abcdef" * 3)[:40])
    asked = {}
    monkeypatch.setattr(
        huggingface_hub,
        "snapshot_download",
        lambda name, **named: asked.update(name=name, **named) or str(revision),
    )
    found = corpus_report.gather("someone/llmoji-fork", "v1")
    assert (
        asked["name"] == "someone/llmoji-fork"
        and asked["repo_type"] == "dataset"
        and asked["revision"] == "v1"
    )
    assert all(pattern.startswith("contributors/") for pattern in asked["allow_patterns"]), (
        "nothing else of it is downloaded"
    )
    assert (
        found.origin == "the dataset someone/llmoji-fork at revision 01234567"
        and len(found.rows) > 30
    )


@pytest.mark.parametrize(
    "name, words", [("a9lim/llmoji", "cannot be reached"), ("not a name!", "no dataset name")]
)
def test_a_dataset_out_of_reach(name, words, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(KaomojiError, match=words) as error:
        corpus.download(name)
    assert len(str(error.value).splitlines()) == 1


def test_the_articles_copy_is_read_in_the_same_form():
    found = corpus_report.gather()
    assert tuple(found.rows.columns) == corpus.COLUMNS and found.bundles["kept"].sum() == 1


def test_a_byte_order_mark_is_no_part_of_a_bundle_and_a_bad_line_is_named(dataset):
    place = bundle(dataset, "marked", LATER, [described("(o_o)"), "{"])
    for path in place.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    found = corpus.read(dataset)
    assert set(found.rows.query("contributor == 'marked'")["face"]) == {"(o_o)"}
    assert re.search(r"no JSON \(first: .*jsonl line 2\)", found.skipped["why"].iloc[0])
