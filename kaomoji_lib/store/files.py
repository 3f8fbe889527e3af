"""Writing files so that a killed process leaves the old file or the new one, never half of one."""

import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path):
    """Yield a temporary path beside ``path``; flushed to disk and renamed onto it on success."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, value):
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256(path):
    """Hex SHA-256 of a file's content."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(value):
    """Hex SHA-256 of any JSON-serialisable value, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


WHOLLY_READ = 64 * 2**20


def folder_digest(folder):
    """Hex SHA-256 of a folder's files: names, sizes and contents (of large files the first and the last MiB)."""
    total = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and not path.name.startswith("."):
            size = path.stat().st_size
            total.update(f"{path.name}\0{size}\0".encode())
            with open(path, "rb") as handle:
                if size <= WHOLLY_READ:
                    total.update(handle.read())
                else:
                    total.update(handle.read(2**20))
                    handle.seek(-(2**20), os.SEEK_END)
                    total.update(handle.read())
    return total.hexdigest()
