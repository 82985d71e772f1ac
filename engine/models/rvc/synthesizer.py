"""RVC's network: text encoder, flow, source, decoder, and the synthesizer made of them. Read it
from top to bottom.

It is the generator of VITS (Kim et al. 2021) with the decoder of RVC. Module names are those of
published checkpoints. Letters in shapes: B sounds of a batch, T frames of 10 ms, C channels of the
content vectors, hop samples per frame.
"""

import math
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.device_work import max_conv_length
from engine.models.rvc.decoder import SLOPE, Decoder
from engine.models.rvc.refinegan import RefineDecoder
from engine.models.rvc.shapes import (
    ATTENTION_WINDOW,
    FLOW_COUPLINGS,
    FLOW_KERNEL,
    FLOW_LAYERS,
    PITCH_BINS,
    SynthesizerShape,
)
from engine.models.rvc.source import SineSource

NOISE_SCALE = 0.66666  # RVC
PIECE_FRAMES = 250
MIN_PIECE_FRAMES = 100
LENGTH_STEP = 50
# frames decoded at once on a GPU, over all sounds of a batch: about a gigabyte in half precision
MAX_FRAMES = 6000


class TextEncoder(nn.Module):
    """Turns content and pitch of each frame into the mean and spread of a latent (VITS, section
    2.1). It is a transformer whose attention knows relative positions up to ten frames away (Shaw
    et al. 2018): a learned embedding of the distance between two frames is added to the key and to
    the value."""

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.hidden = shape.hidden
        self.emb_phone = nn.Linear(shape.content_channels, shape.hidden)
        if shape.has_pitch:
            self.emb_pitch = nn.Embedding(PITCH_BINS, shape.hidden)
        self.encoder = Transformer(shape)
        self.proj = nn.Conv1d(shape.hidden, 2 * shape.latent, 1)

    def forward(self, phone: Tensor, pitch: Tensor | None) -> tuple[Tensor, Tensor]:
        """Content (B, T, C), coarse pitch (B, T) int64 in 1..255 -> mean and log of the spread,
        each (B, latent, T)."""
        x = self.emb_phone(phone)
        if pitch is not None:
            x = x + self.emb_pitch(pitch)
        x = F.leaky_relu(x * math.sqrt(self.hidden), SLOPE)
        mean, log_sd = self.proj(self.encoder(x).transpose(1, 2)).chunk(2, 1)
        return mean, log_sd


class Transformer(nn.Module):
    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        layers = range(shape.layers)
        self.attn_layers = nn.ModuleList(Attention(shape.hidden, shape.heads) for _ in layers)
        self.norm_layers_1 = nn.ModuleList(Norm(shape.hidden) for _ in layers)
        self.ffn_layers = nn.ModuleList(
            FeedForward(shape.hidden, shape.filter, shape.kernel) for _ in layers
        )
        self.norm_layers_2 = nn.ModuleList(Norm(shape.hidden) for _ in layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, hidden) -> the same. Post-norm: each residual sum is normalised after the
        addition."""
        layers = zip(
            self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True
        )
        for attention, after_attention, feed_forward, after_feed_forward in layers:
            x = after_attention(x + attention(x))
            x = after_feed_forward(x + feed_forward(x))
        return x


class Norm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta)


class FeedForward(nn.Module):
    def __init__(self, channels: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(channels, inner, kernel)
        self.conv_2 = nn.Conv1d(inner, channels, kernel)
        self.edges = ((kernel - 1) // 2, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.conv_1(F.pad(x.transpose(1, 2), self.edges)))
        result: Tensor = self.conv_2(F.pad(inner, self.edges)).transpose(1, 2)
        return result


class Attention(nn.Module):
    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        width = channels // heads
        self.scale = width**-0.5
        self.conv_q = nn.Conv1d(channels, channels, 1)
        self.conv_k = nn.Conv1d(channels, channels, 1)
        self.conv_v = nn.Conv1d(channels, channels, 1)
        self.conv_o = nn.Conv1d(channels, channels, 1)
        # [d]: a key d - ATTENTION_WINDOW frames later
        self.emb_rel_k = nn.Parameter(torch.zeros(1, 2 * ATTENTION_WINDOW + 1, width))
        self.emb_rel_v = nn.Parameter(torch.zeros(1, 2 * ATTENTION_WINDOW + 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> the same."""
        query, key, value = (
            torch.unflatten(
                F.linear(x, conv.weight[..., 0], conv.bias), -1, (self.heads, -1)
            ).transpose(1, 2)
            for conv in (self.conv_q, self.conv_k, self.conv_v)
        )  # (B, heads, T, width)
        query = query * self.scale
        scores = query @ key.transpose(-2, -1)  # (B, heads, T, T)
        scores += by_key(query @ self.emb_rel_k.transpose(-2, -1))
        attention = scores.softmax(-1)
        gathered = attention @ value + by_distance(attention) @ self.emb_rel_v
        return F.linear(
            gathered.transpose(1, 2).flatten(2), self.conv_o.weight[..., 0], self.conv_o.bias
        )


