"""The command line: what it prints, and how it fails."""

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest

from kaomoji_lib import cli, page
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.folder import SCHEMA, RunFolder
from kaomoji_lib.stimuli import load_prompts

ROOT = Path(__file__).resolve().parents[1]
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def started(*arguments, path=ROOT, **options):
    command = [sys.executable, "-m", "kaomoji_lib", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.Popen(command, env=environment, encoding="utf-8", **PIPES, **options)


def kaomoji(*arguments, text="", **options):
    """The exit code and both outputs of a command."""
    process = started(*arguments, **options)
    out, error = process.communicate(text)
    return process.returncode, out, error


def rows_of(out):
    return [json.loads(row) for row in out.splitlines()]


GOOD = [
    ("(｡♥‿♥｡) what a day", "kaomoji", "(｡♥‿♥｡)"),
    ("\u2060**¯\\_(ツ)_/¯** who knows", "kaomoji", "¯\\_(ツ)_/¯"),
    ("😊 hello", "emoji", None),
    ("Sure, here", "words", None),
    ("", "empty", None),
    ("\ud800 lone surrogate", "words", None),
]
BAD = ["{", "[1]", '{"text": 3}', '{"words": "a"}', "[" * 100_000]


def test_extract_answers_each_line_in_order_and_names_what_it_cannot_read():
    """Also behind a byte-order mark, with any line ends, and when nested too deeply."""
    lines = [json.dumps({"text": text}) + "\r" for text, _, _ in GOOD]
    lines += [*BAD, "", '{"text": "(╥﹏", "truncated": true}']
    code, out, error = kaomoji("extract", text="\ufeff" + "\n".join(lines) + "\n")
    rows, n = rows_of(out), len(GOOD)
    assert set(rows[0]) == {"outcome", "raw_face", "face"}
    assert [(row["outcome"], row["raw_face"]) for row in rows[:n]] == [one[1:] for one in GOOD]
    assert all(f"line {k}" in row["error"] for k, row in enumerate(rows[n:-1], start=n + 1))
    assert len(rows) == n + 6 and rows[-1]["outcome"] == "truncated"
    assert code == 1 and "line 7: not JSON" in error and "5 lines left out" in error


def test_extract_reads_lines_tables_and_columns_and_counts_outcomes(tmp_path):
    replies = ["(^_^) hi", "Sure, (^_^)", "", '｡ﾟ(ﾟ´Д｀ﾟ)ﾟ｡ oh, "no"']
    lines, table = "\r\n".join(replies) + "\r\n", pd.DataFrame({"id": range(4), "reply": replies})
    jsons = "".join(json.dumps({"text": text}) + "\n" for text in replies)
    (tmp_path / "l.txt").write_text("\ufeff" + lines, encoding="utf-8")
    (tmp_path / "u.txt").write_bytes(lines.encode("utf-16"))
    (tmp_path / "j.jsonl").write_bytes(jsons.encode("utf-16"))
    table.to_csv(tmp_path / "t.csv", index=False, encoding="utf-8-sig")
    table.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "t.parquet")
    ways = [["l.txt"], ["u.txt"], ["j.jsonl"], ["--text"], ["--column", "reply"]]
    ways += [[f"t.{kind}", "--column", "reply"] for kind in ("csv", "tsv", "parquet")]
    given = {"--text": lines, "--column": (tmp_path / "t.csv").read_text(encoding="utf-8")}
    for words in ways:
        code, out, error = kaomoji("extract", *words, text=given.get(words[0], ""), cwd=tmp_path)
        found = [(row["outcome"], row["raw_face"]) for row in rows_of(out)]
        assert found[:3] == [("kaomoji", "(^_^)"), ("words", "(^_^)"), ("empty", None)], words
        assert found[3:] == [("kaomoji", "｡ﾟ(ﾟ´Д｀ﾟ)ﾟ｡")] and code == 0
        assert error == "kaomoji: 4 replies: 2 kaomoji, 1 words, 1 empty\n"
    (tmp_path / "comma.csv").write_text("id,text\n1,(^_^) hi\n2,oh, no\n", encoding="utf-8")
    for name, complaint in (
        ("t.csv", "lacks the column(s) text"),
        ("t.parquet", "no column 'text'"),
        ("comma.csv", "line 3: 3 cells"),
    ):
        code, _, error = kaomoji("extract", name, cwd=tmp_path)
        assert code == 2 and complaint in error and "--column" in error
        assert len(error.splitlines()) == 1


