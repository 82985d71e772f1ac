"""Synthesis in a stream: from the content and pitch of a window to its audible sound."""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.graphs import ChainRunner, State
from engine.models.rvc.grid import BlockGrid
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.pitch.coarse import coarse, shift_pitch
from engine.models.rvc.shapes import FLOW_LEAD_IN_FRAMES
from engine.models.rvc.source import RollingNoise
from engine.models.rvc.spec import VoiceSettings
from engine.models.rvc.synthesizer import NOISE_SCALE, frame_positions, interpolate

MAX_FORMANT = 2.0
SEED = 0


class WindowSynthesizer:
    """Synthesizes the windows of a stream; stores each hop's noise and the source's phase between
    them. No waits."""

    def __init__(self, model: VoiceModel, grid: BlockGrid, runner: ChainRunner) -> None:
        self._synthesizer = model.synthesizer
        self._dtype = model.dtype
        self._runner = runner
        self._grid = grid
        shape = model.synthesizer.shape
        self._hop = shape.hop
        self._audible_hops = grid.audible_hops
        lead_in = -(-shape.lead_in_frames // grid.grain_hops) * grid.grain_hops
        self.hops = grid.audible_hops + min(lead_in, grid.extra_hops)
        """Hops decoded at the window's end: the audible ones, and as many before them as the
        decoder looks back."""
        self._flow_hops = min(self.hops + FLOW_LEAD_IN_FRAMES, grid.window_hops)
        device = model.device
        generator = torch.Generator(device).manual_seed(SEED)
        longest = shape.stretched_hop(MAX_FORMANT)
        self.noise = RollingNoise(shape.latent, self._flow_hops, device, generator)
        """Noise of the latent, (1, latent, hops that pass through the flow)."""
        self._longest_hops = -(-self.hops * longest // self._hop)
        # RefineGAN sees more of the source than of the latent. The pitch after the window is
        # assumed to be constant.
        self._source_lead = shape.source_lead_frames
        in_shortest = -(-self._source_lead * self._hop // shape.stretched_hop(-MAX_FORMANT))
        self._before = min(in_shortest, grid.window_hops - self.hops)
        self._after = in_shortest
        self.source_noise = RollingNoise(
            longest, self._before + self.hops + self._after, device, generator
        )
        """Noise of the source, (1, samples of the longest stretched hop, hops)."""
        self._phase = torch.zeros(1, device=device)
        """Phase in turns at the first audible hop; `_following_hz` is the pitch there."""
        self._following_hz = torch.zeros(1, device=device)
        self._device = device

    def synthesize(
        self,
        phone: Tensor,
        f0: Tensor | None,
        settings: VoiceSettings,
        between: Callable[[], None],
        mark: Callable[[str], None],
    ) -> Tensor:
        """Synthesize the window after the next block: (1, hops * stretched hop) float32, which may
        hold NaN. Content (1, window_hops, C) and tracked pitch (1, window_hops) in Hz. Marks the
        stages encode, flow and decode."""
        self.noise.advance(self._grid.block_hops)
        self.source_noise.advance(self._grid.block_hops)
        stretched = self._synthesizer.shape.stretched_hop(settings.formant)
        count = self.hops
        positions = None
        if stretched != self._hop:
            count = self._longest_hops
            positions = frame_positions(count, self._hop / stretched, self.hops, self._device)
        inputs: State = {
            "phone": phone,
            "pitch": None,
            "noise": self.noise.values,
            "source": None,
            "positions": positions,  # of the decoder's frames, in hops of the latent
            "speaker": torch.full(
                (1,), settings.speaker, device=self._device
            ),  # a copy to the device would wait
        }
        if f0 is not None and self._synthesizer.shape.has_pitch:
            f0_out = shift_pitch(f0, settings.pitch)
            inputs["pitch"] = coarse(f0_out * (self._hop / stretched))
            inputs["source"] = self._source(
                f0_out[:, -self._before - self.hops :], stretched, count
            )
        stage_names = iter(("encode", "flow", "decode"))

        def part_done() -> None:
            mark(next(stage_names))
            between()

        key = ("voice", count, positions is None)
        state = self._runner.run(key, (self._encode, self._flow, self._decode), inputs, part_done)
        mark(next(stage_names))
        result: Tensor = state["sound"][:, 0, : self.hops * stretched].float()
        return result

    def shift_phase(self, seconds: Tensor) -> None:
        """Adjust the phase after the last sound was joined as if it began `seconds` (scalar tensor,
        up to a hop) later. The next sound begins at the phase that is then audible, so that it fits
        at offset 0."""
        self._phase = self._phase + self._following_hz * seconds

    def reset(self) -> None:
        self._phase = torch.zeros_like(self._phase)

    def _source(self, f0: Tensor, stretched: int, count: int) -> Tensor:
        """The source of `count` frames, (1, 1, count * hop): `hops` hops of `stretched` samples,
        then silence. Its phase continues. For RefineGAN (1, 2, ...), with `source_lead_frames` more
        on both sides."""
        source = self._synthesizer.source
        f0 = torch.cat((f0, f0[:, -1:].expand(-1, self._after)), 1)
        lead_in = self._before + self.hops - self._audible_hops
        start = self._phase - source.phases(f0)[:, lead_in]
        following = lead_in + self._grid.block_hops
        self._phase = source.phases(f0, start)[:, following]
        self._following_hz = f0[:, following]
        # hop after hop
        noise = self.source_noise.values[:, :stretched].transpose(1, 2).reshape(1, 1, -1)
        sound = source(f0, start, noise)
        missing = self._source_lead * self._hop - self._before * stretched
        length = (count + 2 * self._source_lead) * self._hop
        return torch.nn.functional.pad(sound, (missing, length - missing - sound.shape[2]))

    def _encode(self, state: State) -> State:
        mean, log_sd = (
            each[..., -self._flow_hops :]
            for each in self._synthesizer.encode(state["phone"], state["pitch"])
        )
        z = torch.addcmul(mean, log_sd.exp(), state["noise"].to(self._dtype), value=NOISE_SCALE)
        g = self._synthesizer.speaker(state["speaker"])
        return {"z": z, "g": g, "source": state["source"], "positions": state["positions"]}

    def _flow(self, state: State) -> State:
        z = self._synthesizer.reverse_flow(state["z"], state["g"])[..., -self.hops :]
        if state["positions"] is not None:
            z = interpolate(state["positions"], z)
        return {"z": z, "g": state["g"], "source": state["source"]}

    def _decode(self, state: State) -> State:
        return {
            "sound": self._synthesizer.decode(
                state["z"], state["g"], state["source"], before=self._source_lead
            )
        }
