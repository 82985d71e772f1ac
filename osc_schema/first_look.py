"""The look that the engine starts with: the defaults of its parameters. It is also the built-in preset Eclipse."""

from osc_schema.look_changes import DARK_LIGHT, Look, free_lfo, handy_macros, layers, lfo, route

# An eclipse: a hot ring around a black disc, with violet flares that the kick throws far out.
_ECLIPSE: Look = {
    **DARK_LIGHT,
    "/multiverse/brightness": 1.3,
    "/multiverse/window_ms": 22.0,
    "/colour/palette": "plasma",
    "/colour/shift": 0.04,
    **layers("shape", "circle"),
    **layers("intensity", 0.3, 0.85, 0.4, 0.85),
    **layers("curve", 1.0, 0.16, 0.1, 0.1),
    **layers("ratio", 0.5, 0.5, 1.0, 1.0),
    **layers("line_width", 0.35, 0.25, 0.25, 0.2),
    **layers("line_glow", 1.5, 2.5, 4.0, 7.0),
    "/feedback/amount": 0.91,
    "/feedback/zoom": 1.012,
    "/feedback/rotate": 0.4,
    "/post/bloom": 0.38,
    "/post/bloom_radius": 0.7,
    "/post/bloom_threshold": 0.5,
    "/post/vignette": 0.6,
    **free_lfo(1, "saw", 0.013),
    **free_lfo(2, "sine", 0.021, 0.3),
    **free_lfo(3, "sine", 0.29),
    **lfo(4, "sine", "eight_bars"),
    **route(1, "kick", "/feedback/zoom", 0.45, release_ms=120.0),
    **route(2, "hat", "/layer/2/line_glow", 0.4, release_ms=80.0),
    **route(3, "lfo1", "/layer/2/angle", 1.0),
    **route(4, "lfo3", "/layer/1/intensity", 0.4),
    **route(5, "lfo4", "/colour/shift", 0.12),
    **route(6, "low", "/multiverse/brightness", 0.4, channel=1, curve=1.0, release_ms=60.0),
    **route(7, "lfo2", "/layer/4/line_glow", 0.2),
    **route(8, "kick", "/layer/1/intensity", 0.7, release_ms=80.0),
}
FIRST_LOOK: Look = _ECLIPSE | handy_macros(_ECLIPSE)
"""Changes against the defaults in the areas' files."""
