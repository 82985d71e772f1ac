"""The hue of each layer from its channel's pitch: it glides, and moves only as far as the pitch is certain.

Problem: taken straight from the strongest frequency the hue jumps several times a second. A bass line changes colour
with each note, a hi-hat with each hop, and smoothing the pitch itself would sweep through every hue of an octave.

Solution: the hue glides by itself toward that of the newest spectrum. With confidence c, hop dt and `/colour/glide_ms`
tau, each hop covers `1 - exp(-c dt / tau)` of the distance. Hops are 10 ms at any frame rate, so 30 and 60 frames a
second show the same hues. If an octave is the whole hue circle, the hue takes the shorter way round. If
`/colour/spread` makes it only a part of the circle, that part has two ends, and the hue moves between them.

Confidence, 0..1, is the product of two:
- the tone's share of the sound: the part of the power (20..20 000 Hz) within the main lobe of the strongest peak, two
  bins to each side with a Hann window (Harris 1978). A sine has all of it, a chord of a band an eighth to a third,
  white noise and hi-hats about a hundredth. 4 % counts as 0, 25 % as 1.
- how steady it is: the mean resultant length (Mardia and Jupp, "Directional Statistics", 2000) of the hues of the last
  100 ms. 1 for a sustained tone, near 0 for peaks that jump about, as those of a snare drum.
Not handled: harmonics stronger than their fundamental, which sometimes give the hue of a fifth.
"""

import numpy as np

from engine.audio.spectrum import MAX_HZ, MIN_HZ
from engine.values import CHANNELS, MIDDLE_C_HZ

LOBE_BINS = 2  # half the width of a Hann window's main lobe (Harris 1978)
MIN_SHARE, SURE_SHARE = 0.04, 0.25
STEADY_S = 0.1


def pitch_hues(pitch_hz: np.ndarray) -> np.ndarray:
    """Hues in turns, -1/2 to below 1/2, of frequencies in Hz: C is 0, an octave once round. Pure."""
    return _wrapped(np.log2(pitch_hz / MIDDLE_C_HZ))


def tone_share(power: np.ndarray, heard_hz: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Share of the power in 20..20 000 Hz that is the tone at `heard_hz`, (channels,), 0..1; 0 in silence. Pure.

    `power` (channels, n/2 + 1) as `power_spectrum` gives it, `heard_hz` (channels,) as `strongest_hz` does.
    """
    bins = power.shape[1]
    bin_hz = sample_rate_hz / 2 / (bins - 1)
    first, last = max(1, int(MIN_HZ / bin_hz)), min(bins - 1, int(MAX_HZ / bin_hz))
    around = np.rint(heard_hz / bin_hz).astype(int)[:, None] + np.arange(-LOBE_BINS, LOBE_BINS + 1)  # (channels, 5)
    tone = np.where((around >= first) & (around <= last), power[np.arange(len(power))[:, None], around % bins], 0.0)
    share: np.ndarray = tone.sum(axis=1) / np.maximum(power[:, first : last + 1].sum(axis=1), 1e-20)
    return share


class HueGlide:
    """Hues of the four channels, hop by hop. Analyser thread."""

    def __init__(self, hop_s: float, first_pitches_hz: tuple[float, ...]) -> None:
        self._hop_s = hop_s
        self._hues = pitch_hues(np.array(first_pitches_hz))
        self._mean = np.zeros(CHANNELS, complex)
        """Mean of the last hues as points on the unit circle; its length says how well they agree."""
        self._kept = np.exp(-hop_s / STEADY_S)

    def follow(
        self,
        heard_hz: np.ndarray,
        shares: np.ndarray,
        is_sounding: np.ndarray,
        pitch_hz: np.ndarray,
        glide_ms: float,
        is_circle: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Advance one hop. Returns hues (4,) in turns, -1/2..1/2, and confidences (4,), 0..1.

        `heard_hz` (4,) from `strongest_hz`, `shares` (4,) from `tone_share`, `is_sounding` (4,) bool; `pitch_hz` (4,)
        from `PitchFollower`, whose hues are returned if the glide is 0 ms; `is_circle`: 1/2 is the same hue as -1/2.
        """
        targets = pitch_hues(heard_hz)
        newest = np.exp(2j * np.pi * targets) * is_sounding
        self._mean = newest + (self._mean - newest) * self._kept
        tonal = np.clip((shares - MIN_SHARE) / (SURE_SHARE - MIN_SHARE), 0.0, 1.0)
        confidence = tonal * np.abs(self._mean) * is_sounding
        if glide_ms > 0.0:
            way = targets - self._hues
            part = -np.expm1(-confidence * self._hop_s * 1000.0 / glide_ms)
            self._hues = _wrapped(self._hues + (_wrapped(way) if is_circle else way) * part)
        else:
            self._hues = pitch_hues(pitch_hz)
        return self._hues, confidence


def _wrapped(turns: np.ndarray) -> np.ndarray:
    return (turns + 0.5) % 1.0 - 0.5
