"""The plain look, and short ways to write another as changes against it. Pure."""

from osc_schema import Value
from osc_schema.fx import ALIASES, GENERATOR, SLOTS, alias_address, file_address
from osc_schema.layers import ANGLES_DEG, LAYERS
from osc_schema.modulation import LFOS, ROUTES

Look = dict[str, Value]
"""Values by address."""


def layers(key: str, *values: Value) -> Look:
    """One value per layer, or the same for all four."""
    return {f"/layer/{n}/{key}": values[n - 1 if len(values) > 1 else 0] for n in LAYERS}


def route(n: int, source: str, target: str, amount: float, **more: float) -> Look:
    """Route `n` of the modulation, on."""
    given: Look = {"source": source, "target": target, "amount": amount, **more}
    return {f"/mod/{n}/{key}": value for key, value in given.items()}


def lfo(n: int, shape: str, sync: str) -> Look:
    """LFO `n`, in the tempo."""
    return {f"/lfo/{n}/shape": shape, f"/lfo/{n}/tempo_sync": sync}


def free_lfo(n: int, shape: str, rate_hz: float, phase: float = 0.0) -> Look:
    """LFO `n`, at its own rate."""
    return {**lfo(n, shape, "free"), f"/lfo/{n}/rate_hz": rate_hz, f"/lfo/{n}/phase": phase}


def shader(slot: str, name: str, *positions: float) -> Look:
    """A shader, with its inputs 0..1 over their ranges in the order of its file; colours of the palette not counted.

    All inputs must be given: a preset sets every alias, so that none is left at the shader's own default.
    """
    aliases = {alias_address(slot, n): position for n, position in enumerate(positions, 1)}
    return {file_address(slot): name, **aliases}


def generator_only(name: str, *positions: float) -> Look:
    """A generator that covers the picture; the layers, which it hides, are off."""
    return {**layers("intensity", 0.0), **shader(GENERATOR, name, *positions)}


_FREE_ROUTE: Look = {
    "source": "off",
    "channel": 0,
    "target": "",
    "amount": 0.5,
    "offset": 0.0,
    "curve": 0.0,
    "release_ms": 150.0,
}
_FREE_LFO: Look = {"shape": "sine", "rate_hz": 0.5, "tempo_sync": "free", "phase": 0.0}
_FREE_SLOT: Look = {"file": "", "enable": True, "mix": 1.0, **{str(n): 0.0 for n in ALIASES}}

PLAIN: Look = {
    "/multiverse/blend": 0.0,
    "/multiverse/brightness": 2.5,
    "/multiverse/bias": 0.1,
    "/multiverse/tone": "soft",
    "/multiverse/light": "classic",
    "/multiverse/window_ms": 50.0,
    "/colour/mode": "pitch",
    "/colour/palette": "aurora",
    "/colour/shift": 0.0,
    "/colour/map": 0.0,
    "/colour/glide_ms": 1500.0,
    "/colour/base_hue": 0.0,
    "/colour/scheme": 0.0,
    "/colour/spread": 1.0,
    **layers("intensity", 1.0),
    **layers("shape", "stripes"),
    **layers("angle", *map(float, ANGLES_DEG)),
    **layers("curve", 0.0),
    **layers("phase", 0.0),
    **layers("ratio", 1.0),
    **layers("wrap", "mirror"),
    **layers("line_width", 0.3),
    **layers("line_glow", 2.0),
    "/feedback/amount": 0.0,
    "/feedback/zoom": 1.0,
    "/feedback/rotate": 0.0,
    "/feedback/hue": 0.0,
    "/mirror/mode": "off",
    "/mirror/segments": 6,
    **{f"/fx/{slot}/{key}": value for slot in SLOTS for key, value in _FREE_SLOT.items()},
    "/post/bloom": 0.0,
    "/post/bloom_radius": 0.5,
    "/post/bloom_threshold": 0.6,
    "/post/glow": 0.0,
    "/post/chromatic": 0.0,
    "/post/vignette": 0.0,
    "/post/grain": 0.0,
    **{f"/mod/{n}/{key}": value for n in ROUTES for key, value in _FREE_ROUTE.items()},
    **{f"/lfo/{n}/{key}": value for n in LFOS for key, value in _FREE_LFO.items()},
}
"""Four plain waves added up, without movement: the schema's old defaults, before the defaults became a look."""

DARK_LIGHT: Look = {
    "/multiverse/bias": 0.0,
    "/multiverse/light": "linear",
    "/multiverse/tone": "filmic",
    "/multiverse/blend": 1.0,
    "/colour/mode": "palette",
}
"""Lamps on a black ground, in the colours of a palette: what the looks begin with."""

DARK_AND_SLOW: Look = {**DARK_LIGHT, "/lfo/1/rate_hz": 0.013, "/lfo/2/rate_hz": 0.021, "/lfo/3/rate_hz": 0.017}
"""Besides, three slow waves that never meet again in the same place."""

SHADER_OVER_RING: Look = {
    **DARK_AND_SLOW,
    "/layer/1/shape": "circle",
    "/layer/1/line_width": 0.4,
    "/layer/1/line_glow": 3.0,
    "/layer/1/ratio": 0.25,
    **layers("intensity", 1.0, 0.0, 0.0, 0.0),
}
"""For a shader over the whole picture: under it lies one ring, which shows only where a slow machine bypasses it."""


def on_drums(target: str, kick: float, low: float) -> Look:
    """Routes 1 and 2: the hit of the kick, and the bass of channel 1 (the drums), so that loud hits count more."""
    return {
        **route(1, "kick", target, kick, release_ms=90.0),
        **route(2, "low", target, low, channel=1, curve=0.5, release_ms=80.0),
    }
