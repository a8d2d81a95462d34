"""`python -m tests.mutants`: proves that no promise of docs/security.md rests on a test that cannot fail.

Each guard of the service is removed from a copy of the tree, and the tests that are about it have to fail there.
"""
