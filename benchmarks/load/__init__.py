"""The running service on loopback: concurrent uploaders and readers, and memory over a long run.

Each uploader sends a unique song of five seconds, waits for its report and starts again; after a response with
Retry-After it waits as told. Readers open pages and reports meanwhile. A stage is repeated until its readers' p95 is
stable.
"""

from benchmarks.load.run import run

__all__ = ["run"]
