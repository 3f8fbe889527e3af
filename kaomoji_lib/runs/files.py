"""Writing files so that a killed process leaves the old file or the new one, never half of one; reading what may be damaged."""

import errno
import hashlib
import io
import json
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path

from kaomoji_lib import html as escape
from kaomoji_lib.errors import KaomojiError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TEMPORARY = re.compile(r"\.(.+)\.\d+\.part", re.DOTALL)
PARQUET_SEAL = b"kaomoji_lib: SHA-256 of the rest"
SEAL = "sha256_of_the_rest"
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def atomic(path):
    """Yield a temporary path beside ``path``; flushed to disk and renamed onto it on success.

    Raises
    ------
    KaomojiError
        If the disk is full, the folder is read-only, or the system refuses the write for another reason. What was
        under ``path`` before is still there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise KaomojiError(_refusal(path, error.errno, error.strerror or str(error))) from None
    except Exception as error:
        # The safetensors library says what the system said in an exception of its own.
        if type(error).__name__ != "SafetensorError":
            raise
        full = "No space left" in str(error) or "os error 28" in str(error)
        raise KaomojiError(_refusal(path, errno.ENOSPC if full else 0, str(error))) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder, name=None, below=False):
    """Remove what killed writers left of the files in ``folder``: of ``name`` alone, or of all; ``below``: in its folders too.

    Only for who holds the lock of what is written there: the temporary file of a writer that lives would go too.
    """
    for path in list(Path(folder).glob("**/.*.part" if below else ".*.part")):
        of = TEMPORARY.fullmatch(path.name)
        if of and name in (None, of[1]):
            with suppress(OSError):
                path.unlink()


def _refusal(path, number, said):
    if number in FULL:
        return f"{path} could not be written: no room on the disk; expected room for it; free some space and run the same command again"
    if number in CLOSED:
        return f"{path} could not be written: its folder is read-only; expected a folder of your own; change its permissions, or name another"
    return f"{path} could not be written ({said}); expected a writable folder; check it, or name another"


def _flush_folder(folder):
    """Make a rename survive a power cut; systems that cannot open folders do so by themselves."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def parse_json(text):
    """The value of a JSON text from outside, its strings made :func:`~kaomoji_lib.html.storable`.

    Raises ValueError for what is no JSON, RecursionError for what is nested too deeply.
    """
    value = json.loads(text)
    # Only an escape can bring half of a surrogate pair.
    return _storable(value) if "\\ud" in text.lower() else value


def _storable(value):
    if isinstance(value, str):
        return escape.storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return (
        {escape.storable(name): _storable(item) for name, item in value.items()}
        if isinstance(value, dict)
        else value
    )


def read_json(path, remedy):
    """The JSON object in a file (dict).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KaomojiError
        If the file cannot be read or is no JSON object; it names the file and the ``remedy``.
    """
    try:
        value = parse_json(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise KaomojiError(f"{path} is damaged; expected a JSON object; {remedy}")
    return value


def write_parquet(path, table):
    """Write a DataFrame atomically, with its own digest, at which :func:`read_parquet` looks."""
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False, write_page_checksum=True)
        content = temporary.read_bytes()
        # Pages have checksums, the names and types of columns have none. Before the footer, to which no offset points, is room.
        footer = _footer(content)
        temporary.write_bytes(
            content[:footer] + PARQUET_SEAL + hashlib.sha256(content).digest() + content[footer:]
        )


def _footer(content):
    """Where the footer of a Parquet file begins: its length stands before the last four bytes."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def read_parquet(path, remedy):
    """The table in a Parquet file (DataFrame). Raises KaomojiError, naming the file and the ``remedy``, where it is damaged."""
    import pandas as pd

    try:
        content = Path(path).read_bytes()
        footer = _footer(content)
        sealed, kept = content[: footer - 32], content[footer - 32 : footer]
        if (
            sealed.endswith(PARQUET_SEAL)
            and hashlib.sha256(sealed.removesuffix(PARQUET_SEAL) + content[footer:]).digest()
            != kept
        ):
            raise ValueError
        return pd.read_parquet(io.BytesIO(content), page_checksum_verification=True)
    # A cut or changed file raises whatever its bytes happen to mean to the reader.
    except Exception as error:
        raise KaomojiError(
            f"{path} is damaged ({type(error).__name__}); expected a whole Parquet file; {remedy}"
        ) from None


def write_json(path, value):
    with atomic(path) as temporary:
        temporary.write_text(
            json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def write_sealed(path, value):
    """Write a dict as JSON together with its own digest, at which :func:`read_sealed` looks."""
    plain = json.loads(json.dumps(value, ensure_ascii=False))
    write_json(path, {**plain, SEAL: digest(plain)})


def read_sealed(path, remedy):
    """What :func:`write_sealed` wrote (dict, without the digest). Raises as :func:`read_json` does, also where the digest differs.

    Files from before there were digests hold none; they are read as they are.
    """
    value = read_json(path, remedy)
    seal = value.pop(SEAL, None)
    if seal is not None and seal != digest(value):
        raise KaomojiError(
            f"{path} is damaged; expected the content that was written (its SHA-256 differs); {remedy}"
        )
    return value


def sha256(path):
    """Hex SHA-256 of a file's content."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(value):
    """Hex SHA-256 of any JSON-serialisable value, independent of key order."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()


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
