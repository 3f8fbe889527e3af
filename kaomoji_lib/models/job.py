"""What resumable jobs share: prompts in parts, refusing to continue another job, a report of how long it takes."""

import io
import sys
from pathlib import Path

from tqdm import tqdm

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs import registry
from kaomoji_lib.runs.files import folder_digest

SECONDS_BETWEEN_LINES = 10
COUNT = "{n:.0f}/{total} {unit}, {remaining} left"


class Progress(tqdm):
    """Prompts done out of ``total`` on stderr: a bar on a terminal, a line every ten seconds elsewhere; a context manager.

    ``done``: prompts that an earlier run finished; ``show``: False for silence; ``unit``: what is counted.
    """

    def __init__(self, title, total, done=0, show=True, unit="prompts"):
        self.lines, seconds = not sys.stderr.isatty(), SECONDS_BETWEEN_LINES
        how = {"bar_format": "{desc} |{bar}| " + COUNT, "mininterval": 0.1}
        if self.lines:
            how = {"bar_format": "{desc}: " + COUNT, "mininterval": seconds, "delay": seconds}
            how["file"] = io.StringIO()
        about = {"desc": title, "total": total, "initial": done, "unit": unit}
        super().__init__(**about, **how, miniters=0, disable=not show, leave=not self.lines)

    def display(self, msg=None, pos=None):
        if not self.lines:
            super().display(msg, pos)
        elif msg is None:
            print(self, file=sys.stderr, flush=True)

    def __call__(self, prompts=0):
        """Count finished ``prompts``, which may be a fraction of a larger step."""
        self.update(prompts)


def in_parts(prompts, size):
    """Return a table of prompts in consecutive tables of ``size`` rows (the last has fewer): list of DataFrame."""
    return [prompts.iloc[at : at + size] for at in range(0, len(prompts), size)]


def unfinished(title, parts, is_done, progress):
    """Yield (number, part, report) of the ``parts`` for which ``is_done(number)`` is False; ``report``: Progress of them all."""
    waiting = [number for number in range(len(parts)) if not is_done(number)]
    total, left = sum(map(len, parts)), sum(len(parts[number]) for number in waiting)
    with Progress(title, total, total - left, progress) as report:
        for number in waiting:
            yield number, parts[number], report


def local_revision(spec):
    """Return a digest of a local model's files (a GGUF file's SHA-256); None for a model of the hub."""
    if not spec.is_local:
        return None
    folder = Path(spec.location).is_dir()
    return folder_digest(spec.location) if folder else registry.digest(spec.location)


def identity(spec):
    """Return what makes two models the same: the id on the hub, or alias and digest of a local folder (str)."""
    revision = local_revision(spec)
    return spec.id if revision is None else f"{spec.alias} ({revision[:12]})"


def refuse_difference(where, existing, settings):
    """Raise KaomojiError, naming the differences, unless ``existing`` equals ``settings`` (dicts) in its keys.

    ``where``: what is named in the message.
    """
    differences = [
        f"{key}: there {existing.get(key)!r}, asked for {value!r}"
        for key, value in settings.items()
        if existing.get(key) != value
    ]
    if differences:
        raise KaomojiError(
            f"{where} contains another run ({'; '.join(differences)}); give another --out, or delete it"
        )
