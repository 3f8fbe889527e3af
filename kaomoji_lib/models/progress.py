"""Show how far long work is: a bar on a terminal, a line every ten seconds elsewhere."""

import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10


class Progress:
    """Prompts done out of ``total``, trie nodes computed, time left; a context manager on stderr.

    ``done``: prompts that an earlier run finished; ``show``: False for silence; ``unit``: what is counted.
    """

    def __init__(self, title, total, done=0, show=True, unit="prompts"):
        self.title, self.total, self.first, self.done, self.nodes = title, total, done, done, 0
        self.started = self.latest = time.monotonic()
        self.show, self.unit, terminal = show, unit, sys.stderr.isatty()
        self.bar = tqdm(
            desc=title, total=total, initial=done, unit=unit, disable=not (show and terminal)
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()

    def __call__(self, prompts=0, nodes=0):
        """Count finished ``prompts`` and computed ``nodes``; either may be a fraction of a larger step."""
        self.done, self.nodes = self.done + prompts, self.nodes + nodes
        self.bar.update(prompts)
        now = time.monotonic()
        if self.bar.disable and self.show and now - self.latest >= SECONDS_BETWEEN_LINES:
            self.latest = now
            words = f"{self.title}: {self.done:.0f}/{self.total} {self.unit}"
            words += f", {self.nodes:,} nodes" if self.nodes else ""
            if finished := self.done - self.first:
                left = (now - self.started) / finished * (self.total - self.done)
                words += f", {tqdm.format_interval(round(left))} left"
            print(words, file=sys.stderr, flush=True)
