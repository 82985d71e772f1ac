"""The engine as a fixture of a lighting desk: 24 channels, which a desk patches in one step.

`engine/params/mapping/built_in_maps.py` maps them, `generate/fixture.py` writes the files for
desks.
"""

from dataclasses import dataclass
from itertools import chain
from typing import Final

from osc_schema.look_names import WORLDS
from osc_schema.scale import scale_of
from osc_schema.table import lookup
from osc_schema.types import Param, ParamType


@dataclass(frozen=True, slots=True, kw_only=True)
class FixtureChannel:
    name: str
    """As a desk shows it."""
    address: str
    """The parameter from its low end at 0 to its high end at 255."""
    attribute: str
    """In GDTF (DIN SPEC 15800, annex B)."""
    feature: str
    """The attribute's feature there."""
    group: str
    """In QLC+."""
    at_start: float | None = None
    """Position 0..1 that a desk sends at first; None: where the parameter's default is."""

    @property
    def param(self) -> Param | None:
        """The parameter that the channel sets; None if this engine has no such parameter."""
        return lookup(self.address)

    @property
    def is_shutter(self) -> bool:
        return self.group == "Shutter"

    @property
    def default(self) -> int:
        """The level 0..255 that a desk sends at first."""
        param = self.param
        if self.at_start is not None or param is None:
            return round(255 * (self.at_start or 0.0))
        value = param.menu.index(str(param.default)) if param.menu else param.default
        assert isinstance(value, int | float), param.address
        return round(255 * scale_of(param).position_of(float(value)))

    def ranges(self) -> tuple[tuple[int, int, str], ...]:
        """First level, last level and name of each item, without gaps; one for a channel that has
        none."""
        param = self.param
        if param is None:
            return ((0, 255, "Reserved"),)
        if self.address == "/preset/number":
            looks = [
                (number, number, name) for number, name in enumerate(chain(*WORLDS.values()), 1)
            ]
            return (
                (0, 0, "No change"),
                *looks,
                (len(looks) + 1, 255, f"Preset {len(looks) + 1} to 255"),
            )
        switch = ("Open", "Closed") if self.is_shutter else ("Off", "On")
        names = switch if param.type is ParamType.BOOL else param.menu
        if not names:
            return ((0, 255, f"{self.name} low to high"),)
        # The engine rounds level / 255 x (items - 1), halves up.
        firsts = [
            0,
            *(-(-255 * (2 * item - 1) // (2 * (len(names) - 1))) for item in range(1, len(names))),
        ]
        lasts = [first - 1 for first in firsts[1:]] + [255]
        return tuple(
            zip(firsts, lasts, (name.replace("_", " ").capitalize() for name in names), strict=True)
        )


def _channel(
    name: str, address: str, attribute: str, feature: str, group: str, **more: float
) -> FixtureChannel:
    return FixtureChannel(
        name=name,
        address=address,
        attribute=attribute,
        feature=feature,
        group=group,
        at_start=more.get("at_start"),
    )


CHANNELS: Final = (
    _channel("Intensity", "/master/fade", "Dimmer", "Dimmer.Dimmer", "Intensity", at_start=0.0),
    _channel("Blackout", "/master/blackout", "Shutter1", "Beam.Beam", "Shutter"),
    _channel("Look", "/preset/number", "MediaContent1", "Gobo.Media", "Gobo"),
    _channel("Look fade", "/preset/fade_s", "Effects1Fade", "Beam.Beam", "Speed"),
    *(
        _channel(f"Macro {n}", f"/macro/{n}", f"VideoEffect1Parameter{n}", "Video.Video", "Effect")
        for n in range(1, 9)
    ),
    _channel("Palette", "/colour/palette", "ColorMacro1", "Color.RGB", "Colour"),
    _channel("Hue", "/colour/shift", "VideoHueShift", "Color.HSBC_Shift", "Colour"),
    _channel("Colour spread", "/colour/spread", "ColorEffects1", "Color.Color", "Colour"),
    _channel(
        "Brightness", "/multiverse/brightness", "VideoBrightness", "Color.HSBC_Shift", "Effect"
    ),
    _channel("Wave length", "/multiverse/window_ms", "Effects1Rate", "Beam.Beam", "Speed"),
    _channel("Picture", "/layer/5/intensity", "Video", "Video.Video", "Effect"),
    _channel("Trail", "/feedback/amount", "Effects1", "Beam.Beam", "Effect"),
    _channel("Zoom", "/feedback/zoom", "Zoom", "Focus.Focus", "Beam"),
    _channel("Rotation", "/feedback/rotate", "Effects1PosRotate", "Beam.Beam", "Effect"),
    _channel("Mirror", "/mirror/mode", "Prism1", "Beam.Beam", "Prism"),
    _channel("Strobe", "/master/strobe/enable", "Shutter1Strobe", "Beam.Beam", "Effect"),
    _channel("Strobe rate", "/master/strobe/rate_hz", "StrobeFrequency", "Beam.Beam", "Speed"),
)
"""In the order of a desk's channels. A show depends on it: move none."""
