"""Converts uint8 pictures to the model's input. Only uint8 is copied to the device; never waits for the device."""

import torch
from torch.nn import functional as F

MIDDLE = 127.5


def preprocess(pixels: torch.Tensor, resolution: int, dtype: torch.dtype) -> torch.Tensor:
    """Pictures (B, H, W, 3 or 4) uint8 -> (B, 3, resolution, resolution) in -1..1, channels last. Alpha is ignored.

    Like transformers' Sam3ImageProcessor: scaled to a square (not keeping the aspect ratio), bilinear with
    antialiasing, rounded to uint8, then (x - 127.5) / 127.5. On a CPU it uses torch's uint8 kernel like torchvision:
    the same numbers, without a float picture of the full size. On other devices it uses float32 and rounds, as
    torchvision does on a GPU; the two differ by one level of 255 in a fifth of the pixels.
    """
    if len(pixels) == 1:
        # An axis added by NumPy has stride 0, so torch does not recognise the layout and uses the slow kernel.
        pixels = pixels[0][None]
    x = pixels.permute(0, 3, 1, 2)  # (B, C, H, W), channels last: fast in the uint8 kernel
    if x.shape[2:] != (resolution, resolution):
        size = (resolution, resolution)
        if x.device.type == "cpu":
            x = F.interpolate(
                x, size, mode="bilinear", antialias=True
            )  # with all four channels, because a slice of three has slower strides
        else:
            x = F.interpolate(x[:, :3].float(), size, mode="bilinear", antialias=True).round_()
    return x[:, :3].float().sub_(MIDDLE).div_(MIDDLE).to(dtype)
