"""The published study's files: downloaded by commit, verified by hash, never part of this project.

A file is looked for in the folder that ``KAOMOJI_PUBLISHED_DIR`` names (same layout: repository/path) and otherwise in
the user's cache, to which it is downloaded on first use. Wherever it lies, its size and SHA-256 are checked before it
is read.
"""

import errno
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import atomic, sha256
from kaomoji_lib.stimuli import DATA

PLACE = "KAOMOJI_PUBLISHED_DIR"
CACHE = "KAOMOJI_CACHE_DIR"
TIMEOUT = (5, 60)
REMEDY = f"connect to the network and run `kaomoji published --fetch`, or let {PLACE} name a folder that holds the files"
REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the quota is used up", "free some space"),
    errno.EFBIG: ("files may not grow so large here", "raise the limit (ulimit -f)"),
}
_unreachable = {}


@dataclass(frozen=True)
class PublishedFile:
    """One file of the registry. ``sha256`` and ``size`` (bytes) are None where no one has recorded them."""

    name: str
    url: str
    what: str
    licence: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Registry:
    """What was published: ``files`` (dict name -> PublishedFile), and how its rows are read (dicts as in the YAML)."""

    files: dict
    sources: dict
    judgements: dict
    syntheses: str
    licence: str
    author: str
    commits: dict

    @property
    def attribution(self):
        """Whose data this is, in one sentence for every page that uses it."""
        where = ", ".join(
            f"{self.author}/{name} at commit {commit[:8]}" for name, commit in self.commits.items()
        )
        return f"Data by {self.author}, licensed {self.licence} ({where}); the numbers are computed from it here."


@cache
def registry(path=None):
    """The :class:`Registry` of ``data/published.yml`` (or of another file of that form)."""
    raw = yaml.safe_load(Path(path or DATA / "published.yml").read_text(encoding="utf-8"))
    places = raw["repositories"]
    files = {}
    for name, entry in raw["files"].items():
        repository, _, inside = name.partition("/")
        files[name] = PublishedFile(
            name, places[repository] + inside, licence=raw["licence"], **entry
        )
    commits = {name: url.rstrip("/").rpartition("/")[2] for name, url in places.items()}
    return Registry(
        files,
        raw["sources"],
        raw["judgements"],
        raw["syntheses"],
        raw["licence"],
        raw["author"],
        commits,
    )


def folder():
    """The folder that the user named instead of the cache, or None."""
    named = os.environ.get(PLACE)
    return Path(named).expanduser() if named else None


def cache_folder():
    """Where downloads are kept: ``KAOMOJI_CACHE_DIR`` or the user's cache."""
    return Path(os.environ.get(CACHE) or _pooch().os_cache("kaomoji")).expanduser() / "published"


def _pooch():
    try:
        import pooch
    except ImportError:
        raise KaomojiError(
            f"pooch, which downloads and checks the published files, is not installed; expected it; pip install 'kaomoji-lib[published]', or let {CACHE} name a folder"
        ) from None
    return pooch


def locate(name, known=None, *, download=False):
    """The verified local path of a registered file; downloads it when it is nowhere.

    A named folder is all that is read, so that a run can be kept off the network; ``download`` asks for the file nevertheless.

    Raises
    ------
    KaomojiError
        If the name is not registered; the file is neither there nor to be had; its size or hash is
        wrong; or the disk is full. A failed download leaves nothing behind, and what was cached before stays.
    """
    known = known or registry()
    if name not in known.files:
        raise KaomojiError(
            f"{name!r} is not a registered file; expected one of data/published.yml; correct the name"
        )
    entry = known.files[name]
    named = folder()
    if named is not None and (named / name).is_file():
        _verify(named / name, entry, f"copy it again from {entry.url}")
        return named / name
    cached = cache_folder() / name
    if cached.is_file() and _is_intact(cached, entry):
        return cached
    if named is not None and not download:
        raise KaomojiError(
            f"the file {name} is not in the folder that {PLACE} names; expected {entry.what}; put it there, or run `kaomoji published --fetch`"
        )
    return _download(entry, cached)


