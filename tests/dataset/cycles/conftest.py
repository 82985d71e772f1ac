"""Fixtures: Blender, pictures drawn by it, and scripts in its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.dataset.cycles.finding import find_blender
from engine.errors import UsageError
from tests.dataset.cycles.yard import YardRenderer


@pytest.fixture
def blender(require: Callable[[object, str], None]) -> Path:
    try:
        return find_blender()
    except UsageError:
        require(False, "Blender")
        raise


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[[str], Path]:
    """Write a shell script that runs in place of Blender; `$folder` is its last argument."""

    def write(lines: str) -> Path:
        path = tmp_path / "blender"
        path.write_text(f"#!/bin/sh\nfor folder; do :; done\n{lines}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture(scope="session")
def yard_renderer() -> YardRenderer:
    return YardRenderer()
