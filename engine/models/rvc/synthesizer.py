"""What was said, how high, and whose voice -> sound: the generator of VITS with the decoder of RVC."""

from typing import Self

import torch
from torch import Tensor, nn

from engine.models.device_work import max_convolved
from engine.models.rvc.checkpoint import Checkpoint
from engine.models.rvc.decoder import Decoder
from engine.models.rvc.flow import Flow
from engine.models.rvc.shapes import SynthesizerShape
from engine.models.rvc.source import SineSource
from engine.models.rvc.text_encoder import TextEncoder

NOISE_SCALE = 0.66666  # RVC
PIECE_FRAMES = 250
MIN_PIECE_FRAMES = 100
LENGTH_STEP = 50
MAX_FRAMES = 6000  # on a device, of all sounds of a batch: about a gigabyte in half precision


class Synthesizer(nn.Module):
    """Frames are 10 ms; T of them are T `shape.hop` samples. No method waits for the device or changes its arguments.

    Names of the modules are those of the published checkpoints.
    """

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.shape = shape
        self.enc_p = TextEncoder(shape)
        self.flow = Flow(shape)
        self.dec = Decoder(shape)
        self.emb_g = nn.Embedding(shape.speakers, shape.gin)

    def settle(self, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Moves the weights to where they stay, laid out as is fastest there; for inference only from then on."""
        self.requires_grad_(False).eval().to(torch.device(device), dtype)
        self.dec.lay_out()
        return self

    @property
    def source(self) -> SineSource:
        """Of a model with pitch."""
        return self.dec.m_source

    def speaker(self, number: Tensor) -> Tensor:
        """(B,) int64 in 0..speakers - 1 -> (B, gin, 1)."""
        return self.emb_g(number)[..., None]

    def encode(self, phone: Tensor, pitch: Tensor | None) -> tuple[Tensor, Tensor]:
        """Content (B, T, C) and coarse pitch (B, T) int64 in 1..255, None without pitch -> mean and log of the spread
        of the latent, each (B, latent, T)."""
        return self.enc_p(phone, pitch)

    def reverse_flow(self, z: Tensor, g: Tensor) -> Tensor:
        """(B, latent, T) of anybody -> (B, latent, T) of speaker g; a frame depends on 24 before and after it."""
        return self.flow(z, g)

    def decode(
        self, z: Tensor, f0: Tensor | None, g: Tensor, *, source: Tensor | None = None, frames: range | None = None
    ) -> Tensor:
        """(B, latent, T) and f0 (B, T) Hz, 0 where unvoiced -> (B, 1, n hop): of all T frames, or of `frames`.

        `source` (B, 1, T hop), as `self.source` makes it, takes f0's place: that of a stream goes on. What is decoded
        alone is as it is in the whole sound: `shape.lead_in_frames` on both sides are decoded with it.
        """
        if source is None and f0 is not None and self.shape.has_pitch:
            source = self.source(f0)
        batch, _, whole = z.shape
        wanted = range(whole) if frames is None else frames
        # What a CPU works on should stay in its caches, and below the 32 MB that malloc gives back at once.
        step = max(PIECE_FRAMES // batch, MIN_PIECE_FRAMES) if z.device.type == "cpu" else MAX_FRAMES // batch + 1
        most = max_convolved(z.device) // self.shape.hop - 2 * self.shape.lead_in_frames
        step = min(step, most)
        if len(wanted) <= step:
            return self._decode_part(z, g, source, wanted.start, wanted.stop)
        # Pieces of one length out of few: for each length it has met oneDNN keeps up to 100 MB to work in.
        even = -(-len(wanted) // -(-len(wanted) // step))
        length = min(-(-even // LENGTH_STEP) * LENGTH_STEP, len(wanted), most)
        pieces = [
            self._decode_part(z, g, source, start, start + length)
            for start in range(wanted.start, wanted.stop - length, length)
        ]
        again = len(pieces) * length + length - len(wanted)  # frames that the last piece shares with the one before
        last = self._decode_part(z, g, source, wanted.stop - length, wanted.stop)
        return torch.cat((*pieces, last[..., again * self.shape.hop :]), 2)

    def _decode_part(self, z: Tensor, g: Tensor, source: Tensor | None, start: int, end: int) -> Tensor:
        """Frames start..end of the whole sound, from no more of the latent than they depend on."""
        hop, lead_in = self.shape.hop, self.shape.lead_in_frames
        begin, stop = max(start - lead_in, 0), min(end + lead_in, z.shape[2])
        around = None if source is None else source[..., begin * hop : stop * hop]
        return self.dec(z[..., begin:stop], g, around)[..., (start - begin) * hop : (end - begin) * hop]

    def infer(
        self,
        phone: Tensor,
        pitch: Tensor | None,
        f0: Tensor | None,
        speaker: Tensor,
        *,
        noise: Tensor | None = None,
        noise_scale: float = NOISE_SCALE,
    ) -> Tensor:
        """A whole sound: (B, T, C), (B, T) int64, (B, T) Hz and (B,) int64 -> (B, 1, T hop), -1..1.

        `noise` (B, latent, T), standard normal; None draws it.
        """
        g = self.speaker(speaker)
        mean, log_sd = self.encode(phone, pitch)
        noise = torch.randn_like(mean) if noise is None else noise.to(mean.dtype)
        z = torch.addcmul(mean, log_sd.exp(), noise, value=noise_scale)
        return self.decode(self.reverse_flow(z, g), f0, g)


def synthesizer_of(checkpoint: Checkpoint, device: str | torch.device, dtype: torch.dtype) -> Synthesizer:
    """The synthesiser of a checkpoint, ready to run on `device`, its weights in `dtype`."""
    with torch.device("meta"):
        synthesizer = Synthesizer(checkpoint.shape)
    synthesizer.load_state_dict(checkpoint.weights, assign=True)
    return synthesizer.settle(device, dtype)
