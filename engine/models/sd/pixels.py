"""Converts pictures to latents and back on the device. Only uint8 crosses the bus; never waits for
the device."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import ModelError
from engine.models.sd import edges
from engine.models.sd.control_images import hard_edges, soft_edges

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

Pictures = Tensor | np.ndarray
Draw = Callable[[Any], Tensor]


class Pixels:
    """Encodes and decodes pictures of one size with the model's VAE. Single thread."""

    def __init__(self, model: "DiffusionModel", width: int, height: int) -> None:
        """ModelError unless width and height are multiples of 8, the pixels per latent."""
        step = model.latent_scale
        if width % step or height % step or width <= 0 or height <= 0:
            raise ModelError(f"{width} x {height}: both sides must be multiples of {step}")
        self._model = model
        self._vae = model.vae
        self._dtype = next(model.vae.parameters()).dtype
        # One picture at a time: the activations of many do not fit into a CPU's caches (8 of 640 x
        # 360: twice as slow).
        self._is_cpu = model.device.type == "cpu"
        self.width = width
        self.height = height

    def encode(self, rgb: Pictures) -> Tensor:
        """Encode (F, H, W, 3) uint8 of any size to scaled latents (F, 4, height / 8, width / 8)
        float32. Centre-cropped, not stretched. Deterministic: uses the mode of a full VAE's
        distribution."""
        if self._is_cpu and len(rgb) > 1:
            return torch.cat([self._latents(rgb[row : row + 1], None) for row in range(len(rgb))])
        return self._latents(rgb, None)

    def encode_sampled(self, rgb: Pictures, generator: torch.Generator | None) -> Tensor:
        """Like `encode`, but sampled from a full VAE's distribution, as in diffusers' pipelines.
        TAESD has none."""
        return self._latents(rgb, lambda distribution: distribution.sample(generator))

    @torch.no_grad()
    def _latents(self, rgb: Pictures, draw: Draw | None) -> Tensor:
        encoded = self._vae.encode((self.crop_and_resize(rgb) * 2.0 - 1.0).to(self._dtype))
        z: Tensor
        if self._model.is_tiny_vae:
            z = encoded.latents
        else:
            z = encoded.latent_dist.mode() if draw is None else draw(encoded.latent_dist)
        return (z.float() - self._model.shift_factor) * self._model.scaling_factor

    @torch.no_grad()
    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Decode scaled latents (F, 4, h, w) to (F, 8 h, 8 w, 3) uint8, and (F,) bool, both on the
        device. The bool is True if there was no NaN or infinity before and after the VAE; otherwise
        the picture is black or white."""
        if self._is_cpu and len(z) > 1:
            pictures, verdicts = zip(*map(self.decode, torch.split(z, 1)), strict=True)
            return torch.cat(pictures), torch.cat(verdicts)
        are_latents_finite = is_finite(z)
        z = z.float() / self._model.scaling_factor + self._model.shift_factor
        x = self._vae.decode(z.to(self._dtype), return_dict=False)[0].float()
        return as_rgb(x * 0.5 + 0.5), are_latents_finite & is_finite(x)

    def prepare_control(self, rgb: Pictures) -> Tensor:
        """Convert (F, H, W, 3) uint8 to a ControlNet's input (F, 3, height, width) in 0..1, in the
        model's dtype."""
        return self.crop_and_resize(rgb).to(self._model.dtype)

    def prepare_edges(self, rgb: Tensor) -> Tensor:
        """Draw edges as a ControlNet's input, white on black; computed where the pictures are."""
        if not self._is_cpu:
            return hard_edges(self.crop_and_resize(rgb)).to(self._model.dtype)
        outlines = [
            edges.canny_edges(picture.numpy(), (self.width, self.height)) for picture in rgb
        ]
        return self.prepare_control(np.stack(outlines))

    def prepare_soft_edges(self, rgb: Tensor) -> Tensor:
        """Draw blurred outlines as a ControlNet's input, white on black."""
        return soft_edges(self.crop_and_resize(rgb)).to(self._model.dtype)

    def resize(self, rgb: Pictures) -> Tensor:
        """Scale (F, H, W, 3) uint8 to (F, height, width, 3) uint8 on the device, cropped to the
        middle."""
        return as_rgb(self.crop_and_resize(rgb))

    def crop_and_resize(self, rgb: Pictures) -> Tensor:
        """Crop and resize to this size on the model's device; see the function of this name."""
        return crop_and_resize(rgb, self.width, self.height, self._model.device)


