from pathlib import Path
from typing import Any

import pytest

from tests.support.replicas.replica import Shelf, shelf_in


@pytest.fixture
def shelf(tmp_path: Path, tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """An empty folder, and an empty Hugging Face cache, the only one that is searched."""
    return shelf_in(tmp_path, tiny_models, monkeypatch)
