"""Draws docs/images/analyse.svg, the terminal output for a song. `python docs/picture.py SONG`."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 84
PICTURE = Path(__file__).parent / "images" / "analyse.svg"


def main(song: str) -> None:
    command = [sys.executable, "main.py", "analyse", song, "--lang", "en"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ python main.py analyse '{Path(song).name}'\n\n{output}".rstrip()))
    PICTURE.parent.mkdir(exist_ok=True)
    # Without web fonts: the picture must not make its readers load anything from a font server.
    svg = re.sub(r"@font-face\s*\{.*?\}", "", console.export_svg(title="Sori"), flags=re.DOTALL)
    PICTURE.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
