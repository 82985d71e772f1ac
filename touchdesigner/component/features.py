"""Names of the audio features, as the engine sends them and as channels. Pure.

The engine sends 33 numbers 60 times per second: 1980 callbacks per second, if a DAT received them.
So they have a port of their own, where an OSC In CHOP takes them without Python.
"""

CHANNELS = 4
FEATURES = ("rms", "peak", "low", "mid", "high", "pitch", "onset")
BEATS = ("beat", "bar", "kick", "snare", "hat")
NAMES = (
    *(f"{feature}{channel}" for channel in range(1, CHANNELS + 1) for feature in FEATURES),
    *BEATS,
)
"""Channels of output 4, in this order."""
RECEIVED = (
    *(f"{channel}/{feature}" for channel in range(1, CHANNELS + 1) for feature in FEATURES),
    *BEATS,
)
"""Names of the same in an OSC In CHOP that strips the first segment of `/audio/1/rms` and
`/audio/beat`."""
