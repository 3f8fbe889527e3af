"""The run folder: what one source answered; analyses and pages read nothing else.

``manifest.json``            settings, provenance, state of the run, SHA-256 of its files
``emissions.parquet``        one row per generation
``states-<position>.safetensors``   block outputs at each of :data:`POSITIONS`
``cache/``                   tables and arrays computed from the run and its model (:meth:`RunFolder.cached`)
``model-folder.txt``         where the model lies, if it came from a folder of this machine; do not pass it on
``shards/``                  finished parts of an unfinished run; merged and removed at its end
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import (
    atomic,
    digest,
    folder_lock,
    read_json,
    read_parquet,
    sha256,
    write_json,
    write_parquet,
)
from kaomoji_lib.stimuli import DATA

SCHEMA = 2
SHIPPED = DATA / "runs"
POSITIONS = ("emit", "first", "face")
MODEL_FOLDER = "model-folder.txt"
EMISSION_COLUMNS = tuple(
    "source prompt_id generation category text raw_face face outcome seed".split()
)


def default_folder(name):
    """Return the default folder of a run: ``$KAOMOJI_RUNS/<name>``, in a checkout ``runs/<name>``."""
    root = DATA.parent if (DATA.parent / "notebooks").is_dir() else Path.cwd()
    return Path(os.environ.get("KAOMOJI_RUNS") or root / "runs") / name


@dataclass(frozen=True)
class States:
    """Hidden states at one position.

    ``array`` is float32 of shape (n, layers, hidden); ``index`` names its rows (``prompt_id``, and
    ``generation`` where the state depends on it); ``layers`` names its second axis (``embed``, ``1`` ...).
    """

    index: pd.DataFrame
    array: np.ndarray
    layers: tuple


class RunFolder:
    """One run on disk.

    Reading raises KaomojiError where there is no manifest, it is of another schema, or a file is missing or not what the
    manifest says.
    """

    def __init__(self, path):
        self.path = Path(path)

    @classmethod
    def find(cls, name):
        """Return the run called ``name`` (such as ``gemma-3-270m``) of this user, else the one that ships in ``data/runs``.

        A finished one goes before one that is not. Raises KaomojiError if there is none.
        """
        runs = [run for run in (cls(default_folder(name)), cls(SHIPPED / name)) if run.exists]
        if not runs:
            raise KaomojiError(
                f"there is no run {name!r} in {default_folder(name).parent} or {SHIPPED}; "
                f"expected a run folder; run `kaomoji collect {name}` first"
            )
        return next((run for run in runs if run.complete), runs[0])

    @cached_property
    def manifest(self):
        path, remedy = self.path / "manifest.json", f"delete {self.path} and collect again"
        if not self.exists:
            raise KaomojiError(
                f"{self.path} is no run folder (no manifest.json); run `kaomoji collect` first"
            )
        manifest = read_json(path, remedy)
        found = manifest.get("schema"), manifest.get("status")
        if found[0] != SCHEMA or not isinstance(found[1], str):
            raise KaomojiError(
                f"{path} has schema {found[0]!r} and status {found[1]!r}; expected {SCHEMA}, which this version reads, "
                f"and a word; {remedy}"
            )
        return manifest

    @property
    def exists(self):
        return (self.path / "manifest.json").is_file()

    @property
    def complete(self):
        return self.exists and self.manifest["status"] == "complete"

    @property
    def model_names(self):
        """Names under which the model of the run can be found: its folder, where it is known, its alias and its id."""
        path, model = self.path / MODEL_FOLDER, self.manifest["model"]
        known = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        return list(dict.fromkeys([*known.splitlines(), model["alias"], model["id"]]))

    def keep_model_folder(self, folder):
        """Remember where the model lies, apart from the manifest: the place is this machine's, not the run's."""
        with atomic(self.path / MODEL_FOLDER) as temporary:
            temporary.write_text(f"{folder}\n", encoding="utf-8")

    def write_manifest(self, manifest):
        write_json(self.path / "manifest.json", manifest)
        self.__dict__.pop("manifest", None)

    def prompts(self):
        """Return the prompts that were asked: DataFrame[id, category, topic, text]."""
        return pd.DataFrame(self.manifest["prompts"])

    def emissions(self):
        """Return one row per generation (columns ``EMISSION_COLUMNS`` and ``token_ids``, ``first_row``)."""
        table = read_parquet(self._verified("emissions.parquet"), self._remedy)
        for name in ("face", "raw_face"):
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        return table

    def states(self, position):
        """Return the states at ``position`` (one of ``POSITIONS``) as :class:`States`; float32, also where kept in half."""
        from safetensors.torch import load_file

        # A copy: the loaded tensor is a window into the file, which may be replaced.
        states = load_file(self._verified(f"states-{position}.safetensors"))
        array = states["states"].float().clone().numpy()
        emissions = self.emissions()
        generation = emissions[["prompt_id", "generation"]]
        if position == "emit":
            index = pd.DataFrame({"prompt_id": self.prompts()["id"]})
        elif position == "first":
            kept = emissions["first_row"] >= 0
            index, array = generation[kept], array[emissions.loc[kept, "first_row"].to_numpy()]
        else:
            index = generation[emissions["outcome"] == "kaomoji"]
        return States(index.reset_index(drop=True), array, tuple(self.manifest["layers"]))

    def _verified(self, name):
        path, expected = self.path / name, self.manifest.get("files", {}).get(name)
        if path.is_file() and sha256(path) == expected:
            return path
        differs = "is not the file that was written (its SHA-256 differs)"
        raise KaomojiError(f"{path} {differs if path.is_file() else 'is missing'}; {self._remedy}")

    @property
    def _remedy(self):
        alias = self.manifest.get("model", {}).get("alias", "MODEL")
        return f"delete {self.path} and run `kaomoji collect {alias}` again"

    @property
    def places(self):
        """Where what is computed from the run may lie; the last can be written, since a shipped run is read-only."""
        shipped = self.path.resolve().is_relative_to(SHIPPED.resolve())
        return [self.path, *([default_folder(self.path.name)] if shipped else [])]

    def cached(self, name, settings, make):
        """Return the DataFrame ``make()``, computed once: later calls with equal arguments read the file, unless damaged.

        ``name``: part of the file name; ``settings``: JSON-serialisable, what the result depends on besides the run's model,
        dtype, instruction and prompts. Results of a shipped run, which is read-only, are kept in the user's own runs.
        """
        about = {part: self.manifest[part] for part in ("model", "dtype", "instruction")}
        key = digest({"settings": settings, "prompts": digest(self.manifest["prompts"]), **about})
        paths = [place / "cache" / f"{name}-{key[:16]}.parquet" for place in self.places]
        for path in paths:
            with suppress(KaomojiError):
                return read_parquet(path, "delete it")
        with folder_lock(path.parent, seconds=3600):
            # Another process may have computed it meanwhile.
            with suppress(KaomojiError):
                return read_parquet(path, "delete it")
            write_parquet(path, make())
            return read_parquet(path, "delete it")

    # -- shards: the parts of a run that is under way ------------------------------------------------

    def _shard(self, number):
        """The files of a part: its table and its states."""
        path = self.path / "shards" / f"{number:05d}"
        return path.with_suffix(".parquet"), path.with_suffix(".safetensors")

    def has_shard(self, number):
        return self._shard(number)[0].is_file()

    def write_shard(self, number, rows, tensors):
        """Store a finished part. The table is written last: its presence says that the part is whole."""
        from safetensors.torch import save_file

        table, states = self._shard(number)
        with atomic(states) as temporary:
            save_file(tensors, temporary)
        rows.attrs = {"states": sha256(states)}
        write_parquet(table, rows)

    def merge(self, count, **facts):
        """Join the shards into the run's files and mark it complete; ``facts`` go into the manifest."""
        import torch
        from safetensors.torch import save_file

        tables, parts = zip(*(self._read_shard(number) for number in range(count)), strict=True)
        offset = 0
        for table, part in zip(tables, parts, strict=True):
            table["first_row"] += np.where(table["first_row"] < 0, 0, offset)
            offset += len(part["first"])
        write_parquet(self.path / "emissions.parquet", pd.concat(tables, ignore_index=True))
        states = {position: f"states-{position}.safetensors" for position in POSITIONS}
        for position, name in states.items():
            with atomic(self.path / name) as temporary:
                save_file({"states": torch.cat([part[position] for part in parts])}, temporary)
        files = {name: sha256(self.path / name) for name in ("emissions.parquet", *states.values())}
        self.write_manifest({**self.manifest, **facts, "status": "complete", "files": files})
        shutil.rmtree(self.path / "shards", ignore_errors=True)

    def _read_shard(self, number):
        from safetensors.torch import load_file

        path, states = self._shard(number)
        remedy = f"delete both files {path.stem}.* and run the same command again: only that part is collected again"
        table = read_parquet(path, remedy)
        if states.is_file() and sha256(states) == table.attrs.pop("states", None):
            return table, load_file(states)
        raise KaomojiError(f"{states} is damaged; expected the states of a finished part; {remedy}")
