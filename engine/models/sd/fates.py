"""Checks for each row whether the model's output is a valid picture, on the device and without waiting for it."""

import numpy as np
import torch

from engine.models.sd.painting import BLACK, GOOD, NOT_FINITE, RERUN
from engine.models.sd.pixels import is_finite


def latent_fates(z: torch.Tensor) -> torch.Tensor:
    """(B,) uint8, GOOD, NOT_FINITE or BLACK, of latents (B, 4, h, w). A constant in each channel counts as BLACK."""
    is_flat = (z == z[:, :, :1, :1]).flatten(1).all(dim=1)
    return _fates(is_finite(z), is_flat)


def picture_fates(rgb: torch.Tensor, are_finite: torch.Tensor) -> torch.Tensor:
    """(B,) uint8, GOOD, NOT_FINITE or BLACK, of pictures (B, h, w, 3) uint8; `are_finite` (B,): whether their values
    are finite."""
    return _fates(are_finite, rgb.flatten(1).amax(dim=1) == 0)


def _fates(are_finite: torch.Tensor, are_black: torch.Tensor) -> torch.Tensor:
    fates = are_black.to(torch.uint8) * BLACK
    return fates.masked_fill(~are_finite, NOT_FINITE)


def first_bad(fates: torch.Tensor, later: torch.Tensor) -> torch.Tensor:
    """`fates`, where GOOD replaced by those of a `later` stage."""
    return torch.where(fates == GOOD, later, fates)


def merge_rerun(fates: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Final fates (B,) uint8 after a second attempt with fates `again`, and (B,) bool: True to use its result."""
    is_mended = (fates != GOOD) & (again == GOOD)
    return np.where(is_mended, RERUN, fates).astype(np.uint8), is_mended
