"""The segmentation child's settings from its parameters."""

import osc_schema
from engine.live.kit.pace import ChildPace, read_pace
from engine.live.sam3.loop import SegmentationSettings, read_settings

IN_THE_PROCESS_ITSELF = ("/sam3/resolution", "/sam3/compile", "/sam3/offload")  # another value is another process


def test_an_unset_value_has_the_schemas_default() -> None:
    settings = read_settings({})
    assert settings.prompts == ("person", "", "", "")
    assert (settings.mode, settings.threshold, settings.max_objects, settings.source) == ("image", 0.5, 16, "auto")


def test_every_parameter_of_the_child_changes_its_settings() -> None:
    others = {"/sam3/duty_auto": False, "/sam3/enable": True}
    for param in osc_schema.PARAMS:
        if param.child != "sam3" or param.address in IN_THE_PROCESS_ITSELF:
            continue
        given = {address: value for address, value in others.items() if address != param.address}
        some = param.menu or ("x" if param.type == "text" else param.low, param.high)
        some = (False, True) if param.type == "bool" else some
        assert any(taken(given | {param.address: value}) != taken(given) for value in some), param.address


def taken(values: dict[str, osc_schema.Value]) -> tuple[SegmentationSettings, ChildPace]:
    return read_settings(values), read_pace(values, "/sam3")


def test_prompt_mode_and_source_are_part_of_the_query_and_the_threshold_is_not() -> None:
    before = read_settings({}).query
    for values in ({"/sam3/prompt/3": "dog"}, {"/sam3/mode": "track"}, {"/sam3/source": "video"}):
        assert read_settings(values).query != before, values
    for values in ({"/sam3/threshold": 0.7}, {"/sam3/max_objects": 3}, {"/sam3/interval_s": 1.0}):
        assert read_settings(values).query == before, values


def test_texts_name_the_suspects_of_a_crash_by_their_number() -> None:
    settings = read_settings({"/sam3/prompt/1": "", "/sam3/prompt/2": "guitar", "/sam3/prompt/4": "  "})
    assert settings.texts == {"/sam3/prompt/2": "guitar"}
