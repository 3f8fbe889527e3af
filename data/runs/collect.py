"""Collect the runs of the pretrained models again and pack them for shipping: ``make real``.

    python data/runs/collect.py [ALIAS ...] [--weights FOLDER] [--only-pack | --only-extract]

FOLDER holds the GGUF files that ``data/models.yml`` names; SmolLM2's come with its package. Collected runs stay in
``$KAOMOJI_RUNS`` (default ``runs/``), where a killed run continues. What ships is smaller: the states of the last prompt token in
float16 (of the layers named below), the replies, the closed-set scores, and the tables of the interventions.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

from kaomoji_lib import stimuli
from kaomoji_lib.faces.extract import extract
from kaomoji_lib.models import choose, steer
from kaomoji_lib.models.collect import collect
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import sha256, write_parquet
from kaomoji_lib.runs.folder import RunFolder, default_folder
from kaomoji_lib.stimuli import DATA

SHIPPED = DATA / "runs"
SETS = ("b", "paraphrase1", "paraphrase2")
# Which layers ship, of the first set of messages and of the others: (step, others).
LAYERS = {
    "smollm2-135m-instruct": (2, (10, 16, 22)),
    "gemma-3-270m": (1, (6, 10, 14)),
    "qwen2.5-coder-1.5b-instruct": (2, (14, 18, 22)),
    "qwen2.5-coder-1.5b-instruct-no-emoji": (0, ()),
}
REPLIES = {"smollm2-135m-instruct": 8}  # per message; of the others 2
# Messages per category that are scored, by perspective; "other" stands for all but the first. bfloat16 halves the time;
# its rounding is small beside the differences between messages (correlation .996 on nine messages of Qwen).
SCORED = {
    "smollm2-135m-instruct": ({"self": 20}, "auto"),
    "gemma-3-270m": ({"self": 3}, "auto"),
    "qwen2.5-coder-1.5b-instruct": ({"self": 10, "other": 5}, "bfloat16"),
}
INTERVENED = "smollm2-135m-instruct"
INTERVENED_LAYERS = (10, 20, 30)


def gather(alias, weights):
    """Collect everything that the book shows of one model; what is there already is kept."""
    run = collect(alias, generations=REPLIES.get(alias, 2), weights=weights)
    if LAYERS[alias][1]:
        for name in SETS:
            table = DATA / f"prompts_{name}.csv"
            out = default_folder(f"{alias}--{name}")
            collect(alias, table, generations=1, max_new_tokens=1, out=out, weights=weights)
    score(alias, weights, run)
    if alias == INTERVENED:
        inventory = choose.load_inventory()
        words = list(inventory[~inventory["foil"]].groupby("category", sort=False).head(4)["face"])
        steer.intervene(run, "steering", words)
        for kind in ("patching", "erasure"):
            steer.intervene(run, kind, words, layers=INTERVENED_LAYERS)


def score(alias, weights, run):
    """Score the closed set under each perspective that ships."""
    counts, dtype = SCORED.get(alias, ({}, "auto"))
    for name, row in stimuli.load_perspectives().iterrows():
        if each := counts.get(name, counts.get("other")):
            asked = run.prompts().groupby("category", sort=False).head(each).reset_index(drop=True)
            out = run.path / f"closed-{name}.parquet"
            options = {"dtype": dtype, "instruction": row["instruction"]}
            choose.score_inventory(weights or alias, None, asked, out, **options)


def pack(alias, suffix=""):
    """Write the shipped form of one collected run."""
    run, target = RunFolder(default_folder(alias + suffix)), SHIPPED / (alias + suffix)
    step, others = LAYERS[alias]
    names = run.manifest["layers"]
    layers = [places for places in range(0, len(names), step or len(names))]
    layers = [place for place in others if place < len(names)] if suffix else layers
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    write_parquet(target / "emissions.parquet", extracted(run.emissions()))
    from safetensors.numpy import save_file

    # Saving copies raw memory: the array has to be contiguous.
    states = np.ascontiguousarray(run.states("emit").array[:, layers], dtype="float16")
    save_file({"states": states}, target / "states-emit.safetensors")
    for path in sorted(run.path.glob("closed-*.parquet")):
        shutil.copyfile(path, target / path.name)
    if (run.path / "cache").is_dir():
        shutil.copytree(run.path / "cache", target / "cache", ignore=shutil.ignore_patterns(".*"))
    files = sorted(path for path in target.rglob("*") if path.is_file())
    shipped = RunFolder(target)
    shipped.write_manifest(
        {
            **run.manifest,
            "layers": [names[place] for place in layers],
            "packed": "hidden states of the last prompt token in float16",
            "files": {str(path.relative_to(target)): sha256(path) for path in files},
        }
    )


def extract_again(folder):
    """Read again what opens the replies of a shipped run."""
    run, path = RunFolder(folder), folder / "emissions.parquet"
    write_parquet(path, extracted(run.emissions()))
    run.write_manifest(
        {**run.manifest, "files": {**run.manifest["files"], path.name: sha256(path)}}
    )


def extracted(emissions):
    """The replies with what opens them, as the extraction of today sees it."""
    cut = emissions["outcome"] == "truncated"
    found = [
        extract(text, truncated) for text, truncated in zip(emissions["text"], cut, strict=True)
    ]
    for column in ("outcome", "raw_face", "face"):
        emissions[column] = [getattr(item, column) for item in found]
    return emissions


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("aliases", nargs="*", default=list(LAYERS))
    parser.add_argument("--weights", type=Path, help="folder of the GGUF files")
    parser.add_argument("--only-pack", action="store_true", help="pack what is collected")
    parser.add_argument("--only-extract", action="store_true", help="read shipped replies again")
    arguments = parser.parse_args()
    if arguments.only_extract:
        for path in sorted(SHIPPED.glob("*/emissions.parquet")):
            extract_again(path.parent)
        return
    for alias in arguments.aliases:
        file = registry.model(alias).file
        weights = (
            arguments.weights / file
            if arguments.weights and (arguments.weights / file).is_file()
            else None
        )
        if not arguments.only_pack:
            gather(alias, weights and str(weights))
        for suffix in ("", *(f"--{name}" for name in SETS if LAYERS[alias][1])):
            if RunFolder(default_folder(alias + suffix)).exists:
                pack(alias, suffix)
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    print(f"{SHIPPED}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
