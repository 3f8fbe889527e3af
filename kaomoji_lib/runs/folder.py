"""The run folder: what one source answered; analyses and pages read nothing else.

``manifest.json``            settings, provenance, state of the run, SHA-256 of its files
``emissions.parquet``        one row per generation
``states-<position>.safetensors``   block outputs at ``emit``, ``first`` and ``face``
``likelihoods.parquet``      log P of every typed spelling given every prompt, where they were scored
``cache/``                   tables and arrays computed from the run and its model (:meth:`RunFolder.cached`)
``model-folder.txt``         where the model lies, if it came from a folder of this machine; do not pass it on
``shards/``                  finished parts of an unfinished run; merged and removed at its end
"""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from kaomoji_lib import perspectives
from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import (
    atomic,
    digest,
    folder_lock,
    read_json,
    read_parquet,
    remove_stale_temporary_files,
    sha256,
    write_json,
    write_parquet,
)
from kaomoji_lib.stimuli import DATA

SCHEMA = 2
SHIPPED = DATA / "runs"
POSITIONS = ("emit", "first", "face")
MODEL_FOLDER = "model-folder.txt"
EMISSION_COLUMNS = (
    "source",
    "prompt_id",
    "generation",
    "category",
    "text",
    "raw_face",
    "face",
    "outcome",
    "seed",
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

    Raises
    ------
    KaomojiError
        On opening a folder without a manifest, or one written under another schema; on reading a
        file that is missing or whose content is not what the manifest says.
    """

    def __init__(self, path):
        self.path = Path(path)

    @classmethod
    def find(cls, name):
        """Return the run called ``name`` (such as ``gemma-3-270m``) of this user, else the one that ships in ``data/runs``.

        Raises
        ------
        KaomojiError
            If neither is there; runs of the user that are not finished are passed over for a finished one.
        """
        candidates = [cls(default_folder(name)), cls(SHIPPED / name)]
        for run in candidates:
            if run.complete:
                return run
        for run in candidates:
            if run.exists:
                return run
        raise KaomojiError(
            f"there is no run {name!r} in {candidates[0].path.parent} or {SHIPPED}; "
            f"expected a run folder; run `kaomoji collect {name}` first"
        )

    @cached_property
    def manifest(self):
        path = self.path / "manifest.json"
        try:
            manifest = read_json(path, self._recompute_hint)
        except FileNotFoundError:
            raise KaomojiError(
                f"{self.path} is no run folder (no manifest.json); run `kaomoji collect` first"
            ) from None
        if manifest.get("schema") != SCHEMA:
            raise KaomojiError(
                f"{path} has schema {manifest.get('schema')!r}; expected {SCHEMA}, which this version reads; "
                "delete the folder, or collect again into a new one"
            )
        if not isinstance(manifest.get("status"), str):
            raise KaomojiError(
                f"{path} is damaged; expected the status of the run; {self._recompute_hint}"
            )
        return manifest

    @property
    def exists(self):
        return (self.path / "manifest.json").is_file()

    @property
    def complete(self):
        return self.exists and self.manifest["status"] == "complete"

    @property
    def source(self):
        return self.manifest["source"]

    @property
    def perspective(self):
        """The perspective that was asked for (``data/perspectives.csv``)."""
        return self.manifest["settings"].get("perspective", perspectives.SELF)

    @property
    def model_names(self):
        """Names under which the model of the run can be found: its folder, where it is known, its alias and its id."""
        path, model = self.path / MODEL_FOLDER, self.manifest["model"]
        kept = (
            [path.read_text(encoding="utf-8", errors="replace").strip()] if path.is_file() else []
        )
        return list(dict.fromkeys([*kept, model["alias"], model["id"]]))

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
        table["face"] = table["face"].astype(object).where(table["face"].notna(), None)
        table["raw_face"] = table["raw_face"].astype(object).where(table["raw_face"].notna(), None)
        return table

    @property
    def likelihoods_path(self):
        return self.path / "likelihoods.parquet"

    def likelihoods(self):
        """Return log P of the typed spellings: the table of :func:`kaomoji_lib.models.score.scoring.score`."""
        if not self.likelihoods_path.is_file():
            alias = self.manifest.get("model", {}).get("alias", "MODEL")
            raise KaomojiError(
                f"{self.path} holds no likelihoods; run `kaomoji score {alias} --run {self.path}` first"
            )
        return read_parquet(
            self.likelihoods_path, f"delete it and run `kaomoji score` with --run {self.path} again"
        )

    def states(self, position):
        """Return the states at ``position`` (one of ``POSITIONS``) as :class:`States`."""
        if position not in POSITIONS:
            raise KaomojiError(
                f"unknown position {position!r}; expected one of {', '.join(POSITIONS)}"
            )
        array = _read_tensors(self._verified(f"states-{position}.safetensors"))["states"]
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
        path = self.path / name
        expected = self.manifest.get("files", {}).get(name)
        if not path.is_file() or expected is None:
            raise KaomojiError(f"{path} is missing; {self._remedy}")
        if sha256(path) != expected:
            raise KaomojiError(
                f"{path} is not the file that was written (its SHA-256 differs); {self._remedy}"
            )
        return path

    @property
    def _recompute_hint(self):
        return f"delete {self.path} and collect again"

    @property
    def _remedy(self):
        return f"delete {self.path} and run `kaomoji collect {self.manifest.get('model', {}).get('alias', 'MODEL')}` again"

    # -- cache ---------------------------------------------------------------------------------------

    def cached(self, name, settings, make):
        """Return ``make()``, computed once: later calls with equal arguments read the file.

        Parameters
        ----------
        name : str, part of the file name. settings : JSON-serialisable, what the result depends on besides the run's
            model, dtype, instruction and prompts. make : callable without arguments; returns a DataFrame (its ``attrs``
            must be JSON-serialisable) or a dict of arrays or tensors.

        Returns
        -------
        DataFrame, or dict of numpy arrays (floating point as float32), as read from the file; a damaged file is
        computed again. Results of a shipped run, which is read-only, are kept in the user's own runs.
        """
        key = digest(
            {
                "settings": settings,
                "prompts": digest(self.manifest["prompts"]),
                **{name: self.manifest[name] for name in ("model", "dtype", "instruction")},
            }
        )
        shipped = self.path.resolve().is_relative_to(SHIPPED.resolve())
        folders = [self.path] + ([default_folder(self.path.name)] if shipped else [])
        stems = [folder / "cache" / f"{name}-{key[:16]}" for folder in folders]
        for stem in stems:
            if (value := _read_cached(stem)) is not None:
                return value
        with folder_lock(stems[-1].parent, seconds=3600):
            if (value := _read_cached(stems[-1])) is None:
                _write_cached(stems[-1], make())
                value = _read_cached(stems[-1])
        return value

    # -- shards: the parts of a run that is under way ------------------------------------------------

    def shard(self, number):
        return self.path / "shards" / f"{number:05d}"

    def has_shard(self, number):
        return self.shard(number).with_suffix(".parquet").is_file()

    def write_shard(self, number, rows, tensors):
        """Store a finished part. The table is written last: its presence says that the part is whole."""
        from safetensors.torch import save_file

        states, table = self.shard(number).with_suffix(".safetensors"), pd.DataFrame(rows)
        with atomic(states) as temporary:
            save_file(tensors, temporary)
        table.attrs = {"states": sha256(states)}
        write_parquet(self.shard(number).with_suffix(".parquet"), table)

    def merge(self, count, **facts):
        """Join the shards into the run's files and mark it complete; ``facts`` go into the manifest."""
        import torch
        from safetensors.torch import save_file

        tables, tensors, offset = [], {position: [] for position in POSITIONS}, 0
        for number in range(count):
            table, part = self._read_shard(number)
            table["first_row"] = table["first_row"].where(
                table["first_row"] < 0, table["first_row"] + offset
            )
            offset += len(part["first"])
            tables.append(table)
            for position in POSITIONS:
                tensors[position].append(part[position])
        write_parquet(self.path / "emissions.parquet", pd.concat(tables, ignore_index=True))
        for position, parts in tensors.items():
            with atomic(self.path / f"states-{position}.safetensors") as temporary:
                save_file({"states": torch.cat(parts)}, temporary)
        names = ["emissions.parquet", *(f"states-{position}.safetensors" for position in POSITIONS)]
        self.write_manifest(
            {
                **self.manifest,
                **facts,
                "status": "complete",
                "files": {name: sha256(self.path / name) for name in names},
            }
        )
        self.clear_shards()

    def _read_shard(self, number):
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.shard(number)
        states = path.with_suffix(".safetensors")
        remedy = f"delete both files {path.name}.* and run the same command again: only that part is collected again"
        table = read_parquet(path.with_suffix(".parquet"), remedy)
        try:
            if sha256(states) == table.attrs.pop("states", None):
                return table, load_file(states)
        except (OSError, SafetensorError):
            pass
        raise KaomojiError(f"{states} is damaged; expected the states of a finished part; {remedy}")

    def remove_stale_temporary_files(self):
        """Remove what killed processes left half written; call it while holding the run's lock."""
        for folder in (self.path, self.path / "shards"):
            remove_stale_temporary_files(folder)

    def clear_shards(self):
        for path in sorted((self.path / "shards").glob("*")):
            path.unlink()
        if (self.path / "shards").is_dir():
            (self.path / "shards").rmdir()


def _write_cached(stem, value):
    import torch
    from safetensors.torch import save_file

    if isinstance(value, pd.DataFrame):
        # What cannot be written as JSON would fail in the writer, after the work is done.
        value.attrs = json.loads(json.dumps(value.attrs, default=str))
        return write_parquet(stem.with_name(f"{stem.name}.parquet"), value)
    tensors = {name: torch.as_tensor(array).contiguous() for name, array in value.items()}
    with atomic(stem.with_name(f"{stem.name}.safetensors")) as temporary:
        save_file(tensors, temporary)


def _read_cached(stem):
    """Return the table or the arrays of a cache file, or None where it is missing or damaged."""
    table, arrays = (stem.with_name(f"{stem.name}{end}") for end in (".parquet", ".safetensors"))
    try:
        if table.is_file():
            return read_parquet(table, "delete it")
        return _read_tensors(arrays) if arrays.is_file() else None
    except KaomojiError:
        return None


def _read_tensors(path):
    """Return the tensors of a file as numpy arrays: half precision becomes float32, in which everything is computed."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise KaomojiError(f"{path} is damaged ({error}); collect the run again") from None
    # Copies: the loaded tensors are windows into the file, which may be replaced.
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).clone().numpy()
        for name, tensor in tensors.items()
    }
