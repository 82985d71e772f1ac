"""Converts any sound to the model's input, on the disk: mixed to mono, 16 kHz, without rumble.

The loudspeakers are mixed with the weights of ITU-R BS.775. The loudness of the source is measured
first, and the mix is scaled to it. Two sides of opposite phase would cancel each other out; then
only the louder one is taken. Loudness is BS.1770's: K-weighted, in blocks of 400 ms, without those
below -70 LUFS or 10 LU below the mean. One matrix per block, the K-weighted covariance of the
channels, gives the loudness of the source and of any mix of it. A mono sound is played from the
centre, or without one from all loudspeakers of the source. So it counts twice for a stereo sound,
and two equal channels give a voice equal to each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import soxr

from engine.audio.decoded_track import ASSUMED, speakers_in
from engine.errors import AudioError
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.sounds import Sound
from engine.models.rvc.cutting import RATE_HZ

SIDE = 0.5**0.5
DOWNMIX = {
    "FC": 1.0,
    "FL": SIDE,
    "FR": SIDE,
    "DL": SIDE,
    "DR": SIDE,
    "FLC": SIDE,
    "FRC": SIDE,
    "LFE": 0.0,
    "LFE2": 0.0,
}
"""Weight of each loudspeaker in the mono mix, by FFmpeg's names (BS.775-3, annex 4)."""
SURROUND_WEIGHT = 0.5  # of all others
MAX_LOSS = 4.0  # in power, 6 LU: front sides whose mix loses more have opposite phase

BLOCK_S = 0.4
LOWEST_LUFS = -70
RELATIVE_GATE_LU = 10
LEVELS = 100
OFFSET_LU = -0.691
SURROUND_GAIN = 1.41
HIGH_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
"""Numerators and denominators at 48 kHz (BS.1770-4, annex 1)."""

FILTERED_AT_ONCE = 8 * RATE_HZ
MAX_SAMPLE = 1e10  # whole numbers of 32 bits stay below; the square of 1e30 is infinite
END = np.zeros(0, np.float32)
HighPass = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    weights: np.ndarray
    """(channels,) float32: the voice is the sum of the weighted channels."""
    notes: tuple[str, ...]


def mono_blocks(
    sound: Sound, is_stopped: Callable[[], bool] = lambda: False
) -> Iterator[np.ndarray]:
    """Yield a sound mixed to mono, (n,) float32; nothing if stopped before. NaN and infinity become
    silence."""
    mix = mix_of(sound, is_stopped)
    if mix is None:
        return
    sound.notes += mix.notes
    for block in _finite_blocks(sound):
        yield block @ mix.weights


def mix_of(sound: Sound, is_stopped: Callable[[], bool]) -> Mix | None:
    """Find the weights for mixing a sound to mono, reading it once; None if that was stopped.
    AudioError."""
    if sound.channels == 1:
        return Mix(weights=np.ones(1, np.float32), notes=())
    speakers, note = _speakers_of(sound)
    weights = np.array([DOWNMIX.get(name, SURROUND_WEIGHT) for name in speakers])
    gains = _loudness_gains(speakers)
    meter = Covariance(sound.rate_hz, gains)
    notes = list(sound.notes)
    for block in _finite_blocks(sound):
        if is_stopped():
            return None
        meter.add(block)
    sound.notes[:] = notes  # it is read again, which finds the same
    covariance = meter.gated()
    note = _drop_opposite_side(weights, covariance, speakers) or note
    playing = (
        1 if "FC" in speakers else np.count_nonzero([DOWNMIX.get(name, 1.0) for name in speakers])
    )
    power = playing * (weights @ covariance @ weights)
    if power > 0:
        weights *= np.sqrt(gains @ np.diag(covariance) / power)
    return Mix(weights=weights.astype(np.float32), notes=(note,))


class Covariance:
    """The K-weighted covariance of a sound's channels, summed by loudness, so that the gates need
    no second pass."""

    def __init__(self, rate_hz: int, gains: np.ndarray) -> None:
        """`gains`: (channels,), of the channels' powers in the loudness."""
        self._gains = gains
        self._block = round(BLOCK_S * rate_hz)
        self._weighting = _k_weighting(np.fft.rfftfreq(self._block, 1 / rate_hz)).astype(
            np.float32
        )[:, None]
        self._rest = np.zeros((0, len(gains)), np.float32)
        self._sums = np.zeros((LEVELS, len(gains), len(gains)))
        """The sum of the blocks at each LUFS, from LOWEST_LUFS on."""
        self._counts = np.zeros(LEVELS)

    def add(self, sound: np.ndarray) -> None:
        """Add the next samples (n, channels) float32."""
        sound = np.concatenate((self._rest, sound))
        whole = len(sound) // self._block * self._block
        for begin in range(0, whole, self._block):
            self._add_block(sound[begin : begin + self._block])
        self._rest = sound[whole:]

    def gated(self) -> np.ndarray:
        """The sum over all blocks above the gates, (channels, channels). Called once, at the
        end."""
        if len(self._rest):
            self._add_block(np.pad(self._rest, ((0, self._block - len(self._rest)), (0, 0))))
        mean = self._sums.sum(axis=0) / max(self._counts.sum(), 1)
        total: np.ndarray = self._sums[max(self._level(mean) - RELATIVE_GATE_LU, 0) :].sum(axis=0)
        return total

    def _add_block(self, sound: np.ndarray) -> None:
        # (frequencies, channels); no power at either end
        spectrum = np.fft.rfft(sound, axis=0) * self._weighting
        covariance = (spectrum.conj().T @ spectrum).real * (2 / self._block**2)
        level = self._level(covariance)
        if level >= 0:
            self._sums[level] += covariance
            self._counts[level] += 1

    def _level(self, covariance: np.ndarray) -> int:
        """Whole LU above LOWEST_LUFS; negative for silence."""
        power = max(float(self._gains @ np.diag(covariance)), 1e-12)
        return min(int(np.floor(OFFSET_LU + 10 * np.log10(power) - LOWEST_LUFS)), LEVELS - 1)


