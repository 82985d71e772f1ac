"""What was said and how high, frame by frame, as the mean and spread of a latent: a transformer (VITS, section 2.1).

Attention knows relative positions up to ten frames away (Shaw et al. 2018): beside the usual product, the score of two
frames has one of the query with the embedding of their distance, and what is gathered has the embeddings of the
distances it came from. Names of the modules are those of the published checkpoints.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.rvc.shapes import SynthesizerShape

WINDOW = 10
PITCH_BINS = 256
SLOPE = 0.1


class TextEncoder(nn.Module):
    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.hidden = shape.hidden
        self.emb_phone = nn.Linear(shape.content_channels, shape.hidden)
        if shape.has_pitch:
            self.emb_pitch = nn.Embedding(PITCH_BINS, shape.hidden)
        self.encoder = Transformer(shape)
        self.proj = nn.Conv1d(shape.hidden, 2 * shape.latent, 1)

    def forward(self, phone: Tensor, pitch: Tensor | None) -> tuple[Tensor, Tensor]:
        """Content (B, T, C) and coarse pitch (B, T) int64 in 1..255 -> mean and log of the spread, (B, latent, T)."""
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
        self.ffn_layers = nn.ModuleList(FeedForward(shape.hidden, shape.filter, shape.kernel) for _ in layers)
        self.norm_layers_2 = nn.ModuleList(Norm(shape.hidden) for _ in layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, hidden) -> the same; each sum is normalised after it is made."""
        layers = zip(self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True)
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
        return self.conv_2(F.pad(inner, self.edges)).transpose(1, 2)


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
        self.emb_rel_k = nn.Parameter(torch.zeros(1, 2 * WINDOW + 1, width))  # [d]: a key d - WINDOW frames later
        self.emb_rel_v = nn.Parameter(torch.zeros(1, 2 * WINDOW + 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> the same."""
        query, key, value = (
            F.linear(x, conv.weight[..., 0], conv.bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for conv in (self.conv_q, self.conv_k, self.conv_v)
        )  # (B, heads, T, width)
        query = query * self.scale
        scores = query @ key.transpose(-2, -1)  # (B, heads, T, T)
        scores += by_key(query @ self.emb_rel_k.transpose(-2, -1))
        shares = scores.softmax(-1)
        gathered = shares @ value + by_distance(shares) @ self.emb_rel_v
        return F.linear(gathered.transpose(1, 2).flatten(2), self.conv_o.weight[..., 0], self.conv_o.bias)


def by_key(of_distance: Tensor) -> Tensor:
    """[t, d], about the key d - WINDOW frames after t, as [t, key]; 0 for keys farther away. (..., T, T)

    A row of T + 2 WINDOW + 1 numbers, read as rows one shorter, begins one place later in each: what was in columns is
    then on diagonals.
    """
    frames = of_distance.shape[-2]
    width = frames + 2 * WINDOW
    rows = F.pad(of_distance, (0, frames)).flatten(-2)[..., : frames * width]
    return rows.unflatten(-1, (frames, width))[..., WINDOW : WINDOW + frames]


def by_distance(of_key: Tensor) -> Tensor:
    """The way back: [t, key] as [t, d], d = 0..2 WINDOW; 0 where there is no such key. (..., T, 2 WINDOW + 1)"""
    rows = F.pad(of_key, (WINDOW, WINDOW))
    *others, row, column = rows.stride()
    return rows.as_strided((*rows.shape[:-1], 2 * WINDOW + 1), (*others, row + column, column))
