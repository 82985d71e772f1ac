"""Short ways to write a look as values by address."""

from osc_schema.layers import LAYERS
from osc_schema.scale import Scale
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
    ("Glow", "/post/bloom 0 1"),
    ("Trail", "/feedback/amount 0 0.98"),
    ("Zoom", "/feedback/zoom 0.9 1.1"),
    ("Turn", "/feedback/rotate -10 10"),
    ("Colour", "/colour/shift 0 0.5"),  # from there on the way back through the palette
    ("Wave", "/multiverse/window_ms 5 120"),
    ("Edge", "/post/vignette 0 1"),
    (
        "Light",
        "/post/exposure -1 1",
    ),  # of every picture; /multiverse/brightness has no effect on a shader's
)
_EXPONENTIAL = ("/feedback/zoom", "/multiverse/window_ms")


def handy_macros(look: Look) -> Look:
    """Eight macros, the look's own or else the usual ones, at the positions of its values (0.0 if
    it lacks them)."""
    macros: Look = {}
    for n, (name, moves) in enumerate(_HANDY, start=1):
        moves = str(look.get(f"/macro/moves/{n}") or moves)
        address, low, high = moves.split(";")[0].split()[:3]
        value = look.get(address, 0.0)
        scale = Scale(float(low), float(high), address in _EXPONENTIAL)
        assert isinstance(value, float | int)
        macros[f"/macro/{n}"] = round(scale.position_of(value), 4)
        macros[f"/macro/name/{n}"] = look.get(f"/macro/name/{n}") or name
        macros[f"/macro/moves/{n}"] = moves
    return macros


def layers(key: str, *values: Value) -> Look:
    """One value per layer, or the same for all four."""
    return {f"/layer/{n}/{key}": values[n - 1 if len(values) > 1 else 0] for n in LAYERS}


def route(n: int, source: str, target: str, amount: float, **more: float) -> Look:
    """Values that switch on route `n` of the modulation."""
    values: Look = {"source": source, "target": target, "amount": amount, **more}
    return {f"/mod/{n}/{key}": value for key, value in values.items()}


def lfo(n: int, shape: str, sync: str) -> Look:
    """Values that run LFO `n` in the tempo."""
    return {f"/lfo/{n}/shape": shape, f"/lfo/{n}/tempo_sync": sync}


def free_lfo(n: int, shape: str, rate_hz: float, phase: float = 0.0) -> Look:
    """Values that run LFO `n` at its own rate."""
    return {**lfo(n, shape, "free"), f"/lfo/{n}/rate_hz": rate_hz, f"/lfo/{n}/phase": phase}
