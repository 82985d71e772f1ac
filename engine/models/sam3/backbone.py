"""Image features: SAM3's ViT and its feature pyramid, as a chain of parts.

transformers splits the picture into windows before each layer and joins them after it. But only
attention mixes tokens, and it does not depend on their order as long as each has its rotary
position. So the tokens are put into window order once, stay in it through all layers (including
global ones), and are put back once. The rotations of a layer are constants here, and queries, keys
and values come from one product: seven kernels less per layer. If the picture does not fill its
windows (504, 840 px), it is padded with zeros for the attention of a window only, as in
transformers.

The GELU is a separate kernel: the one that torch can fuse with a product
(`torch._addmm_activation`) is the tanh approximation on CUDA, up to 0.0005 from the GELU that SAM3
was trained with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.compiling import compile_part
from engine.models.device_work import concatenate
from engine.models.graphs import ChainRunner, Part, State, noop
from engine.models.sam3.model import SegmentationModel

LAYERS_PER_SLICE = 4  # layers per part, of 32: 2 to 4 ms on a fast GPU at 1008 px
COARSEST = 2
"""Texels per patch of the pyramid levels in use. The fourth level, with half a texel, is never
read."""

Layer = Callable[..., Tensor]
MIDDLE = 127.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Features of B pictures, in buffers that the next run may overwrite. g: patches per side, 72
    at 1008 px."""

    fpn_hidden_states: tuple[Tensor, ...]
    """(B, C, 4 g, 4 g), (B, C, 2 g, 2 g), (B, C, g, g)."""
    position: Tensor
    """(1, C, g, g): sine positions of the coarsest level, the only one in use. A constant."""
    last_hidden_state: Tensor
    """(B, g * g, D) of the ViT, row by row. The tracker computes its own pyramid from it."""


class Backbone:
    """Computes image features. Single thread, single device; stateless except for the caches of
    `runner`. No waits."""

    def __init__(self, model: SegmentationModel, runner: ChainRunner) -> None:
        self._runner = runner
        vision = model.detector.vision_encoder
        self._vit = vision.backbone
        self._neck = vision.neck
        config = self._vit.config
        self._grid = model.spec.resolution // config.patch_size
        self._window = config.window_size
        self._rotations = {
            size: rotary_positions(config, size, self._grid, model.device)
            for size in {layer.window_size for layer in self._vit.layers}
        }
        self._is_padded = bool(self._grid % self._window)
        self._layer: Layer = vit_layer
        if model.spec.is_compiled:
            # twice, because window and global layers have different shapes
            self._layer = compile_part(vit_layer)
            self._rotations = {
                size: torch.view_as_real(rotary) for size, rotary in self._rotations.items()
            }
        shape = torch.Size((1, self._neck.config.fpn_hidden_size, self._grid, self._grid))
        # A copy, because transformers caches the tensor.
        self._position = (
            self._neck.position_encoding(shape, model.device, torch.float32).clone().to(model.dtype)
        )
        self._parts = self._chain()

    @torch.no_grad()
    def run(self, pixels: Tensor, between: Callable[[], None] = noop) -> Features:
        """Features of `pixels` (B, 3, resolution, resolution) from `preprocess`; `between` is
        called between slices."""
        state = self._runner.run(
            ("backbone", tuple(pixels.shape)), self._parts, {"pixels": pixels}, between
        )
        return Features(
            fpn_hidden_states=state["levels"],
            position=self._position,
            last_hidden_state=state["hidden"],
        )

    def _chain(self) -> tuple[Part, ...]:
        layers = list(self._vit.layers)
        slices = [
            layers[first : first + LAYERS_PER_SLICE]
            for first in range(0, len(layers), LAYERS_PER_SLICE)
        ]

        def through(some: list[Any]) -> Part:
            return lambda state: {"hidden": self._run_layers(some, state["hidden"])}

        return (
            lambda state: {"hidden": self._run_layers(slices[0], self._embed(state["pixels"]))},
            *(through(some) for some in slices[1:]),
            self._pyramid,
        )

    def _embed(self, pixels: Tensor) -> Tensor:
        """(B, windows, w * w, D), or (B, 1, g * g, D) row by row if windows are not filled."""
        hidden = self._vit.embeddings(pixels)  # (B, g * g, D)
        rows = torch.unflatten(hidden, 1, (self._grid, self._grid))
        result: Tensor = self._vit.layer_norm(
            hidden[:, None] if self._is_padded else window_partition(rows, self._window)
        )
        return result

    def _run_layers(self, layers: list[Any], hidden: Tensor) -> Tensor:
        for layer in layers:
            hidden = self._layer(
                layer, hidden, self._rotations[layer.window_size], self._grid * self._is_padded
            )
        return hidden

    def _pyramid(self, state: State) -> State:
        rows = window_unpartition(state["hidden"], self._grid)
        picture = rows.permute(0, 3, 1, 2)  # (B, D, g, g), channels last in memory
        levels = tuple(layer(picture) for layer in self._neck.fpn_layers[: COARSEST + 1])
        return {"levels": levels, "hidden": rows.flatten(1, 2)}


