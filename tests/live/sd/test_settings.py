"""The diffusion child's settings from its parameters."""

import pytest

from engine.errors import ModelError
from engine.live.sd.settings import parse_t_index, read_settings


def test_each_controlnet_has_its_own_source() -> None:
    values = {
        "/sd/controlnet/1/enable": True,
        "/sd/controlnet/1/source": "edges",
        "/sd/controlnet/2/source": "sam3",
    }
    settings = read_settings(values)
    assert [control.image_kind for control in settings.controls] == ["edges", "sam3"]
    assert not settings.uses_segments, "the second is off"
    assert read_settings(values | {"/sd/controlnet/2/enable": True}).uses_segments
    assert not read_settings(
        values | {"/sd/controlnet/2/enable": True, "/sd/controlnet/2/scale": 0.0}
    ).uses_segments


def test_texts_name_the_suspects_of_a_crash() -> None:
    settings = read_settings(
        {"/sd/prompt": "sea", "/sd/negative": "", "/sd/ip_adapter/image": "a.png"}
    )
    assert settings.texts_by_address == {"/sd/prompt": "sea", "/sd/ip_adapter/image": "a.png"}
    one, other = {"/sd/prompt": "sea"}, {"/sd/prompt_b": "fire"}
    # one with weight 0 is not suspected
    for mix, named in ((0.0, one), (0.5, one | other), (1.0, other)):
        assert read_settings(one | other | {"/sd/prompt_mix": mix}).texts_by_address == named
    assert read_settings(one | {"/sd/prompt_mix": 1.0}).texts_by_address == one, (
        "without a second prompt"
    )


def test_the_numbered_prompts_take_the_place_of_the_plain_ones_as_soon_as_one_has_text_and_weight() -> (
    None
):
    plain = {"/sd/prompt": "sea", "/sd/prompt_b": "fire", "/sd/prompt_mix": 0.25}
    assert read_settings(plain).prompts.mixed_prompts == (("sea", 0.75), ("fire", 0.25))
    for unused in (
        {"/sd/prompts/3/weight": 1.0},
        {"/sd/prompts/1/text": "ice", "/sd/prompts/1/weight": 0.0},
    ):
        assert read_settings(plain | unused).prompts.mixed_prompts == (
            ("sea", 0.75),
            ("fire", 0.25),
        )
    numbered = {
        "/sd/prompts/1/text": "ice",
        "/sd/prompts/8/text": "fog",
        "/sd/prompts/8/weight": 0.25,
        "/sd/prompts/2/text": "rain",
    }
    settings = read_settings(plain | numbered)
    assert settings.prompts.mixed_prompts == (("ice", 0.8), ("fog", 0.2))
    assert settings.prompts.standby_prompts == ("rain",), "encoded before its weight rises"
    texts = {f"/sd/prompts/{n}/text": text for n, text in ((1, "ice"), (2, "rain"), (8, "fog"))}
    assert settings.texts_by_address == texts


def test_t_index_is_read_with_blanks_or_commas_and_an_invalid_one_is_noted_and_ignored() -> None:
    for text, indices in (("", ()), ("32 45", (32, 45)), ("0,16, 32,45", (0, 16, 32, 45))):
        assert parse_t_index(text) == indices
    for text in ("45 32", "50", "-1", "a few", "3 3", "1.5"):
        with pytest.raises(ModelError, match=r"increasing numbers in 0\.\.49"):
            parse_t_index(text)
        settings = read_settings({"/sd/t_index": text})
        assert settings.sampling.t_index == () and text in settings.problem
