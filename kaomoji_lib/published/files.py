"""The originals of the article's data: downloaded by commit, verified by SHA-256, never part of this project."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.runs.files import sha256
from kaomoji_lib.stimuli import DATA

PLACE, CACHE = "KAOMOJI_PUBLISHED_DIR", "KAOMOJI_CACHE_DIR"
REMEDY = f"connect to the network and run `kaomoji published --fetch`, or let {PLACE} name a folder that has the files"


@dataclass(frozen=True)
class Registry:
    """What ``data/published.yml`` says: ``files`` maps path to SHA-256, ``repositories`` name to address of a commit."""

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
        """Dict ``author/repository`` -> commit."""
        named = {
            name: url.rstrip("/").rpartition("/")[2] for name, url in self.repositories.items()
        }
        return {f"{self.author}/{name}": sha for name, sha in named.items()}

    @property
    def attribution(self):
        """Whose data this is, in one sentence for every page that uses it."""
        where = ", ".join(f"{name} {sha[:8]}" for name, sha in self.commits.items())
        return f"Data by {self.author}, licensed {self.licence} ({where}); the numbers are computed from it here."

    def url(self, name):
        """Return the download address of a file."""
        repository, _, inside = name.partition("/")
        return self.repositories[repository] + inside


@cache
def registry():
    """Return the :class:`Registry` of ``data/published.yml``."""
    return Registry(**yaml.safe_load((DATA / "published.yml").read_text(encoding="utf-8")))


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
    mirror, problem = os.environ.get(PLACE), ""
    path = Path(mirror).expanduser() / name if mirror else None
    if path is None:
        path, problem = _download(name, known)
    elif not path.is_file():
        problem = f"it is not in the folder that {PLACE} names"
    elif sha256(path) != known.files[name]:
        problem = "it is not the published file"
    if problem:
        expected = f"SHA-256 {known.files[name]} from {known.url(name)}"
        raise KaomojiError(f"{name}: {problem}; expected {expected}; {REMEDY}")
    return path


def _download(name, known):
    """The path to which a file was downloaded, and what went wrong."""
    try:
        import pooch
        import requests
    except ImportError:
        return (
            None,
            "pooch, which downloads it, is not installed (pip install 'kaomoji-lib[published]')",
        )
    pooch.get_logger().setLevel("WARNING")
    keeper = pooch.create(
        path=Path(os.environ.get(CACHE) or pooch.os_cache("kaomoji")).expanduser() / "published",
        base_url="",
        registry={key: f"sha256:{digest}" for key, digest in known.files.items()},
        urls={key: known.url(key) for key in known.files},
    )
    try:
        return Path(keeper.fetch(name, downloader=pooch.HTTPDownloader(timeout=(5, 60)))), ""
    except ValueError:
        return None, "what was sent is not the published file"
    except requests.exceptions.RequestException as error:
        return None, f"it could not be downloaded ({type(error).__name__})"
    except OSError as error:
        return None, f"it could not be stored ({error.strerror or type(error).__name__})"
