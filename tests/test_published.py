"""The published study, recomputed: on a small study with planted answers, and on the real one where its files are here."""

import json
import math
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import published_mirror
import pytest
import yaml
from kaomoji_lib.show import published as show
from kaomoji_lib.show import published_figures
from published_mirror import ALL_FACES, CODES, FACES, LOST, MODELS, ROOT, SCORED, TYPED

from kaomoji_lib import cli
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.faces.canonical import canonical
from kaomoji_lib.metrics import agreement, likelihoods, word_clusters
from kaomoji_lib.metrics import distributions as readings
from kaomoji_lib.metrics import predict as prediction
from kaomoji_lib.missing import Missing
from kaomoji_lib.published import claims as published_claims
from kaomoji_lib.published import corpus, scorer_audit, tables
from kaomoji_lib.published import faces as published_faces
from kaomoji_lib.published import files as published
from kaomoji_lib.published import readings as published_readings
from kaomoji_lib.published import rules as published_rules
from kaomoji_lib.published import study as analysis
from kaomoji_lib.stats import Estimate

KEYS = ("id", "article", "recomputed", "corrected", "low", "high", "n", "reference")
# As the article prints them, or as its rule gives them; of the two numbers for which it published no rule, what the first round's gives.
PRINTED = {
    "accuracy.first.gemma": ".806",
    "accuracy.first.qwen": ".785",
    "accuracy.first.ministral": ".43",
    "accuracy.later.granite": ".69",
    "accuracy.later.gpt-oss": ".435",
    "accuracy.nine.gemma": ".641",
    "accuracy.nine.qwen": ".521",
    "accuracy.nine.ministral": ".245",
    "accuracy.nine.granite": ".343",
    "accuracy.nine.gpt-oss": ".215",
    "similarity.elicited-introspected.uniform": ".684",
    "similarity.elicited-introspected.weighted": ".761",
    "similarity.elicited-synthesized.uniform": ".464",
    "similarity.elicited-synthesized.weighted": ".454",
    "similarity.introspected-synthesized.uniform": ".550",
    "similarity.introspected-synthesized.weighted": ".502",
    "similarity.elicited-gemma.uniform": ".639",
    "similarity.elicited-gemma.weighted": ".687",
    "similarity.elicited-gemma-opus-wider.uniform": ".717",
    "similarity.elicited-gemma-opus-wider.weighted": ".786",
    "similarity.elicited-gemma-opus.uniform": ".708",
    "similarity.elicited-gemma-opus.weighted": ".781",
    "similarity.uniform-guess.uniform": ".447",
    "similarity.uniform-guess.weighted": ".519",
    "synthesis.pc1": ".204",
    "synthesis.pc2": ".134",
}
REAL, REGISTRY = published_mirror.real(), published.registry


