"""Write requirements.lock (every package with its hashes) and requirements-licences.csv (what each is licensed under).

    python .ci/lock.py LOCKED PYTHON    LOCKED: what `uv pip compile --universal --generate-hashes` made of requirements.txt;
                                        PYTHON: one with a new pip, which knows how packages name their licence

`make lock` runs both.
"""

import csv
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Wheels of PyTorch's CPU index, which the package index does not list.
CPU_WHEELS = {"torch": ["6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"]}
HEADER = """# Every package of requirements.txt and what they need, with hashes: for Linux, macOS and Windows, and every Python from 3.11 on.
# `make lock` writes it; `make book REQUIREMENTS=requirements.lock` installs it, all of it from the package index.
"""
UNSTATED = "see the package"
SYSTEMS = ((), ("--platform", "win_amd64"), ("--platform", "macosx_11_0_arm64"))


def entries(text):
    """(package name, its block of lines) for every package; one may stand there twice, for different Pythons."""
    found = []
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            found.append((re.match(r"[\w.-]+", line)[0], [line]))
        elif found and line.strip().startswith("--hash"):
            found[-1][1].append(line)
    return found


def facts_of(name, version, index):
    """What a package says of itself: from here, or asked by the Python ``index`` where it is for other systems or Pythons only."""
    try:
        found = metadata.metadata(name)
        if found["Version"].partition("+")[0] == version:
            return {
                "expression": found.get("License-Expression"),
                "classifiers": found.get_all("Classifier") or (),
                "field": found.get("License"),
            }
    except metadata.PackageNotFoundError:
        pass
    for system in SYSTEMS:
        asked = [
            index,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--ignore-installed",
            "--no-deps",
            "--only-binary=:all:",
            "--target=none",
            "--python-version=3.13",
            *system,
            "--report=-",
            f"{name}=={version}",
        ]
        done = subprocess.run(asked, capture_output=True, text=True)
        if not done.returncode:
            found = json.loads(done.stdout)["install"][0]["metadata"]
            return {
                "expression": found.get("license_expression"),
                "classifiers": found.get("classifier", ()),
                "field": found.get("license"),
            }
    return {"expression": None, "classifiers": (), "field": None}


def licence(name, version, index):
    """An SPDX expression, classifiers or the first line of the licence field."""
    facts = facts_of(name, version, index)
    if facts["expression"]:
        return facts["expression"]
    classified = [
        item.rpartition(" :: ")[2]
        for item in facts["classifiers"]
        if item.startswith("License :: ")
    ]
    classified = [item for item in classified if item != "OSI Approved"]
    if classified:
        return "; ".join(classified)
    lines = (facts["field"] or "").strip().splitlines()
    return lines[0].strip() if lines else UNSTATED


def main(locked, index):
    packages = entries(Path(locked).read_text(encoding="utf-8"))
    for name, block in packages:
        for value in CPU_WHEELS.get(name, ()):
            block[-1] += " \\"
            block.append(f"    --hash=sha256:{value}")
    blocks = ["\n".join(block).rstrip(" \\") for _, block in packages]
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(blocks) + "\n", encoding="utf-8")
    versions = [(name, re.search(r"==([^\s;]+)", block[0])[1]) for name, block in packages]
    with open(ROOT / "requirements-licences.csv", "w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(["package", "version", "licence"])
        table.writerows(
            [name, version, licence(name, version, index)] for name, version in versions
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
