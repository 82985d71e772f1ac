"""The voice child's settings from its parameters."""

import osc_schema
from engine.live.rvc.settings import VoiceChildSettings, Window, read_settings
from engine.live.rvc.spec import BUILT
from engine.models.rvc import VoiceSettings


def test_an_unset_value_has_the_schemas_default() -> None:
    assert read_settings({}) == VoiceChildSettings(
        is_enabled=False,
        is_profiled=False,
        window=Window(block_ms=250.0, crossfade_ms=50.0, extra_ms=2500.0),
        voice=VoiceSettings(),
    )


def test_every_parameter_of_the_child_changes_its_settings_or_its_build() -> None:
    for param in osc_schema.PARAMS:
        if param.child != "rvc" or param.address in BUILT:
            continue
        some = (False, True) if param.type == "bool" else (param.low, param.high)
        assert any(read_settings({param.address: value}) != read_settings({}) for value in some), param.address


def test_build_parameters_change_only_the_build() -> None:
    assert {osc_schema.lookup(address).child for address in BUILT} == {"rvc"}