def present(names, known=None):
    """Whether all ``names`` can be read without the network."""
    known = known or registry()
    places = [place for place in (folder(), cache_folder()) if place is not None]
    return all(
        any((place / name).is_file() for place in places) for name in names if name in known.files
    )


def fetch_all(known=None, report=lambda line: None):
    """Make every registered file local. Returns the number of files; ``report`` gets a line for each that is missing."""
    known = known or registry()
    found = 0
    for name in known.files:
        try:
            locate(name, known, download=True)
            found += 1
        except KaomojiError as error:
            report(str(error))
    return found


def _is_intact(path, entry):
    expected = entry.sha256 or _remembered(path)
    if expected is None:
        return True
    return _digest(str(path), path.stat().st_mtime_ns, path.stat().st_size) == expected


@cache
def _digest(path, modified, size):
    return sha256(path)


def _verify(path, entry, remedy):
    size = path.stat().st_size
    if entry.size is not None and size != entry.size:
        raise KaomojiError(
            f"the file {entry.name} has {size:,} bytes; expected {entry.size:,} (it was cut or changed); {remedy}"
        )
    if not _is_intact(path, entry):
        raise KaomojiError(
            f"the file {entry.name} is not the published file; expected SHA-256 {entry.sha256} (a byte was changed); {remedy}"
        )


def _remembered(path):
    note = path.with_name(f"{path.name}.sha256")
    return note.read_text(encoding="utf-8").strip() if note.is_file() else None


def _download(entry, target):
    """Fetch one file to ``target``. pooch writes beside it, checks the hash and renames: never half a file."""
    import requests

    pooch = _pooch()
    host = entry.url.split("/")[2]
    if host in _unreachable:
        raise KaomojiError(
            f"the file {entry.name} is not on this machine and {host} could not be reached ({_unreachable[host]}); {REMEDY}"
        )
    expected = entry.sha256 or _remembered(target)
    downloader = pooch.HTTPDownloader(
        progressbar=not os.environ.get("TQDM_DISABLE"), timeout=TIMEOUT
    )
    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            entry.url,
            known_hash=expected and f"sha256:{expected}",
            fname=target.name,
            path=target.parent,
            downloader=downloader,
        )
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise KaomojiError(
            f"{entry.name}: {entry.url} answered {status}; expected the file; check the address in data/published.yml, or {REMEDY}"
        ) from None
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        if "IncompleteRead" in str(error) or "Connection broken" in str(error):
            raise KaomojiError(
                f"{entry.name}: the download was cut off; expected {_size(entry)}; run it again"
            ) from None
        _unreachable[host] = "no connection"
        raise KaomojiError(
            f"the file {entry.name} is not on this machine and {host} could not be reached; expected {entry.what}; {REMEDY}"
        ) from None
    except requests.exceptions.RequestException as error:
        raise KaomojiError(
            f"{entry.name}: the download was cut off ({type(error).__name__}); expected {_size(entry)}; run it again"
        ) from None
    except ValueError:
        raise KaomojiError(
            f"{entry.name}: what {host} sent is not the published file; expected {_size(entry)} with SHA-256 {expected}; run it again"
        ) from None
    except OSError as error:
        reason, remedy = REASONS.get(
            error.errno, (error.strerror or type(error).__name__, "check the folder")
        )
        raise KaomojiError(
            f"the file {entry.name} could not be stored in {target.parent}: {reason}; expected room for {_size(entry)}; {remedy}, or let {CACHE} name another folder"
        ) from None
    if entry.sha256 is None and expected is None:
        if target.suffix == ".html" and not target.read_bytes().rstrip().endswith(b"</html>"):
            target.unlink()
            raise KaomojiError(
                f"{entry.name}: the download was cut off; expected a whole page, up to </html>; run it again"
            )
        with atomic(target.with_name(f"{target.name}.sha256")) as temporary:
            temporary.write_text(sha256(target) + "\n", encoding="utf-8")
    return target


def _size(entry):
    return f"{entry.size:,} bytes" if entry.size else "a whole file"
