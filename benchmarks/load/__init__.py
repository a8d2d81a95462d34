"""The running service on loopback: crowds that hand in songs, readers among them, and memory over a long run.

Each uploader hands in a song of five seconds, unlike every other, waits for its report, and comes again; one that is
told to come later does so. Readers open pages and reports all the while. A crowd is repeated until its readers' p95
is stable.
"""

from benchmarks.load.run import run

__all__ = ["run"]
