"""Tables that an engine worked out for a finished run, kept in the run's folder so that a rebuilt page need not wait for them.

``derived/<name>-<digest>.parquet``    the digest covers everything the table depends on; another question is another file
"""

import json

from filelock import FileLock

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import digest, read_parquet, write_parquet


def derived(run, name, settings, make):
    """The table ``name`` of a run, made by ``make()`` unless it is there already.

    Parameters
    ----------
    run : :class:`kaomoji_lib.runs.folder.RunFolder`. settings : JSON-serialisable, what the table depends on beside the
        run's model, template and prompts. make : callable without arguments, returns a DataFrame with text column names.

    Returns
    -------
    DataFrame as it stands in the file, so that the first call and the second return the same. A file that cannot be
    read is made anew.
    """
    manifest = run.manifest
    key = digest(
        {
            "settings": settings,
            "model": manifest["model"],
            "dtype": manifest["dtype"],
            "prompts": digest(manifest["prompts"]),
            "instruction": manifest["instruction"],
        }
    )
    path = run.path / "derived" / f"{name}-{key[:16]}.parquet"
    found = _read(path)
    if found is not None:
        return found
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if _read(path) is None:
            table = make()
            # What cannot be written as JSON would fail in the writer, after the work is done.
            table.attrs = json.loads(json.dumps(table.attrs, default=str))
            write_parquet(path, table)
    return read_parquet(path, "delete it")


def _read(path):
    try:
        return read_parquet(path, "delete it")
    except KaomojiError:
        return None
