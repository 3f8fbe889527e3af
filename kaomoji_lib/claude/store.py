"""Replies of a paid service in one SQLite file, each under the hash of its request: nothing is paid for twice.

``replies.sqlite3``   ``replies`` (all of them; the newest of a key counts), ``charges`` (payments without a reply) and
``batches`` (message batches and the intent to create one). A transaction is on disk before the next request is sent.
"""

import json
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import atomic

FILE, VERSION = "replies.sqlite3", 1
_TABLES = f"""
BEGIN;
CREATE TABLE replies (number INTEGER PRIMARY KEY, key TEXT NOT NULL, record TEXT NOT NULL, usd REAL);
CREATE INDEX by_key ON replies (key);
CREATE TABLE charges (number INTEGER PRIMARY KEY, key TEXT NOT NULL, usd REAL, kind TEXT NOT NULL);
CREATE TABLE batches (number INTEGER PRIMARY KEY, state TEXT NOT NULL, entry TEXT NOT NULL);
PRAGMA user_version = {VERSION};
COMMIT;
"""


class ReplyStore:
    """The replies of one folder; safe to use from several threads of one process.

    A record is a dict with at least ``about`` (dict, which row it fills), ``text``, ``stop_reason``, ``model`` (as
    echoed), ``usd`` (float or None) and ``batch`` (id or None). Without ``create``, a missing file reads as empty.

    Raises
    ------
    KaomojiError
        On any access, if the file is damaged, of another version, or cannot be written.
    """

    def __init__(self, folder, create=False):
        self.path = Path(folder) / FILE
        self._lock = threading.Lock()
        with self._errors():
            if create and not self.path.exists():
                # Renamed into its place with all tables, so that a file without them was damaged.
                with atomic(self.path) as temporary:
                    made = sqlite3.connect(temporary)
                    made.executescript(_TABLES)
                    made.close()
            kept = self.path.exists()
            self._db = sqlite3.connect(self.path if kept else ":memory:", check_same_thread=False)
            if not kept:
                self._db.executescript(_TABLES)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            sound = self._db.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not tables or not sound:
                raise sqlite3.DatabaseError("it is damaged")
            if version != VERSION:
                raise KaomojiError(
                    f"{self.path} has version {version}; expected {VERSION}; name another folder with --out"
                )

    def close(self):
        self._db.close()

    @contextmanager
    def _errors(self):
        try:
            yield
        except (sqlite3.Error, json.JSONDecodeError) as error:
            raise KaomojiError(
                f"{self.path} cannot be used ({error}); expected the replies that were paid for; free disk space or "
                "restore the file, or delete it to ask (and pay) again"
            ) from None

    def _run(self, statement, *values):
        with self._errors(), self._lock, self._db:
            return self._db.execute(statement, values).fetchall()

    def _parsed(self, statement, *values):
        with self._errors():
            return [json.loads(row[0]) for row in self._run(statement, *values)]

    def __contains__(self, key):
        return bool(self._run("SELECT 1 FROM replies WHERE key = ? LIMIT 1", key))

    def get(self, key):
        """Return the newest record under ``key``, or None."""
        newest = "SELECT record FROM replies WHERE key = ? ORDER BY number DESC LIMIT 1"
        return next(iter(self._parsed(newest, key)), None)

    def put(self, key, record):
        """Store a record; an earlier one under the same key is kept, too, and still counts as paid."""
        values = key, json.dumps(record), record.get("usd")
        self._run("INSERT INTO replies (key, record, usd) VALUES (?, ?, ?)", *values)

    def records(self):
        """Return every stored record, replaced ones too, oldest first."""
        return self._parsed("SELECT record FROM replies ORDER BY number")

    def record_unreceived_charge(self, key, usd, kind):
        """Note a payment that brought no usable reply (``usd``: its upper bound, or None)."""
        self._run("INSERT INTO charges (key, usd, kind) VALUES (?, ?, ?)", key, usd, kind)

    def unreceived_charges(self):
        """Return the payments without a reply: list of (key, usd, kind)."""
        return self._run("SELECT key, usd, kind FROM charges ORDER BY number")

    def spent(self):
        """Return the US dollars of all replies and charges; those without a price count nothing."""
        return sum(
            self._run(f"SELECT total(usd) FROM {table}")[0][0] for table in ("replies", "charges")
        )

    def write_batch(self, entry):
        """Insert a batch entry (dict with ``state``), or replace the one with its ``number``; return it with its number."""
        if "number" not in entry:
            number = self._run("SELECT coalesce(max(number), 0) + 1 FROM batches")[0][0]
            entry = {**entry, "number": number}
        values = entry["number"], entry["state"], json.dumps(entry)
        self._run("INSERT OR REPLACE INTO batches (number, state, entry) VALUES (?, ?, ?)", *values)
        return entry

    def open_batches(self):
        """Return the entries of batches that are not collected yet, oldest first."""
        states = "state IN ('intended', 'submitted')"
        return self._parsed(f"SELECT entry FROM batches WHERE {states} ORDER BY number")
