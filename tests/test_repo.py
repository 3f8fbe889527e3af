"""The repository keeps its own rules."""

import ast
import csv
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
BASE = [
    "errors",
    "html",
    "parameters",
    "stats",
    "resampling",
    "results",
    "stimuli",
    "categories",
    "perspectives",
]
FIGURES = ["theme", "missing", "tables", "figures", "spaces", "page"]
LAYERS = [BASE, ["faces"], ["runs"], ["models", "claude"], ["metrics"], ["published"], FIGURES]
LAYERS += [["explorer"], ["cli"], ["__main__"]]
FLOOR = {name: number for number, names in enumerate(LAYERS) for name in names}
MODULES = sorted((ROOT / "kaomoji_lib").rglob("*.py"))
TEMPLATES = sorted((ROOT / "notebooks").glob("[0-9]*_*.py"))
BUILT = {
    "_build",
    "build",
    "dist",
    "runs",
    "node_modules",
    ".venv",
    ".git",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
}
TEXT = {
    ".py",
    ".md",
    ".yml",
    ".yaml",
    ".toml",
    ".txt",
    ".js",
    ".css",
    ".cff",
    ".bib",
    ".json",
    ".csv",
    ".svg",
    "",
}


def imports(path):
    """Dotted names a module imports, relative ones made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            name = (base + (node.module or "")).strip(".")
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def layer(dotted):
    parts = dotted.split(".")
    return FLOOR.get(parts[1]) if parts[0] == "kaomoji_lib" and len(parts) > 1 else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_layers_import_downward_only(path):
    own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own is None:
        return
    upward = {name for name in imports(path) if (found := layer(name)) is not None and found > own}
    assert upward == set()


def test_modules_do_not_import_each_other():
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in MODULES
        if path.name != "__init__.py" and "show" not in path.parts
    }
    left = {
        name: {found for found in imports(path) if found in names and found != name}
        for name, path in names.items()
    }
    while free := {name for name, needed in left.items() if not needed & set(left)}:
        left = {
            name: needed & set(left) - free for name, needed in left.items() if name not in free
        }
    assert left == {}


# Statements (syntax tree) of each part of the library. Numbers may fall; one that has to grow needs a reason.
BUDGET = {
    "claude": 920, "cli": 517, "explorer": 470, "faces": 600, "metrics": 1562, "models": 2224, "published": 675,
    "runs": 404, ".": 980,
}  # fmt: skip


def test_no_part_of_the_library_grows_over_its_budget():
    counts = dict.fromkeys(BUDGET, 0)
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        part = path.relative_to(ROOT / "kaomoji_lib").parts[0]
        counts["." if part == path.name else part] += sum(
            isinstance(node, ast.stmt) for node in ast.walk(tree)
        )
    assert {name: count for name, count in counts.items() if count > BUDGET[name]} == {}


def test_no_metric_and_no_figure_loads_a_model():
    runs_models = {"models", "claude", "torch", "transformers", "anthropic"}
    for path in MODULES:
        if path.stem == "page":
            continue
        if path.relative_to(ROOT).parts[1] in ("metrics",) or path.stem in FIGURES:
            packages = {part for name in imports(path) for part in name.split(".")[:2]}
            assert not packages & runs_models, path


def test_import_is_light():
    heavy = ["torch", "transformers", "plotly", "sklearn", "anthropic"]
    code = f"import kaomoji_lib, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_root_package_offers_few_names():
    import kaomoji_lib

    assert len(getattr(kaomoji_lib, "__all__", [])) <= 20


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pickle_no_eval_no_remote_code(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec"}
    assert not {"pickle", "joblib", "dill", "cloudpickle"} & {
        name.split(".")[0] for name in imports(path)
    }
    trusted = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "trust_remote_code"
        and not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]
    assert trusted == []


def own_files():
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if (
            path.is_file()
            and path.suffix in TEXT
            and not BUILT & set(inside)
            and not any("venv" in part for part in inside)
        ):
            if not any(part.endswith(".egg-info") for part in inside):
                yield path


def test_no_machine_paths():
    machine = re.compile(
        r"(?<![\w./:-])/(?:" + "|".join(["work", "opt", "root", "home", "tmp"]) + r")/[\w.-]"
    )
    found = []
    for path in own_files():
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), 1
        ):
            if machine.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


PORTABLE = re.compile(
    r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$))[\w .=()@+~&,-]{0,149}[\w=)~-]", re.ASCII
)


def not_portable(names):
    """Paths that Windows or macOS could not hold: reserved words and characters, or two names that differ in their case alone."""
    seen, found = {}, []
    for name in map(str, names):
        found += [name] * (not all(PORTABLE.fullmatch(part) for part in Path(name).parts)) + [
            name
        ] * (seen.setdefault(name.lower(), name) != name)
    return found


def test_names_of_files_are_portable():
    assert not_portable(path.relative_to(ROOT) for path in own_files()) == []
    assert not_portable(
        ["Con", "aux.txt", "a:b", "a/nul/b", "x.", "x ", "a<b", "Name", "name", "é"]
    ) == ["Con", "aux.txt", "a:b", "a/nul/b", "x.", "x ", "a<b", "name", "é"]


def test_static_files_ask_for_nothing_outside():
    for path in sorted((ROOT / "book" / "_static").glob("*.*")):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|url\(['\"]?//", text), path.name


def test_pins_are_exact_and_cover_the_package():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith("#")]
    assert [
        line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.+]+(\s+#.*)?", line.strip())
    ] == []
    pinned = {line.split("==")[0].lower() for line in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    # What only a comparison in tests/benchmarks needs is pinned where it is named, and never installed with the rest.
    assert all("==" in name for name in extras["faces-dev"])
    needed = [
        *project["dependencies"],
        *(name for extra, names in extras.items() for name in names if extra != "faces-dev"),
    ]
    assert {re.match(r"[\w.-]+", name)[0].lower() for name in needed} <= pinned


def test_lock_holds_every_pin_with_hashes_and_a_licence_that_goes_with_ours():
    def named(pairs):
        return {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in pairs}

    pins = r"^([\w.-]+)==([\w.+]+)"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = named(re.findall(pins, lock, re.MULTILINE))
    assert (
        named(
            re.findall(pins, (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
        )
        <= locked
    ), "make lock"
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)[1:]
    assert (
        len(blocks) == len(locked)
        and [block for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)] == []
    )
    rows = list(csv.DictReader((ROOT / "requirements-licences.csv").open(encoding="utf-8")))
    assert named((row["package"], row["version"]) for row in rows) == locked
    compatible = r"MIT|BSD|Apache|ISC|MPL|Mozilla|PSF|Python Software Foundation|see the package"
    # NVIDIA's libraries come with PyTorch on Linux, from the index; this project hands out none of them.
    assert [
        row
        for row in rows
        if not re.search(compatible, row["licence"]) and not row["package"].startswith("nvidia-")
    ] == []


def test_every_source_that_the_library_cites_is_in_the_references():
    listed = (ROOT / "book" / "references.bib").read_text(encoding="utf-8").lower()
    cited = {
        name.lower()
        for path in MODULES
        for pair in re.findall(
            r"arXiv:(\d{4}\.\d{5})|doi:(10\.\d+/[\w/.()-]*\w)", path.read_text(encoding="utf-8")
        )
        for name in pair
        if name
    }
    assert len(cited) > 20 and {name for name in cited if name not in listed} == set()


AUTHORS = re.compile(
    r"([A-Z][a-zA-Z-]+)(?:,\s+[A-Z][a-z]+)*(?:\s+et\s+al\.|\s+&\s+[A-Z][a-zA-Z-]+)?\s+((?:18|19|20)\d\d)\b"
)


def test_every_author_that_a_docstring_names_is_in_the_references():
    listed = (
        (ROOT / "book" / "references.bib")
        .read_text(encoding="utf-8")
        .replace('{\\"o}', "oe")
        .replace("{", "")
        .replace("}", "")
    )
    entries = listed.lower().split("\n@")
    cited = set()
    for path in MODULES:
        if path.parent.name != "metrics" and path.stem not in ("stats", "resampling"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
                cited |= set(AUTHORS.findall(ast.get_docstring(node) or ""))
    absent = {
        (author, year)
        for author, year in cited
        if not any(author.lower() in entry and year in entry for entry in entries)
    }
    assert len(cited) > 30 and absent == set()


def test_every_method_that_resamples_or_permutes_cites_its_source():
    source = re.compile(AUTHORS.pattern + r"|arXiv:\d{4}\.\d{5}|doi:10\.")
    bare = []
    for path in MODULES:
        if path.parent.name != "metrics" and path.stem not in ("stats", "resampling"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if (
                isinstance(node, ast.FunctionDef)
                and not node.name.startswith("_")
                and path.stem != "scale"
            ):
                named = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
                told = (ast.get_docstring(node) or "") + (ast.get_docstring(tree) or "")
                if named & {
                    "permutations",
                    "resamples",
                    "halves",
                    "draws",
                    "dealings",
                } and not source.search(told):
                    bare.append(f"{path.stem}.{node.name}")
    assert bare == []


def test_package_lists_all_its_folders():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]["packages"]
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in MODULES}
    assert folders <= set(listed)


def test_toc_follows_the_grid():
    plan = yaml.safe_load((ROOT / "book" / "runs.yml").read_text(encoding="utf-8"))
    entries = [entry for part in plan["parts"] for entry in part["pages"]]
    always = [
        f"book/{e['file']}" if "file" in e else f"book/runs/{e['page']}"
        for e in entries
        if "if_run" not in e
    ]
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert [name for name in listed if name in always] == always
    assert toc["root"] == f"book/{plan['root']}"


def cells(path):
    jupytext = pytest.importorskip("jupytext")
    return jupytext.read(path).cells


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_and_twin_hold_the_same_cells(path):
    jupytext = pytest.importorskip("jupytext")
    notebook = jupytext.read(path)
    twin = jupytext.reads(jupytext.writes(notebook, fmt="ipynb"), fmt="ipynb")
    again = jupytext.reads(jupytext.writes(twin, fmt="py:percent"), fmt="py:percent")
    shape = [
        (cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells
    ]
    assert [
        (cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in again.cells
    ] == shape
    assert notebook.metadata.get("kernelspec", {}).get("name") == "python3"
    written = path.with_suffix(".ipynb")
    if written.exists() and written.stat().st_mtime >= path.stat().st_mtime:
        sources = [
            "".join(cell["source"])
            for cell in json.loads(written.read_text(encoding="utf-8"))["cells"]
        ]
        assert sources == [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_is_a_page_not_a_program(path):
    code = [cell for cell in cells(path) if cell.cell_type == "code"]
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) <= 1
    for cell in code:
        lines = [
            line
            for line in cell.source.splitlines()
            if line.strip() and not line.strip().startswith("#")
        ]
        assert "parameters" in cell.metadata.get("tags", []) or len(lines) <= 20, cell.source
        assert not re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE), cell.source
        assert not re.search(r"\b(HTML|Markdown)\(|\.style\b|escape=False", cell.source), (
            cell.source
        )


def test_every_known_fault_of_a_statistic_has_its_test():
    """faults.csv: what a methods review found, by the review's numbers, and the test that fails on the old code."""
    with (ROOT / "tests" / "faults.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["fault"] for row in rows} == {f"E{number}" for number in range(1, 15)}
    for row in rows:
        name, function = row["test"].split("::")
        assert f"def {function}(" in (ROOT / "tests" / name).read_text(encoding="utf-8"), row
