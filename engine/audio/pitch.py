"""The strongest frequency of each channel, interpolated between bins and smoothed in octaves.

Parabolic interpolation of the log magnitude around the largest bin (Smith and Serra 1987). With a
Hann window of 4096 samples at 48 kHz the error is below 3 cents from 110 Hz up and below 12 cents
under it (leakage from negative frequencies). Smoothing acts on log2 f: in Hz, a jump from one
octave to the next would sweep through every hue between.
"""

import numpy as np

from engine.audio.spectrum import MAX_HZ, MIN_HZ
from engine.values import CHANNELS, MIDDLE_C_HZ

SMOOTHING_S = 0.05
HOLD_BELOW_RMS = 10.0 ** (-60.0 / 20.0)
# C4, E-flat 4, F-sharp 4, A4: four hues before any sound
FIRST_PITCHES_HZ = (261.63, 311.13, 369.99, 440.0)

# Of the hue
LOBE_BINS = 2  # half the width of a Hann window's main lobe (Harris 1978)
MIN_TONE = 0.04
FULL_TONE = 0.25
STEADY_S = 0.1


def strongest_hz(power: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Largest peak in 20..20 000 Hz, (channels,) float64, of `power` (channels, n/2 + 1). Pure.
    Silence gives an arbitrary frequency in the range: the caller checks the level."""
    bins = power.shape[1]
    bin_hz = sample_rate_hz / 2 / (bins - 1)
    first = max(1, int(np.ceil(MIN_HZ / bin_hz)))
    last = min(bins - 2, int(MAX_HZ / bin_hz))
    peak = first + np.argmax(power[:, first : last + 1], axis=1)
    around = power[np.arange(len(power))[:, None], peak[:, None] + np.array([-1, 0, 1])]
    left, middle, right = np.log(
        around.astype(np.float64) + 1e-30
    ).T  # log |X|²: the factor 2 cancels below
    curvature = left - 2.0 * middle + right
    shift = np.where(
        curvature < 0, 0.5 * (left - right) / np.where(curvature < 0, curvature, 1.0), 0.0
    )
    hz: np.ndarray = np.clip((peak + np.clip(shift, -0.5, 0.5)) * bin_hz, MIN_HZ, MAX_HZ)
    return hz


class PitchFollower:
    """Smoothed pitch of the four channels; constant while a channel is silent. Analyser thread."""

    def __init__(self, hop_s: float) -> None:
        self._octaves = np.log2(FIRST_PITCHES_HZ)
        self._step = 1.0 - np.exp(-hop_s / SMOOTHING_S)

    def follow(self, detected_hz: np.ndarray, is_sounding: np.ndarray) -> np.ndarray:
        """Smoothed pitch after one more hop, (4,) Hz. `detected_hz` (4,): `strongest_hz`;
        `is_sounding` (4,) bool."""
        self._octaves += (np.log2(detected_hz) - self._octaves) * (self._step * is_sounding)
        return np.exp2(self._octaves)


def pitch_hues(pitch_hz: np.ndarray) -> np.ndarray:
    """Hues in turns, -1/2 to below 1/2, of frequencies in Hz: C is 0, an octave is one turn.
    Pure."""
    return _wrap(np.log2(pitch_hz / MIDDLE_C_HZ))


def tone_fraction(power: np.ndarray, detected_hz: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Fraction of the power in 20..20 000 Hz that is the tone at `detected_hz`, (channels,), 0..1;
    0 in silence. Pure. `power` (channels, n/2 + 1) as `power_spectrum` gives it, `detected_hz`
    (channels,) as `strongest_hz` does."""
    bins = power.shape[1]
    bin_hz = sample_rate_hz / 2 / (bins - 1)
    first, last = max(1, int(MIN_HZ / bin_hz)), min(bins - 1, int(MAX_HZ / bin_hz))
    around = np.rint(detected_hz / bin_hz).astype(int)[:, None] + np.arange(
        -LOBE_BINS, LOBE_BINS + 1
    )  # (channels, 5)
    tone = np.where(
        (around >= first) & (around <= last),
        power[np.arange(len(power))[:, None], around % bins],
        0.0,
    )
    fraction: np.ndarray = tone.sum(axis=1) / np.maximum(
        power[:, first : last + 1].sum(axis=1), 1e-20
    )
    return fraction


class HueGlide:
    """The hue of each layer from its channel's pitch: it glides, faster the more certain the pitch
    is.

    Problem: taken straight from the strongest frequency the hue jumps several times per second. A
    bass line changes colour with each note, a hi-hat with each hop, and smoothing the pitch itself
    would sweep through all hues.

    Solution: the hue glides by itself toward that of the newest spectrum. With confidence c, hop dt
    and `/colour/glide_ms` tau, each hop covers `1 - exp(-c dt / tau)` of the distance. Hops are 10
    ms at any frame rate, so 30 and 60 fps show the same hues. If an octave is the whole hue circle,
    the hue takes the shorter way round. If `/colour/spread` makes it only a part of the circle,
    that part has two ends, and the hue moves between them.

    Confidence, 0..1, is the product of two:
    - the tone's fraction of the sound: the part of the power (20..20 000 Hz) within the main lobe
      of the strongest peak, two bins to each side with a Hann window (Harris 1978). A sine has 100
      %, a band's chord an eighth to a third, white noise and hi-hats about 1 %. 4 % maps to 0, 25 %
      to 1.
    - its steadiness: the mean resultant length (Mardia and Jupp, "Directional Statistics", 2000) of
      the hues of the last 100 ms. 1 for a sustained tone, near 0 for jumping peaks, as from a snare
      drum. Not handled: harmonics stronger than their fundamental, which sometimes give the hue of
      a fifth.

    Hues of the four channels, hop by hop. Analyser thread."""

    def __init__(self, hop_s: float, first_pitches_hz: tuple[float, ...]) -> None:
        self._hop_s = hop_s
        self._hues = pitch_hues(np.array(first_pitches_hz))
        self._mean = np.zeros(CHANNELS, complex)
        """Mean of the last hues as points on the unit circle; its length measures how well they
        agree."""
        self._mean_decay = np.exp(-hop_s / STEADY_S)

    def follow(
        self,
        detected_hz: np.ndarray,
        tone_fractions: np.ndarray,
        is_sounding: np.ndarray,
        pitch_hz: np.ndarray,
        glide_ms: float,
        is_circle: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Advance one hop. Returns hues (4,) in turns, -1/2..1/2, and confidences (4,), 0..1.
        `detected_hz` (4,) from `strongest_hz`, `tone_fractions` (4,) from `tone_fraction`,
        `is_sounding` (4,) bool; `pitch_hz` (4,) from `PitchFollower`, whose hues are returned if
        the glide is 0 ms; `is_circle`: 1/2 is the same hue as -1/2."""
        targets = pitch_hues(detected_hz)
        newest = np.exp(2j * np.pi * targets) * is_sounding
        self._mean = newest + (self._mean - newest) * self._mean_decay
        tonal = np.clip((tone_fractions - MIN_TONE) / (FULL_TONE - MIN_TONE), 0.0, 1.0)
        confidence = tonal * np.abs(self._mean) * is_sounding
        if glide_ms > 0.0:
            way = targets - self._hues
            part = -np.expm1(-confidence * self._hop_s * 1000.0 / glide_ms)
            self._hues = _wrap(self._hues + (_wrap(way) if is_circle else way) * part)
        else:
            self._hues = pitch_hues(pitch_hz)
        return self._hues, confidence


def _wrap(turns: np.ndarray) -> np.ndarray:
    return (turns + 0.5) % 1.0 - 0.5
