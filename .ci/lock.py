"""Write requirements.lock (every package with its hashes) and requirements-licences.csv (what each is licensed under).

    python .ci/lock.py LOCKED        LOCKED: what `pip-compile --generate-hashes --allow-unsafe` made of requirements.txt

`make lock` runs both. PyTorch's packages for NVIDIA cards are left out: with the lock, PyTorch on Linux comes from its
CPU index (https://download.pytorch.org/whl/cpu), as the tests use it; requirements.txt takes what pip finds.
"""

import csv
import re
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CARDS = re.compile(r"(nvidia-|cuda-|triton==)")
# Wheels of the CPU index, which the package index does not list.
CPU_WHEELS = {"torch": ["6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"]}
HEADER = """# Every package of requirements.txt and what they need, with hashes. `make lock` writes it; `make book REQUIREMENTS=requirements.lock`
# installs it. On Linux, PyTorch comes from its CPU index: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
"""
UNSTATED = "see the package"


def entries(text):
    """Package name -> its block of lines, comments left out."""
    found, name = {}, None
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            name = re.match(r"[\w.-]+", line)[0]
            found[name] = [line]
        elif name and line.strip().startswith("--hash"):
            found[name].append(line)
    return found


def licence(name):
    """What a package says of its licence: an SPDX expression, a classifier or the first line of its licence field."""
    facts = metadata.metadata(name)
    if facts.get("License-Expression"):
        return facts["License-Expression"]
    classified = [item.rpartition(" :: ")[2] for item in facts.get_all("Classifier") or () if item.startswith("License :: ")]
    classified = [item for item in classified if item != "OSI Approved"]
    if classified:
        return "; ".join(classified)
    lines = (facts.get("License") or "").strip().splitlines()
    return lines[0].strip() if lines else UNSTATED


def main(locked):
    packages = {name: block for name, block in entries(Path(locked).read_text(encoding="utf-8")).items() if not CARDS.match(block[0])}
    for name, hashes in CPU_WHEELS.items():
        packages[name][-1] += " \\"
        packages[name] += [f"    --hash=sha256:{value}" + (" \\" if value != hashes[-1] else "") for value in hashes]
    blocks = ["\n".join(block).rstrip(" \\") for block in packages.values()]
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(blocks) + "\n", encoding="utf-8")
    with open(ROOT / "requirements-licences.csv", "w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(["package", "version", "licence"])
        table.writerows([name, re.search(r"==([^\s;]+)", block[0])[1], licence(name)] for name, block in packages.items())


if __name__ == "__main__":
    main(sys.argv[1])
