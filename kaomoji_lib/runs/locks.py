"""One writer for a folder at a time."""

from filelock import FileLock, Timeout

from kaomoji_lib.errors import KaomojiError


def alone(folder, seconds=0):
    """A lock on a folder (Path), which is made; held until it is released, a context manager.

    Waits up to ``seconds`` for another process. Raises KaomojiError if that one still writes there, or if nothing can be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=seconds)
        lock.acquire()
    except Timeout:
        raise KaomojiError(
            f"another process is writing to {folder}; wait for it, or give another --out"
        ) from None
    except OSError as error:
        raise KaomojiError(
            f"cannot write to {folder} ({error.strerror}); give another --out"
        ) from None
    return lock
