"""Draw docs/images/analyse.svg: what the terminal shows for a song. `python docs/picture.py SONG`."""

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
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ python main.py analyse '{Path(song).name}'\n\n{answer}".rstrip()))
    PICTURE.parent.mkdir(exist_ok=True)
    # The reader's own monospaced font will do: a picture must not send its readers to somebody's font server.
    drawn = re.sub(r"@font-face\s*\{.*?\}", "", console.export_svg(title="Sori"), flags=re.DOTALL)
    PICTURE.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
