"""The built-in looks, each as changes against PLAIN.

Made by eye, with the demo loop and with music in four stems, at 30 and 60 frames a second. They share a recipe: bias 0
and a hard tone curve give a black ground and saturated colours; feedback turns lines into shapes; slow LFOs in the
tempo keep everything moving; the kick (channel 1) moves one thing that the eye follows.
"""

from osc_schema import Value
from osc_schema.modulation import LFOS, ROUTES

Look = dict[str, Value]


def _layers(key: str, *values: float) -> Look:
    """One value per layer, or the same for all four."""
    return {f"/layer/{n}/{key}": values[n - 1 if len(values) > 1 else 0] for n in (1, 2, 3, 4)}


def _route(n: int, source: str, target: str, amount: float, **more: float) -> Look:
    given: Look = {"source": source, "target": target, "amount": amount, **more}
    return {f"/mod/{n}/{key}": value for key, value in given.items()}


def _lfo(n: int, shape: str, sync: str) -> Look:
    return {f"/lfo/{n}/shape": shape, f"/lfo/{n}/tempo_sync": sync}


_FREE_ROUTE: Look = {
    "source": "off",
    "channel": 0,
    "target": "",
    "amount": 0.5,
    "offset": 0.0,
    "release_ms": 150.0,
}
_FREE_LFO: Look = {"rate_hz": 0.5, "tempo_sync": "free"}

PLAIN: Look = {
    "/multiverse/blend": 0.0,
    "/multiverse/brightness": 2.5,
    "/multiverse/bias": 0.1,
    "/multiverse/tone": "soft",
    "/multiverse/window_ms": 50.0,
    "/colour/mode": "pitch",
    "/colour/glide_ms": 1500.0,
    "/colour/base_hue": 0.0,
    "/colour/spread": 1.0,
    **_layers("intensity", 1.0),
    **_layers("curve", 0.0),
    **_layers("ratio", 1.0),
    "/feedback/amount": 0.0,
    "/feedback/zoom": 1.0,
    "/feedback/rotate": 0.0,
    "/feedback/hue": 0.0,
    "/mirror/mode": "off",
    "/mirror/segments": 6,
    **{f"/mod/{n}/{key}": value for n in ROUTES for key, value in _FREE_ROUTE.items()},
    **{f"/lfo/{n}/{key}": value for n in LFOS for key, value in _FREE_LFO.items()},
}
"""Four plain waves added up, without movement: the schema's old defaults, before the defaults became a look."""

_BLACK_GROUND: Look = {"/multiverse/bias": 0.0, "/multiverse/tone": "clip"}

