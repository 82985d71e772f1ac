"""Benchmarks for `multiverse bench`, each relative to a reference in the same run."""
