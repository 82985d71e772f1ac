"""Cases of a test that are data: they stand in a TOML file beside the test, with its name."""

import tomllib
from pathlib import Path
from typing import Any


def cases_of(test_file: str) -> dict[str, Any]:
    """Read `test_x.toml` for `test_x.py`, named by its `__file__`."""
    return tomllib.loads(Path(test_file).with_suffix(".toml").read_text(encoding="utf-8"))
