"""A voice converted while it is spoken: a block of sound in, a block of another voice out, joined without a seam.

Which sample is which. With each block the newest part of the sound, a window, is converted anew; it ends where the
block ends, at sample E. Everything here keeps time: HuBERT's vector k is made of what begins at hop 2 k (a hop is
10 ms), pitch k is that of the start of hop k and held for all of it (5 ms late on average, as the models learnt it),
and hop k of the synthesizer's sound is what was said in hop k. So the end of its conversion is what was said up to E.
What `convert` gives is what was said from E - lag - block to E - lag, exactly as many samples, on and on; lag =
crossfade + search. That much is kept back because the end of a window was made without knowing what follows: the next
window makes it again, knowing more, and one is faded into the other (sola.py). `search`, 10 ms, is the room for moving
the join to where the two agree. Joined at offset 0 the time is exact; a join that has to be moved makes its block early
by as much, 10 ms at most, and the source goes on from the phase that is heard then, so that the next one fits at offset
0 again.

What is worked out, from the window's end backwards, in hops:

    sounding    block and lag, up to the next grain (grid.py): what the join is made of
    10 to 13    decoded and thrown away: `lead_in_frames`, as far as the decoder looks back. Upstream begins at the
                first hop that sounds; there the decoder sees zeros, and each join has a dent of its own
    24 more     go through the flow: 4 couplings of 3 convolutions that look 2 hops back, so exactly its reach
    the rest    of `extra` is heard by HuBERT and by the text encoder, whose attention has no bounds

A short `extra` cuts the lead-ins short. At the other end, nothing can be done about what has not been said yet.
Features are drawn to the index where they are decoded; pitch is found in the block and the 50 ms before it, and
remembered (pitch_cache.py). HuBERT takes steps of two hops: those lie on the sound and not on the window, which is
listened to from one hop earlier where it begins at an odd one, or the same sound would be other vectors in every second
block.

What goes on from window to window, so that two of them say the same where they overlap: the noise of the latent and of
the source, drawn once for each hop; and the phase of the source. Upstream's sine starts anew in every window, and SOLA
has to find where it fits. Here the phase is kept for the first hop that sounds; it is worked back over the lead-in,
whose pitch may have been found again since.

Formant x. f = 2^(x/12), rounded so that f hops are whole samples. The latent is stretched to f times as many hops, the
source makes its turns in so many samples, and the result is played f times as fast: the spectrum's envelope moves up by
f, pitch and time stay. All bookkeeping is in hops of the sound, so that a change of formant keeps phase and place. A
model without pitch is not told how high, and its pitch moves with its formant.

Speed. HuBERT is one chain of calls, text encoder, flow and decoder another, both with fixed shapes: captured graphs on
CUDA. What lies between has few kernels and values that change. Nothing waits for the device before the result does.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engine.models import device_work
from engine.models.device_work import HostBuffers, StageClock
from engine.models.graphs import Calls, State, calls_for, nothing
from engine.models.rvc.grid import HOPS_A_SECOND, BlockGrid
from engine.models.rvc.input_window import HOP, InputWindow
from engine.models.rvc.loudness import mix_loudness_live
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.pitch.coarse import autotuned
from engine.models.rvc.pitch_cache import PitchCache
from engine.models.rvc.resample import Resampler
from engine.models.rvc.retrieval import protect
from engine.models.rvc.settings import VoiceSettings
from engine.models.rvc.sola import Sola
from engine.models.rvc.voicing import Voicing

GRAPHS_KEPT = 4  # content from an even and from an odd hop on, sound with and without formant
WARM_UP_BLOCKS = 2  # with each formant: two that follow on one another end at an even and at an odd hop


class LiveVoice:
    """One thread, one device. Nothing waits for the device but the copy of the result to the host.

    `between` is called between slices of the device's work, `before_capture` before something that takes seconds and
    is done once for a shape. `idle_s`: seconds that `between` has spent waiting on purpose; `clock` counts them to no
    stage.
    """

    def __init__(
        self,
        model: VoiceModel,
        *,
        rate_hz: int,
        block_ms: float,
        crossfade_ms: float,
        extra_ms: float,
        between: Callable[[], None] = nothing,
        before_capture: Callable[[], None] = nothing,
        idle_s: Callable[[], float] = lambda: 0.0,
        calls: Calls | None = None,
    ) -> None:
        """`calls`: how chains of parts are run. Unless given: as captured graphs on CUDA, directly elsewhere."""
        self.model = model
        self.grid = BlockGrid.of(rate_hz, block_ms=block_ms, crossfade_ms=crossfade_ms, extra_ms=extra_ms)
        self.settings = VoiceSettings()
        """For the next block; its speaker is one of the model's."""
        self.clock = StageClock(model.device, idle_s)
        """Of the last block: gate, resample, content, pitch, retrieval, encode, flow, decode, sola, and copy: waiting
        for it and bringing it home."""
        self.cleaned = 0
        """Samples that were no numbers, taken as silence, or beyond -1..1, cut off there: since the start."""
        self.spoiled = 0
        """Blocks since the start in which the model made NaN of the sound; there they are silent."""
        self.early_frames = 0
        """Samples that the last block is less late than `lag_frames`: where its join had to be moved to fit."""
        self._between = between
        self._calls = calls or calls_for(model.device, before_capture, kept=GRAPHS_KEPT)
        grid, device = self.grid, model.device
        self._pitch = PitchCache(model.pitch, grid.block_hops, grid.window_hops, device) if model.has_pitch else None
        listened = max((grid.window_hops + 1) * HOP, self._pitch.samples if self._pitch else 0)
        self._heard = InputWindow(grid, listened, device)
        self._voicing = Voicing(model, grid, self._calls)
        self._sola = Sola(grid.block, grid.crossfade, grid.search, device)
        self._given = torch.empty(1, grid.block, pin_memory=device.type == "cuda")
        self._copy = HostBuffers(device)
        self._wait = device_work.device_wait(device)
        self._next: int | None = None

    @property
    def block_frames(self) -> int:
        """Samples of the stream's rate that `convert` takes and gives."""
        return self.grid.block

    @property
    def lag_frames(self) -> int:
        """Samples that the end of what `convert` gives lies before the end of what it took."""
        return self.grid.lag

    @torch.no_grad()
    def convert(self, block: np.ndarray, *, first_sample: int) -> np.ndarray:
        """(block_frames,) float32 -> (block_frames,) float32, -1..1: the conversion of the sound's samples
        `first_sample - lag_frames` and on, as the settings are now.

        A block that does not follow on the last one begins anew. No sample makes it fail.
        """
        self._hear(block, first_sample)
        features = self._content(self.grid.end_hop(first_sample))
        self._mark("content")
        f0 = self._f0()
        self._mark("pitch")
        phone = self._phone(*features, f0)
        self._mark("retrieval")
        sound = self._voicing.follow(phone, f0, self.settings, self._between, self.clock.end)
        is_finite = sound.isfinite().all()
        joined = self._sola.join(self._heard_as(sound.nan_to_num(0.0, 0.0, 0.0)))
        self._voicing.moved(self._sola.offset / self.grid.rate_hz)
        self._mark("sola")
        result, is_sound, offset = self._copy.fetch(joined.clamp(-1.0, 1.0), is_finite, self._sola.offset)
        self.spoiled += not is_sound
        self.early_frames = int(offset)
        self.clock.end("copy")
        return result.copy()

    @torch.no_grad()
    def listen(self, block: np.ndarray, *, first_sample: int) -> None:
        """Hear a block that nobody is to hear converted, because it is too late for it or others have done it: a
        fraction of the work. The next one is made with it in the window, and the voice fades in there."""
        self._hear(block, first_sample)
        if self._pitch is not None:
            self._pitch.follow(self._heard.sound)
        self._voicing.reset()
        self._sola.reset()
        self._wait()  # what goes to the device next goes through the same buffer

    def reset(self) -> None:
        """Before sound that does not follow on the last block: silence was before it, and the voice fades in."""
        self._heard.reset()
        self._voicing.reset()
        self._sola.reset()
        if self._pitch is not None:
            self._pitch.reset()
        self._next = None

    def warm_up(self) -> None:
        """Make what the first block of each shape has to make: graphs, kernels, memory. Then as after `reset`."""
        silence, settings = np.zeros(self.grid.block, np.float32), self.settings
        for formant in (0.0, 1.0):
            self.settings = replace(settings, formant=formant)
            for number in range(WARM_UP_BLOCKS):
                self.convert(silence, first_sample=number * self.grid.block)
        self.settings = settings
        self.reset()

    @property
    def work(self) -> float:
        """How much there is to do for a block, to compare times by: hops that are listened to."""
        return float(self.grid.window_hops)

    @property
    def memory_mb(self) -> float | None:
        """MiB of device memory held by this process; None on a CPU."""
        return device_work.memory_mb(self.model.device)

    def free_memory(self) -> None:
        """Give what is kept for later back to the device; graphs are captured anew."""
        self._calls.drop()
        device_work.free_memory(self.model.device)

    def _hear(self, block: np.ndarray, first_sample: int) -> None:
        if first_sample != self._next:
            self.reset()
        self._next = first_sample + self.grid.block
        self.clock.begin()
        self._take(block)
        self._heard.follow(
            self._given.to(self.model.device, non_blocking=True), self.settings.threshold_db, self.clock.end
        )
        self._between()

    def _mark(self, stage: str) -> None:
        self.clock.end(stage)
        self._between()

    def _take(self, block: np.ndarray) -> None:
        """Into the buffer that goes to the device, every sample a number in -1..1."""
        given = self._given[0].numpy()
        with np.errstate(invalid="ignore"):
            np.clip(block, -1.0, 1.0, out=given)
        given[np.isnan(given)] = 0.0
        self.cleaned += int(np.count_nonzero(given != block))

    def _content(self, end_hop: int) -> tuple[Tensor, int]:
        """Features of the window, (1, T, C), 50 a second, and how many hops of the first one lie before it."""
        odd = (end_hop - self.grid.window_hops) % 2
        sound = self._heard.sound[:, -(self.grid.window_hops + odd) * HOP :]
        state = self._calls.run(("content", odd), (self._listen,), {"sound": sound})
        return state["features"], odd

    def _listen(self, state: State) -> State:
        return {"features": self.model.content(state["sound"], version=self.model.version)}

    def _f0(self) -> Tensor | None:
        """(1, window_hops) in Hz; None for a model that is not told."""
        if self._pitch is None:
            return None
        f0 = self._pitch.follow(self._heard.sound)
        return autotuned(f0) if self.settings.is_autotuned else f0

    def _phone(self, features: Tensor, odd: int, f0: Tensor | None) -> Tensor:
        """(1, window_hops, C): a vector a hop, drawn to the index where it will sound."""
        settings, hops = self.settings, self.grid.window_hops
        original = self._spread(features, odd)
        if self.model.retrieval is None or settings.index_rate == 0.0:
            return original
        first = (odd + hops - self._voicing.hops) // 2
        drawn = self.model.retrieval.blend(features[:, first:], settings.index_rate, settings.retrieval_power)
        phone = self._spread(torch.cat((features[:, :first], drawn), 1), odd)
        return phone if f0 is None else protect(phone, original, f0, settings.protect)

    def _spread(self, features: Tensor, odd: int) -> Tensor:
        """50 a second as 100: each twice, the last one four times, for HuBERT has none of the last 20 ms."""
        twice = torch.cat((features, features[:, -1:]), 1).repeat_interleave(2, 1)
        return twice[:, odd : odd + self.grid.window_hops]

    def _heard_as(self, sound: Tensor) -> Tensor:
        """(1, n) as the decoder made it -> (block + lag,) as loud as it should be, at the stream's rate."""
        hops = self._voicing.hops
        stretched = sound.shape[1] // hops
        if self.settings.rms_mix < 1.0:
            sound = mix_loudness_live(self._heard.sound[:, -hops * HOP :], sound, stretched, self.settings.rms_mix)
        resampler = Resampler(stretched * HOPS_A_SECOND, self.grid.rate_hz, self.model.device)  # its weights are kept
        return resampler(sound)[0, -(self.grid.block + self.grid.lag) :]
