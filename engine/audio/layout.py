"""Channel layout: maps the source's channels to the four that are analysed and drawn."""

import numpy as np

from engine.audio.separator import Separator
from engine.audio.stems import StemSplitter
from engine.system.reporting import Report
from engine.values import CHANNELS
from osc_schema.audio import SEPARATORS

CROSSOVERS_HZ = (250.0, 1000.0, 4000.0)
BANDS = len(CROSSOVERS_HZ) + 1
RESPONSE_S = 0.025  # the slowest pole, 250 Hz / sqrt 2, has a time constant of 0.9 ms
AUDIBLE_RMS = 0.001  # -60 dBFS
MIN_WIDTH = 0.03  # of the difference of two channels, to their sum: -30 dB
SAME_HOPS = 300  # 3 s


class BandSplitter:
    """Splits a stream into four frequency bands. Analyser thread; blocks of `frames` samples. A
    band above half the sample rate is silent.

    The bands are Linkwitz-Riley (two Butterworth sections of second order in a row: 24 dB an
    octave, -6 dB where bands meet; Linkwitz 1976), through the bilinear transform. Instead of a
    recursive filter, a loop over samples, we convolve with its impulse response, which decays below
    1e-11 within 25 ms, by overlap-save with the FFT: exact to float32, without block boundaries and
    the delay of a linear-phase filter."""

    def __init__(self, sample_rate_hz: int, frames: int) -> None:
        taps = round(sample_rate_hz * RESPONSE_S)
        self._size = 1 << (taps + frames - 2).bit_length()
        self._frames = frames
        impulse = np.fft.irfft(band_responses(sample_rate_hz, 8 * self._size))[:, :taps]
        self._spectra = np.fft.rfft(impulse, self._size).astype(np.complex64)
        self._recent = np.zeros(self._size, np.float32)

    def clear(self) -> None:
        """Clear the filter state: the next block follows silence."""
        self._recent[:] = 0.0

    def split(self, block: np.ndarray, bands: tuple[int, ...]) -> np.ndarray:
        """Split `block`, (frames,) float32, into these bands (0 the lowest): (len(bands), frames)
        float32."""
        self._recent[: -self._frames] = self._recent[self._frames :]
        self._recent[-self._frames :] = block
        return np.fft.irfft(np.fft.rfft(self._recent) * self._spectra[list(bands)], self._size)[
            :, -self._frames :
        ]


def band_responses(sample_rate_hz: int, size: int) -> np.ndarray:
    """Frequency response of each band at the bins of a real FFT of `size`: (4, size/2 + 1) complex.
    Pure."""
    angle = np.pi * np.arange(size // 2 + 1) / size  # half the angle per sample
    responses = np.ones((BANDS, len(angle)), complex)
    for band, crossover_hz in enumerate(CROSSOVERS_HZ):
        if crossover_hz >= 0.499 * sample_rate_hz:
            responses[band + 1 :] = 0.0
            break
        s = 1j * np.tan(angle) / np.tan(np.pi * crossover_hz / sample_rate_hz)
        section = 1.0 / (s * s + np.sqrt(2.0) * s + 1.0)
        responses[band] *= section**2
        responses[band + 1] *= (s * s * section) ** 2
    return responses


def resolve_layout(layout: str, source_channels: int, is_wide: bool) -> str:
    """Resolve "auto": direct for four source channels or more; for two or three stems if the first
    two play stereo music, else stereo; mono for one. Pure."""
    if layout != "auto":
        return layout
    if source_channels >= CHANNELS:
        return "direct"
    return "mono" if source_channels == 1 else "stems" if is_wide else "stereo"


class Width:
    """Tells two channels of music from one that is on both, or on one of them. Analyser thread."""

    def __init__(self) -> None:
        self.is_wide = False
        self._same_hops = 0

    def step(self, pair: np.ndarray) -> None:
        """Update `is_wide` with the next hop, (2, frames): true at once, false after 3 s. Silence
        changes nothing."""
        left, right, total, difference = np.sqrt(
            (np.stack([*pair, pair.sum(axis=0), pair[0] - pair[1]]) ** 2).mean(1)
        )
        if max(left, right) < AUDIBLE_RMS:
            return
        is_wide = bool(min(left, right) >= AUDIBLE_RMS and difference > MIN_WIDTH * total)
        self._same_hops = 0 if is_wide else self._same_hops + 1
        self.is_wide = is_wide or (self.is_wide and self._same_hops < SAME_HOPS)


class ChannelLayout:
    """Maps source channels to the four layers, in blocks of `frames` samples. Analyser thread.

    direct: layer n hears source channel `channel_map[n]`, counted from 1; silence if the source has
    no such channel stereo: left, right, their mean below 250 Hz, their mean above 4 kHz; a mono
    source is both left and right
    stems:  drums, bass, voice, rest of left and right; a block later. Or what a plug-in of the
            layout's name makes
    mono:   four bands of the mean of all channels, meeting at 250, 1000 and 4000 Hz"""

    def __init__(self, sample_rate_hz: int, frames: int, report: Report, *, may_wait: bool) -> None:
        """`may_wait`: offline, so that a separator may take its time."""
        self._rate_hz = sample_rate_hz
        self._frames = frames
        self._report = report
        self._may_wait = may_wait
        self._splitter = BandSplitter(sample_rate_hz, frames)
        self._stems: StemSplitter | None = None
        self._separator: Separator | None = None
        self._width = Width()
        self.current = ""

    @property
    def has_stems(self) -> bool:
        """True if the first layer of the newest block was the drums as the engine finds them."""
        return self.effective == "stems"

    @property
    def effective(self) -> str:
        """The layout for the status: the engine's own stems beside a separator that does not
        work."""
        has_own = self._separator is not None and not self._separator.works
        return "stems" if has_own else self.current

    def spread(self, block: np.ndarray, layout: str, channel_map: tuple[int, ...]) -> np.ndarray:
        """Map `block`, (frames, source channels) float32, to the four layers: (4, frames) float32;
        another source may have other channels."""
        source_channels = block.shape[1]
        pair = block[:, :2].T if source_channels > 1 else np.repeat(block.T, 2, axis=0)
        self._width.step(pair)
        layout = resolve_layout(layout, source_channels, self._width.is_wide)
        if layout != self.current:
            self._change_to(layout)
        if layout == "direct":
            return self._direct(block, channel_map)
        if layout == "stereo":
            return np.concatenate([pair, self._splitter.split(pair.mean(axis=0), (0, BANDS - 1))])
        if self._stems is None:
            return self._splitter.split(block.mean(axis=1), tuple(range(BANDS)))
        separated = None if self._separator is None else self._separator.separate(pair)
        return self._stems.split(pair) if separated is None else separated

    def close(self) -> None:
        """End the thread of a separator."""
        if self._separator is not None:
            self._separator.close()

    def _change_to(self, layout: str) -> None:
        self.close()
        self._splitter.clear()
        self._stems = None
        self._separator = None
        self.current = layout
        if layout == "stems" or layout in SEPARATORS:
            self._stems = StemSplitter(self._rate_hz, self._frames)
        if layout in SEPARATORS:
            hop_s = self._frames / self._rate_hz
            self._separator = Separator(
                layout, self._rate_hz, hop_s, self._report, may_wait=self._may_wait
            )

    def _direct(self, block: np.ndarray, channel_map: tuple[int, ...]) -> np.ndarray:
        spread = np.zeros((CHANNELS, self._frames), np.float32)
        for layer, channel in enumerate(channel_map):
            if channel <= block.shape[1]:
                spread[layer] = block[:, channel - 1]
        return spread
