"""Replies of a paid service, each stored once under the hash of what was asked, so that nothing is paid for twice.

``replies/<2 hex>/<hash>.json``    one reply; ``<hash>.<n>.json`` keeps those that a later reply replaced
``losses.json``                    payments without a reply (no text)
``batches/<stamp>.json``           batches under way

Replies, batches and losses carry their own digest, so that a damaged one is noticed.
"""

import json
import threading
from pathlib import Path

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import read_json as read_sealed
from kaomoji_lib.runs.files import write_json as write_sealed


class ReplyStore:
    """The replies of one folder. Safe to use from several threads of one process.

    A record is a JSON object with at least ``about`` (dict, which row it fills), ``text``,
    ``stop_reason``, ``model`` (as echoed), ``usd`` (float or None), ``dropped`` (list of parameters).
    """

    def __init__(self, path):
        self.path = Path(path)
        self._lock = threading.Lock()

    def _file(self, key):
        return self.path / "replies" / key[:2] / f"{key}.json"

    def __contains__(self, key):
        return self._file(key).is_file()

    def get(self, key):
        """The record under ``key``, or None.

        Raises
        ------
        KaomojiError
            If the file is there but holds no reply, or another than was written: it was paid for.
        """
        try:
            return _read(self._file(key))
        except FileNotFoundError:
            return None

    def put(self, key, record, replace=False):
        """Store ``record``. A key that is there stays as it is, unless ``replace``: then the old one is kept aside."""
        with self._lock:
            path = self._file(key)
            if path.is_file():
                if not replace:
                    return False
                number = 1 + sum(1 for _ in path.parent.glob(f"{key}.*.json"))
                write_sealed(path.with_name(f"{key}.{number}.json"), _read(path))
            write_sealed(path, record)
            return True

    def records(self):
        """Every stored record, replaced ones too, in no particular order."""
        return [_read(path) for path in sorted((self.path / "replies").glob("*/*.json"))]

    def lose(self, key, usd, kind):
        """Note a payment that brought no usable answer (``usd``: its upper bound, or None)."""
        with self._lock:
            write_sealed(
                self.path / "losses.json",
                {"losses": [*self._noted(), {"key": key, "usd": usd, "kind": kind}]},
            )

    def losses(self):
        """Every payment without a reply. Raises KaomojiError where the file is not the one that was written: it counts in the budget."""
        earlier = self.path / "losses.jsonl"
        lines = (
            earlier.read_text(encoding="utf-8", errors="replace").splitlines()
            if earlier.is_file()
            else []
        )
        return [*(found for line in lines if (found := _object(line))), *self._noted()]

    def _noted(self):
        path, remedy = (
            self.path / "losses.json",
            "restore it, or delete it to forget what was paid for nothing",
        )
        try:
            found = read_sealed(path, remedy).get("losses")
        except FileNotFoundError:
            return []
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise KaomojiError(f"{path} is damaged; expected a list of losses; {remedy}")
        return found

    def spent(self):
        """US dollars of all replies and losses; those without a price count nothing."""
        return sum(item.get("usd") or 0.0 for item in [*self.records(), *self.losses()])

    # -- batches -------------------------------------------------------------------------------------

    def write_batch(self, entry):
        """Write a batch entry (dict with a unique ``stamp``) and return it."""
        write_sealed(self.path / "batches" / f"{entry['stamp']}.json", entry)
        return entry

    def batches(self):
        """All batch entries, oldest first."""
        return [_read(path) for path in sorted((self.path / "batches").glob("*.json"))]


def _object(line):
    """A line of the notes that were kept before there were digests, or None."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read(path):
    found = read_sealed(path, "restore it, or delete it to ask (and pay) again")
    # Replies name their text, entries of batches their questions; a file with neither would be misread later.
    if "text" not in found and "asks" not in found:
        raise KaomojiError(
            f"{path} is damaged; expected a stored reply; restore it, or delete it to ask (and pay) again"
        )
    return found
