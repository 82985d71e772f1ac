"""Converts a voice live, block by block, with seamless joins.

Timing. For each block the newest part of the sound, a window that ends with the block at sample E,
is converted again. All parts have exact timing: HuBERT's vector k starts at hop 2 k (a hop is 10
ms). Pitch k belongs to the start of hop k and is constant during the hop. Hop k of the
synthesizer's output is hop k of the input. `convert` returns the output for E - lag - block to E -
lag; lag = crossfade + search. The last `lag` samples are delayed, because the end of a window is
computed without the sound that follows. The next window computes them again with more context, and
the two versions are crossfaded (sola.py). `search`, 10 ms, is the range within which the join is
shifted to the best match. A shifted join makes its block early by the offset. The source continues
from the phase that is then audible, so that the next join fits at offset 0 again.

What is computed, from the window's end backwards, in hops:

    audible     block and lag, up to the next grain (grid.py): used for the join
    10 to 13    decoded and dropped: `lead_in_frames`, as far as the decoder looks back. Upstream
                starts at the first audible hop; the decoder then sees zeros, and each join has an
                audible dent
    24 more     pass through the flow: 4 couplings of 3 convolutions that look 2 hops back, exactly
                its receptive field
    the rest    of `extra` is seen by HuBERT and by the text encoder, whose attention is unbounded

RefineGAN's filters see 0.8 s more of the source, but not of the latent, on both sides. A short
`extra` shortens these lead-ins. Features are blended with the index only where they are decoded.
Pitch is computed for the block and the 50 ms before it, and cached (`PitchCache`). HuBERT takes
steps of two hops, aligned to the sound: a window that begins at an odd hop is extended by one hop,
because the same sound would otherwise give different vectors in every second block.

State stored from window to window, so that two windows agree where they overlap: the noise of the
latent and of the source, drawn once per hop, and the phase of the source at the first audible hop.
The phase at the start of the lead-in is computed backwards from it, because the pitch there may
have been recomputed.

Formant x. f = 2^(x/12), rounded so that f hops are whole samples. The latent is stretched to f
times as many hops, the source makes its cycles over these samples, and the result is played f times
as fast: the spectral envelope moves up by f, pitch and timing stay. All bookkeeping is in hops of
the sound, so a change of formant keeps phase and position. In a model without pitch input, the
pitch moves with the formant.

Speed. HuBERT is one chain of calls; text encoder, flow and decoder are another: captured graphs of
fixed shapes on CUDA. Only fetching the result waits for the device.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.models.device_work import HostBuffers, StageClock, device_wait, free_memory
from engine.models.graphs import ChainRunner, State, noop, runner_for
from engine.models.rvc.grid import HOPS_PER_SECOND, BlockGrid
from engine.models.rvc.loudness import NoiseGate, mix_loudness
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.pitch import HOP, RATE_HZ, F0Tracker
from engine.models.rvc.pitch.coarse import autotune
from engine.models.rvc.resample import Resampler
from engine.models.rvc.retrieval import protect
from engine.models.rvc.sola import Sola
from engine.models.rvc.spec import VoiceSettings
from engine.models.rvc.window_synthesizer import WindowSynthesizer

MAX_GRAPHS = 4  # content starting at an even and at an odd hop; sound with and without formant
WARM_UP_BLOCKS = 2  # per formant: two consecutive blocks end at an even and at an odd hop
LEAD_IN = 800
"""Samples at 16 kHz before the block that are also passed to the tracker (RVC: 50 ms)."""
UNRELIABLE_FRAMES = 3
"""Frames dropped at the start of the tracker's result, because half of their input is missing
(RVC)."""


class LiveVoice:
    """Converts a stream block by block. Not thread-safe. `between` is called between slices of the
    device's work. `before_capture` is called before work that takes seconds and is done once per
    shape."""

    def __init__(
        self,
        model: VoiceModel,
        *,
        rate_hz: int,
        block_ms: float,
        crossfade_ms: float,
        extra_ms: float,
        between: Callable[[], None] = noop,
        before_capture: Callable[[], None] = noop,
        runner: ChainRunner | None = None,
    ) -> None:
        """`runner` runs chains of parts. Default: captured graphs on CUDA, direct calls
        elsewhere."""
        self.model = model
        self.grid = BlockGrid.of(
            rate_hz, block_ms=block_ms, crossfade_ms=crossfade_ms, extra_ms=extra_ms
        )
        self.settings = VoiceSettings()
        """Used from the next block on. The speaker must exist in the model."""
        self.clock = StageClock(model.device)
        """Times of the last block's stages: gate, resample, content, pitch, retrieval, encode,
        flow, decode, sola, and copy, which includes waiting for the result."""
        self.invalid_samples = 0
        """Invalid input samples since the start: NaN, replaced by silence, or clipped to -1..1."""
        self.invalid_blocks = 0
        """Blocks since the start in which the model returned NaN or infinity; they are silent
        there."""
        self.lift = 0.0
        """Semitones added to the pitch, reached at the end of the next block; for a transposition
        that moves."""
        self.tracked_hz = np.zeros(0, np.float32)
        """Tracked pitch of the last block's hops, 50 ms before its end, 0 where unvoiced; ()
        without pitch."""
        self._between = between
        self._runner = runner or runner_for(model.device, before_capture, max_graphs=MAX_GRAPHS)
        grid = self.grid
        device = model.device
        self._pitch = (
            PitchCache(model.pitch, grid.block_hops, grid.window_hops, device)
            if model.has_pitch
            else None
        )
        listened = max((grid.window_hops + 1) * HOP, self._pitch.samples if self._pitch else 0)
        self._input = InputWindow(grid, listened, device)
        self._lifts = torch.zeros(1, grid.window_hops, device=device)
        self._reached = 0.0
        self._synthesizer = WindowSynthesizer(model, grid, self._runner)
        self._sola = Sola(grid.block, grid.crossfade, grid.search, device)
        self._upload_buffer = torch.empty(1, grid.block, pin_memory=device.type == "cuda")
        self._copy = HostBuffers(device)
        self._wait = device_wait(device)
        self._next: int | None = None

    @torch.no_grad()
    def convert(self, block: np.ndarray, *, first_sample: int) -> np.ndarray:
        """Convert the next block, (grid.block,) float32 -> (grid.block,) float32, -1..1, with the
        current settings. The result is the conversion of the samples from `first_sample - grid.lag`
        on. A block that does not directly follow the last one restarts the stream. Any sample value
        is accepted."""
        self._add_input(block, first_sample)
        features = self._content(self.grid.end_hop(first_sample))
        self._mark("content")
        f0 = self._f0()
        self._mark("pitch")
        phone = self._phone(*features, f0)
        self._mark("retrieval")
        sound = self._synthesizer.synthesize(
            phone, f0, self.settings, self._between, self.clock.end
        )
        is_finite = sound.isfinite().all()
        joined = self._sola.join(self._resample_output(sound.nan_to_num(0.0, 0.0, 0.0)))
        self._synthesizer.shift_phase(self._sola.offset / self.grid.rate_hz)
        self._mark("sola")
        tracked = joined[:0] if self._pitch is None else self._pitch.newest
        result, is_sound, hz = self._copy.fetch(joined.clamp(-1.0, 1.0), is_finite, tracked)
        self.tracked_hz = hz.flatten().copy()
        self.invalid_blocks += not is_sound
        self.clock.end("copy")
        return result.copy()

    @torch.no_grad()
    def listen(self, block: np.ndarray, *, first_sample: int) -> None:
        """Add a block to the window without converting it, because it is too late or another
        process has converted it. This is cheap. The block is context for the next one, where the
        voice fades in."""
        self._add_input(block, first_sample)
        if self._pitch is not None:
            self._pitch.update(self._input.sound)
        self.lift_at_once(self.lift)
        self._synthesizer.reset()
        self._sola.reset()
        self._wait()  # because the next copy to the device uses the same buffer

    def reset(self) -> None:
        """Restart the stream: the next block is preceded by silence, and the voice fades in."""
        self._input.reset()
        self._synthesizer.reset()
        self._sola.reset()
        if self._pitch is not None:
            self._pitch.reset()
        self._next = None
        self.lift_at_once(self.lift)

    def window_hz(self) -> np.ndarray:
        """Pitch of the whole window, like `tracked_hz`. Waits for the device."""
        return (
            np.zeros(0, np.float32) if self._pitch is None else self._pitch.values[0].cpu().numpy()
        )

    def lift_at_once(self, semitones: float) -> None:
        """Set `lift` for the whole window, while none of it is audible."""
        self.lift = semitones
        self._reached = semitones
        self._lifts.fill_(semitones)

    def warm_up(self) -> None:
        """Prepare graphs, kernels and memory for every shape, then reset."""
        silence = np.zeros(self.grid.block, np.float32)
        settings = self.settings
        for formant in (0.0, 1.0):
            self.settings = replace(settings, formant=formant)
            for number in range(WARM_UP_BLOCKS):
                self.convert(silence, first_sample=number * self.grid.block)
        self.settings = settings
        self.reset()

    def free_memory(self) -> None:
        """Free captured graphs and cached memory. Graphs are captured again when needed."""
        self._runner.drop()
        free_memory(self.model.device)

    def _add_input(self, block: np.ndarray, first_sample: int) -> None:
        if first_sample != self._next:
            self.reset()
        self._next = first_sample + self.grid.block
        self.clock.begin()
        self._load_block(block)
        self._input.push(
            self._upload_buffer.to(self.model.device, non_blocking=True),
            self.settings.threshold_db,
            self.clock.end,
        )
        self._between()

    def _mark(self, stage_name: str) -> None:
        self.clock.end(stage_name)
        self._between()

    def _load_block(self, block: np.ndarray) -> None:
        """Copy the block into the transfer buffer, with NaN replaced and samples clipped to
        -1..1."""
        samples = self._upload_buffer[0].numpy()
        with np.errstate(invalid="ignore"):
            np.clip(block, -1.0, 1.0, out=samples)
        samples[np.isnan(samples)] = 0.0
        self.invalid_samples += int(np.count_nonzero(samples != block))

    def _content(self, end_hop: int) -> tuple[Tensor, int]:
        """Features of the window, (1, T, C), 50 per second, and how many hops (0 or 1) the first
        starts before it."""
        odd = (end_hop - self.grid.window_hops) % 2
        sound = self._input.sound[:, -(self.grid.window_hops + odd) * HOP :]
        return self._runner.run(("content", odd), (self._encode_content,), {"sound": sound})[
            "features"
        ], odd

    def _encode_content(self, state: State) -> State:
        return {"features": self.model.content(state["sound"], version=self.model.version)}

    def _f0(self) -> Tensor | None:
        """The pitch (1, window_hops) in Hz; None for a model without pitch."""
        if self._pitch is None:
            return None
        f0 = self._lift_pitch(self._pitch.update(self._input.sound))
        return autotune(f0) if self.settings.is_autotuned else f0

    def _lift_pitch(self, f0: Tensor) -> Tensor:
        """Raise the pitch by `lift`. Hops of the last window keep their lift, because they sound
        again in this one."""
        hops = self.grid.block_hops
        ramp = (
            torch.arange(1, hops + 1, device=f0.device) * ((self.lift - self._reached) / hops)
            + self._reached
        )
        self._reached = self.lift
        self._lifts = torch.cat((self._lifts[:, hops:], ramp[None]), 1)
        return f0 * torch.exp2(self._lifts / 12.0)

    def _phone(self, features: Tensor, odd: int, f0: Tensor | None) -> Tensor:
        """Features (1, window_hops, C), one vector per hop, blended with the index where they will
        be audible."""
        settings = self.settings
        hops = self.grid.window_hops
        original = self._repeat_features(features, odd)
        if self.model.retrieval is None or settings.index_rate == 0.0:
            return original
        first = (odd + hops - self._synthesizer.hops) // 2
        blended = self.model.retrieval.blend(
            features[:, first:], settings.index_rate, settings.retrieval_power
        )
        phone = self._repeat_features(torch.cat((features[:, :first], blended), 1), odd)
        return phone if f0 is None else protect(phone, original, f0, settings.protect)

    def _repeat_features(self, features: Tensor, odd: int) -> Tensor:
        """Repeat 50 vectors per second to 100: each twice, the last four times: HuBERT has none for
        the last 20 ms."""
        twice = torch.cat((features, features[:, -1:]), 1).repeat_interleave(2, 1)
        return twice[:, odd : odd + self.grid.window_hops]

    def _resample_output(self, sound: Tensor) -> Tensor:
        """Decoder output (1, n) -> (block + lag,) at the stream's rate, with the set loudness."""
        hops = self._synthesizer.hops
        stretched = sound.shape[1] // hops
        sound = mix_loudness(
            self._input.sound[:, -hops * HOP :], sound, stretched, self.settings.rms_mix
        )
        # Created for each block: this is cheap, because its weights are cached.
        resampler = Resampler(stretched * HOPS_PER_SECOND, self.grid.rate_hz, self.model.device)
        return resampler(sound)[0, -(self.grid.block + self.grid.lag) :]


