"""The options of `multiverse run` for live models: settings, assignments, and errors without a model."""

import pytest

from engine.cli.live_options import options_of, require_model, settings_from
from engine.cli.run import build_settings
from engine.errors import UsageError
from engine.live.kit.opening import live_models


def test_given_options_are_settings_of_the_table_of_their_model() -> None:
    given = vars(options_of(live_models())(sd="turbo", sd_video="a.mp4"))
    assert settings_from(live_models(), given) == {"sd.model": "turbo", "sd.video": "a.mp4"}


def test_prompts_are_assigned_and_the_other_prompts_cleared() -> None:
    settings = build_settings(None, {"sam3.model": "model", "sam3.prompt": ("a cat", "a dog")}, [])
    prompts = {f"/sam3/prompt/{n}": prompt for n, prompt in enumerate(("a cat", "a dog", "", ""), start=1)}
    assert settings.models["sam3"].model == "model" and settings.params == prompts
    with pytest.raises(UsageError, match="--sam3-prompt: at most 4"):
        build_settings(None, {"sam3.prompt": ("a",) * 5}, [])


def test_an_option_without_its_model_is_refused_with_the_option_that_names_one() -> None:
    (voice,) = (entry for entry in live_models() if entry.name == "rvc")
    require_model(voice, {"rvc_output": "default"}, "alto.pth")
    with pytest.raises(UsageError, match=r"^--rvc-output is for voice conversion: it needs --rvc MODEL\.pth$"):
        require_model(voice, {"rvc_output": "default"}, "")
