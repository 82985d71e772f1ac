"""Whether what a model answered is a picture at all, row for row, told on the device without waiting for it."""

import numpy as np
import torch

from engine.models.sd.painting import BLACK, GOOD, NOT_FINITE, RERUN
from engine.models.sd.pixels import is_finite


def latent_fates(z: torch.Tensor) -> torch.Tensor:
    """(B,) uint8, GOOD, NOT_FINITE or BLACK, of latents (B, 4, h, w): no noise leads to one number in each channel."""
    is_flat = (z == z[:, :, :1, :1]).flatten(1).all(dim=1)
    return _fates(is_finite(z), is_flat)


def picture_fates(rgb: torch.Tensor, are_finite: torch.Tensor) -> torch.Tensor:
    """(B,) uint8, GOOD, NOT_FINITE or BLACK, of pictures (B, h, w, 3) uint8 and whether they were numbers (B,)."""
    return _fates(are_finite, rgb.flatten(1).amax(dim=1) == 0)


def _fates(are_finite: torch.Tensor, are_black: torch.Tensor) -> torch.Tensor:
    fates = are_black.to(torch.uint8) * BLACK
    return fates.masked_fill(~are_finite, NOT_FINITE)


def first_bad(fates: torch.Tensor, later: torch.Tensor) -> torch.Tensor:
    """`fates`, and where these are GOOD those of a `later` stage."""
    return torch.where(fates == GOOD, later, fates)


def merge_rerun(fates: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B,) uint8 after a second attempt that ended with `again`, and (B,) bool: whose result is the second one."""
    is_mended = (fates != GOOD) & (again == GOOD)
    return np.where(is_mended, RERUN, fates).astype(np.uint8), is_mended
