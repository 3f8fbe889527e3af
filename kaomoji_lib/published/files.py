"""The originals of the article's data: downloaded by commit, verified by SHA-256, never part of this project."""

from functools import cache
from pathlib import Path

import yaml

from kaomoji_lib.errors import KaomojiError
from kaomoji_lib.stimuli import DATA

PLACE = "KAOMOJI_PUBLISHED_DIR"


@cache
def registry():
    """Return ``data/published.yml`` (dict): ``files`` maps path to SHA-256, ``repositories`` name to address of a commit."""
    return yaml.safe_load((DATA / "published.yml").read_text(encoding="utf-8"))


def commits(known):
    """Return dict ``author/repository`` -> commit of a registry."""
    addresses = known["repositories"].items()
    return {f"{known['author']}/{name}": url.split("/")[-2] for name, url in addresses}


def attribution():
    """Return whose data this is, in one sentence for every page that uses it."""
    known = registry()
    where = ", ".join(f"{name} {sha[:8]}" for name, sha in commits(known).items())
    return f"Data by {known['author']}, licensed {known['licence']} ({where}); the numbers are computed from it here."


def locate(name, known=None):
    """Return the verified local path of an original, downloaded if it is not there yet.

    It lies in the folder that ``KAOMOJI_PUBLISHED_DIR`` names, or else in the user's cache.

    Raises
    ------
    KaomojiError
        If the file is neither there nor to be had.
    """
    import pooch
    from requests.exceptions import RequestException

    known = known or registry()
    pooch.get_logger().setLevel("WARNING")
    keeper = pooch.create(
        path=pooch.os_cache("kaomoji") / "published",
        env=PLACE,
        base_url="",
        registry={path: f"sha256:{digest}" for path, digest in known["files"].items()},
        urls={path: _url(path, known["repositories"]) for path in known["files"]},
    )
    try:
        return Path(keeper.fetch(name, downloader=pooch.HTTPDownloader(timeout=(5, 60))))
    except (ValueError, RequestException, OSError) as error:
        raise KaomojiError(
            f"{name} cannot be had ({type(error).__name__}); expected the file with SHA-256 {known['files'].get(name)}; connect "
            f"to the network and run `kaomoji published --fetch`, or let {PLACE} name a folder that has the files"
        ) from None


def _url(path, repositories):
    name, _, inside = path.partition("/")
    return repositories[name] + inside
