"""The diffusion child's settings from its parameters."""

import pytest

import osc_schema
from engine.errors import ModelError
from engine.live.kit.pace import ChildPace, read_pace
from engine.live.sd.settings import DiffusionSettings, parse_t_index, read_settings, smaller


def test_an_unset_value_has_the_schemas_default() -> None:
    settings = read_settings({})
    assert settings.size == (512, 512)
    assert (settings.steps.steps, settings.steps.strength, settings.steps.guidance) == (2, 0.5, 1.0)
    assert settings.is_stream
    assert settings.similarity is None and settings.problem == ""
    assert [control.scale for control in settings.controls] == [0.0, 0.0]


def test_every_parameter_of_the_child_changes_its_settings() -> None:
    others = {"/sd/prompt_b": "sea", "/sd/controlnet/1/enable": True, "/sd/controlnet/2/enable": True}
    others |= {"/sd/similarity/enable": True, "/sd/duty_auto": False, "/sd/enable": True}
    for param in osc_schema.PARAMS:
        if param.child != "sd" or param.address == "/sd/model":  # a new model is a new process
            continue
        given = {address: value for address, value in others.items() if address != param.address}
        assert any(taken(given | {param.address: value}) != taken(given) for value in some_values(param)), param.address


def taken(values: dict[str, osc_schema.Value]) -> tuple[DiffusionSettings, ChildPace]:
    return read_settings(values), read_pace(values, "/sd")


def some_values(param: osc_schema.Param) -> list[osc_schema.Value]:
    match param.type:
        case "text" | "file":
            return ["12 34"]
        case "bool":
            return [False, True]
        case "menu":
            return list(param.menu)
        case "int":
            return [int(param.low), int(param.high)]
    return [param.low, param.high]


def test_each_controlnet_has_its_own_source() -> None:
    values = {"/sd/controlnet/1/enable": True, "/sd/controlnet/1/source": "edges", "/sd/controlnet/2/source": "sam3"}
    settings = read_settings(values)
    assert [control.sees for control in settings.controls] == ["edges", "sam3"]
    assert not settings.sees_segments, "the second is off"
    assert read_settings(values | {"/sd/controlnet/2/enable": True}).sees_segments
    assert not read_settings(values | {"/sd/controlnet/2/enable": True, "/sd/controlnet/2/scale": 0.0}).sees_segments


def test_texts_name_the_suspects_of_a_crash() -> None:
    settings = read_settings({"/sd/prompt": "sea", "/sd/negative": "", "/sd/ip_adapter/image": "a.png"})
    assert settings.texts == {"/sd/prompt": "sea", "/sd/ip_adapter/image": "a.png"}


@pytest.mark.parametrize(
    ("mix", "named"),
    [
        (0.0, {"/sd/prompt": "sea"}),
        (0.5, {"/sd/prompt": "sea", "/sd/prompt_b": "fire"}),
        (1.0, {"/sd/prompt_b": "fire"}),
    ],
)
def test_a_prompt_with_weight_zero_is_neither_cleared_nor_suspected(mix: float, named: dict[str, str]) -> None:
    settings = read_settings({"/sd/prompt": "sea", "/sd/prompt_b": "fire", "/sd/prompt_mix": mix})
    assert settings.texts == named


def test_without_a_second_prompt_the_mix_names_the_first() -> None:
    assert read_settings({"/sd/prompt": "sea", "/sd/prompt_mix": 1.0}).texts == {"/sd/prompt": "sea"}


@pytest.mark.parametrize(("text", "places"), [("", ()), ("32 45", (32, 45)), ("0,16, 32,45", (0, 16, 32, 45))])
def test_t_index_is_read_with_blanks_or_commas(text: str, places: tuple[int, ...]) -> None:
    assert parse_t_index(text) == places


@pytest.mark.parametrize("text", ["45 32", "50", "-1", "a few", "3 3", "1.5"])
def test_an_invalid_t_index_is_noted_and_ignored(text: str) -> None:
    with pytest.raises(ModelError, match=r"increasing numbers in 0\.\.49"):
        parse_t_index(text)
    settings = read_settings({"/sd/t_index": text})
    assert settings.steps.t_index == ()
    assert text in settings.problem


def test_shrinking_takes_64_px_of_each_side_and_ends_at_64() -> None:
    assert smaller((512, 768)) == (448, 704)
    assert smaller((64, 128)) == (64, 64)
    assert smaller((64, 64)) is None
