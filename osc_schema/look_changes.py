"""Short ways to write a look as values by address."""

import math

from osc_schema.layers import LAYERS
from osc_schema.types import Value

Look = dict[str, Value]
"""Values by address."""

DARK_LIGHT: Look = {
    "/multiverse/bias": 0.0,
    "/multiverse/light": "linear",
    "/multiverse/tone": "filmic",
    "/multiverse/blend": 1.0,
    "/colour/mode": "palette",
}
"""Lamps on a black ground, in the colours of a palette: what most looks begin with."""


_HANDY = (
    ("Glow", "/post/bloom", 0.0, 1.0),
    ("Trail", "/feedback/amount", 0.0, 0.98),
    ("Zoom", "/feedback/zoom", 0.9, 1.1),
    ("Turn", "/feedback/rotate", -10.0, 10.0),
    ("Colour", "/colour/shift", 0.0, 1.0),
    ("Split", "/post/chromatic", 0.0, 1.0),
    ("Edge", "/post/vignette", 0.0, 1.0),
    ("Light", "/multiverse/brightness", 0.0, 4.0),
)


def handy_macros(look: Look) -> Look:
    """The eight macros of a look that has none of its own, standing where its values are. `look`: with these values."""
    macros: Look = {}
    for n, (name, address, low, high) in enumerate(_HANDY, start=1):
        value = look[address]
        assert isinstance(value, float | int)
        is_exponential = address == "/feedback/zoom"
        position = math.log(value / low) / math.log(high / low) if is_exponential else (value - low) / (high - low)
        macros[f"/macro/{n}"] = round(position, 4)
        macros[f"/macro/name/{n}"] = name
        macros[f"/macro/moves/{n}"] = f"{address} {low:g} {high:g}"
    return macros


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
