"""The looks from the world of liquid: ink, quicksilver, a skein and a jellyfish, each as changes against PLAIN."""

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
    # Ink in dark water: sheets of colour that fold into each other and open with the kick.
    "Ink": {
        **_SHADER,
        "/colour/palette": "plasma",
        "/fx/generator/file": "Ink",
        "/fx/generator/1": 0.12,
        "/fx/generator/2": 0.58,
        "/fx/generator/3": 0.62,
        "/fx/generator/6": 0.5,
        "/post/bloom": 0.3,
        "/post/vignette": 0.3,
        **_beat("/fx/generator/4", 0.4, 0.9),
        **route(3, "hat", "/fx/generator/5", 0.9, release_ms=120.0),
        **route(4, "lfo1", "/fx/generator/3", 0.3, offset=-0.5),
        **route(5, "lfo2", "/fx/generator/2", 0.12, offset=-0.5),
        **route(6, "lfo3", "/colour/shift", 0.15),
    },
    # Drops of quicksilver that meet and part; the kick lights the room that they mirror.
    "Mercury": {
        **_SHADER,
        "/colour/palette": "vapor",
        "/fx/generator/file": "Mercury",
        "/fx/generator/1": 0.16,
        "/fx/generator/2": 0.8,
        "/fx/generator/3": 0.55,
        "/fx/generator/6": 0.7,
        "/post/bloom": 0.3,
        **_beat("/fx/generator/4", 0.4, 0.9),
        **route(3, "hat", "/fx/generator/5", 0.9, release_ms=120.0),
        **route(4, "lfo1", "/fx/generator/3", 0.4, offset=-0.5),
        **route(5, "lfo2", "/fx/generator/2", 0.3, offset=-0.5),
        **route(6, "lfo3", "/colour/shift", 0.15),
    },
    # Golden threads in the dark, woven by the waves; each drum lights the thread of its moment.
    "Skein": {
        **_DARK,
        "/colour/palette": "sodium",
        "/multiverse/brightness": 1.0,
        "/multiverse/window_ms": 20.0,
        **layers("shape", "line"),
        **layers("intensity", 1.0, 0.9, 0.9, 0.8),
        **layers("angle", -14.0, -4.0, 6.0, 15.0),
        **layers("curve", 0.9, 1.0, 1.0, 1.0),
        **layers("ratio", 0.0625, 0.1, 0.15, 0.0625),
        **layers("line_width", 0.3),
        **layers("line_glow", 6.0),
        "/feedback/amount": 0.92,
        "/feedback/zoom": 1.008,
        "/feedback/rotate": 0.3,
        "/post/bloom": 0.3,
        "/post/vignette": 0.3,
        **_beat("/multiverse/brightness", 0.14, 0.25),
        **route(3, "hat", "/post/bloom", 0.4, release_ms=120.0),
        **route(4, "lfo1", "/layer/1/angle", 0.12, offset=-0.5),
        **route(5, "lfo2", "/layer/4/angle", 0.1, offset=-0.5),
        **route(6, "lfo2", "/feedback/rotate", 0.06, offset=-0.5),
        **route(7, "lfo3", "/colour/shift", 0.2),
        **route(8, "kick", "/feedback/zoom", 0.1, release_ms=200.0),
    },
    # A jellyfish: a bell of light that beats with the kick, and arms that hang from it.
    "Medusa": {
        **_DARK,
        "/colour/palette": "peacock",
        "/multiverse/brightness": 0.9,
        "/multiverse/window_ms": 30.0,
        **layers("shape", "circle", "line", "line", "circle"),
        **layers("intensity", 1.0, 0.9, 0.9, 0.8),
        **layers("angle", 180.0, -52.0, -76.0, 90.0),
        **layers("curve", 0.7, 0.9, 0.9, 0.9),
        **layers("ratio", 0.125, 0.1, 0.15, 0.0625),
        **layers("line_width", 0.3),
        **layers("line_glow", 4.0),
        "/feedback/amount": 0.92,
        "/feedback/zoom": 1.012,
        "/feedback/rotate": 2.0,
        "/mirror/mode": "x",
        "/post/bloom": 0.3,
        "/post/vignette": 0.6,
        **_beat("/multiverse/brightness", 0.14, 0.25),
        **route(3, "hat", "/post/bloom", 0.4, release_ms=120.0),
        **route(4, "lfo1", "/layer/2/angle", 0.08, offset=-0.5),
        **route(5, "lfo2", "/layer/3/angle", 0.06, offset=-0.5),
        **route(6, "lfo2", "/feedback/rotate", 0.12, offset=-0.5),
        **route(7, "lfo3", "/colour/shift", 0.2),
        **route(8, "kick", "/feedback/zoom", 0.12, release_ms=220.0),
    },
}
