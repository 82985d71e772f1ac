"""Long proofs: they run in a short form unless MULTIVERSE_SOAK=1."""

import os
from typing import Any

import pytest

IS_SOAK = os.environ.get("MULTIVERSE_SOAK") == "1"
ONLY_SOAK = (
    pytest.mark.soak,
    pytest.mark.skipif(not IS_SOAK, reason="takes seconds: MULTIVERSE_SOAK=1"),
)
"""Marks of a case that shows little more than the others of its test, or of a test without a short
form."""


def in_long_form(*cases: Any) -> list[Any]:
    """Mark these cases of a parametrized test with ONLY_SOAK."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=ONLY_SOAK)
        for case in cases
    ]
