"""Fixture for the tests of Stable Diffusion models: an empty folder and Hugging Face cache."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.replicas.replica import Folders, folders_in


@pytest.fixture
def target(tmp_path: Path, tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """An empty folder, and an empty Hugging Face cache, the only one that is searched."""
    return folders_in(tmp_path, tiny_models, monkeypatch)
