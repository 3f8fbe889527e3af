"""The originals of the article's data: downloaded by commit, verified by SHA-256, never part of this project."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import sha256
from kaomoji_lib.stimuli import DATA

PLACE = "KAOMOJI_PUBLISHED_DIR"
CACHE = "KAOMOJI_CACHE_DIR"
REMEDY = f"connect to the network and run `kaomoji published --fetch`, or let {PLACE} name a folder that has the files"


@dataclass(frozen=True)
class Registry:
    """What ``data/published.yml`` says.

    ``files``: dict path -> SHA-256. ``sources``, ``judgements``, ``figures``: dicts as in the file. ``repositories``:
    dict name -> address of a commit.
    """

    licence: str
    author: str
    repositories: dict
    files: dict
    sources: dict
    judgements: dict
    syntheses: str
    figures: dict

    @property
    def commits(self):
        """Dict repository name -> commit."""
        return {name: url.rstrip("/").rpartition("/")[2] for name, url in self.repositories.items()}

    @property
    def attribution(self):
        """Whose data this is, in one sentence for every page that uses it."""
        where = ", ".join(f"{self.author}/{name} {sha[:8]}" for name, sha in self.commits.items())
        return f"Data by {self.author}, licensed {self.licence} ({where}); the numbers are computed from it here."

    def url(self, name):
        """Return the download address of a file."""
        repository, _, inside = name.partition("/")
        return self.repositories[repository] + inside


@cache
def registry(path=None):
    """Return the :class:`Registry` of ``data/published.yml``, or of another file of that form."""
    return Registry(
        **yaml.safe_load(Path(path or DATA / "published.yml").read_text(encoding="utf-8"))
    )


def locate(name, known=None):
    """Return the verified local path of an original.

    It is read from the folder that ``KAOMOJI_PUBLISHED_DIR`` names, without any download; where none is named, from the
    user's cache (``KAOMOJI_CACHE_DIR``), to which it is downloaded first.

    Raises
    ------
    KaomojiError
        If the file is neither there nor to be had, or its SHA-256 is another.
    """
    known = known or registry()
    if name not in known.files:
        raise KaomojiError(
            f"{name!r} is not in data/published.yml; expected a path that is; correct it"
        )
    mirror = os.environ.get(PLACE)
    if not mirror:
        return _download(name, known)
    path = Path(mirror).expanduser() / name
    if not path.is_file():
        raise KaomojiError(f"{name} is not in the folder that {PLACE} names; expected it; {REMEDY}")
    if sha256(path) != known.files[name]:
        raise KaomojiError(
            f"{name} is not the published file; expected SHA-256 {known.files[name]}; copy it again from {known.url(name)}"
        )
    return path


def _download(name, known):
    try:
        import pooch
        import requests
    except ImportError:
        raise KaomojiError(
            "pooch, which downloads the originals, is not installed; expected it; pip install 'kaomoji-lib[published]'"
        ) from None
    pooch.get_logger().setLevel("WARNING")
    place = Path(os.environ.get(CACHE) or pooch.os_cache("kaomoji")).expanduser() / "published"
    keeper = pooch.create(
        path=place,
        base_url="",
        registry={key: f"sha256:{digest}" for key, digest in known.files.items()},
        urls={key: known.url(key) for key in known.files},
    )
    try:
        return Path(keeper.fetch(name, downloader=pooch.HTTPDownloader(timeout=(5, 60))))
    except ValueError:
        problem = "what was sent is not the published file"
    except requests.exceptions.RequestException as error:
        problem = f"it could not be downloaded ({type(error).__name__})"
    except OSError as error:
        problem = f"it could not be stored in {place} ({error.strerror or type(error).__name__})"
    raise KaomojiError(
        f"{name}: {problem}; expected SHA-256 {known.files[name]} from {known.url(name)}; {REMEDY}"
    )


def fetch_all(known=None, report=lambda line: None):
    """Make every original local. Returns how many are; ``report`` gets a line for each that is not."""
    known = known or registry()
    count = 0
    for name in known.files:
        try:
            locate(name, known)
            count += 1
        except KaomojiError as error:
            report(str(error))
    return count
