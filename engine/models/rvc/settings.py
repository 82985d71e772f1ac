"""How a voice is to sound. Plain values with the range of the parameters `/rvc/*`. Does not load torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    pitch: float = 0.0
    """Semitones, -24..24."""
    is_autotuned: bool = False
    """Draws the pitch, as it is sung, to the nearest semitone of A = 440 Hz."""
    formant: float = 0.0
    """Semitones, -2..2: of the throat, at the same pitch."""
    index_rate: float = 0.3
    """0..1: share of the retrieved features; nothing without an index."""
    retrieval_power: int = 2
    """2: the k nearest weighed by (1/s)^2, 1: by 1/s, of squared distances s."""
    protect: float = 0.33
    """0..0.5: share of the retrieved features where there is no pitch; from 0.5 on all of them."""
    rms_mix: float = 0.0
    """0: as loud as the voice that is converted; 1: as loud as the model speaks."""
    threshold_db: float = -60.0
    """dBFS, -60..0: what is softer is silenced before it is converted; -60 is off."""
    speaker: int = 0
