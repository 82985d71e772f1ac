"""The looks from the world of noise: smoke, a mapped land, a pulsar and lightning, each as changes against PLAIN."""

from engine.params.plain_look import Look, layers, route


def _beat(target: str, kick: float, low: float) -> Look:
    """Routes 1 and 2: the hit of the kick, and the bass of channel 1 (the drums), so that loud hits count more."""
    return {
        **route(1, "kick", target, kick, release_ms=90.0),
        **route(2, "low", target, low, channel=1, curve=0.5, release_ms=80.0),
    }


# Linear light on black. The three slow waves never meet again in the same place.
_DARK: Look = {
    "/multiverse/bias": 0.0,
    "/multiverse/tone": "filmic",
    "/multiverse/light": "linear",
    "/multiverse/blend": 1.0,
    "/colour/mode": "palette",
    "/lfo/1/rate_hz": 0.013,
    "/lfo/2/rate_hz": 0.021,
    "/lfo/3/rate_hz": 0.017,
}

# A shader over the whole picture. Under it lies one ring, which shows only where a slow machine bypasses the shader.
_SHADER: Look = {
    **_DARK,
    "/layer/1/shape": "circle",
    "/layer/1/line_width": 0.4,
    "/layer/1/line_glow": 3.0,
    "/layer/1/ratio": 0.25,
    **layers("intensity", 1.0, 0.0, 0.0, 0.0),
}

CHANGES: dict[str, Look] = {
    # A spirit of violet smoke, lit from within; the kick fans it, the highs throw sparks.
    "Djinn": {
        **_SHADER,
        "/colour/palette": "sunset",
        "/fx/generator/file": "Ember",
        "/fx/generator/1": 0.12,
        "/fx/generator/2": 0.42,
        "/fx/generator/3": 0.24,
        "/fx/generator/4": 0.6,
        "/post/bloom": 0.25,
        "/post/vignette": 0.3,
        **_beat("/fx/generator/5", 0.4, 0.9),
        **route(3, "hat", "/fx/generator/6", 0.9, release_ms=120.0),
        **route(4, "lfo1", "/fx/generator/3", 0.25, offset=-0.5),
        **route(5, "lfo2", "/fx/generator/2", 0.2, offset=-0.5),
        **route(6, "lfo3", "/colour/shift", 0.1),
    },
    # The height lines of a land that drifts below at night; the kick lights its summits.
    "Relief": {
        **_SHADER,
        "/colour/palette": "deep_sea",
        "/fx/generator/file": "Relief",
        "/fx/generator/1": 0.08,
        "/fx/generator/2": 0.31,
        "/fx/generator/3": 0.3,
        "/fx/generator/6": 0.35,
        "/post/bloom": 0.35,
        "/post/grain": 0.05,
        **_beat("/fx/generator/4", 0.4, 0.9),
        **route(3, "hat", "/fx/generator/5", 0.9, release_ms=120.0),
        **route(4, "lfo1", "/fx/generator/2", 0.1, offset=-0.5),
        **route(5, "lfo2", "/fx/generator/3", 0.08, offset=-0.5),
        **route(6, "lfo3", "/colour/shift", 0.15),
    },
    # Signals from a dead star: ridges of white noise that run out into the dark.
    "Pulsar": {
        **_DARK,
        "/colour/palette": "ice",
        "/colour/map": 0.8,
        "/multiverse/brightness": 0.8,
        "/multiverse/window_ms": 16.0,
        **layers("shape", "line"),
        **layers("intensity", 1.0, 0.9, 0.9, 0.8),
        **layers("angle", 0.0, 1.5, -1.5, 0.0),
        **layers("curve", 0.9, 0.8, 0.8, 0.9),
        **layers("ratio", 1.0, 0.5, 0.5, 0.5),
        **layers("line_width", 0.35),
        **layers("line_glow", 1.5),
        "/feedback/amount": 0.91,
        "/feedback/zoom": 1.07,
        "/post/bloom": 0.3,
        "/post/vignette": 0.5,
        "/post/grain": 0.05,
        **_beat("/multiverse/brightness", 0.15, 0.3),
        **route(3, "hat", "/post/bloom", 0.4, release_ms=120.0),
        **route(4, "lfo1", "/layer/2/angle", 0.06, offset=-0.5),
        **route(5, "lfo2", "/layer/3/angle", 0.08, offset=-0.5),
        **route(6, "lfo1", "/feedback/rotate", 0.06, offset=-0.5),
        **route(7, "lfo3", "/colour/shift", 0.2),
    },
    # Lightning that stands in the middle of the stage and forks with every hit.
    "Thunder": {
        **_DARK,
        "/colour/palette": "ultraviolet",
        "/multiverse/brightness": 0.9,
        "/multiverse/window_ms": 20.0,
        **layers("shape", "line"),
        **layers("intensity", 1.0, 0.8, 0.8, 0.9),
        **layers("angle", 82.0, 68.0, 97.0, 112.0),
        **layers("curve", 0.8, 0.6, 0.8, 0.8),
        **layers("ratio", 0.6, 0.2, 0.3, 0.4),
        **layers("line_width", 0.35),
        **layers("line_glow", 4.0),
        "/feedback/amount": 0.88,
        "/feedback/zoom": 1.03,
        "/feedback/rotate": 0.5,
        "/mirror/mode": "x",
        "/post/bloom": 0.4,
        "/post/vignette": 0.4,
        **_beat("/multiverse/brightness", 0.15, 0.3),
        **route(3, "hat", "/post/bloom", 0.5, release_ms=120.0),
        **route(4, "lfo1", "/layer/2/angle", 0.1, offset=-0.5),
        **route(5, "lfo2", "/layer/4/angle", 0.1, offset=-0.5),
        **route(6, "lfo2", "/feedback/rotate", 0.1, offset=-0.5),
        **route(7, "lfo3", "/colour/shift", 0.2),
        **route(8, "kick", "/feedback/zoom", 0.12, release_ms=200.0),
    },
}
