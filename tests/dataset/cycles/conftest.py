"""Blender, and what it has drawn."""

from collections.abc import Callable

import pytest

from engine.dataset.cycles import Blender, find_blender
from engine.errors import UsageError
from tests.dataset.cycles.yard import Drawn


@pytest.fixture
def blender(require: Callable[[object, str], None]) -> Blender:
    try:
        return find_blender()
    except UsageError as error:
        require(False, str(error))
        raise


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    return Drawn()
