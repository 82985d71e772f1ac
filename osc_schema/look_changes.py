"""Short ways to write a look as values by address."""

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
