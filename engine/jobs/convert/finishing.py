"""Turns the model's output into the final sound: spans joined, as loud as set, silent in pauses, never clipped.

Reads the sound three times: for loudness, for the peak, for writing, because the peak is known only after a whole pass.
It is read from the disk in blocks and is never in memory as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import soxr

from engine.jobs.convert.scratch import Scratch
from engine.models.rvc import VoiceSettings
from engine.models.rvc.cutting import FRAME, MAX_PEAK_OUT, Span, joined, limiting_gain

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertedVoice:
    """A converted voice, in pieces on the disk."""

    heard: Scratch
    """The source at 16 kHz, at its original loudness."""
    limiting_gain: float
    """Gain that was applied before the conversion."""
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
        parts = (
            self.converted.read(self.place_of(number), span.frames * self.hop) for number, span in enumerate(self.spans)
        )
        left = round(self.source_s * self.rate_hz)
        for block in joined(self.spans, parts, self.hop):
            yield block[:left]
            left -= min(left, len(block))
        if left:  # a sample or two, lost in resampling to 16 kHz and back
            yield np.zeros(left, np.float32)


class FinishedVoice:
    """The voice at its final loudness and rate, block by block."""

    def __init__(self, made: ConvertedVoice, *, settings: VoiceSettings, rate_hz: int) -> None:
        """`rate_hz`: of the output file."""
        self._made = made
        self._settings = settings
        self._rate_hz = rate_hz
        self._points = self._rms_points()
        peak = max((float(np.abs(block).max(initial=0.0)) for block in self._resampled()), default=0.0)
        self._gain = np.float32(limiting_gain(peak, MAX_PEAK_OUT))

    def blocks(self) -> Iterator[np.ndarray]:
        """(n,) float32 at the file's rate, within -0.99..0.99, as long as the source to the sample."""
        for block in self._resampled():
            yield block * self._gain

    def _rms_points(self) -> tuple["torch.Tensor", "torch.Tensor"]:
        """RMS points of the source, 0 where the output is silent, and of the converted voice."""
        import torch

        from engine.models.rvc.loudness import RunningPoints, open_points, silence_db

        source, output = RunningPoints(FRAME), RunningPoints(self._made.hop)
        for block in self._made.heard.blocks():
            source.add(torch.from_numpy(block * np.float32(self._made.limiting_gain)))
        for block in self._made.blocks():
            output.add(torch.from_numpy(block))
        return open_points(source.points(), silence_db(self._settings.threshold_db)), output.points()

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
