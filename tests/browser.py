"""Find a Chromium for the browser tests, or bring one: print its path, or nothing and one line on stderr.

One that is installed is used; else Playwright's own (``playwright install --only-shell chromium``); else Debian's, as root.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")


def installed():
    """Return the path of a browser that is there, or an empty string."""
    named = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if named and Path(named).exists():
        return named
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as engine:
            own = engine.chromium.executable_path
    except Exception:
        return ""
    shells = Path(own).parents[2].glob("chromium_headless_shell-*/*/*headless*shell")
    return next((str(path) for path in (Path(own), *shells) if path.exists()), "")


def bring():
    """Install a browser, quietly; return its path, or an empty string."""
    own = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    debian = "apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core"
    ways = [own]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        ways.append(["sh", "-c", debian])
    for command in ways:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
        if found := installed():
            return found
    return ""


def main():
    print("Looking for a browser ...", file=sys.stderr)
    if found := installed() or bring():
        print(found)
        return 0
    print(
        "No browser: the tests that need one are left out. Install Chromium, or set CHROMIUM to its path.",
        file=sys.stderr,
    )
    return 1 if os.environ.get("KAOMOJI_REQUIRE_BROWSER") else 0


if __name__ == "__main__":
    sys.exit(main())
