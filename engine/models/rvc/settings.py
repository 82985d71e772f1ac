"""Settings of the converted voice. Plain values with the ranges of the parameters `/rvc/*`. Does not load torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    pitch: float = 0.0
    """Semitones, -24..24."""
    is_autotuned: bool = False
    """Round the pitch of the output to the nearest semitone of A = 440 Hz."""
    formant: float = 0.0
    """Semitones, -2..2: size of the vocal tract, at the same pitch."""
    index_rate: float = 0.3
    """0..1: share of the retrieved features; no effect without an index."""
    retrieval_power: int = 2
    """2: the k nearest are weighted by (1/s)^2; 1: by 1/s, with squared distances s."""
    protect: float = 0.33
    """0..0.5: share of the retrieved features in unvoiced frames; from 0.5 on all of them."""
    rms_mix: float = 0.0
    """0: as loud as the input; 1: as loud as the model's output."""
    threshold_db: float = -60.0
    """dBFS, -60..0: softer input is silenced before conversion; -60 is off."""
    speaker: int = 0
