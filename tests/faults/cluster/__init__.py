"""Many machines on one: each node is `main.py work` with short times and a fake pipeline, on servers that are killed.

`python -m tests.faults.cluster` disturbs them 300 times; `tests/faults/test_cluster.py` each kind once with the suite.
"""
