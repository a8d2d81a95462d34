"""Many machines: how much a second worker adds, what the queue costs, how fast rows are claimed, and equal results.

The servers are started for this alone; all processes share this machine.
"""

from benchmarks.cluster.figures import run

__all__ = ["run"]