class InputWindow:
    """The newest seconds of the input at 16 kHz. Resamples only the new block, and the grain before
    it a second time. Interpolation needs 2 ms on both sides, but the sound after a block is not
    known yet. So the last samples are computed as if silence followed, and corrected with the next
    block; a streaming resampler would add delay instead. The model output that they affect is in
    the part that is faded out."""

    def __init__(self, grid: BlockGrid, samples: int, device: torch.device) -> None:
        """`samples`: length of the window at 16 kHz, a whole number of hops."""
        self._grid = grid
        self._gate = NoiseGate(grid.grain, device)
        self._resampler = Resampler(grid.rate_hz, RATE_HZ, device)
        self._before = torch.zeros(1, 2 * grid.grain, device=device)
        self._empty = torch.zeros(1, samples, device=device)
        self.sound = self._empty
        """(1, samples) float32 at 16 kHz; its last sample is the end of the last block."""

    def push(self, block: Tensor, threshold_db: float, mark: Callable[[str], None]) -> None:
        """Add a block (1, block) at the stream's rate. Marks the stages gate and resample."""
        grid = self._grid
        joined = torch.cat((self._before, self._gate.push(block, threshold_db)), 1)
        self._before = joined[:, -2 * grid.grain :]
        mark("gate")
        new = (grid.block_hops + grid.grain_hops) * HOP
        # without the first grain, which lacks the sound before it
        resampled = self._resampler(joined)[:, -new:]
        self.sound = torch.cat(
            (self.sound[:, grid.block_hops * HOP : -grid.grain_hops * HOP], resampled), 1
        )
        mark("resample")

    def reset(self) -> None:
        self._gate.reset()
        self._before = torch.zeros_like(self._before)
        self.sound = self._empty


