"""The options of `multiverse run` for live models: settings, assignments, and errors without a model."""

import pytest

from engine.cli.rvc_options import RvcOptions
from engine.cli.sam3_options import Sam3Options
from engine.cli.sd_options import SdOptions
from engine.errors import UsageError


def test_given_options_are_settings_of_the_table_of_their_model() -> None:
    assert SdOptions(sd="turbo", sd_video="a.mp4").settings() == {"sd.model": "turbo", "sd.video": "a.mp4"}
    assert RvcOptions().settings() == {}


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


def test_an_option_without_its_model_is_refused_with_the_option_that_names_one() -> None:
    options = RvcOptions(rvc_output="default")
    options.require_model("alto.pth")
    with pytest.raises(UsageError, match=r"^--rvc-output is for voice conversion: it needs --rvc MODEL\.pth$"):
        options.require_model("")
