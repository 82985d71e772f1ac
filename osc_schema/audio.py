"""Audio input: how source channels map to the four audio channels, and the features sent to subscribers."""

from typing import Any

from osc_schema.declare import menu, number, switch, whole
from osc_schema.types import Area, Param

CHANNELS = (1, 2, 3, 4)
# Settings of a venue and its wiring: a preset made elsewhere must not change them.
_VENUE: dict[str, Any] = {"stored": False, "is_look": False}


def _channel(n: int) -> tuple[Param, ...]:
    at = f"/audio/{n}"
    return (
        number(
            f"{at}/gain_db",
            0,
            -60,
            24,
            f"Gain of channel {n}.",
            "dB",
            words="mic microphone input volume level sensitivity",
            **_VENUE,
        ),
        switch(
            f"{at}/auto",
            True,
            f"Automatic gain of channel {n}: slowly brings peaks to -12 dBFS, by up to +24 dB; stays unchanged below "
            "-55 dBFS.",
            words="agc automatic mic microphone input volume level normalise normalize",
            **_VENUE,
        ),
        menu(
            f"{at}/trigger",
            "off rising",
            f"rising: starts wave {n} at a rising zero crossing, so that a steady tone does not move.",
            is_look=False,
            words="sync stable scope hold still",
        ),
        number(
            f"{at}/decay_ms",
            1000,
            10,
            10_000,
            f"Release time of the envelope follower of channel {n}.",
            "ms",
            scale="exponential",
            smoothing_ms=0,
            is_look=False,
            words="smooth smoothing slew lag release follower speed",
        ),
        whole(
            f"{at}/channel",
            n,
            1,
            64,
            f"Source channel for channel {n} when the layout is direct.",
            words="input mic microphone route patch",
            **_VENUE,
        ),
    )


AREA = Area(
    title="Audio",
    description="How source channels map to audio channels 1 to 4. While `/audio/features/rate_hz` is above 0, "
    "subscribers get `/audio/<1-4>/rms`, `peak`, `low`, `mid`, `high` "
    "(linear, 1 is full scale), `pitch` (Hz) and `onset` (1 in the first message after an onset, else 0); and "
    "`/audio/beat` and `/audio/bar` (position in the beat and in the bar of four, 0..1), `/audio/kick`, `/audio/snare` "
    "and `/audio/hat` (1 in the first message after a hit, else 0).",
    params=(
        menu(
            "/audio/layout",
            "auto direct stereo mono",
            "direct: source channels as set by /audio/<1-4>/channel; stereo: left, right, low band, high band; "
            "mono: four bands; auto: by the number of source channels.",
            words="input mic microphone stereo channels route",
            **_VENUE,
        ),
        *(param for n in CHANNELS for param in _channel(n)),
        number(
            "/audio/features/rate_hz",
            0,
            0,
            120,
            "How often the features of the four channels are sent to subscribers; 0: never.",
            "Hz",
            smoothing_ms=0,
            resumed=False,
            words="analysis send output speed",
            **_VENUE,
        ),
    ),
)
