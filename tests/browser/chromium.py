"""A Chromium to test with: one that is installed, else Debian's package, else Playwright's own download.

`python -m tests.browser.chromium` sets one up where none is there; `make test` calls it. Where none can be had it says
why and the browser tests skip with the same words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No background traffic: what the tests see on the network is ours.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream"),
    "--use-fake-ui-for-media-stream",
)


def find() -> Path | None:
    """An installed Chromium, or the one that Playwright has downloaded."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    home = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    return next(iter(sorted(home.glob("chromium-*/chrome-linux*/chrome"))), None)


def set_up() -> str | None:
    """Install one where there is none; the reason where that fails."""
    if find() is not None:
        return None
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        packages = ("chromium", "fonts-noto-cjk")
        ways.insert(0, ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages])
    reasons = []
    for command in ways:
        if command[0] == "apt-get":
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode == 0 and find() is not None:
            return None
        said = done.stderr.strip().splitlines()
        reasons.append(f"{' '.join(command[:4])}: {said[-1] if said else done.returncode}")
    return "no Chromium, and none could be installed (" + "; ".join(reasons) + ")"


if __name__ == "__main__":
    if reason := set_up():
        print(f"The browser tests will skip: {reason}", file=sys.stderr)
