"""The command line: what it prints, and how it fails."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest

from kaomoji_lib import cli, page
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.folder import SCHEMA, RunFolder
from kaomoji_lib.stimuli import load_prompts

REPLIES = [
    ({"text": "(｡♥‿♥｡) what a day"}, ("kaomoji", "(｡♥‿♥｡)")),
    ({"text": "\u2060**¯\\_(ツ)_/¯** who knows"}, ("kaomoji", "¯\\_(ツ)_/¯")),
    ({"text": "😊 hello"}, ("emoji", None)),
    ({"text": "Sure, here"}, ("words", None)),
    ({"text": ""}, ("empty", None)),
    ({"text": "(╥﹏", "truncated": True}, ("truncated", None)),
    ({"text": "\ud800 lone surrogate"}, ("words", None)),
]


ROOT = Path(__file__).resolve().parents[1]


def kaomoji(*arguments, text="", cwd=None, path=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "kaomoji_lib", *arguments],
        input=text,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_extract_writes_one_line_for_each_in_order():
    done = kaomoji("extract", text="".join(json.dumps(reply) + "\n" for reply, _ in REPLIES))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and set(found[0]) == {"outcome", "raw_face", "face"}
    assert [(row["outcome"], row["raw_face"]) for row in found] == [right for _, right in REPLIES]


def test_extract_names_the_line_it_cannot_read_and_keeps_the_rest():
    """Also behind a byte-order mark, with any line ends, and when nested too deeply."""
    good, bad = '{"text": "(^_^)"}', ["{", "[1]", '{"text": 3}', '{"words": "a"}', "[" * 100_000]
    done = kaomoji("extract", text="\ufeff" + "\n".join([f"{good}\r", *bad, "", good]) + "\n")
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "line 2: not JSON" in done.stderr and "5 lines left out" in done.stderr
    assert [row.get("face") for row in rows] == ["(^_^)", *[None] * 5, "(^_^)"]
    assert all(f"line {n}" in row["error"] for n, row in enumerate(rows[1:-1], start=2))


def test_extract_reads_lines_tables_and_columns_and_counts_outcomes(tmp_path):
    replies = ["(^_^) hi", "Sure, (^_^)", "", '｡ﾟ(ﾟ´Д｀ﾟ)ﾟ｡ oh, "no"']
    lines = "\r\n".join(replies) + "\r\n"
    (tmp_path / "l.txt").write_text("\ufeff" + lines, encoding="utf-8")
    (tmp_path / "u.txt").write_bytes(lines.encode("utf-16"))
    (tmp_path / "j.jsonl").write_bytes(
        "".join(json.dumps({"text": text}) + "\n" for text in replies).encode("utf-16")
    )
    table = pd.DataFrame({"id": range(4), "reply": replies})
    table.to_csv(tmp_path / "t.csv", index=False, encoding="utf-8-sig")
    table.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "t.parquet")
    ways = [["l.txt"], ["u.txt"], ["j.jsonl"], ["--text"], ["--column", "reply"]]
    ways += [[f"t.{kind}", "--column", "reply"] for kind in ("csv", "tsv", "parquet")]
    given = {"--text": lines, "--column": (tmp_path / "t.csv").read_text(encoding="utf-8")}
    for words in ways:
        done = kaomoji("extract", *words, text=given.get(words[0], ""), cwd=tmp_path)
        rows = [json.loads(row) for row in done.stdout.splitlines()]
        assert [row["outcome"] for row in rows] == ["kaomoji", "words", "empty", "kaomoji"], words
        assert [row["raw_face"] for row in rows] == ["(^_^)", "(^_^)", None, "｡ﾟ(ﾟ´Д｀ﾟ)ﾟ｡"]
        assert done.stderr == "kaomoji: 4 replies: 2 kaomoji, 1 words, 1 empty\n"
        assert done.returncode == 0
    (tmp_path / "comma.csv").write_text("id,text\n1,(^_^) hi\n2,oh, no\n", encoding="utf-8")
    for name, complaint in (
        ("t.csv", "lacks the column(s) text"),
        ("t.parquet", "no column 'text'"),
        ("comma.csv", "line 3: 3 cells"),
    ):
        done = kaomoji("extract", name, cwd=tmp_path)
        assert done.returncode == 2 and complaint in done.stderr and "--column" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_extract_explains_every_span_it_judged():
    done = kaomoji("extract", "--text", "--explain", text="(see below) or (・ω・)\n")
    face, words = {}, {}
    for verdict in json.loads(done.stdout)["judged"]:
        (face if verdict["face"] else words)[verdict["span"]] = verdict
    assert face["・ω・"]["score"] > 0 and face["・ω・"]["features"]["gω"] > 0
    assert words["see below"]["rule"] or words["see below"]["score"] < 0


def test_extract_answers_each_line_of_a_stream_before_the_next_comes():
    command = [sys.executable, "-m", "kaomoji_lib", "extract", "--text"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, encoding="utf-8") as process:
        for reply in ("(^_^) hi", "no face"):
            process.stdin.write(reply + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["outcome"] in ("kaomoji", "words")
        process.stdin.close()


# A command line | what its one line of complaint says. {tmp} is an empty folder; the other names are files in it.
MISTAKES = """
collect no-such-model | unknown model 'no-such-model'
collect evil\x1b[2Jname | evil\\x1b[2Jname
collect ./nowhere | expected an alias
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
collect organism-gemma --prompts {tmp} --out {tmp}/r | expected a CSV file
collect organism-gemma --out {faces} | give another --out
score organism-gemma --faces {nothing} --out {tmp}/o.parquet | no spelling
score organism-gemma --faces {tmp}/none --out {tmp}/o.parquet | No such file
score organism-gemma --faces {faces} --out {twice} | expected a whole Parquet file
score nobody --faces {faces} --out {tmp}/o.parquet | unknown model
published --only zebra | no row begins with
claude elicit --out {tmp}/c | ANTHROPIC_API_KEY is not set
claude elicit --out {tmp}/c | http or https
claude elicit --max-usd -1 --out {tmp}/c | above 0
claude elicit --model mine --max-usd 1 --out {tmp}/c | claude_models.csv
claude elicit --workers 0 --out {tmp}/c | at least 1 of --workers
claude introspect --from {tmp}/none --out {tmp}/c | --from
claude introspect --faces {nothing} --out {tmp}/c | has no spelling
claude synthesize --out {tmp}/c | --exchanges
claude synthesize --exchanges {faces} --out {tmp}/c | no exchange in it
"""
# What the argument parser finds before a command runs.
MISTYPED = """
 | required
dance | invalid choice: 'dance'
collect | MODEL
collect organism-gemma --generations many | invalid int value: 'many'
collect organism-gemma --colour red | --colour
claude | ACTION
claude elicit --temperature hot | invalid temperature value: 'hot'
score | MODEL
collect x --a\x1b[2J | --a\\x1b
"""
TABLES = {
    "columns": "id,text\na,b\n",
    "empty": "id,category,text\n",
    "twice": "id,category,text\na,LP,b\na,LP,c\n",
    "nothing": "\n",
    "faces": "(^_^)\n",
}


def complaints(table):
    return [line.split(" | ") for line in table.strip("\n").splitlines()]


@pytest.mark.parametrize("line, named", complaints(MISTAKES))
def test_mistakes_end_in_one_line_that_names_them(line, named, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    if "http" in named:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", "gopher://x")
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    files = {name: str(tmp_path / f"{name}.csv") for name in TABLES}
    code = cli.main([word.format(tmp=tmp_path, **files) for word in line.split()])
    complaint = capsys.readouterr().err
    assert code == 2 and named in complaint and len(complaint.strip().splitlines()) == 1
    assert "Traceback" not in complaint
    assert re.search("expected|; ", complaint), "what was expected, or the remedy"


@pytest.mark.parametrize("line, named", complaints(MISTYPED))
def test_what_is_mistyped_ends_in_one_line_too(line, named, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(line.split())
    complaint = capsys.readouterr().err
    assert stopped.value.code == 2 and named in complaint
    assert len(complaint.splitlines()) == 1 and "--help" in complaint


@pytest.mark.parametrize(
    "trouble, named",
    [
        (OSError(28, "No space left on device", "somewhere"), "somewhere: No space left on device"),
        (ModuleNotFoundError("No module", name="anthropic"), "kaomoji-lib[claude]"),
    ],
)
def test_what_the_system_refuses_is_one_line_and_a_traceback_on_demand(
    trouble, named, capsys, monkeypatch
):
    def refuse(*arguments):
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
    done = subprocess.run(
        command, shell=True, input=line * 20_000, capture_output=True, text=True, encoding="utf-8"
    )
    assert len(done.stdout.splitlines()) == 1 and done.stderr == ""


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert f"kaomoji {command}" in capsys.readouterr().out.split("examples:")[1]


def test_collect_prints_what_was_collected(tmp_path, capsys):
    load_prompts().head(4).to_csv(tmp_path / "few.csv", index=False)
    words = f"collect organism-gemma --prompts {tmp_path}/few.csv --out {tmp_path}/r"
    assert cli.main([*words.split(), "--generations", "2"]) == 0
    assert "8 replies" in capsys.readouterr().out


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
    place, root = tmp_path_factory.mktemp("wheel"), ROOT
    for name in ("kaomoji_lib", "data"):
        shutil.copytree(root / name, place / "src" / name, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "book/_static/fonts/OFL.txt"):
        (place / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, place / "src" / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "wheel", "./src", *alone, "-w", "."], cwd=place, check=True)
    wheel = next(place.glob("*.whl"))
    subprocess.run([*pip, "install", wheel, *alone[:1], "--target", place / "site"], check=True)
    return place / "site"


@pytest.mark.parametrize(
    "words, expected",
    [
        (["extract"], '"face": "(^_^)"'),
        (["doctor"], "organism-gemma (ships)"),
        (["ask", "--help"], "kaomoji ask"),
        (["collect", "--help"], "--generations"),
        (["score", "--help"], "--faces"),
        (["claude", "elicit", "--dry-run"], "1440 requests to send"),
    ],
)
def test_a_wheel_works_without_the_checkout(installed, tmp_path, words, expected):
    done = kaomoji(*words, text='{"text": "(^_^) hi"}\n', cwd=tmp_path, path=installed)
    assert done.returncode == 0 and expected in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []
