"""Long proofs are run in a short form unless MULTIVERSE_SOAK=1."""

import os
from typing import Any

import pytest

IS_SOAK = os.environ.get("MULTIVERSE_SOAK") == "1"


def in_long_form(*cases: Any) -> list[Any]:
    """Cases of a parametrized test for the long form alone. The others of the test stand for them in the short one."""
    if not IS_SOAK:
        return []
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.soak) for case in cases]