@pytest.fixture(scope="module")
def quick():
    """Fewer permutations than on the pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            published_faces, "accuracy", partial(published_faces.accuracy, permutations=20)
        )
        patch.setattr(
            published_readings,
            "held_out_pool",
            partial(published_readings.held_out_pool, halves=40, permutations=10),
        )
        patch.setattr(scorer_audit, "audit", partial(scorer_audit.audit, permutations=20))
        patch.setattr(
            word_clusters,
            "vocabulary",
            partial(word_clusters.vocabulary, resamples=20, permutations=10),
        )
        yield


@pytest.fixture(scope="module")
def mirror(tmp_path_factory, quick):
    """A small published study; the whole library reads it in place of the real one."""
    place = tmp_path_factory.mktemp("mirror")
    known = published_mirror.write(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(published.PLACE, str(place))
        patch.setenv(published.CACHE, str(place / "cache"))
        patch.setattr(published, "registry", lambda path=None: known)
        yield known


@pytest.fixture(scope="module")
def study(mirror):
    return analysis.Study(mirror)


@pytest.fixture(scope="module")
def rows(study):
    return {row.id: row for row in analysis.rows(study)}


@pytest.fixture(scope="module")
def claims(study):
    return {claim.number: claim for claim in published_claims.claims(study)}


def printed(value, like):
    return f"{value:.{len(like) - 1}f}".removeprefix("0")


def the_articles_numbers_come_out_of_the_real_files(quick, monkeypatch):
    monkeypatch.setenv(published.PLACE, str(REAL))
    monkeypatch.setattr(published, "registry", REGISTRY)
    study = analysis.Study()
    found = {row.id: row for row in analysis.rows(study)}
    assert {
        name: printed(found[name].recomputed, like) for name, like in PRINTED.items()
    } == PRINTED
    assert (len(study.published.faces), study.published.emissions) == (50, 1138)
    assert len(published_readings.wider_faces(study.published, "gemma", "opus")) == 70
    assert found["corpus.uploads"].recomputed == 2 and found["corpus.uploads"].corrected == 1
    audits = {name: study.audit(name) for name in MODELS}
    assert {name for name, item in audits.items() if item.verdict == "has lost its prompt"} == {
        "qwen"
    }
    assert (
        f"{audits['qwen'].own:.1f}",
        f"{audits['qwen'].elsewhere:.1f}",
        f"{audits['gemma'].own:.1f}",
    ) == ("-14.2", "-14.4", "-0.7")
    assert audits["gemma"].elsewhere == pytest.approx(-11.4, abs=0.2)
    folded = audits["gemma"].worst.set_index("face")
    assert (
        f"{folded['sampled'].iloc[0]:.1%}" == "11.5%"
        and f"{folded['scored'].iloc[0]:.0e}" == "6e-07"
        and "ᴗ" in folded["typed as"].iloc[0]
    )
    assert (
        all(item.fragments.iloc[0]["scored"] == "(" for item in audits.values())
        and audits["gemma"].fragments.iloc[0]["probability"] > 0.99
    )
    wrong = published_faces.differences(study.emissions("granite"))
    assert f"{wrong['rows'].sum() / 1440:.1%}" == "10.7%"
    verdicts = {claim.number: claim for claim in published_claims.claims(study)}
    assert (
        len(verdicts) == 11
        and verdicts[8].verdict == published_claims.IN_PART
        and verdicts[5].verdict == published_claims.UNTESTABLE
    )


# The files are no part of the project: where they are not, the small study below stands in for them.
if REAL is not None:
    test_the_articles_numbers_come_out_of_the_real_files = (
        the_articles_numbers_come_out_of_the_real_files
    )


def test_the_registered_hashes_are_those_of_the_real_files():
    listed = (
        {}
        if REAL is None
        else dict(
            reversed(line.split(maxsplit=1))
            for line in (REAL / "SHA256SUMS").read_text().splitlines()
            if line.strip()
        )
    )
    known = {name: entry.sha256 for name, entry in REGISTRY().files.items() if entry.sha256}
    assert len(known) == 19 and all(len(bytes.fromhex(value)) == 32 for value in known.values())
    assert (
        listed == {} or {name.removeprefix("./"): value for name, value in listed.items()} == known
    )


def test_json_has_the_documented_keys_and_stable_ids(mirror, rows, capsys, monkeypatch):
    monkeypatch.setattr(
        analysis,
        "rows",
        lambda study, only="": [row for row in rows.values() if row.id.startswith(only)],
    )
    assert cli.main(["published", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [tuple(item) for item in found] == [KEYS] * len(found)
    assert [item["id"] for item in found] == list(analysis.entries()["id"]) and len(found) == len(
        {item["id"] for item in found}
    )
    assert set(PRINTED) <= {item["id"] for item in found}
    assert all(
        isinstance(value, int | float | None) for item in found for value in list(item.values())[1:]
    )
    assert "the hidden states were never published" in err
    assert cli.main(["published", "--only", "similarity.elicited-gemma"]) == 0
    assert "CC-BY-SA-4.0" in capsys.readouterr().out
    assert cli.main(["published", "--only", "nonsense"]) == 2


def test_every_row_carries_what_it_is_held_against(rows):
    for row in rows.values():
        if isinstance(row.corrected, Estimate):
            assert (
                row.record()["n"] > 0
                and row.reference is not None
                and row.corrected.ci_low <= row.corrected.value <= row.corrected.ci_high
            ), row.id
    assert {row.id for row in rows.values() if row.missing} == {
        f"states.accuracy.{name}" for name in MODELS
    }
    assert rows["states.accuracy.gemma"].reference == pytest.approx(1 / 3), (
        "five classes, of which one has a third of the messages"
    )
    assert (
        rows["similarity.shuffled-faces.uniform"].corrected.value
        < rows["similarity.elicited-introspected.uniform"].corrected.ci_low
    )


def test_planted_coherence_is_recovered_and_its_absence(rows):
    value = {name: rows[f"accuracy.nine.{name}"].corrected for name in MODELS}
    assert (
        min(value["gemma"].ci_low, value["qwen"].ci_low)
        > 0.6
        > 0.35
        > max(value["ministral"].ci_high, value["gpt-oss"].ci_high)
    )
    assert all(abs(item.null_mean - 1 / 9) < 0.02 for item in value.values())
    assert rows["similarity.elicited-qwen.uniform"].corrected.value == pytest.approx(
        rows["similarity.uniform-guess.uniform"].corrected.value, abs=0.03
    ), "scores without their prompt are a guess"
    assert rows["similarity.elicited-gemma.uniform"].corrected.ci_low > 0.8


def test_claims_are_judged_by_what_was_computed(claims):
    assert sorted(claims) == list(range(1, 12))
    assert claims[3].verdict == published_claims.SURVIVES and "5 of 5 models" in claims[3].reason
    assert claims[4].verdict == published_claims.IN_PART and "4 of 4" in claims[4].reason
    assert claims[6].verdict == published_claims.IN_PART and "gemma 0.7" in claims[6].reason
    assert claims[8].verdict == published_claims.FAILS, "in this study synthesis does well"
    assert claims[10].verdict == published_claims.FAILS, "nine clusters were planted"
    for claim in (claims[5], claims[7]):
        assert claim.verdict == published_claims.UNTESTABLE and "never published" in claim.reason
    for claim in claims.values():
        assert (
            claim.reason.endswith(".")
            and len(claim.reason) > 60
            and "nan" not in claim.reason.split()
        )


def test_every_claim_leads_to_a_page_of_the_book(claims):
    plan = yaml.safe_load((ROOT / "book" / "runs.yml").read_text(encoding="utf-8"))
    pages = {page.get("page", page.get("file")) for part in plan["parts"] for page in part["pages"]}
    assert {claim.page for claim in claims.values()} <= pages
    table = show.claims(list(claims.values()))._repr_html_()
    assert all(f'href="{claim.page}.html"' in table for claim in claims.values())
    bare = show.claims(
        Missing("the file x is not on this machine; run `kaomoji published --fetch`")
    )
    assert (
        len(bare.rows) == 11
        and "--fetch" in bare.caption
        and all(row[2] == "not judged here" for row in bare.rows)
    )
    assert all(
        claim.claim in bare._repr_html_().replace("&#x27;", "'") for claim in claims.values()
    )


def test_claims_without_the_figures_say_where_to_get_them(mirror, monkeypatch, tmp_path):
    plain = {name: replace(item, name=item.name) for name, item in mirror.files.items()}
    bare = replace(
        mirror,
        files=plain,
        sources={
            name: {**entry, "figure": "llmoji-experiment/figures/none.html"}
            for name, entry in mirror.sources.items()
            if name in MODELS
        }
        | {name: entry for name, entry in mirror.sources.items() if name not in MODELS},
    )
    bare.files["llmoji-experiment/figures/none.html"] = replace(
        plain[next(iter(plain))], name="llmoji-experiment/figures/none.html", sha256=None, size=None
    )
    for _number, rule in ((1, "variance"), (3, "circumplex")):
        with pytest.raises(KaomojiError, match="figures cannot be had"):
            published_claims.JUDGES[rule](analysis.Study(bare))
    missing = analysis.rows(analysis.Study(bare), only="states.valence")
    assert len(missing) == 5 and all(
        row.missing == "the article's interactive figures cannot be had" for row in missing
    )


def test_without_any_file_one_line_says_how_to_get_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(published.PLACE, str(tmp_path / "nothing"))
    monkeypatch.setenv(published.CACHE, str(tmp_path / "cache"))
    assert cli.main(["published", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and "--fetch" in err


def test_where_every_link_is_cut_nothing_of_the_study_is_left(mirror, study):
    dealt = analysis.Study(mirror, dealt=True)
    own, moved = study.emissions("gemma"), dealt.emissions("gemma")
    keys = ["prompt_id", "prompt_text", "generation", "category"]
    assert (
        moved[keys].equals(own[keys])
        and sorted(moved["text"]) == sorted(own["text"])
        and (moved["text"] != own["text"]).mean() > 0.5
    )
    for name in MODELS:
        assert dealt.accuracy(name, None).corrected.accuracy.value < 0.2
        assert (
            abs(dealt.audit(name).better.value - 0.5) < 0.1
            and dealt.cloud(name).silhouette.value < 0.02
        )
    rows = {row.id: row for row in analysis.rows(dealt, only="similarity.elicited-introspected")}
    assert rows["similarity.elicited-introspected.uniform"].corrected.p > 0.02
    words = dealt.words[dealt.words["lexicon_version"] == 1]
    assert set(words["primary"].map(tuple)) == {("old",)}, "words of two lists are never mixed"
    assert (
        "everything dealt" in show.line("dealt")
        and show.attribution("dealt").startswith("A null edition")
        and show.study(null="dealt").dealt
    )
    with pytest.raises(KaomojiError, match="unknown null"):
        show.study(null="sideways")


# --- the seven traps ---------------------------------------------------------------------------------------------------


def test_a_scorer_that_lost_its_prompt_is_seen_through(study):
    verdicts = {name: study.audit(name).verdict for name in MODELS}
    assert {name for name, words in verdicts.items() if words == "has lost its prompt"} == {LOST}
    lost, sound = study.audit(LOST), study.audit("gemma")
    assert lost.better.p > 0.05 and abs(lost.own - lost.elsewhere) < 0.2
    assert sound.better.ci_low > 0.7 and sound.own - sound.elsewhere > 3 and sound.better.p < 0.06
    assert 0.8 < sound.ratio < 1.2, "the scores are the planted probabilities"
    figure = published_figures.own_prompt(published_figures.audits(study), show.line())
    assert "Qwen3.6 27B: the scores do not know the prompt" in figure.to_json()


def test_sampled_frequency_follows_the_scores_of_a_sound_scorer(study):
    table = study.audit("gemma").calibration
    likely = table[table["log_prob"] > -3]
    assert len(likely) >= 2
    for row in likely.itertuples():
        assert math.exp(row.log_prob) * 0.6 < row.sampled.value < math.exp(row.log_prob) * 1.6
    assert (study.audit(LOST).calibration["log_prob"] < -8).all()


def test_rows_of_one_prompt_do_not_leak_into_the_published_rule():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        [
            (f"lp{index:02d}", rng.choice(list("ABC")), f"(·{index}ω)")
            for index in range(60)
            for _ in range(8)
        ],
        columns=["prompt_id", "category", "face"],
    )
    table["category"] = table.groupby("prompt_id")["category"].transform("first")
    own = published_rules.lookup_accuracy(table)
    assert own < 0.6 and published_rules.luck(table, 3)[1] < 0.6, (
        "a face that only one message draws tells nothing about other messages"
    )
    assert (
        published_rules.lookup_accuracy(
            table.assign(face=table["category"].map({"A": "(^_^)", "B": "(T_T)", "C": "(o_o)"}))
        )
        == 1
    )
    assert prediction.from_faces(table, permutations=20).accuracy.value < 0.6


def test_a_face_typed_with_one_mouth_and_scored_with_another(study):
    assert canonical(TYPED) == canonical(SCORED) == SCORED != TYPED
    found = study.audit("gemma")
    row = found.worst.set_index("face").loc[SCORED]
    assert row["typed as"] == TYPED and row["sampled"] > 0.1 and row["scored"] < 1e-5
    spelling = found.spelling.set_index("spelling")
    assert (
        spelling.loc["in another spelling", "scored"]
        < 1e-4
        < 0.1
        < spelling.loc["in another spelling", "sampled"]
    )
    assert spelling.loc["as it was scored", "scored"] == pytest.approx(
        spelling.loc["as it was scored", "sampled"], rel=0.3
    )


def test_an_upload_under_two_names_counts_once(study):
    once = corpus.uploads_once(study.words[study.words["lexicon_version"] == 2])
    assert set(once["contributor"]) == {"two"} and len(once) == len(ALL_FACES), "the later one"
    another = study.words[study.words["contributor"] == "one"].assign(
        contributor="four", bundle="bundle-20260301T000000Z", source_model="another"
    )
    assert set(corpus.uploads_once(pd.concat([once, another]))["contributor"]) == {"two", "four"}, (
        "another model's faces are no repetition"
    )


def test_a_lone_bracket_is_no_face_and_is_named(study):
    found = study.audit("gemma").fragments.set_index("scored")
    assert (
        found.loc["(", "probability"] > 0.9
        and found.loc["(", "begins"] == len(ALL_FACES) + 1
        and list(found.index) == ["("]
    )
    assert (
        study.audit("gemma").calibration["sampled"].map(lambda item: item.value).iloc[-1] > 0.3
    ), "it does not spoil the likeliest bin"
    assert "(" not in study.corrected.faces
    scores = pd.DataFrame(
        {
            "prompt_id": "p",
            "spelling": ["(", "(^_^)", "(^_^)/"],
            "face": [None, "(^_^)", "(^_^)"],
            "log_prob": [-0.01, -1.0, -1.5],
        }
    )
    assert likelihoods.by_face(scores, likelihoods.ALONE).to_dict() == {"(^_^)": {"p": -1.0}}, (
        "nor is a spelling counted twice that begins with another"
    )


def test_a_pool_is_not_scored_on_the_faces_it_was_chosen_on(study):
    pool = study.pool("uniform")
    assert pool.held_out.null_mean < pool.held_out.ci_low and pool.gain.n == len(
        study.corrected.faces
    )
    rng = np.random.default_rng(3)
    noise = {
        name: readings.reading(
            pd.DataFrame(
                rng.dirichlet(np.ones(9), 30), index=list(map(str, range(30))), columns=CODES
            ),
            pd.Series(5.0, list(map(str, range(30)))),
        )
        for name in "abcdef"
    }
    chosen = agreement.pooling(
        noise["a"], {name: noise[name] for name in "bcde"}, halves=100, permutations=10
    )
    assert chosen.in_sample > chosen.held_out.value, (
        "what was chosen on the faces it is scored on looks better than it is"
    )


# --- extraction, schemes, tables ---------------------------------------------------------------------------------------


def test_what_counted_as_a_kaomoji():
    assert all(map(published_rules.carries, ("(^_^)", ":(", "♥♥♥", "(⁄", "(🚨)", "(ᵔᴥᵔ)")))
    assert not any(
        map(published_rules.carries, (None, "", "()", "OwO", "(TT)", "❤", "(" + "●" * 40 + ")"))
    )


def test_faces_are_extracted_anew_and_differences_explained(study):
    table = study.emissions("gemma")
    assert len(table) == 180 * 4 and set(table["category"]) == set(CODES)
    reasons = published_faces.differences(table).set_index("reason")["rows"].to_dict()
    assert reasons == {
        "the reply was cut inside the face": 1,
        "an emoji in brackets is no kaomoji": 1,
        "what was stored is no face": 1,
        "a face was there and none was stored": 1,
    }
    assert published_faces.differences(table[table["face"] == table["published_face"]]).empty


@pytest.mark.parametrize(
    "prompt, nine, first, six",
    [
        ("hp01", "HP-S", "HP", "HP"),
        ("hp21", "HP-D", None, None),
        ("hn20", "HN-D", "HN", "HN-D"),
        ("hn21", "HN-S", "HN", "HN-S"),
        ("np05", "NP", None, None),
        ("hb20", "HB", None, None),
        ("ln01", "LN", "LN", "LN"),
        ("zz01", None, None, None),
        ("hp", None, None, None),
        ("hp99", None, None, None),
    ],
)
def test_categories_come_from_the_id_by_a_table(prompt, nine, first, six):
    assert [tables.category([prompt], name)[0] for name in ("nine", "first", "six")] == [
        nine,
        first,
        six,
    ]


def test_schemes_of_six_and_nine_cells_go_through_the_same_code(study):
    assert (
        set(study.emissions("first-gemma")["category"])
        == {"HP", "LP", "HN", "LN", "NB"}
        == set(tables.scheme("first").codes)
    )
    assert set(study.emissions("gemma", "six")["category"]) == {
        "HP",
        "LP",
        "HN-D",
        "HN-S",
        "LN",
        "NB",
    }
    with pytest.raises(KaomojiError, match="unknown cell scheme"):
        tables.scheme("seven")


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "not JSON lines"),
        ('{"prompt_id": "hp01"}\n', "lacks the field"),
        ("\ud800".encode("utf-8", "surrogatepass"), "not JSON lines"),
    ],
)
def test_a_file_of_another_form_is_named(mirror, tmp_path, monkeypatch, content, words):
    name = mirror.sources["gemma"]["emissions"][0]
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv(published.PLACE, str(tmp_path))
    unchecked = replace(
        mirror, files={**mirror.files, name: replace(mirror.files[name], sha256=None, size=None)}
    )
    with pytest.raises(KaomojiError, match=words) as error:
        tables.emissions("gemma", known=unchecked)
    assert len(str(error.value).splitlines()) == 1


def test_mean_log_and_mean_probability_are_compared_on_the_same_faces(study):
    table = published_readings.aggregations(
        study.corrected, study.log_probs, tables.prompts(study.emissions("gemma"))
    )
    assert list(table["name"]) == list(published_readings.LOCAL)
    for row in table.itertuples(index=False):
        assert (
            row.gain.value == pytest.approx(row[2].value - row[1].value)
            and row.gain.n == row[1].n == row[2].n
        )


def test_clusters_of_words_are_found_where_they_were_planted(study):
    assert study.vocabulary.chosen == study.claudes_own.chosen == 9
    groups = study.vocabulary.clusters.groupby(study.vocabulary.clusters).groups.values()
    assert {frozenset(group) for group in groups} == {frozenset(own) for own in FACES.values()}


# --- the pages ---------------------------------------------------------------------------------------------------------


def test_tables_of_the_page_have_the_articles_value_beside_ours(rows, study):
    found = list(rows.values())
    for group in show.GROUPS:
        table = show.article(found, group)
        assert table.rows and re.search(r"<t[dh]", table._repr_html_())
    first = show.article(found, "accuracy").rows[0]
    assert (
        first[1] == "0.806"
        and first[2] == printed_value(rows["accuracy.first.gemma"].recomputed)
        and "prompts" in first[5]
    )
    assert show.article(found, "accuracy").rows[2][1].startswith("~")
    assert {row[0] for row in show.identifiers(found).rows} == set(rows)
    assert show.one(found, "accuracy.nine.gemma") == rows["accuracy.nine.gemma"].corrected
    with pytest.raises(KaomojiError, match="no row is called"):
        show.one(found, "accuracy")
    assert "between 0." in show.luck(study, "gemma")
    assert len(show.aggregations(study).rows) == 15 and show.differences(study).rows


def printed_value(number):
    return f"{number:.3f}"


def test_figures_and_tables_of_the_audit(study, rows):
    audits = published_figures.audits(study)
    assert (
        len(published_figures.audit_table(audits).rows) == 5
        and len(published_figures.spelling_table(audits).rows) == 10
    )
    assert len(published_figures.fragment_table(audits).rows) == 5
    assert published_figures.worst_table(audits, "Gemma 4 31B").rows[0][0] == SCORED
    for figure in (
        published_figures.calibration(audits, show.line()),
        published_figures.own_prompt(audits, show.line()),
        published_figures.accuracies(list(rows.values()), show.line()),
    ):
        assert "CC-BY-SA-4.0" in figure.to_json()


def test_every_page_names_the_licence():
    for path in sorted((ROOT / "notebooks").glob("3*_published_*.py")):
        text = path.read_text(encoding="utf-8")
        assert "{glue:text}`attribution`" in text and 'page.glue("attribution"' in text, path.name
    assert "CC-BY-SA-4.0" in show.attribution() and "a9lim" in show.attribution()