_CHANGES: dict[str, Look] = {
    # Curtains of light that drift and fold.
    "Aurora": {
        **_BLACK_GROUND,
        "/multiverse/blend": 1.0,
        "/multiverse/brightness": 3.4,
        "/multiverse/window_ms": 60.0,
        "/colour/mode": "fixed",
        "/colour/base_hue": 0.38,
        "/colour/spread": 0.55,
        "/colour/scheme": 1.0,
        **_layers("intensity", 1.2, 0.9, 1.0, 0.5),
        **_layers("angle", 84.0, 92.0, 98.0, 88.0),
        **_layers("curve", 0.25),
        **_layers("ratio", 0.15, 0.2, 0.3, 0.12),
        "/feedback/amount": 0.94,
        "/feedback/zoom": 1.004,
        **_lfo(1, "sine", "eight_bars"),
        **_lfo(2, "sine", "four_bars"),
        **_route(1, "lfo1", "/colour/base_hue", 0.25, offset=-0.5),
        **_route(2, "lfo2", "/layer/2/curve", 0.3),
        **_route(3, "lfo2", "/layer/1/angle", 0.03, offset=-0.5),
        **_route(4, "low", "/multiverse/brightness", 0.2, channel=1),
    },
    # A rose window, drawn in lead.
    "Cathedral": {
        **_BLACK_GROUND,
        "/multiverse/blend": 2.0,
        "/multiverse/brightness": 4.0,
        "/multiverse/window_ms": 20.0,
        "/colour/base_hue": 0.98,
        "/colour/spread": 0.2,
        **_layers("intensity", 1.3, 1.3, 1.2, 0.8),
        **_layers("curve", 0.6),
        **_layers("ratio", 0.5, 1.0, 0.75, 0.3),
        "/feedback/amount": 0.8,
        "/feedback/rotate": 0.6,
        "/feedback/hue": -0.03,
        "/mirror/mode": "kaleidoscope",
        "/mirror/segments": 8,
        **_lfo(1, "sine", "four_bars"),
        **_route(1, "lfo1", "/feedback/rotate", 0.12, offset=-0.5),
        **_route(2, "onset", "/feedback/zoom", 0.2, channel=1, release_ms=250.0),
    },
    # Petals that grow inward, ring by ring.
    "Mandala": {
        **_BLACK_GROUND,
        "/multiverse/blend": 2.0,
        "/multiverse/brightness": 4.0,
        "/multiverse/window_ms": 20.0,
        "/colour/base_hue": 0.78,
        "/colour/spread": 0.2,
        **_layers("intensity", 1.3, 1.3, 1.2, 0.9),
        **_layers("curve", 0.2),
        **_layers("ratio", 0.5, 0.3, 0.4, 0.6),
        "/feedback/amount": 0.9,
        "/feedback/zoom": 0.965,
        "/feedback/rotate": -1.5,
        "/feedback/hue": 0.03,
        "/mirror/mode": "kaleidoscope",
        "/mirror/segments": 12,
        **_lfo(1, "sine", "four_bars"),
        **_route(1, "lfo1", "/feedback/rotate", 0.2, offset=-0.5),
        **_route(2, "onset", "/multiverse/brightness", 0.25, channel=1),
    },
    # Tall, still pillars of light that shoot up with the kick: for a wide wall.
    "Monolith": {
        **_BLACK_GROUND,
        "/multiverse/blend": 1.0,
        "/multiverse/brightness": 4.0,
        "/multiverse/window_ms": 16.0,
        "/colour/mode": "fixed",
        "/colour/base_hue": 0.53,
        "/colour/spread": 0.3,
        **_layers("intensity", 1.0, 0.7, 1.2, 0.8),
        **_layers("angle", 0.0),
        **_layers("ratio", 0.8, 1.2, 1.6, 0.3),
        "/feedback/amount": 0.8,
        "/feedback/zoom": 0.97,
        "/feedback/hue": 0.02,
        "/mirror/mode": "x",
        **_lfo(1, "triangle", "eight_bars"),
        **_lfo(2, "saw", "four_bars"),
        **_route(1, "lfo1", "/colour/base_hue", 0.12, offset=-0.5),
        **_route(2, "onset", "/feedback/zoom", 0.3, channel=1, release_ms=300.0),
        **_route(3, "lfo2", "/layer/2/phase", 1.0),
    },
    # Crossed tubes of light.
    "Neon Grid": {
        **_BLACK_GROUND,
        "/multiverse/blend": 2.0,
        "/multiverse/brightness": 4.0,
        "/multiverse/window_ms": 14.0,
        "/colour/mode": "fixed",
        "/colour/base_hue": 0.78,
        "/colour/spread": 0.35,
        "/colour/scheme": 0.5,
        **_layers("intensity", 1.5),
        **_layers("angle", 0.0, 90.0, 0.0, 90.0),
        **_layers("ratio", 2.0, 2.0, 4.0, 4.0),
        "/feedback/amount": 0.75,
        "/feedback/zoom": 1.01,
        **_lfo(1, "triangle", "eight_bars"),
        **_lfo(2, "saw", "four_bars"),
        **_route(1, "onset", "/feedback/zoom", 0.3, channel=1, release_ms=200.0),
        **_route(2, "lfo1", "/colour/base_hue", 0.12, offset=-0.5),
        **_route(3, "lfo2", "/layer/3/phase", 1.0),
    },
    # Broad beams that open and close like a hand.
    "Prism": {
        **_BLACK_GROUND,
        "/multiverse/blend": 1.0,
        "/multiverse/brightness": 3.6,
        "/multiverse/window_ms": 9.0,
        "/colour/base_hue": 0.55,
        "/colour/spread": 0.45,
        **_layers("intensity", 1.3),
        **_layers("angle", -12.0, 12.0, -35.0, 35.0),
        **_layers("ratio", 1.4, 1.0, 2.0, 0.3),
        "/feedback/amount": 0.7,
        "/feedback/rotate": 0.4,
        "/feedback/hue": 0.04,
        "/mirror/mode": "x",
        **_lfo(1, "triangle", "eight_bars"),
        **_lfo(2, "sine", "four_bars"),
        **_route(1, "lfo1", "/layer/1/angle", 0.2),
        **_route(2, "lfo1", "/layer/2/angle", -0.2),
        **_route(3, "lfo2", "/layer/3/angle", 0.25),
        **_route(4, "lfo2", "/layer/4/angle", -0.25),
    },
    # Cloth that breathes in the dark: for quiet music.
    "Silk": {
        **_BLACK_GROUND,
        "/multiverse/blend": 1.0,
        "/multiverse/brightness": 2.4,
        "/multiverse/window_ms": 14.0,
        "/colour/base_hue": 0.9,
        "/colour/spread": 0.35,
        "/colour/glide_ms": 4000.0,
        **_layers("intensity", 1.0, 0.8, 0.9, 0.6),
        **_layers("angle", 62.0, 74.0, 98.0, 110.0),
        **_layers("curve", 0.35, 0.3, 0.25, 0.3),
        **_layers("ratio", 0.5, 0.4, 0.7, 0.1),
        "/feedback/amount": 0.86,
        "/feedback/zoom": 1.006,
        "/feedback/hue": -0.012,
        **_lfo(1, "sine", "eight_bars"),
        **_lfo(2, "sine", "four_bars"),
        **_route(1, "lfo1", "/layer/1/curve", 0.4),
        **_route(2, "lfo2", "/layer/3/curve", 0.4),
        **_route(3, "lfo1", "/layer/2/angle", 0.06, offset=-0.5),
        **_route(4, "low", "/multiverse/brightness", 0.12),
    },
    # A flight through octagons; the kick is the throttle.
    "Tunnel": {
        **_BLACK_GROUND,
        "/multiverse/blend": 2.0,
        "/multiverse/brightness": 4.0,
        "/multiverse/window_ms": 10.0,
        "/colour/base_hue": 0.5,
        "/colour/spread": 0.14,
        **_layers("intensity", 1.2, 1.2, 1.2, 0.8),
        **_layers("curve", 0.4),
        **_layers("ratio", 0.8, 0.6, 1.2, 0.2),
        "/feedback/amount": 0.88,
        "/feedback/zoom": 1.06,
        "/feedback/rotate": 2.0,
        "/feedback/hue": 0.035,
        "/mirror/mode": "kaleidoscope",
        "/mirror/segments": 4,
        **_lfo(1, "sine", "eight_bars"),
        **_lfo(2, "saw", "eight_bars"),
        **_route(1, "lfo1", "/feedback/rotate", 0.35, offset=-0.5),
        **_route(2, "onset", "/feedback/zoom", 0.2, channel=1, release_ms=300.0),
        **_route(3, "lfo2", "/layer/1/angle", 1.0),
    },
}

WORLDS: dict[str, dict[str, Look]] = {
    world: {name: _CHANGES[name] for name in names}
    for world, names in {
        "geometry": ("Cathedral", "Mandala", "Neon Grid", "Tunnel"),
        "light": ("Aurora", "Monolith", "Prism"),
        "liquid": ("Silk",),
    }.items()
}
"""The looks' changes by world, in the order in which lists and the page show them."""

LOOKS = {name: PLAIN | changes for looks in WORLDS.values() for name, changes in looks.items()}


def world_of(name: str) -> str:
    """The world of a look: geometry, light ...; "" for any other preset."""
    return next((world for world, looks in WORLDS.items() if name in looks), "")
