"""Turns the model's output into the final sound: spans joined, as loud as set, silent in pauses, never clipped.

Its true peak (ITU-R BS.1770, annex 2: oversampled to 192 kHz) is at most -1 dBTP, as EBU R 128 has it. A float file
holds more than full scale: there it may be as high as the source's. The sound is read from the disk in blocks, three
times: for loudness, for the peak, for writing.
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
from engine.models.rvc.cutting import FRAME, Span, joined, limiting_gain

if TYPE_CHECKING:
    import torch

MAX_TRUE_PEAK = 10 ** (-1.05 / 20)  # other meters read up to 0.05 dB more
PEAK_RATE_HZ = 192_000
TOLD_DB = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedVoice:
    """A converted voice, in pieces on the disk."""

    heard: Scratch
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

    def place_of(self, number: int) -> int:
        """First sample of a span in `converted`. Spans are stored one after the other, including their overlaps."""
        return (self.spans[number].start + number) * self.hop

    def blocks(self) -> Iterator[np.ndarray]:
        """The joined voice, (n,) float32 at the model's rate, as long as the source."""
        read, spans = self.converted.read, enumerate(self.spans)
        parts = (read(self.place_of(number), span.frames * self.hop) for number, span in spans)
        left = round(self.source_s * self.rate_hz)
        for block in joined(self.spans, parts, self.hop):
            yield block[:left]
            left -= min(left, len(block))
        if left:  # a sample or two, lost in resampling to 16 kHz and back
            yield np.zeros(left, np.float32)


class FinishedVoice:
    """The voice at its final loudness and rate, block by block."""

    def __init__(self, made: ConvertedVoice, *, settings: VoiceSettings, rate_hz: int, is_float: bool = False) -> None:
        """`rate_hz`: of the output file. `is_float`: it holds more than full scale."""
        self._made, self._settings, self._rate_hz = made, settings, rate_hz
        self._points = self._rms_points()
        max_peak = max(MAX_TRUE_PEAK, made.source_peak * is_float)
        self._gain = np.float32(limiting_gain(self._true_peak(), max_peak))
        softer_db = -20 * math.log10(self._gain)
        self.notes = [f"would clip: the voice is {softer_db:.1f} dB softer than the source"] * (softer_db > TOLD_DB)

    def blocks(self) -> Iterator[np.ndarray]:
        """(n,) float32 at the file's rate, as long as the source to the sample."""
        for block in self._resampled():
            yield block * self._gain

    def _rms_points(self) -> tuple["torch.Tensor", "torch.Tensor"]:
        """RMS points of the source, 0 where the output is silent, and of the converted voice."""
        import torch

        from engine.models.rvc.loudness import RunningPoints, open_points, silence_db

        source, output = RunningPoints(FRAME), RunningPoints(self._made.hop)
        for block in self._made.heard.blocks():
            source.add(torch.from_numpy(block))
        for block in self._made.blocks():
            output.add(torch.from_numpy(block))
        return open_points(source.points(), silence_db(self._settings.threshold_db)), output.points()

    def _true_peak(self) -> float:
        oversampler = soxr.ResampleStream(self._rate_hz, max(PEAK_RATE_HZ, self._rate_hz), 1)
        peak = 0.0
        for block in itertools.chain(self._resampled(), (None,)):
            given = np.zeros(0, np.float32) if block is None else block
            made = oversampler.resample_chunk(given, last=block is None)
            peak = max(peak, float(np.abs(made).max(initial=0.0)))
        return peak

    def _loud(self) -> Iterator[np.ndarray]:
        from engine.models.rvc.loudness import gains

        first = 0
        for block in self._made.blocks():
            yield block * gains(*self._points, self._made.hop, self._settings.rms_mix, len(block), first)[0].numpy()
            first += len(block)

    def _resampled(self) -> Iterator[np.ndarray]:
        if self._rate_hz == self._made.rate_hz:
            yield from self._loud()
            return
        resampler = soxr.ResampleStream(self._made.rate_hz, self._rate_hz, 1)
        left = round(self._made.source_s * self._rate_hz)
        for block in self._loud():
            made = resampler.resample_chunk(block)[:left]
            left -= len(made)
            yield made
        made = resampler.resample_chunk(np.zeros(0, np.float32), last=True)[:left]
        yield np.pad(made, (0, left - len(made)))
