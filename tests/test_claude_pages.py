"""The Claude pages: what they gather, what they say of it, and that they never pay without being asked."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from kaomoji_lib.categories import load_scheme
from kaomoji_lib.claude import client
from kaomoji_lib.claude.standin import StandIn
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics.distributions import Reading
from kaomoji_lib.missing import Missing, attempt
from kaomoji_lib.published import files as published
from kaomoji_lib.show import asked, asked_published, claude, compared
from kaomoji_lib.stimuli import load_prompts

NASTY = ["(<script>)", "(${7*7})", "(<img src=x onerror=alert(1)>・)", "(</td>_・)"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("KAOMOJI_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(asked_published, "available", lambda: False)
    return tmp_path


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "few.csv"
    load_prompts().groupby("category").head(4).to_csv(path, index=False)
    return str(path)


def test_the_default_never_pays(place, few, monkeypatch):
    with StandIn() as paid:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", paid.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-canary-0123456789")
        found = asked.elicited("auto", "claude-opus-4-7", prompts=few, runs=2)
        assert found.kind == "stand-in" and not paid.requests
        found = asked.elicited("api", "claude-haiku-4-5", prompts=few, runs=1, max_usd=1.0)
        assert paid.requests and found.kind == "stand-in", (
            "the service behind the address is a stand-in, and the page says so"
        )


def test_every_page_of_the_stand_in_says_what_it_is(place, few):
    found = asked.elicited("stand-in", "claude-opus-4-7", prompts=few, runs=2)
    for words in (found.line, found.statement, found.title, found.heading):
        assert "stand-in" in words.lower().replace("\u2060", "")
    assert set(found.table["source"]) == {"claude-stand-in"}


def test_gather_reads_the_same_faces_in_every_way(place, few, monkeypatch):
    monkeypatch.setattr(asked, "elicited", lambda *words, **named: found)
    from kaomoji_lib.claude.elicit import elicit
    from kaomoji_lib.claude.service import Settings

    folder, outcome = elicit(Settings("claude-opus-4-7", "stand-in"), few, 4)
    found = asked._answered(folder, outcome, "stand-in", prompts=folder.prompts())
    monkeypatch.setattr(compared, "DEFAULT_LOCAL", {"stand-in": ()})
    all_of_them = compared.gather(
        "stand-in",
        "claude-opus-4-7",
        ["claude-opus-4-7"],
        "claude-haiku-4-5",
        local=["no/such model"],
    )
    assert set(all_of_them.sources) == {"introspected, stand-in 1", "synthesized"}
    assert "no/such model" in str(all_of_them.absent) and "stand-in" in all_of_them.line
    rows = compared.table(all_of_them)
    near, guess = compared.best(rows).parts[1], compared.cell(rows, "uniform guess", "uniform")
    assert near.value > guess.value and near.p < 0.01
    for drawn in (
        claude.similarities(rows, "line"),
        claude.readings(compared.panels(all_of_them), found.scheme, "line"),
    ):
        assert drawn.layout.title.text
    assert compared.absent(all_of_them).rows and compared.cast(all_of_them).rows


def test_too_few_faces_in_common_leave_a_page_that_says_so(few, place):
    found = asked.elicited("stand-in", "claude-opus-4-7", prompts=few, runs=1)
    codes = found.scheme.codes
    other = Reading(
        pd.DataFrame(1 / len(codes), index=["(never typed)", "(nor this)"], columns=list(codes)),
        pd.Series(5.0, index=["(never typed)", "(nor this)"]),
    )
    narrow = compared.Compared(
        readings.elicited(found.table, codes), {"other": other}, [found], {}, found.scheme
    )
    assert "too few faces" in narrow.line and isinstance(attempt(compared.table, narrow), Missing)


def test_a_source_that_knows_few_faces_does_not_take_them_from_the_others():
    faces = [f"({number})" for number in range(10)]
    whole = Reading(pd.DataFrame({"A": 0.5, "B": 0.5}, index=faces), pd.Series(5.0, index=faces))
    narrow = Reading(whole.table.head(3), whole.weight.head(3))
    kept, left = compared._wide_enough(whole, {"whole": whole, "narrow": narrow})
    assert list(kept) == ["whole"] and "3 of the 10" in left["narrow"].reason


def test_missing_data_is_shown_as_missing(place):
    nothing = (
        attempt(asked.elicited, "published", "claude-opus-4-7")
        if not asked_published.available()
        else Missing("x")
    )
    for shown in (
        claude.saturation(nothing.table, nothing.scheme),
        claude.similarities(attempt(compared.table, nothing), "line"),
        claude.pooling(nothing),
        asked.report([nothing]),
        asked.report(nothing),
    ):
        assert shown._repr_html_()
    with pytest.raises(KaomojiError, match="unknown source"):
        asked.resolve("free")


def test_what_models_type_stays_text():
    scheme = load_scheme()
    table = pd.DataFrame({"source": "x", "face": NASTY, **{code: 0.5 for code in scheme.codes}})
    reading = readings.reading(table.set_index("face")[list(scheme.codes)])
    frame = pd.DataFrame(
        {"face": NASTY, "n": 1, "elicited as": "x", "<b>reads reads": "x", "<b>reads": 0.5}
    )
    shown = [
        claude.judgements(table, scheme)._repr_html_(),
        claude.divergent(frame)._repr_html_(),
        asked.report([Missing("<script>alert(1)</script>")])._repr_html_(),
    ]
    for html in shown:
        assert "<script>" not in html and "<img" not in html and "<b>reads" not in html
    drawn = json.loads(claude.readings({"<b>x": reading}, scheme, "<i>line").to_json())
    drawn["layout"].pop("meta")  # plain text, which the page sets as an attribute
    assert "<script>" not in json.dumps(drawn) and "<i>line" not in json.dumps(drawn)


def test_the_stand_ins_origin_follows_what_its_answers_are_made_of():
    assert (
        client.stand_in_origin().startswith("stand-in ")
        and client.stand_in_origin() == client.stand_in_origin()
    )


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A few rows in the layout of the published data, typed here, in a registry that knows no hashes."""
    codes = load_scheme().codes
    known, place = published.registry(), tmp_path / "mirror"

    def write(name, rows):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
        )

    def arm(name):
        return known.sources[name]["emissions"][0]

    typed = [
        (prompt, face)
        for prompt, face in (("hp01", "(^o^)"), ("hp21", "(¬‿¬)"), ("ln05", "(T_T)"))
        for _ in range(3)
    ]
    write(
        arm("claude"),
        [
            {"prompt_text": "x", "prompt_id": prompt, "text": f"{face} hi", "first_word": face}
            for prompt, face in typed
        ],
    )
    write(
        arm("claude-preamble"),
        [{"prompt_text": "x", "prompt_id": "ln05", "text": "hello", "first_word": ""}],
    )
    for judge, entry in known.judgements.items():
        write(
            entry["file"],
            [
                {
                    "face": face,
                    **{f"{judge}_lik_{code}": 0.9 if code == right else 0.1 for code in codes},
                }
                for face, right in (("(^o^)", "HP-S"), ("(¬‿¬)", "HP-D"), ("(T_T)", "LN"))
            ],
        )
    said = {
        "count": 2,
        "contributor": "c",
        "bundle": "b1",
        "source_model": "m",
        "lexicon_version": 2,
        "synthesis": {"primary_affect": ["sad"], "stance_modality_function": ["wry"]},
    }
    write(
        known.syntheses,
        [
            {
                "kaomoji": f"(T{mouth}T)",
                "descriptions": [said, {**said, "bundle": "b2", "contributor": "d"}],
            }
            for mouth in "abcdefghijklmnopqrstu_"
        ],
    )
    plain = {name: replace(item, sha256=None, size=None) for name, item in known.files.items()}
    monkeypatch.setattr(published, "registry", lambda path=None: replace(known, files=plain))
    monkeypatch.setenv("KAOMOJI_PUBLISHED_DIR", str(place))
    monkeypatch.setenv("KAOMOJI_CACHE_DIR", str(tmp_path / "cache"))
    return place / known.syntheses