def test_extract_explains_every_span_and_answers_each_line_before_the_next_comes():
    process, judged = started("extract", "--text", "--explain"), []
    for reply in ("(see below) or", "(・ω・)"):
        process.stdin.write(reply + "\n")
        process.stdin.flush()
        judged += json.loads(process.stdout.readline())["judged"]
    process.communicate()
    verdicts = {one["span"]: one for one in judged}
    face, words = verdicts["・ω・"], verdicts["see below"]
    assert face["face"] and face["score"] > 0 and face["features"]["gω"] > 0
    assert not words["face"] and (words["rule"] or words["score"] < 0)


# A command line | what its one line of complaint says. {tmp} is an empty folder; the other names are files in it.
MISTAKES = """
collect no-such-model | unknown model 'no-such-model'
collect evil\x1b[2Jname | evil\\x1b[2Jname
collect {tmp} | config.json
collect organism-gemma --prompts {tmp}/none.csv --out {tmp}/r | No such file
collect organism-gemma --prompts {columns} --out {tmp}/r | lacks the column
collect organism-gemma --prompts {empty} --out {tmp}/r | no rows
collect organism-gemma --prompts {twice} --out {tmp}/r | ids occur twice
collect organism-gemma --dtype int3 --out {tmp}/r | unknown dtype
collect organism-gemma --device abacus --out {tmp}/r | device
collect organism-gemma --device cuda --out {tmp}/r | --device cpu
collect organism-gemma --generations 0 --out {tmp}/r | at least 1
collect organism-gemma --prompts {nothing} --out {tmp}/r | expected a CSV file
collect organism-gemma --out {faces} | give another --out
score organism-gemma --faces {nothing} --out {tmp}/o.parquet | no spelling
score organism-gemma --faces {tmp}/none --out {tmp}/o.parquet | No such file
score organism-gemma --faces {faces} --out {twice} | expected a whole Parquet file
published --only zebra | no row begins with
claude elicit --out {tmp}/c | ANTHROPIC_API_KEY is not set
claude elicit --out {tmp}/c | http or https
claude elicit --max-usd -1 --out {tmp}/c | more than 0
claude elicit --model mine --max-usd 1 --out {tmp}/c | claude_models.csv
claude elicit --workers 0 --out {tmp}/c | at least 1 of --workers
claude introspect --from {tmp}/none --out {tmp}/c | --from
claude introspect --faces {nothing} --out {tmp}/c | has no spelling
claude synthesize --out {tmp}/c | --exchanges
claude synthesize --exchanges {faces} --out {tmp}/c | no exchange in it
 | required
dance | invalid choice: 'dance'
collect | MODEL
collect organism-gemma --generations many | invalid int value: 'many'
collect organism-gemma --colour red | --colour
claude elicit --temperature hot | invalid temperature value: 'hot'
collect x --a\x1b[2J | --a\\x1b
"""
TABLES = {"columns": "id,text\na,b\n", "nothing": "\n", "faces": "(^_^)\n"}
TABLES |= {"empty": "id,category,text\n", "twice": "id,category,text\na,LP,b\na,LP,c\n"}
COMPLAINTS = [line.split(" | ") for line in MISTAKES.strip("\n").splitlines()]


