"""Everything that many machines run, on one machine and for trying it out: `python -m jobs.cluster.trial`."""
