"""A Chromium for the browser tests: an installed one, else Debian's package, else Playwright's download.

`python -m tests.browser.chromium`, which `make test` calls, installs one if there is none. If that fails it prints the
reason, and the browser tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No background traffic, so that all requests on the network are those of the pages.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream"),
    "--use-fake-ui-for-media-stream",
)


def find() -> Path | None:
    """An installed Chromium, or one that Playwright has downloaded."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    home = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    return next(iter(sorted(home.glob("chromium-*/chrome-linux*/chrome"))), None)


def set_up() -> str | None:
    """Install a Chromium if there is none; returns the reason if that fails."""
    if find() is not None:
        return None
    commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        packages = ("chromium", "fonts-noto-cjk")
        commands.insert(0, ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages])
    reasons = []
    for command in commands:
        if command[0] == "apt-get":
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if result.returncode == 0 and find() is not None:
            return None
        errors = result.stderr.strip().splitlines()
        reasons.append(f"{' '.join(command[:4])}: {errors[-1] if errors else result.returncode}")
    return "no Chromium, and none could be installed (" + "; ".join(reasons) + ")"


if __name__ == "__main__":
    if reason := set_up():
        print(f"The browser tests will skip: {reason}", file=sys.stderr)