def fuse_qkv_projections(attentions: Iterable[Any]) -> None:
    """Fuse the projections of queries, keys and values, for `project_qkv`. Call it with the weights
    on the device."""
    for attention in attentions:
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        attention.fused_qkv = (
            concatenate([each.weight for each in parts]),
            concatenate([each.bias for each in parts]),
        )


def project_qkv(attention: Any, x: Tensor, rotary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys, rotated, and values of `x` (..., tokens, C) by one product: each (...,
    tokens, heads, d)."""
    count = attention.num_attention_heads
    fused = attention.fused_qkv
    projected = F.linear(x, *fused) if isinstance(fused, tuple) else fused(x)
    all_heads = torch.unflatten(projected, -1, (3 * count, -1))
    query, key = apply_rotary(all_heads[..., : 2 * count, :], rotary).chunk(2, -2)
    return query, key, all_heads[..., 2 * count :, :]


def window_partition(rows: Tensor, side: int) -> Tensor:
    """Split tokens (B, g, g, D) into windows (B, windows, side * side, D), padded with zeros."""
    batch, grid, _, width = rows.shape
    missing = -grid % side
    across = (grid + missing) // side
    filled = F.pad(rows, (0, 0, 0, missing, 0, missing)) if missing else rows
    windows = filled.view(batch, across, side, across, side, width).permute(0, 1, 3, 2, 4, 5)
    return windows.reshape(batch, across * across, side * side, width)


def window_unpartition(windows: Tensor, grid: int) -> Tensor:
    """Join the windows of `window_partition` to tokens (B, g, g, D)."""
    batch, count, tokens, width = windows.shape
    across = isqrt(count)
    side = isqrt(tokens)
    rows = windows.view(batch, across, across, side, side, width).permute(0, 1, 3, 2, 4, 5)
    return rows.reshape(batch, across * side, across * side, width)[:, :grid, :grid]


def vit_layer(layer: Any, hidden: Tensor, rotary: Tensor, padded: int = 0) -> Tensor:
    """Run a Sam3ViTLayer on tokens (B, windows, w * w, D) in window order; `rotary` is from
    `rotary_positions`. For a picture that does not fill its windows: `padded` is its patches per
    side g, the tokens (B, 1, g * g, D) in rows."""
    attention = layer.attention
    x = layer.layer_norm1(hidden)
    is_split = bool(padded and layer.window_size)
    if is_split:
        x = window_partition(torch.unflatten(x[:, 0], 1, (padded, padded)), layer.window_size)
    elif not layer.window_size:
        x = x.flatten(1, 2)[:, None]  # global layer: a single window
    if hasattr(attention, "fused_qkv"):
        query, key, value = project_qkv(attention, x, rotary)
    else:  # the weights are in main memory until the layer runs
        heads = (*x.shape[:-1], attention.num_attention_heads, attention.head_dim)
        query, key = (
            apply_rotary(project(x).view(heads), rotary)
            for project in (attention.q_proj, attention.k_proj)
        )
        value = attention.v_proj(x).view(heads)
    query, key, value = (each.flatten(0, 1).transpose(1, 2) for each in (query, key, value))
    # (B * windows, tokens, heads, d)
    attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
    if is_split:
        attended = window_unpartition(attended.reshape(x.shape), padded)
    hidden = hidden + attention.o_proj(attended.reshape(hidden.shape))
    result: Tensor = hidden + layer.mlp(layer.layer_norm2(hidden))
    return result


def apply_rotary(x: Tensor, rotary: Tensor) -> Tensor:
    """Rotate pairs of `x` (..., tokens, heads, d) in float32 by `rotary`: complex (a single
    kernel), or real and imaginary parts (which a compiler can fuse)."""
    pairs = torch.unflatten(x.float(), -1, (-1, 2))  # (..., d / 2, 2)
    if rotary.is_complex():
        rotated = torch.view_as_real(torch.view_as_complex(pairs) * rotary)
    else:
        a, b = pairs.unbind(-1)
        cosine, sine = rotary.unbind(-1)
        rotated = torch.stack((a * cosine - b * sine, a * sine + b * cosine), dim=-1)
    return rotated.flatten(-2).type_as(x)


def rotary_positions(config: Any, window: int, grid: int, device: torch.device) -> Tensor:
    """Rotary positions of a window, (tokens, 1, d / 2) complex64. `window` 0 means the whole grid,
    in window order if that fills the windows."""
    from engine.models.compat.transformers import Sam3ViTLayer, Sam3ViTRotaryEmbedding

    positions = Sam3ViTLayer.precompute_positions(config, window)  # (tokens, 2)
    # (1, tokens, d), each twice
    cosine, sine = Sam3ViTRotaryEmbedding(config)(positions, positions)
    rotary = torch.complex(cosine[0, :, ::2], sine[0, :, ::2])
    if not window and grid % config.window_size == 0:
        side = config.window_size
        across = grid // side
        rotary = (
            rotary.view(across, side, across, side, -1)
            .permute(0, 2, 1, 3, 4)
            .reshape(grid * grid, -1)
        )
    return rotary[:, None].contiguous().to(device)


def preprocess(pixels: Tensor, resolution: int, dtype: torch.dtype) -> Tensor:
    """Pictures (B, H, W, 3 or 4) uint8 -> (B, 3, resolution, resolution) in -1..1, channels last.
    Alpha is ignored. Like transformers' Sam3ImageProcessor: scaled to a square (not keeping the
    aspect ratio), bilinear with antialiasing, rounded to uint8, then (x - 127.5) / 127.5. On a CPU
    it uses torch's uint8 kernel like torchvision: the same numbers, without a float picture of the
    full size. On other devices it uses float32 and rounds, as torchvision does on a GPU; the two
    differ by one level of 255 in a fifth of the pixels."""
    if len(pixels) == 1:
        # An axis added by NumPy has stride 0, so torch does not recognise the layout and uses the
        # slow kernel.
        pixels = pixels[0][None]
    x = pixels.permute(0, 3, 1, 2)  # (B, C, H, W), channels last: fast in the uint8 kernel
    if x.shape[2:] != (resolution, resolution):
        size = (resolution, resolution)
        if x.device.type == "cpu":
            # With all four channels, because a slice of three has slower strides.
            x = F.interpolate(x, size, mode="bilinear", antialias=True)
        else:
            x = F.interpolate(x[:, :3].float(), size, mode="bilinear", antialias=True).round_()
    return x[:, :3].float().sub_(MIDDLE).div_(MIDDLE).to(dtype)
