"""`pytest --changed`: a change inside one self-contained part of the engine runs the tests of that
part alone."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = {
    "models": ("engine/models/", "tests/models/"),
    "dataset": ("engine/dataset/", "tests/dataset/"),
}
"""The last folder of each has its tests. What uses a part is tested by the whole suite, which CI
runs."""


def changed_files(since: str) -> list[str]:
    """Paths in the checkout, from its root, that differ from this commit, and those that git does
    not track yet."""
    lines = []
    for arguments in (
        ["diff", "--name-only", since],
        ["ls-files", "--others", "--exclude-standard"],
    ):
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
        lines += done.stdout.splitlines()
    return lines


def own_tests(files: list[str]) -> Path | None:
    """The folder of tests that these changed files need; None for all."""
    for folders in PARTS.values():
        if files and all(file.startswith(folders) for file in files):
            return ROOT / folders[-1]
    return None