def _finite_blocks(sound: Sound) -> Iterator[np.ndarray]:
    """Yield a sound's blocks, with what is no sound replaced by silence and counted in a note."""
    unreal = 0
    for block in sound.blocks():
        is_real = np.abs(block) < MAX_SAMPLE
        if not is_real.all():
            unreal += int(block.size - np.count_nonzero(is_real))
            block = np.where(is_real, block, np.float32(0))
        yield block
    if unreal:
        sound.notes.append(f"{unreal} samples are NaN, infinite or above 1e10: replaced by silence")


def _speakers_of(sound: Sound) -> tuple[tuple[str, ...], str]:
    """The loudspeaker of each channel, and a note on their mix."""
    layout = sound.layout
    text = ""
    speakers = speakers_in(layout)
    if "NONE" in speakers:
        text = f"{sound.channels} channels without names of loudspeakers, "
        if sound.channels not in ASSUMED:
            return speakers, text + "mixed in equal parts to one voice that is as loud"
        layout = ASSUMED[sound.channels]
        text = text + "taken as "
        speakers = speakers_in(layout)
    return speakers, f"{text}{layout}, mixed to one voice that is as loud (ITU-R BS.775)"


def _loudness_gains(speakers: tuple[str, ...]) -> np.ndarray:
    """Weights of the channels' powers in the loudness: more for loudspeakers at the sides, none for
    bass."""
    sides = ("SL", "SR") if "SL" in speakers else ("BL", "BR")
    return np.array(
        [SURROUND_GAIN if name in sides else float(DOWNMIX.get(name, 1.0) > 0) for name in speakers]
    )


def _drop_opposite_side(
    weights: np.ndarray, covariance: np.ndarray, speakers: tuple[str, ...]
) -> str:
    """Set the softer front side's weight to 0 if both have opposite phase, and return a note; else
    ""."""
    if not {"FL", "FR"} <= set(speakers):
        return ""
    left, right = speakers.index("FL"), speakers.index("FR")
    of_left = covariance[left, left]
    of_right = covariance[right, right]
    of_both = covariance[left, right]
    if MAX_LOSS * (of_left + of_right + 2 * of_both) >= of_left + of_right:
        return ""
    is_left = of_left >= of_right
    weights[right if is_left else left] = 0
    opposite = (
        "left and right have opposite phase (correlation "
        f"{of_both / np.sqrt(of_left * of_right):.2f})"
    )
    side = "left" if is_left else "right"
    return f"{opposite} and would cancel each other out: of the two only {side} is converted"


def _k_weighting(hz: np.ndarray) -> np.ndarray:
    """Gain at frequencies, that of the 48 kHz filters; above 24 kHz as there."""
    z = np.exp(-2j * np.pi * np.minimum(hz, 24_000) / 48_000)
    gain = np.ones(len(hz))
    for above, below in (HIGH_SHELF, HIGH_PASS):
        gain *= np.abs(np.polyval(above[::-1], z) / np.polyval(below[::-1], z))
    return gain


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    source_samples: int
    """At the source's rate."""
    peak: float
    """Peak at 16 kHz before the high-pass filter; RVC normalises by it."""


def write_input(
    sound: Sound, into: Scratch, high_pass: HighPass, is_stopped: Callable[[], bool]
) -> InputFacts | None:
    """Write the model's input to `into`; None if stopped. AudioError: unreadable source; SinkError:
    disk full."""
    source_samples = 0
    peak = 0.0
    resampler = soxr.ResampleStream(sound.rate_hz, RATE_HZ, 1)

    def at_16k() -> Iterator[np.ndarray]:
        nonlocal source_samples, peak
        for block in chain(mono_blocks(sound, is_stopped), (END,)):
            if is_stopped():
                return
            source_samples += len(block)
            resampled = resampler.resample_chunk(block, last=block is END)
            peak = max(peak, float(np.abs(resampled).max(initial=0.0)))
            yield resampled

    for block in filter_blocks(at_16k(), high_pass):
        into.append(block)
    if is_stopped():
        return None
    if not source_samples:
        raise AudioError(f"{sound.path}: there is no sound in it")
    if not into.samples:  # a sample or two
        into.append(np.zeros(1, np.float32))
    return InputFacts(source_samples=source_samples, peak=peak)


def filter_blocks(blocks: Iterator[np.ndarray], high_pass: HighPass) -> Iterator[np.ndarray]:
    """Filter block by block, with enough context that the result equals filtering everything at
    once."""
    from engine.models.rvc.highpass import REACH

    # `lead` samples of it have been yielded already
    waiting = np.zeros(0, np.float32)
    lead = 0
    for block in blocks:
        waiting = np.concatenate((waiting, block))
        while len(waiting) >= lead + FILTERED_AT_ONCE + REACH:
            end = lead + FILTERED_AT_ONCE
            yield high_pass(waiting[: end + REACH])[lead:end]
            dropped = max(0, end - REACH)
            waiting = waiting[dropped:]
            lead = end - dropped
    if len(waiting) > lead:
        yield high_pass(waiting)[lead:]
