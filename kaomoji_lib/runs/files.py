"""Write files so that a killed process leaves the old one or the new one; read files that may be damaged."""

import errno
import glob
import hashlib
import io
import json
import os
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

REFUSALS = dict.fromkeys(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "no room on the disk; expected room for it; free some space and run the same command again",
) | dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS),
    "its folder is read-only; expected a folder of your own; change its permissions, or name another",
)


@contextmanager
def atomic(path):
    """Yield a temporary path beside ``path``; flushed to disk and renamed onto it on success.

    Raises KaomojiError if the disk is full, the folder is read-only, or the system refuses the write for another reason.
    What was under ``path`` before is still there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        # The safetensors library says what the system said in an exception of its own.
        full = "No space left" in str(error) or "os error 28" in str(error)
        number = errno.ENOSPC if full else getattr(error, "errno", None)
        other = f"{error}; expected a writable folder; check it, or name another"
        raise KaomojiError(f"{path} could not be written: {REFUSALS.get(number, other)}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_stale_temporary_files(*folders, name=None):
    """Remove what killed writers left in ``folders``: of the file ``name`` only, or of all.

    Call it while holding the lock of the folder: it would also remove the temporary file of a running writer.
    """
    pattern = f".{glob.escape(name) if name else '*'}.[0-9]*.part"
    for folder in folders:
        for path in list(Path(folder).glob(pattern)):
            with suppress(OSError):
                path.unlink()


def folder_lock(folder, seconds=0):
    """Return the acquired lock of a folder (Path, created if needed): one writer at a time; a context manager.

    Waits up to ``seconds`` for another process. Raises KaomojiError if that process still writes there, or if the
    folder cannot be written.
    """
    lock = FileLock(folder / ".lock", timeout=seconds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        return lock
    except Timeout:
        problem = f"another process is writing to {folder}; wait for it"
    except OSError as error:
        problem = f"cannot write to {folder} ({error.strerror}); check it"
    raise KaomojiError(f"{problem}, or give another --out")


def parse_json(text):
    """Parse untrusted JSON; strings become :func:`~kaomoji_lib.html.storable`.

    Raises ValueError for invalid JSON, RecursionError for JSON nested too deeply.
    """
    value = json.loads(text)
    # Only an escape can bring half of a surrogate pair.
    if "\\ud" in text.lower():
        value = json.loads(escape.storable(json.dumps(value, ensure_ascii=False)))
    return value


def read_json(path, remedy):
    """Read the JSON object in a file (dict); a byte-order mark is skipped.

    Raises KaomojiError, naming the file and the ``remedy``, if it cannot be read or is no JSON object.
    """
    try:
        value = parse_json(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise KaomojiError(f"{path} is damaged; expected a JSON object; {remedy}")
    return value


def write_parquet(path, table):
    """Write a DataFrame atomically, with a checksum for every page of the file."""
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False, write_page_checksum=True)


def read_parquet(path, remedy):
    """Read a Parquet file as a DataFrame; raises KaomojiError, naming the file and the ``remedy``, where it is damaged."""
    import pandas as pd

    try:
        # From memory: pyarrow reads meaning into paths that look like partitions (``a=1``).
        content = io.BytesIO(Path(path).read_bytes())
        return pd.read_parquet(content, page_checksum_verification=True)
    # A cut or changed file raises whatever its bytes happen to mean to the parser.
    except Exception as error:
        raise KaomojiError(
            f"{path} is damaged ({type(error).__name__}); expected a whole Parquet file; {remedy}"
        ) from None


def write_json(path, value):
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path):
    """Hex SHA-256 of a file's content."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(value):
    """Hex SHA-256 of any JSON-serialisable value, independent of key order."""
    content = json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(content).hexdigest()


def folder_digest(folder):
    """Hex SHA-256 of a folder's files: names, sizes and contents (of large files 64 MiB, evenly spread)."""
    total = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and not path.name.startswith("."):
            size = path.stat().st_size
            total.update(f"{path.name}\0{size}\0".encode())
            with open(path, "rb") as handle:
                for start in range(0, size, max(2**20, size // 64)):
                    handle.seek(start)
                    total.update(handle.read(2**20))
    return total.hexdigest()
