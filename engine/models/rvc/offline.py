"""Converts whole sounds, cut into pieces, in batches of equal length.

The result of a piece depends only on its window, not on the batch or the order of work: its noise
is seeded by its position in the sound. Sounds that do not fit into memory are passed piece by piece
(engine/jobs/convert); `convert_sound` converts one that fits.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.device_work import device_wait, max_conv_length
from engine.models.rvc import cutting as cut
from engine.models.rvc.highpass import high_pass, high_pass_on_host
from engine.models.rvc.loudness import gate, mix_loudness, silence_db
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.optimization import OptimizationConfig
from engine.models.rvc.pitch.coarse import autotune, coarse, shift_pitch
from engine.models.rvc.resample import Resampler
from engine.models.rvc.retrieval import protect
from engine.models.rvc.shapes import FLOW_LEAD_IN_FRAMES
from engine.models.rvc.spec import VoiceSettings
from engine.models.rvc.synthesizer import LENGTH_STEP, NOISE_SCALE, frame_positions, interpolate

SMALL_MEMORY = 4 * 2**30
SEEDS = 4096  # distance of the seeds of two frames; more than the samples of a hop


class ProfiledStage(NamedTuple):
    stage: str
    calls: int
    total_s: float
    mean_ms: float
    share: float
    """0..1 of the time from the first stage's start to the last one's end."""


class PerformanceProfiler:
    """Measures the time of each stage. Waits for the device after each, which slows a run down
    slightly. One thread."""

    def __init__(self, device: torch.device, *, is_on: bool = True) -> None:
        self._wait = device_wait(device) if is_on else None
        self._times_s: dict[str, list[float]] = {}
        self._first_s = 0.0
        self._last_s = 0.0

    @contextmanager
    def measure(self, stage_name: str) -> Iterator[None]:
        """Measure the `with` block, unless an error ends it or the profiler is off."""
        if self._wait is None:
            yield
            return
        self._wait()
        began_s = time.perf_counter()
        yield
        self._wait()
        self._first_s = self._first_s if self._times_s else began_s
        self._last_s = time.perf_counter()
        self._times_s.setdefault(stage_name, []).append(self._last_s - began_s)

    def report(self) -> list[ProfiledStage]:
        """The stages in the order of their first end, then `other`: the time between stages."""
        if not self._times_s:
            return []
        whole_s = self._last_s - self._first_s
        rows = {
            stage_name: (len(times_s), sum(times_s))
            for stage_name, times_s in self._times_s.items()
        }
        rows["other"] = (
            max(calls for calls, _ in rows.values()),
            max(0.0, whole_s - sum(s for _, s in rows.values())),
        )
        return [
            ProfiledStage(name, calls, s, 1000.0 * s / calls, s / (whole_s or 1.0))
            for name, (calls, s) in rows.items()
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """The rows of `report` as plain values, rounded to a microsecond."""
        rows = [row._asdict().items() for row in self.report()]
        return [
            {name: round(each, 6) if isinstance(each, float) else each for name, each in row}
            for row in rows
        ]


class VoiceConverter:
    """Converts whole sounds with one voice and its settings. One thread; `high_pass`: also one
    other."""

    def __init__(
        self,
        model: VoiceModel,
        settings: VoiceSettings,
        options: OptimizationConfig,
        *,
        profiler: PerformanceProfiler | None = None,
        cutting: cut.CutLengths | None = None,
    ) -> None:
        """`cutting` None: chosen by precision and memory, as RVC does. ModelError if the model
        lacks the speaker."""
        speakers = model.synthesizer.shape.speakers
        if settings.speaker >= speakers:
            raise ModelError(f"speaker {settings.speaker}: the model has {speakers}, from 0 on")
        self.model = model
        self.settings = settings
        self.options = options
        self.profiler = profiler or PerformanceProfiler(model.device, is_on=options.profiling)
        self.cutting = cutting or cutting_for(model.device, model.dtype)

    @property
    def rate_hz(self) -> int:
        return self.model.rate_hz

    @property
    def hop(self) -> int:
        """Samples per frame of 10 ms."""
        return self.model.synthesizer.shape.hop

    def high_pass(self, sound: np.ndarray) -> np.ndarray:
        """Remove frequencies below 48 Hz from (n,) at 16 kHz, on the device or the host as the
        options say."""
        if not self.options.gpu_filter:
            return high_pass_on_host(sound)
        batch = torch.from_numpy(sound).to(self.model.device)[None]  # (1, n)
        with torch.inference_mode():
            return high_pass(batch)[0].cpu().numpy()

    def convert(self, pieces: Sequence[cut.Piece]) -> list[np.ndarray]:
        """Convert pieces of sound. Returns the used part of each, (span.frames * hop,) float32, in
        the same order. Pieces of one size are batched. ModelError if the model returns NaN or
        infinity."""
        parts: dict[int, np.ndarray] = {}
        for numbers in cut.group_by_size(
            [piece.span.size for piece in pieces], self.options.batch_size
        ):
            with torch.inference_mode():
                sounds = self._convert([pieces[number] for number in numbers])
            parts.update(zip(numbers, sounds, strict=True))
        return [parts[number] for number in range(len(pieces))]

    def convert_sound(self, sound: np.ndarray) -> np.ndarray:
        """Convert (n > 0,) float32 at 16 kHz to (n * rate_hz // 16000,) float32 of the set
        loudness, peak <= 0.99."""
        peak_in = float(np.abs(sound).max())
        sound = sound * np.float32(cut.limiting_gain(peak_in, cut.MAX_PEAK_IN))
        filtered = self.high_pass(sound)

        def read(first: int, count: int) -> np.ndarray:
            return filtered[first : first + count]

        spans = cut.cut_into_spans(read, len(filtered), self.cutting)
        parts = self.convert([cut.read_piece(span, read, len(filtered)) for span in spans])
        samples = len(sound) * self.rate_hz // cut.RATE_HZ
        output = np.concatenate(list(cut.crossfade_spans(spans, parts, self.hop)))[:samples]
        voices = torch.from_numpy(filtered)[None], torch.from_numpy(output)[None]
        below_db = silence_db(self.settings.threshold_db)
        output = mix_loudness(*voices, self.hop, self.settings.rms_mix, below_db)[0].numpy()
        peak_out = float(np.abs(output).max(initial=0.0))
        return output * np.float32(cut.limiting_gain(peak_out, cut.MAX_PEAK_OUT))

    def _convert(self, pieces: list[cut.Piece]) -> list[np.ndarray]:
        """Convert pieces of one size as one batch."""
        model = self.model
        settings = self.settings
        profiler = self.profiler
        spans = [piece.span for piece in pieces]
        size = spans[0].size
        stacked = np.stack([piece.sound for piece in pieces])
        sound = torch.from_numpy(stacked).to(model.device)  # (B, size * 160)
        sound = gate(sound, settings.threshold_db)
        with profiler.measure("content"):
            original = model.content(sound, version=model.version)  # (B, size / 2 - 1, C)
        features = original
        if model.retrieval is not None and settings.index_rate > 0.0:
            with profiler.measure("retrieval"):
                features = model.retrieval.blend(
                    original, settings.index_rate, settings.retrieval_power
                )
        with profiler.measure("pitch"):
            f0 = self._pitch(sound)
        with profiler.measure("encode"):
            phone = _repeat_to_frames(features, size)
            if f0 is not None and features is not original:
                phone = protect(phone, _repeat_to_frames(original, size), f0, settings.protect)
            mean, log_sd = model.synthesizer.encode(
                phone.to(model.dtype), None if f0 is None else coarse(f0)
            )
        decoded = self._frames_to_decode(spans)
        z = torch.addcmul(mean, log_sd.exp(), _noise(spans, mean).to(mean.dtype), value=NOISE_SCALE)
        sounds = self._synthesize(z, f0, spans, decoded).float().cpu().numpy()
        if not np.isfinite(sounds).all():
            raise ModelError("the model returned NaN or infinity; try --dtype float32")
        starts = [(span.lead - decoded.start) * self.hop for span in spans]
        return [
            each[start : start + span.frames * self.hop]
            for each, start, span in zip(sounds, starts, spans, strict=True)
        ]

    def _pitch(self, sound: Tensor) -> Tensor | None:
        """The pitch to synthesize, (B, size) Hz, lowered by as much as the formant raises it; None
        without pitch."""
        if not self.model.has_pitch:
            return None
        f0 = self.model.pitch.track(sound)
        if self.settings.is_autotuned:
            f0 = autotune(f0)
        return shift_pitch(f0, self.settings.pitch) * (self.hop / self._stretched_hop)

    @property
    def _stretched_hop(self) -> int:
        return self.model.synthesizer.shape.stretched_hop(self.settings.formant)

    def _frames_to_decode(self, spans: list[cut.Span]) -> slice:
        """Frames of the window to decode: those that any span uses, rounded up so that few
        different lengths occur. All frames if a formant stretches the window, because frames then
        change position."""
        if self._stretched_hop != self.hop:
            return slice(0, spans[0].size)
        begin = min(span.lead for span in spans)
        end = max(span.lead + span.frames for span in spans)
        return slice(begin - min(begin, -(end - begin) % LENGTH_STEP), end)

    def _synthesize(
        self, z: Tensor, f0: Tensor | None, spans: list[cut.Span], decoded: slice
    ) -> Tensor:
        """Latent (B, latent, size) of any speaker and pitch (B, size) in Hz -> (B, decoded frames *
        hop)."""
        synthesizer = self.model.synthesizer
        profiler = self.profiler
        hop = self.hop
        stretched = self._stretched_hop
        lead_in = synthesizer.shape.lead_in_frames
        with profiler.measure("flow"):
            g = synthesizer.speaker(torch.full((1,), self.settings.speaker, device=z.device))
            first = max(0, decoded.start - lead_in - FLOW_LEAD_IN_FRAMES)
            z = synthesizer.reverse_flow(
                z[..., first : decoded.stop + lead_in + FLOW_LEAD_IN_FRAMES], g
            )
        with profiler.measure("decode"):
            last = decoded.stop
            if stretched != hop:
                last = -(-decoded.stop * stretched // hop)
                positions = frame_positions(last, hop / stretched, decoded.stop, z.device)
                z = interpolate(positions, z)
                f0 = None if f0 is None else _interpolate_pitch(positions, f0)
            source = None
            before = 0
            if f0 is not None:
                lead = synthesizer.shape.source_lead_frames
                frames = slice(max(0, first - lead), min(first + z.shape[2] + lead, f0.shape[1]))
                start = synthesizer.source.phases(f0)[:, frames.start]
                noise = _noise(spans, f0, hop)
                source = synthesizer.source(
                    f0[:, frames], start, noise[..., frames.start * hop : frames.stop * hop]
                )
                before = first - frames.start
            sound = synthesizer.decode(
                z, g, source, range(decoded.start - first, last - first), before=before
            )[:, 0]
            if stretched != hop:
                sound = Resampler(stretched, hop, z.device)(
                    sound[:, : decoded.stop * stretched].float()
                )
        return sound


def cutting_for(device: torch.device, dtype: torch.dtype) -> cut.CutLengths:
    """Lengths as in RVC: shorter with little memory, longer in half precision, shortest if
    convolutions are limited."""
    if max_conv_length(device) < sys.maxsize:
        return cut.SHORT
    if dtype == torch.float16:
        return cut.HALF
    if (
        device.type == "cuda"
        and torch.cuda.get_device_properties(device).total_memory <= SMALL_MEMORY
    ):
        return cut.SMALL
    return cut.FULL


def _repeat_to_frames(features: Tensor, frames: int) -> Tensor:
    """(B, T, C) at 50 per second -> (B, frames, C) at 100: each vector twice, the last one repeated
    to the end."""
    return features[
        :, (torch.arange(frames, device=features.device) // 2).clamp(max=features.shape[1] - 1)
    ]


def _noise(spans: list[cut.Span], like: Tensor, columns: int = 1) -> Tensor:
    """Standard normal float32 noise of each span, as long and wide as `like`. Independent of the
    batch."""
    shape = like.shape[1:] if columns == 1 else (1, like.shape[1] * columns)
    parts = []
    for span in spans:
        generator = torch.Generator(like.device).manual_seed(SEEDS * span.start + columns)
        parts.append(torch.randn(shape, device=like.device, generator=generator))
    return torch.stack(parts)


def _interpolate_pitch(positions: Tensor, f0: Tensor) -> Tensor:
    """Like `interpolate` for a pitch. Between a voiced and an unvoiced frame, takes the nearer
    one."""
    is_steady = interpolate(positions, (f0 > 0.0).float()) == 1.0
    return torch.where(is_steady, interpolate(positions, f0), f0[:, positions.round().long()])