def test_published_rows_take_the_common_form(mirror):
    assert asked.resolve("auto") == "published"
    found = asked.elicited("auto", "claude-opus-4-7")
    assert found.table.groupby("face")["category"].unique().map(list).to_dict() == {
        "(^o^)": ["HP-S"],
        "(¬‿¬)": ["HP-D"],
        "(T_T)": ["LN"],
    }
    assert (
        list(found.table["outcome"].value_counts().index) == ["kaomoji", "words"]
        and found.kind == "published"
        and "CC-BY-SA" in str(found.facts)
    )
    assert not found.table.duplicated(["prompt_id", "generation"]).any() and set(
        found.prompts["id"]
    ) == {"hp01", "hp21", "ln05"}
    judged = compared.judged(asked.introspected("auto", "claude-haiku-4-5", found))
    assert judged.table.idxmax(axis=1).to_dict() == {
        "(^o^)": "HP-S",
        "(¬‿¬)": "HP-D",
        "(T_T)": "LN",
    }
    words = asked.synthesized("auto", "any", found)
    assert len(words.table) == 22, "an upload counts once, whoever signed it"
    assert compared.synthesized(words).table.loc["(T_T)", "LN"] == 1
    with pytest.raises(KaomojiError, match="judged nothing"):
        asked.introspected("published", "claude-x", found)


def test_a_span_that_was_not_stored_is_no_face_of_the_published_counts(mirror):
    path = mirror.parent / "claude_intro_v7" / "emotional_raw.jsonl"
    path.write_text(
        json.dumps(
            {"prompt_text": "x", "prompt_id": "ln05", "text": "(T_T) oh", "first_word": None}
        )
        + "\n",
        encoding="utf-8",
    )
    last = asked.elicited("published", "claude-opus-4-7").table.iloc[-1]
    assert last["face"] is None and last["outcome"] == "words"


def test_a_damaged_mirror_says_so(mirror):
    mirror.write_text("{")
    with pytest.raises(KaomojiError, match="not JSON lines"):
        asked.synthesized("published", "any", None)
    mirror.unlink()
    with pytest.raises(KaomojiError, match="not on this machine"):
        asked.synthesized("published", "any", None)
    assert asked.resolve("auto") == "stand-in"
