"""Pictures as the model sees them: uint8 crosses the bus, nothing here waits for the device."""

import torch
from torch.nn import functional as F

MIDDLE = 127.5


def preprocess(pixels: torch.Tensor, resolution: int, dtype: torch.dtype) -> torch.Tensor:
    """(B, H, W, 3 or 4) uint8, alpha unused, squashed to (B, 3, resolution, resolution) in -1..1, channels last.

    As transformers' Sam3ImageProcessor does it: bilinear with antialiasing, rounded to uint8, then (x - 127.5) / 127.5.
    On a CPU by torch's own uint8 kernel, as torchvision there: the same numbers, and no float picture of the full
    size. Elsewhere in float32 and rounded, as torchvision does on a GPU; the two differ by one level of 255 at a fifth
    of the pixels.
    """
    if len(pixels) == 1:
        # A first axis that NumPy added has a stride of 0: torch does not see the layout and takes the slow kernel.
        pixels = pixels[0][None]
    x = pixels.permute(0, 3, 1, 2)  # (B, C, H, W), channels last in memory: what the uint8 kernel is fast in
    if x.shape[2:] != (resolution, resolution):
        size = (resolution, resolution)
        if x.device.type == "cpu":
            x = F.interpolate(x, size, mode="bilinear", antialias=True)  # all four: three of four have slower strides
        else:
            x = F.interpolate(x[:, :3].float(), size, mode="bilinear", antialias=True).round_()
    return x[:, :3].float().sub_(MIDDLE).div_(MIDDLE).to(dtype)
