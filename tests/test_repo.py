"""The repository keeps its own rules."""

import ast
import csv
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).resolve().parents[1]
BASE = "errors html stats results stimuli".split()
FIGURES = "theme tables figures page".split()
LAYERS = [BASE, ["faces"], ["runs"], ["models", "claude"], ["metrics"], ["published"], FIGURES]
LAYERS += [["explorer"], ["cli"], ["__main__"]]
FLOOR = {name: number for number, names in enumerate(LAYERS) for name in names}
MODULES = sorted((ROOT / "kaomoji_lib").rglob("*.py"))
TEMPLATES = sorted((ROOT / "notebooks").glob("[0-9]*_*.py"))
BUILT = set("_build build dist runs node_modules .git __pycache__".split())
BUILT |= set(".pytest_cache .ruff_cache .hypothesis".split())
TEXT = set(".py .md .yml .yaml .toml .txt .js .css .cff .bib .json .csv .svg".split()) | {""}


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
    paths = [path for path in MODULES if path.name != "__init__.py"]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    needed = {name: {*imports(path)} & set(names) - {name} for name, path in names.items()}
    assert set(TopologicalSorter(needed).static_order()) == set(names), "no circles"


# Statements (syntax tree) of each part of the library. Numbers may fall; one that has to grow needs a reason.
BUDGET = {
    "claude": 805, "cli": 398, "explorer": 375, "faces": 508, "metrics": 1259, "models": 1785, "published": 539,
    "runs": 356, ".": 847,
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
    measuring = [p for p in MODULES if p.parent.name == "metrics" or p.stem in FIGURES[:-1]]
    for path in measuring:
        packages = {part for name in imports(path) for part in name.split(".")[:2]}
        assert not packages & runs_models, path


def test_import_is_light():
    heavy = ["torch", "transformers", "plotly", "sklearn", "anthropic"]
    code = f"import kaomoji_lib, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pickle_no_eval_no_remote_code(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    called = {getattr(node.func, "id", "") for node in nodes if isinstance(node, ast.Call)}
    assert not called & {"eval", "exec"}
    packages = {name.split(".")[0] for name in imports(path)}
    assert not packages & {"pickle", "joblib", "dill", "cloudpickle"}
    trust = [node for node in nodes if isinstance(node, ast.keyword)]
    trust = [node.value for node in trust if node.arg == "trust_remote_code"]
    assert all(isinstance(value, ast.Constant) and value.value is False for value in trust)


def own_files():
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        made = any("venv" in part or part.endswith(".egg-info") for part in inside)
        if path.is_file() and path.suffix in TEXT and not BUILT & set(inside) and not made:
            yield path


def test_no_machine_paths():
    machine = re.compile(r"(?<![\w./:-])/(?:work|opt|root|home|tmp)/[\w.-]")
    own = [path for path in own_files() if path != Path(__file__).resolve()]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in own}
    found = [(path, line) for path in own for line in texts[path].splitlines()]
    assert [pair for pair in found if machine.search(pair[1])] == []


PORTABLE = re.compile(
    r"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$))[\w .=()@+~&,-]{0,149}[\w=)~-]", re.ASCII
)


def not_portable(names):
    """Paths that Windows or macOS could not hold: reserved words and characters, or two names that differ in their case alone."""
    seen, found = {}, []
    for name in map(str, names):
        is_portable = all(PORTABLE.fullmatch(part) for part in Path(name).parts)
        found += [name] * (not is_portable) + [name] * (seen.setdefault(name.lower(), name) != name)
    return found


def test_names_of_files_are_portable():
    assert not_portable(path.relative_to(ROOT) for path in own_files()) == []
    wrong = ["Con", "aux.txt", "a:b", "a/nul/b", "x.", "x ", "a<b", "name", "é"]
    assert not_portable(["Name", *wrong]) == wrong


PINS = r"^([\w.-]+)==([\w.+]+)"