class PitchCache:
    """The pitch of the window in Hz; only its newest part is tracked for each block. Stored before
    shifting and tuning, so that changed settings also apply to cached frames. The last frames are
    computed from only the first half of their window, and again with the next block, before they
    become audible: they are in the crossfade."""

    def __init__(
        self, tracker: F0Tracker, block_hops: int, window_hops: int, device: torch.device
    ) -> None:
        self._tracker = tracker
        self._block = block_hops
        needed = block_hops * HOP + LEAD_IN
        self.samples = -(-needed // tracker.frame_multiple) * tracker.frame_multiple
        """Minimum number of samples at 16 kHz for `follow`."""
        self._empty = torch.zeros(1, window_hops, device=device)
        self.values = self._empty
        """(1, window_hops) float32 Hz, 0 where unvoiced. Frame k is at the start of hop k of the
        window."""

    def update(self, sound: Tensor) -> Tensor:
        """Move on by one block. `sound` (1, n) at 16 kHz ends with the window; returns `values`."""
        window = self.values.shape[1]
        found = self._tracker.track(sound[:, -self.samples :]).float()[:, UNRELIABLE_FRAMES:][
            :, -window:
        ]
        # A NaN or infinity would stay in the cache and corrupt the phase forever.
        found = found.nan_to_num(0.0, 0.0, 0.0)
        cached = self.values[:, self._block : self._block + window - found.shape[1]]
        self.values = torch.cat((cached, found), 1)
        return self.values

    @property
    def newest(self) -> Tensor:
        """Pitch of the last block, (1, block hops), 50 ms before its end, because the last frames
        are uncertain."""
        late = LEAD_IN // HOP
        return self.values[:, -late - self._block : -late]

    def reset(self) -> None:
        self.values = self._empty
