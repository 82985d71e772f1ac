"""The parameters of the analysis."""

import osc_schema
from engine.audio import AudioSettings


def test_the_defaults_are_those_of_the_schema() -> None:
    values = {param.address: param.default for param in osc_schema.PARAMS}
    assert AudioSettings.from_values(values, width_px=1280) == AudioSettings()


def test_each_parameter_reaches_its_place() -> None:
    values = {param.address: param.default for param in osc_schema.PARAMS} | {
        "/multiverse/window_ms": 200.0,
        "/layer/2/ratio": 4.0,
        "/audio/layout": "mono",
        "/audio/1/gain_db": -6.0,
        "/audio/4/auto": False,
        "/audio/3/trigger": "rising",
        "/audio/2/decay_ms": 50.0,
        "/audio/4/channel": 9,
        "/rvc/channel": 2,
    }
    assert AudioSettings.from_values(values, width_px=640) == AudioSettings(
        window_ms=200.0,
        ratios=(0.5, 4.0, 1.0, 1.0),
        width_px=640,
        layout="mono",
        gain_db=(-6.0, 0.0, 0.0, 0.0),
        auto=(True, True, True, False),
        trigger=("off", "off", "rising", "off"),
        decay_ms=(1000.0, 50.0, 1000.0, 1000.0),
        channel_map=(1, 2, 3, 9),
        voice_channel=2,
    )