@pytest.mark.parametrize("line, named", COMPLAINTS)
def test_mistakes_end_in_one_line_that_names_them(line, named, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    if "http" in named:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", "gopher://x")
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    files = {name: str(tmp_path / f"{name}.csv") for name in TABLES}
    try:
        code = cli.main([word.format(tmp=tmp_path, **files) for word in line.split()])
    except SystemExit as stopped:
        code = stopped.code
    complaint = capsys.readouterr().err
    assert code == 2 and named in complaint and len(complaint.strip().splitlines()) == 1
    assert "Traceback" not in complaint
    assert re.search("expected|; ", complaint), "what was expected, or the remedy"


def test_what_the_system_refuses_is_one_line_and_a_traceback_on_demand(capsys, monkeypatch):
    for trouble, named in (
        (OSError(28, "No space left on device", "somewhere"), "somewhere: No space left on device"),
        (ModuleNotFoundError("No module", name="anthropic"), "kaomoji-lib[claude]"),
    ):

        def refuse(*arguments, trouble=trouble):
            raise trouble

        monkeypatch.setattr("kaomoji_lib.cli.claude._elicit", refuse)
        assert cli.main(["claude", "elicit"]) == 2
        printed = capsys.readouterr().err
        assert named in printed and len(printed.splitlines()) == 1
        with pytest.raises(type(trouble)):
            cli.main(["--debug", "claude", "elicit"])


def test_a_reader_that_leaves_early_is_no_mistake():
    line = json.dumps({"text": "(^_^) hi"}) + "\n"
    command = f"{shlex.quote(sys.executable)} -m kaomoji_lib extract | head -n 1"
    options = {"shell": True, "capture_output": True, "encoding": "utf-8"}
    done = subprocess.run(command, input=line * 20_000, **options)
    assert len(done.stdout.splitlines()) == 1 and done.stderr == ""


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert f"kaomoji {command}" in capsys.readouterr().out.split("examples:")[1]


def test_scoring_killed_at_random_moments_ends_with_the_same_table(tmp_path):
    faces, few = tmp_path / "faces.txt", tmp_path / "few.csv"
    faces.write_text("(^_^)\n(T_T)\n", encoding="utf-8")
    load_prompts().head(36).to_csv(few, index=False)
    words = f"score organism-gemma --faces {faces} --prompts {few} --quiet --out".split()
    assert cli.main([*words, str(tmp_path / "whole.parquet")]) == 0
    killed, parts = tmp_path / "killed.parquet", tmp_path / ".killed.parquet.parts"
    for _ in range(int(os.environ.get("KILLS", "1"))):
        process, before = started(*words, killed), len(list(parts.glob("*")))
        while process.poll() is None and len(list(parts.glob("*"))) == before:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        process.communicate()
    assert kaomoji(*words, killed)[0] == 0 and not parts.exists()
    found, whole = (pd.read_parquet(tmp_path / f"{n}.parquet") for n in ("killed", "whole"))
    pd.testing.assert_frame_equal(found, whole, atol=1e-5)


def test_an_unknown_category_is_named_with_what_was_expected(tmp_path):
    run = RunFolder(tmp_path)
    prompts = [{"id": code, "category": code, "text": "x"} for code in ("HP-D", "JOY")]
    run.write_manifest({"schema": SCHEMA, "status": "complete", "prompts": prompts})
    named = r"^the prompts of .* the scheme does not know: JOY; expected HP-D, .*`categories`$"
    with pytest.raises(KaomojiError, match=named):
        page.read(run)


def test_doctor_says_what_is_at_hand_and_what_to_try(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KAOMOJI_RUNS", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text("{}")
    assert cli.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "organism-gemma (ships)" in printed and "your runs: mine" in printed
    assert "smollm2-135m-instruct" in printed and "processors" in printed
    assert len(printed.splitlines()) < 24 and re.search(r"^next: kaomoji \w+", printed, re.M)


def test_doctor_names_what_is_missing_and_for_what(capsys, monkeypatch):
    real = list(metadata.distributions())
    for absent, code, said in (
        ("scipy", 1, "packages: missing: scipy\nnext: pip install scipy\n"),
        ("anthropic", 0, "for asking Claude: anthropic (pip install 'kaomoji-lib[claude]')"),
    ):
        here = [one for one in real if one.name != absent]
        monkeypatch.setattr(metadata, "distributions", lambda here=here: here)
        assert cli.main(["doctor"]) == code and said in capsys.readouterr().out


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the wheel installed, built from a copy: building leaves files behind."""
    place = tmp_path_factory.mktemp("wheel")
    for name in ("kaomoji_lib", "data", "book/_static/fonts"):
        skipped = shutil.ignore_patterns("*.pyc")
        shutil.copytree(ROOT / name, place / "src" / name, ignore=skipped)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, place / "src" / name)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--target", place / "site"]
    subprocess.run([*pip, place / "src", *alone], check=True)
    return place / "site"


@pytest.mark.parametrize(
    "words, expected",
    [
        ("extract", '"face": "(^_^)"'),
        ("doctor", "organism-gemma (ships)"),
        ("ask --help", "kaomoji ask"),
        ("collect --help", "--generations"),
        ("claude elicit --dry-run", "1440 requests to send"),
    ],
)
def test_a_wheel_works_without_the_checkout(installed, tmp_path, words, expected):
    text = '{"text": "(^_^) hi"}\n'
    code, out, error = kaomoji(*words.split(), text=text, cwd=tmp_path, path=installed)
    assert code == 0 and expected in out, error
    assert list(tmp_path.iterdir()) == []
