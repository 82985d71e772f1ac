"""Turns the model's output into the final sound: spans joined, as loud as set, silent in pauses,
never clipped.

Its true peak (ITU-R BS.1770, annex 2: oversampled to 192 kHz) is at most -1 dBTP, as EBU R 128 has
it. A float file holds more than full scale: there it may be as high as the source's. The sound is
read from the disk in blocks, three times: for loudness, for the peak, for writing.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import soxr

from engine.jobs.convert.scratch import Scratch
from engine.models.rvc import VoiceSettings
from engine.models.rvc.cutting import FRAME, MAX_PEAK_IN, Span, crossfade_spans, limiting_gain

if TYPE_CHECKING:
    import torch

MAX_TRUE_PEAK = 10 ** (-1.05 / 20)  # other meters read up to 0.05 dB more
PEAK_RATE_HZ = 192_000
NOTED_DB = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedVoice:
    """A converted voice, in pieces on the disk."""

    source_16k: Scratch
    """The source at 16 kHz, at its original loudness."""
    source_peak: float
    """Peak of the source at 16 kHz."""
    converted: Scratch
    spans: list[Span]
    hop: int
    rate_hz: int
    """Sample rate of the model."""
    source_s: Fraction
    """Exact length of the source."""

    @property
    def input_gain(self) -> np.float32:
        """Gain that limits the model's input."""
        return np.float32(limiting_gain(self.source_peak, MAX_PEAK_IN))

    def first_sample_of(self, number: int) -> int:
        """Index of a span's first sample in `converted`, where spans are stored in order, including
        their overlaps."""
        return (self.spans[number].start + number) * self.hop

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the voice with spans merged, (n,) float32 at the model's rate, as long as the
        source."""
        read = self.converted.read
        spans = enumerate(self.spans)
        parts = (
            read(self.first_sample_of(number), span.frames * self.hop) for number, span in spans
        )
        left = round(self.source_s * self.rate_hz)
        for block in crossfade_spans(self.spans, parts, self.hop):
            yield block[:left]
            left -= min(left, len(block))
        if left:  # a sample or two, lost in resampling to 16 kHz and back
            yield np.zeros(left, np.float32)


class FinishedVoice:
    """The voice at its final loudness and rate, block by block."""

    def __init__(
        self,
        voice: ConvertedVoice,
        *,
        settings: VoiceSettings,
        rate_hz: int,
        is_float: bool = False,
    ) -> None:
        """`rate_hz`: of the output file. `is_float`: it holds more than full scale."""
        self._voice = voice
        self._settings = settings
        self._rate_hz = rate_hz
        self._points = self._rms_points()
        max_peak = max(MAX_TRUE_PEAK, voice.source_peak * is_float)
        self._gain = np.float32(limiting_gain(self._true_peak(), max_peak))
        softer_db = -20 * math.log10(self._gain)
        self.notes = [f"would clip: the voice is {softer_db:.1f} dB softer than the source"] * (
            softer_db > NOTED_DB
        )

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the sound, (n,) float32 at the file's rate, exactly as long as the source."""
        for block in self._resampled():
            yield block * self._gain

    def _rms_points(self) -> tuple["torch.Tensor", "torch.Tensor"]:
        """RMS points of the source, 0 where the output is silent, and of the converted voice."""
        import torch

        from engine.models.rvc.loudness import RunningPoints, open_points, silence_db

        source = RunningPoints(FRAME)
        output = RunningPoints(self._voice.hop)
        for block in self._voice.source_16k.blocks():
            source.add(torch.from_numpy(block))
        for block in self._voice.blocks():
            output.add(torch.from_numpy(block))
        return open_points(
            source.points(), silence_db(self._settings.threshold_db)
        ), output.points()

    def _true_peak(self) -> float:
        oversampler = soxr.ResampleStream(self._rate_hz, max(PEAK_RATE_HZ, self._rate_hz), 1)
        peak = 0.0
        for block in itertools.chain(self._resampled(), (None,)):
            samples = np.zeros(0, np.float32) if block is None else block
            peak = max(
                peak,
                float(
                    np.abs(oversampler.resample_chunk(samples, last=block is None)).max(initial=0.0)
                ),
            )
        return peak

    def _loud(self) -> Iterator[np.ndarray]:
        from engine.models.rvc.loudness import gains

        first = 0
        for block in self._voice.blocks():
            yield (
                block
                * gains(*self._points, self._voice.hop, self._settings.rms_mix, len(block), first)[
                    0
                ].numpy()
            )
            first += len(block)

    def _resampled(self) -> Iterator[np.ndarray]:
        if self._rate_hz == self._voice.rate_hz:
            yield from self._loud()
            return
        resampler = soxr.ResampleStream(self._voice.rate_hz, self._rate_hz, 1)
        left = round(self._voice.source_s * self._rate_hz)
        for block in self._loud():
            resampled = resampler.resample_chunk(block)[:left]
            left -= len(resampled)
            yield resampled
        resampled = resampler.resample_chunk(np.zeros(0, np.float32), last=True)[:left]
        yield np.pad(resampled, (0, left - len(resampled)))