def crop_and_resize(rgb: Pictures, width: int, height: int, device: torch.device) -> Tensor:
    """Crop the middle of pictures and resize it: (F, 3, height, width) float32 in 0..1, antialiased
    when shrunk."""
    if isinstance(rgb, np.ndarray):
        # Copy a read-only array: torch has no read-only tensors and would warn.
        rgb = torch.from_numpy(np.require(rgb, requirements=("C", "W")))
    # non_blocking on CUDA only: MPS reads the picture later, when its memory may have been reused.
    x = crop_to_aspect(rgb.to(device, non_blocking=device.type == "cuda"), width, height)
    x = x.permute(0, 3, 1, 2).float() / 255.0  # (F, 3, H, W)
    if x.shape[2:] == (height, width):
        return x
    return F.interpolate(x, (height, width), mode="bilinear", antialias=True)


def as_rgb(x: Tensor) -> Tensor:
    """Convert (F, 3, H, W) float, clipped to 0..1, to (F, H, W, 3) uint8."""
    return (x.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def draw_soft_edges(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw the soft edges of a picture (H, W, 3) uint8 on the CPU: (height, width, 3) uint8 of
    `size`."""
    outlines: np.ndarray = as_rgb(
        soft_edges(crop_and_resize(picture[None], *size, torch.device("cpu")))
    )[0].numpy()
    return outlines


def is_finite(pictures: Tensor) -> Tensor:
    """True for each of `pictures` (F, ...) without NaN and infinity: (F,) bool on the device,
    without waiting."""
    return torch.isfinite(pictures).flatten(1).all(dim=1)


def crop_to_aspect(rgb: Tensor, width: int, height: int) -> Tensor:
    """Crop `rgb` (F, H, W, 3) to its largest centred part with this aspect ratio, (F, H', W', 3); a
    view."""
    full_height, full_width = rgb.shape[1:3]
    part_width = min(full_width, max(1, round(full_height * width / height)))
    part_height = min(full_height, max(1, round(full_width * height / width)))
    left = (full_width - part_width) // 2
    top = (full_height - part_height) // 2
    return rgb[:, top : top + part_height, left : left + part_width]


def pixel_centres(width: int, height: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The places of pixels in -1..1, float32: x (width,), and y (height, 1)."""

    # Built on the device: copying a matrix there would wait for it.
    def centres(count: int) -> Tensor:
        numbers = torch.arange(count, device=device, dtype=torch.float32)
        return (numbers + 0.5) * (2.0 / count) - 1.0

    return centres(width), centres(height)[:, None]


def zoom_and_rotate(rgb: Tensor, zoom: float, angle_deg: float) -> Tensor:
    """Zoom `rgb` (F, H, W, 3) uint8 about its middle and rotate it clockwise, mirrored at its
    edges. For tunnel effects by feedback. Bilinear, on the picture's device. Returns the input if
    there is no zoom and no rotation."""
    if zoom == 1.0 and angle_deg % 360.0 == 0.0:
        return rgb
    height, width = rgb.shape[1:3]
    angle = math.radians(angle_deg)
    cosine = math.cos(angle) / zoom
    sine = math.sin(angle) / zoom
    x, y = pixel_centres(width, height, rgb.device)
    from_x = cosine * x + (sine * height / width) * y  # (H, W): where each pixel comes from
    from_y = (-sine * width / height) * x + cosine * y
    grid = torch.stack((from_x, from_y), dim=-1).expand(len(rgb), -1, -1, -1)
    picture = rgb.permute(0, 3, 1, 2).float()
    turned = F.grid_sample(
        picture, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    return turned.round().clamp(0.0, 255.0).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