def by_key(of_distance: Tensor) -> Tensor:
    """Scores by distance [t, d] as scores by key [t, key], (..., T, T); 0 for keys outside the
    window. Distance d means the key d - ATTENTION_WINDOW frames after t. Each row is padded to T +
    2 ATTENTION_WINDOW + 1 numbers, and the same memory is read in rows that are one number shorter.
    That shifts each row by one more than the row above, so columns become diagonals."""
    frames = of_distance.shape[-2]
    width = frames + 2 * ATTENTION_WINDOW
    rows = F.pad(of_distance, (0, frames)).flatten(-2)[..., : frames * width]
    result: Tensor = torch.unflatten(rows, -1, (frames, width))[
        ..., ATTENTION_WINDOW : ATTENTION_WINDOW + frames
    ]
    return result


def by_distance(of_key: Tensor) -> Tensor:
    """Inverse of `by_key`: [t, key] as [t, d], (..., T, 2 ATTENTION_WINDOW + 1); 0 for keys outside
    the sound."""
    rows = F.pad(of_key, (ATTENTION_WINDOW, ATTENTION_WINDOW))
    *others, row, column = rows.stride()
    return rows.as_strided(
        (*rows.shape[:-1], 2 * ATTENTION_WINDOW + 1), (*others, row + column, column)
    )


class Flow(nn.Module):
    """Normalising flow between the latent of any speaker and that of one speaker. Only its inverse
    is implemented. Four affine couplings that only shift (RealNVP), each with a small WaveNet
    conditioned on the speaker. The order of the channels is reversed between them."""

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        steps = (step for _ in range(FLOW_COUPLINGS) for step in (Coupling(shape), Flip()))
        self.flows = nn.ModuleList(steps)

    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        """The inverse: latent (B, latent, T) of any speaker and the speaker (B, gin, 1) -> the
        speaker's latent. A frame depends on FLOW_LEAD_IN_FRAMES = 24 frames before and after it."""
        for step in reversed(self.flows):
            z = step(z, g)
        return z


class Flip(nn.Module):
    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        return z.flip(1)


class Coupling(nn.Module):
    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        half = shape.latent // 2
        self.pre = nn.Conv1d(half, shape.hidden, 1)
        self.enc = WaveNet(shape.hidden, shape.gin)
        self.post = nn.Conv1d(shape.hidden, half, 1)

    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        unchanged, shifted = z.chunk(2, 1)
        return torch.cat((unchanged, shifted - self.post(self.enc(self.pre(unchanged), g))), 1)


class WaveNet(nn.Module):
    def __init__(self, channels: int, gin: int) -> None:
        super().__init__()
        self.channels = channels
        self.cond_layer = nn.Conv1d(gin, 2 * channels * FLOW_LAYERS, 1)
        self.in_layers = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, FLOW_KERNEL, padding=FLOW_KERNEL // 2)
            for _ in range(FLOW_LAYERS)
        )
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(channels, channels if layer == FLOW_LAYERS - 1 else 2 * channels, 1)
            for layer in range(FLOW_LAYERS)
        )

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """(B, channels, T) -> the same."""
        *residual, last = zip(
            self.cond_layer(g).chunk(FLOW_LAYERS, 1),
            self.in_layers,
            self.res_skip_layers,
            strict=True,
        )
        skipped = torch.zeros_like(x)
        for speaker, convolution, mix in residual:
            ahead, aside = mix(gate_activations(convolution(x) + speaker)).chunk(2, 1)
            x = x + ahead
            skipped = skipped + aside
        speaker, convolution, mix = last
        result: Tensor = skipped + mix(gate_activations(convolution(x) + speaker))
        return result


def gate_activations(x: Tensor) -> Tensor:
    """WaveNet's gate: tanh of the first half of the channels times the sigmoid of the second
    half."""
    wave, gate = x.chunk(2, 1)
    return wave.tanh() * gate.sigmoid()


def frame_positions(count: int, length: float, frames: int, device: torch.device) -> Tensor:
    """Positions (count,), 0..frames - 1, of the middles of `count` frames; `length` is relative to
    a usual frame."""
    return ((torch.arange(count, device=device) + 0.5) * length - 0.5).clamp(0.0, frames - 1.0)