def test_pins_are_exact_and_cover_the_package():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(PINS + r"(\s+#.*)?", line.strip())] == []
    pinned = {line.split("==")[0].lower() for line in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # What only a comparison needs is pinned where it is named, and never installed with the rest.
    apart = project["optional-dependencies"].pop("faces-dev")
    assert all("==" in name for name in apart)
    needed = sum(project["optional-dependencies"].values(), project["dependencies"])
    assert {re.match(r"[\w.-]+", name)[0].lower() for name in needed} <= pinned


def test_lock_holds_every_pin_with_hashes_and_a_licence_that_goes_with_ours():
    def named(pairs):
        return {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in pairs}

    texts = [(ROOT / f"requirements.{end}").read_text(encoding="utf-8") for end in ("txt", "lock")]
    wanted, locked = (named(re.findall(PINS, text, re.MULTILINE)) for text in texts)
    assert wanted <= locked, "make lock"
    blocks = re.split(r"\n(?=[A-Za-z0-9])", texts[1])[1:]
    assert len(blocks) == len(locked)
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    rows = list(csv.DictReader((ROOT / "requirements-licences.csv").open(encoding="utf-8")))
    assert named((row["package"], row["version"]) for row in rows) == locked
    compatible = r"MIT|BSD|Apache|ISC|MPL|Mozilla|PSF|Python Software Foundation|see the package"
    # NVIDIA's libraries come with PyTorch on Linux, from the index; this project hands out none of them.
    own = [row for row in rows if not row["package"].startswith("nvidia-")]
    assert [row for row in own if not re.search(compatible, row["licence"])] == []


STATISTICS = [p for p in MODULES if p.parent.name == "metrics" or p.stem == "stats"]
ADDRESS = re.compile(r"arXiv:(\d{4}\.\d{5})|doi:(10\.\d+/[\w/.()-]*\w)")
AUTHORS = re.compile(
    r"([A-Z][a-zA-Z-]+)(?:,\s+[A-Z][a-z]+)*(?:\s+et\s+al\.|\s+&\s+[A-Z][a-zA-Z-]+)?\s+((?:18|19|20)\d\d)\b"
)


def test_every_source_that_the_library_cites_is_in_the_references():
    listed = (ROOT / "book" / "references.bib").read_text(encoding="utf-8").lower()
    texts = [path.read_text(encoding="utf-8") for path in MODULES]
    cited = {max(pair).lower() for text in texts for pair in ADDRESS.findall(text)}
    assert len(cited) > 20 and {name for name in cited if name not in listed} == set()
    entries = listed.replace('{\\"o}', "oe").replace("{", "").replace("}", "").split("\n@")
    documented = ast.Module | ast.FunctionDef | ast.ClassDef
    nodes = [n for p in STATISTICS for n in ast.walk(ast.parse(p.read_text(encoding="utf-8")))]
    docs = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented)]
    named = {pair for doc in docs for pair in AUTHORS.findall(doc)}
    absent = [
        (author, year)
        for author, year in named
        if not any(author.lower() in entry and year in entry for entry in entries)
    ]
    assert len(named) > 30 and absent == []


@pytest.mark.parametrize("path", STATISTICS, ids=lambda path: path.stem)
def test_every_method_that_resamples_or_permutes_cites_its_source(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            named = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
            doc = (ast.get_docstring(node) or "") + (ast.get_docstring(tree) or "")
            if named & {"permutations", "resamples", "halves", "draws"}:
                assert AUTHORS.search(doc) or ADDRESS.search(doc), node.name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_is_a_page_not_a_program(path):
    notebook = jupytext.read(path)
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    parameters = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) <= 1
    for cell in code:
        lines = [line.strip() for line in cell.source.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        assert cell in parameters or len(lines) <= 20, cell.source
        program = r"^\s*(def|class) |\b(HTML|Markdown)\(|\.style\b|escape=False"
        assert not re.search(program, cell.source, re.MULTILINE), cell.source


def test_every_known_fault_of_a_statistic_has_its_test():
    """faults.csv: what a methods review found, by the review's numbers, and the test that fails on the old code."""
    with (ROOT / "tests" / "faults.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["fault"] for row in rows} == {f"E{number}" for number in range(1, 15)}
    for row in rows:
        name, function = row["test"].split("::")
        assert f"def {function}(" in (ROOT / "tests" / name).read_text(encoding="utf-8"), row
