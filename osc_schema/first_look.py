"""The look that the engine starts with: the defaults of its parameters. It is also the built-in
preset Eclipse."""

from osc_schema.look_changes import DARK_LIGHT, Look, free_lfo, handy_macros, layers, lfo, route

# An eclipse: a hot ring around a black disc, in a corona that breathes, with flares that the kick
# throws far out and a streak of light across, which writes the sound.
_ECLIPSE: Look = {
    **DARK_LIGHT,
    "/multiverse/brightness": 0.72,
    "/multiverse/window_ms": 22.0,
    "/colour/palette": "plasma",
    "/colour/shift": 0.04,
    **layers("shape", "circle", "circle", "line", "circle"),
    **layers("intensity", 0.45, 0.8, 0.65, 0.85),
    **layers("curve", 1.0, 0.16, 0.12, 0.1),
    **layers("ratio", 0.5, 0.5, 1.0, 1.0),
    **layers("line_width", 0.35, 0.25, 0.1, 0.2),
    **layers("line_glow", 1.5, 2.5, 20.0, 7.0),
    "/layer/3/angle": -20.0,
    "/feedback/amount": 0.91,
    "/feedback/zoom": 1.012,
    "/feedback/rotate": 0.4,
    "/post/bloom": 0.32,
    "/post/bloom_radius": 0.7,
    "/post/bloom_threshold": 0.5,
    "/post/vignette": 0.6,
    **free_lfo(1, "sine", 0.083),
    **free_lfo(2, "sine", 0.11, 0.3),
    **free_lfo(3, "sine", 0.29),
    **lfo(4, "sine", "eight_bars"),
    **route(1, "kick", "/feedback/zoom", 0.45, release_ms=120.0),
    **route(2, "hat", "/layer/2/line_glow", 0.4, release_ms=80.0),
    **route(3, "lfo1", "/layer/3/angle", 0.12, offset=-0.5),
    **route(4, "lfo3", "/feedback/zoom", 0.2, offset=-0.5),
    **route(5, "lfo4", "/colour/shift", 0.12),
    **route(6, "envelope", "/multiverse/brightness", 0.3, curve=0.5, release_ms=90.0),
    **route(7, "lfo2", "/layer/4/line_glow", 0.35),
    **route(8, "kick", "/layer/1/intensity", 0.7, release_ms=80.0),
}
FIRST_LOOK: Look = _ECLIPSE | handy_macros(_ECLIPSE)
"""Changes against the defaults in the areas' files."""
