"""Replies of a paid service in one SQLite file, each under the hash of its request: nothing is paid for twice.

``replies.sqlite3`` is a log that only grows: replies, charges (payments without a reply) and states of batches, each row
with its SHA-256. A row is on disk before the next request is sent. The whole log is read, and checked, on opening.
"""

import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import atomic, digest

FILE, VERSION = "replies.sqlite3", 2
_TABLE = f"""
BEGIN;
CREATE TABLE log (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, entry TEXT NOT NULL, sha256 TEXT NOT NULL);
PRAGMA user_version = {VERSION};
COMMIT;
"""
REPLY, CHARGE, BATCH = "reply", "charge", "batch"


class ReplyStore:
    """The replies of one folder; for one process, and one thread, at a time.

    ``log``: all that was stored, oldest first: list of (kind, key, dict). A reply has at least ``about`` (dict, which
    row it fills), ``text``, ``stop_reason``, ``model`` (as echoed), ``usd`` and ``batch`` (id or None); a charge has
    ``usd``, its upper bound. Without ``create``, a missing file reads as empty and cannot be written. Raises
    KaomojiError on opening, if the file is damaged or of another version, and if it cannot be written.
    """

    def __init__(self, folder, create=False):
        self.path = Path(folder) / FILE
        self._db, self.log, self._newest = None, [], {}
        with self._errors():
            if create and not self.path.exists():
                # Renamed into its place with its table, so that a file without it was damaged.
                with atomic(self.path) as temporary:
                    made = sqlite3.connect(temporary)
                    made.executescript(_TABLE)
                    made.close()
            if self.path.exists():
                self._db = sqlite3.connect(self.path)
                self._read()

    def _read(self):
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise KaomojiError(
                f"{self.path} has version {version}; expected {VERSION}; name another folder with --out"
            )
        sound = self._db.execute("PRAGMA quick_check").fetchone()[0] == "ok"
        rows = self._db.execute("SELECT * FROM log ORDER BY number").fetchall()
        for place, (*row, sha256) in enumerate(rows, start=1):
            sound &= row[0] == place and digest(row) == sha256
        if not sound:
            raise sqlite3.DatabaseError("it is damaged")
        for _, kind, key, entry, _ in rows:
            self._remember(kind, key, json.loads(entry))

    def close(self):
        if self._db is not None:
            self._db.close()

    @contextmanager
    def _errors(self):
        try:
            yield
        except sqlite3.Error as error:
            raise KaomojiError(
                f"{self.path} cannot be used ({error}); expected the replies that were paid for; free disk space or "
                "restore the file, or delete it to ask (and pay) again"
            ) from None

    def _remember(self, kind, key, value):
        self.log.append((kind, key, value))
        self._newest[kind, key] = value

    def append(self, kind, key, value):
        """Store a dict; an earlier one under the same key is kept, too, and still counts as paid."""
        row = (len(self.log) + 1, kind, key, json.dumps(value))
        with self._errors(), self._db:
            self._db.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?)", (*row, digest(row)))
        self._remember(kind, key, value)

    def get(self, key):
        """Return the newest reply under ``key``, or None."""
        return self._newest.get((REPLY, key))

    def spent(self):
        """Return the US dollars of all replies and charges."""
        return sum(value["usd"] or 0.0 for kind, _, value in self.log if kind != BATCH)

    def write_batch(self, entry):
        """Note a batch (dict with ``state``), or a new state of the one with its ``number``; return it with its number."""
        entry = {"number": len(self.log) + 1, **entry}
        self.append(BATCH, str(entry["number"]), entry)
        return entry

    def open_batches(self):
        """Return the entries of batches that are not collected yet, oldest first."""
        entries = [value for (kind, _), value in self._newest.items() if kind == BATCH]
        return [entry for entry in entries if entry["state"] in ("intended", "submitted")]
