"""The model registry: aliases, template adapters and interventions, as data."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA


@dataclass(frozen=True)
class ModelSpec:
    """One model and what its own files do not say about it.

    ``kind`` is ``real`` (a listed checkpoint), ``organism`` (a positive control that ships
    with this project) or ``other`` (any other Hugging Face id or folder).
    """

    alias: str
    id: str
    title: str
    family: str = ""
    kind: str = "other"
    adapter: dict = field(default_factory=dict)
    interventions: tuple = ()
    note: str = ""
    revision: str = "main"

    @property
    def is_organism(self):
        return self.kind == "organism"

    @property
    def location(self):
        """Folder or Hugging Face id, as ``from_pretrained`` takes it."""
        return str(DATA / self.id) if self.is_organism else self.id

    @property
    def is_folder(self):
        """Whether it lies on this machine, not on the hub."""
        return Path(self.location).is_dir()

    @property
    def slug(self):
        """The alias as a file name that every operating system accepts."""
        from kaomoji_lib import html as escape

        return escape.filename(self.alias)


@cache
def _entries():
    raw = yaml.safe_load((DATA / "models.yml").read_text(encoding="utf-8"))
    return {
        alias: ModelSpec(
            alias=alias, **{**entry, "interventions": tuple(entry.get("interventions", ()))}
        )
        for alias, entry in raw.items()
    }


def aliases():
    """Names of the listed models, in registry order."""
    return tuple(_entries())


def model(name):
    """The registry entry for an alias, a Hugging Face id or a local folder.

    Raises
    ------
    KaomojiError
        If ``name`` is neither listed, nor an existing model folder, nor shaped like ``owner/name``.
    """
    name = str(name)
    entries = _entries()
    if name in entries:
        return entries[name]
    by_id = {spec.id: spec for spec in entries.values()}
    if name in by_id:
        return by_id[name]
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise KaomojiError(
                f"model folder {name!r} has no config.json; expected a folder written by save_pretrained; "
                "check the path"
            )
        return ModelSpec(
            alias=folder.resolve().name, id=str(folder.resolve()), title=folder.resolve().name
        )
    owner, _, rest = name.partition("/")
    if (
        owner
        and rest
        and "/" not in rest
        and not name.startswith((".", "/", "~"))
        and " " not in name
    ):
        return ModelSpec(alias=name, id=name, title=rest)
    raise KaomojiError(
        f"unknown model {name!r}; expected an alias ({', '.join(entries)}), a Hugging Face id (owner/name) "
        "or an existing folder"
    )
