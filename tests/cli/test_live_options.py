"""The options of `multiverse run` for live models: settings, assignments, and errors without a model."""

import pytest

from engine.cli.sam3_options import Sam3Options
from engine.errors import UsageError


def test_prompts_are_assigned_and_the_other_prompts_cleared() -> None:
    options = Sam3Options(sam3="model", sam3_prompt=("a cat", "a dog"))
    assert options.settings() == {"sam3.model": "model"}
    assert options.assignments() == [
        "/sam3/prompt/1=a cat",
        "/sam3/prompt/2=a dog",
        "/sam3/prompt/3=",
        "/sam3/prompt/4=",
    ]
    assert Sam3Options().assignments() == []
    with pytest.raises(UsageError, match="--sam3-prompt: at most 4"):
        Sam3Options(sam3_prompt=("a",) * 5).assignments()
