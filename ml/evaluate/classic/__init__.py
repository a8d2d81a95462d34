"""docs/lab.md: the classic models compared on three splits."""