def interpolate(positions: Tensor, frames: Tensor) -> Tensor:
    """Interpolate (..., T) linearly at positions in 0..T - 1: (..., positions)."""
    before = positions.floor().long()
    after = (before + 1).clamp(max=frames.shape[-1] - 1)
    return torch.lerp(
        frames[..., before], frames[..., after], (positions - before).to(frames.dtype)
    )


class Synthesizer(nn.Module):
    """Converts content, pitch and speaker to sound. No method waits for the device or changes its
    arguments."""

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.shape = shape
        self.enc_p = TextEncoder(shape)
        self.flow = Flow(shape)
        self.dec = RefineDecoder(shape) if shape.vocoder == "RefineGAN" else Decoder(shape)
        self.emb_g = nn.Embedding(shape.speakers, shape.gin)

    def freeze_to(self, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Move the weights to the device in its fastest layout, and freeze them for inference."""
        self.requires_grad_(False).eval().to(torch.device(device), dtype)
        self.dec.use_fastest_layout()
        return self

    @property
    def source(self) -> SineSource:
        """The decoder's module that makes the excitation. Only models with pitch have one."""
        return self.dec.m_source

    def speaker(self, number: Tensor) -> Tensor:
        """Embed speakers, (B,) int64 in 0..speakers - 1 -> (B, gin, 1)."""
        result: Tensor = self.emb_g(number)[..., None]
        return result

    def encode(self, phone: Tensor, pitch: Tensor | None) -> tuple[Tensor, Tensor]:
        """Content (B, T, C) and coarse pitch (B, T) int64 in 1..255 -> mean and log of the spread,
        each (B, latent, T). `pitch` is None for models without pitch."""
        result: tuple[Tensor, Tensor] = self.enc_p(phone, pitch)
        return result

    def reverse_flow(self, z: Tensor, g: Tensor) -> Tensor:
        """Latent (B, latent, T) of any speaker -> that of speaker g. A frame depends on 24 before
        and after it."""
        result: Tensor = self.flow(z, g)
        return result

    def decode(
        self,
        z: Tensor,
        g: Tensor,
        source: Tensor | None,
        frames: range | None = None,
        *,
        before: int = 0,
    ) -> Tensor:
        """(B, latent, T) and source (B, 1, T hop), None without pitch -> (B, 1, n hop): all T
        frames, or only `frames`. A part decoded alone equals that part of the whole sound, because
        `shape.lead_in_frames` on both sides are decoded with it. RefineGAN also sees
        `shape.source_lead_frames` of the source around that: its source is (B, 2, N hop), and
        begins `before` frames before the latent."""
        batch, _, whole = z.shape
        frame_range = range(whole) if frames is None else frames
        # On a CPU the working set should stay in the caches, and below the 32 MB above which malloc
        # returns memory to the system at once.
        step = (
            max(PIECE_FRAMES // batch, MIN_PIECE_FRAMES)
            if z.device.type == "cpu"
            else MAX_FRAMES // batch + 1
        )
        around = self.shape.lead_in_frames + self.shape.source_lead_frames
        longest = max(max_conv_length(z.device) // self.shape.hop - 2 * around, 1)
        step = min(step, longest)
        if len(frame_range) <= step:
            return self._decode_part(z, g, source, frame_range.start, frame_range.stop, before)
        # All pieces have one length, rounded up to LENGTH_STEP: oneDNN keeps up to 100 MB of
        # workspace per length.
        even = -(-len(frame_range) // -(-len(frame_range) // step))
        length = min(-(-even // LENGTH_STEP) * LENGTH_STEP, len(frame_range), longest)
        pieces = [
            self._decode_part(z, g, source, start, start + length, before)
            for start in range(frame_range.start, frame_range.stop - length, length)
        ]
        # frames shared by the last piece and the one before
        again = len(pieces) * length + length - len(frame_range)
        last = self._decode_part(z, g, source, frame_range.stop - length, frame_range.stop, before)
        return torch.cat((*pieces, last[..., again * self.shape.hop :]), 2)

    def _decode_part(
        self, z: Tensor, g: Tensor, source: Tensor | None, start: int, end: int, before: int
    ) -> Tensor:
        """Decode frames start..end of the whole sound, from only the frames they depend on."""
        hop = self.shape.hop
        lead_in = self.shape.lead_in_frames
        begin = max(start - lead_in, 0)
        stop = min(end + lead_in, z.shape[2])
        first = max(begin + before - self.shape.source_lead_frames, 0)
        last = stop + before + self.shape.source_lead_frames
        around = None if source is None else source[..., first * hop : last * hop]
        sound: Tensor = self.dec(z[..., begin:stop], g, around, begin + before - first)
        return sound[..., (start - begin) * hop : (end - begin) * hop]
