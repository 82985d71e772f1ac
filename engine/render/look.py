"""The parameters of the picture, gathered once a frame from the smoothed values. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.render.post_look import NO_POST, PostLook
from engine.values import CHANNELS, item_shares

FADE_IN = 0.05  # a layer's weight rises from 0 to 1 over this range of intensity, so that nothing jumps


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLook:
    """One of layers 1 to 4."""

    weight: float
    """0..1: fades in over the first 0.05 of intensity; 0 when muted, or when only other layers are soloed."""
    intensity: float
    angle_rad: float
    curve: float
    phase: float
    ratio: float
    is_mirrored: bool
    """True if the wave is mirrored at its end; otherwise it repeats, with a seam."""
    shape: str = "stripes"
    line_width: float = 0.003
    """Thickness of a trace, as a share of the picture's height."""
    line_glow: float = 0.0
    """Reach of the trace's glow, as a share of the picture's height."""

    @property
    def is_line(self) -> bool:
        """True if a trace is drawn instead of the wave's brightness."""
        return self.shape in ("line", "circle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All inputs of a frame except sound and pictures. Values are in range (accepted by the schema)."""

    is_simple: bool
    layers: tuple[LayerLook, ...]
    colour_mode: str
    base_hue: float
    scheme: float
    spread: float
    palette: tuple[tuple[str, float], ...]
    """Names of palettes and their shares, which add up to 1."""
    shift: float
    colour_map: float
    """Share of the picture that is recoloured by the palette's ramp, 0..1."""
    blend_weights: tuple[float, float, float, float]
    """Share of add, screen, difference, dodge; sums to 1, at most two are above 0."""
    brightness: float
    bias: float
    tone: str
    """soft, clip or filmic."""
    is_linear: bool
    """True if layers are blended as light; otherwise as display values."""
    is_alpha_luma: bool
    layer5_weight: float
    is_layer5_mirrored: bool
    has_regions: bool
    region_spread: float
    feedback_amount: float
    feedback_zoom: float
    feedback_angle_rad: float
    feedback_hue: float
    mirror: str
    segments: int
    fade: float
    is_black: bool
    is_frozen: bool
    is_flash_guarded: bool
    post: PostLook = NO_POST

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Look":
        """The look at these parameter values, address -> value, as returned by `Slew.step`."""
        return cls(
            is_simple=values["/mode"] == "simple",
            layers=_layers(values),
            colour_mode=values["/colour/mode"],
            base_hue=values["/colour/base_hue"],
            scheme=values["/colour/scheme"],
            spread=values["/colour/spread"],
            palette=item_shares(values["/colour/palette"]),
            shift=values["/colour/shift"],
            colour_map=values["/colour/map"],
            blend_weights=blend_weights(values["/multiverse/blend"]),
            brightness=values["/multiverse/brightness"],
            bias=values["/multiverse/bias"],
            tone=values["/multiverse/tone"],
            is_linear=values["/multiverse/light"] == "linear",
            is_alpha_luma=values["/multiverse/alpha"] == "luma",
            layer5_weight=0.0 if values["/layer/5/source"] == "off" else values["/layer/5/intensity"],
            is_layer5_mirrored=values["/layer/5/mirror"],
            has_regions=values["/region/enable"],
            region_spread=values["/region/spread"],
            feedback_amount=values["/feedback/amount"],
            feedback_zoom=values["/feedback/zoom"],
            feedback_angle_rad=math.radians(values["/feedback/rotate"]),
            feedback_hue=values["/feedback/hue"],
            mirror=values["/mirror/mode"],
            segments=values["/mirror/segments"],
            fade=values["/master/fade"],
            is_black=values["/master/blackout"],
            is_frozen=values["/master/freeze"],
            is_flash_guarded=values["/safety/flash_guard"],
            post=PostLook.from_values(values),
        )


def _layers(values: Mapping[str, Any]) -> tuple[LayerLook, ...]:
    has_solo = any(values[f"/layer/{n}/solo"] for n in range(1, CHANNELS + 1))
    layers = []
    for n in range(1, CHANNELS + 1):
        at = f"/layer/{n}"
        is_heard = not values[f"{at}/mute"] and (values[f"{at}/solo"] or not has_solo)
        intensity = values[f"{at}/intensity"]
        layers.append(
            LayerLook(
                weight=smoothstep(intensity / FADE_IN) if is_heard else 0.0,
                intensity=intensity,
                angle_rad=math.radians(values[f"{at}/angle"]),
                curve=values[f"{at}/curve"],
                phase=values[f"{at}/phase"],
                ratio=values[f"{at}/ratio"],
                is_mirrored=values[f"{at}/wrap"] == "mirror",
                shape=values[f"{at}/shape"],
                line_width=values[f"{at}/line_width"] / 100,
                line_glow=values[f"{at}/line_glow"] / 100,
            )
        )
    return tuple(layers)


def smoothstep(x: float) -> float:
    """0 below 0, 1 above 1, smooth in between."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def blend_weights(blend: float) -> tuple[float, float, float, float]:
    """Shares of add, screen, difference, dodge at `/multiverse/blend` 0..3: between stops the two are crossfaded."""
    weights = [0.0] * 4
    stop = min(int(blend), 2)
    weights[stop] = 1.0 - (blend - stop)
    weights[stop + 1] = blend - stop
    return (weights[0], weights[1], weights[2], weights[3])
