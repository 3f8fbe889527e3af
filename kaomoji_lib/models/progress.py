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
        self.terminal = sys.stderr.isatty()
        self.show, self.unit = show, unit
        self.bar = None
        if show and self.terminal:
            self.bar = tqdm(desc=title, total=total, initial=done, unit=unit.rstrip("s"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()

    def __call__(self, prompts=0, nodes=0):
        """Count finished ``prompts`` and computed ``nodes``; either may be a fraction of a larger step."""
        self.done, self.nodes = self.done + prompts, self.nodes + nodes
        if self.bar is not None:
            if self.nodes:
                self.bar.set_postfix_str(f"{self.nodes:,} nodes", refresh=False)
            self.bar.update(prompts)
        elif self.show and time.monotonic() - self.latest >= SECONDS_BETWEEN_LINES:
            self.latest = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def line(self):
        """Return a line such as ``organism-gemma: 24/180 prompts, 12,345 nodes, 3:05 left``."""
        finished, seconds = self.done - self.first, time.monotonic() - self.started
        nodes = f", {self.nodes:,} nodes" if self.nodes else ""
        left = ""
        if finished:
            remaining = round(seconds / finished * (self.total - self.done))
            left = f", {tqdm.format_interval(remaining)} left"
        return f"{self.title}: {self.done:.0f}/{self.total} {self.unit}{nodes}{left}"
