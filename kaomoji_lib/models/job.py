"""What resumable jobs share: prompts in parts, refusing to continue another job, a report of how long it takes."""

import sys
import time

from tqdm import tqdm

from kaomoji_lib.errors import KaomojiError

SECONDS_BETWEEN_LINES = 10


class Progress:
    """Prompts done out of ``total`` on stderr: a bar on a terminal, a line every ten seconds elsewhere; a context manager.

    ``done``: prompts that an earlier run finished; ``show``: False for silence; ``unit``: what is counted.
    """

    def __init__(self, title, total, done=0, show=True, unit="prompts"):
        self.title, self.total, self.first, self.done = title, total, done, done
        self.started = self.latest = time.monotonic()
        self.lines, self.unit = show and not sys.stderr.isatty(), unit
        bar = show and not self.lines
        self.bar = tqdm(desc=title, total=total, initial=done, unit=unit, disable=not bar)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()

    def __call__(self, prompts=0):
        """Count finished ``prompts``, which may be a fraction of a larger step."""
        self.done += prompts
        self.bar.update(prompts)
        now = time.monotonic()
        if self.lines and now - self.latest >= SECONDS_BETWEEN_LINES:
            self.latest = now
            words = f"{self.title}: {self.done:.0f}/{self.total} {self.unit}"
            if finished := self.done - self.first:
                left = (now - self.started) / finished * (self.total - self.done)
                words += f", {tqdm.format_interval(round(left))} left"
            print(words, file=sys.stderr, flush=True)


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


def identity(spec):
    """Return what makes two models the same: the id on the hub, or alias and digest of a local folder (str)."""
    from kaomoji_lib.models.loading import local_revision

    revision = local_revision(spec)
    return spec.id if revision is None else f"{spec.alias} ({revision[:12]})"


def refuse_difference(where, existing, settings, names=()):
    """Raise KaomojiError, naming the differences, unless ``existing`` equals ``settings`` (dicts).

    ``where``: what is named in the message; ``names``: dict from settings to options of the command line.
    """
    differences = [
        f"{dict(names).get(key, key)}: there {existing.get(key)!r}, asked for {value!r}"
        for key, value in settings.items()
        if existing.get(key) != value
    ]
    if differences:
        raise KaomojiError(
            f"{where} contains another run ({'; '.join(differences)}); give another --out, or delete it"
        )
