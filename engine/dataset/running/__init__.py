"""Runs of `multiverse dataset`: processes, output folder, manifest, reports."""
