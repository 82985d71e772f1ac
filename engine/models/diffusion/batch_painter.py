"""Pictures of a job, batch after batch, in the three stages that a pipeline spreads over threads or processes.

Every batch has the same number of rows, whatever is in them, and every picture the same noise: what a picture becomes
depends on nothing but itself and the painting.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.models.diffusion.batch_schedule import BatchSchedule
from engine.models.diffusion.coefficients import real_steps
from engine.models.diffusion.conditioner import Conditioner
from engine.models.diffusion.denoiser import Denoiser
from engine.models.diffusion.painting import BLACK, GOOD, NOT_FINITE, Painting
from engine.models.diffusion.pixels import Pixels

if TYPE_CHECKING:
    from engine.models.diffusion.model import Model


class BatchPainter:
    """One thread."""

    def __init__(self, model: "Model", painting: Painting, width: int, height: int) -> None:
        self.model = model
        self._pixels = Pixels(model, width, height)
        self._conditioner = Conditioner(model)
        self._denoiser = Denoiser(model)
        self._painting = painting
        self._cond = self._conditioner.encode(painting.prompt, painting.negative, size=(width, height))
        self._schedule = BatchSchedule(
            model,
            self._denoiser,
            steps=painting.steps,
            strength=painting.strength,
            guidance=painting.cfg,
            seed=painting.seed,
        )

    @property
    def real_steps(self) -> int:
        """UNet evaluations of a picture."""
        return real_steps(self._painting.steps, self._painting.strength)

    def encode(self, rgb: np.ndarray) -> torch.Tensor:
        """(B, height, width, 3) uint8 as latents (B, 4, height / 8, width / 8) float32 on the device."""
        return self._pixels.encode(rgb)

    def process(self, z: torch.Tensor, rgb: np.ndarray | None = None) -> tuple[torch.Tensor, np.ndarray]:
        """The latents painted, and what became of each, (B,) uint8. `rgb`: the pictures, where ControlNets look."""
        painted = self._schedule.run(z, self._cond)
        return painted, judged(painted)

    def decode(self, z: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """(B, height, width, 3) uint8 on the host, and (B,) bool: which were numbers everywhere."""
        rgb, is_finite = self._pixels.decode(z)
        return rgb.cpu().numpy(), is_finite.cpu().numpy()

    def paint(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All three: (B, height, width, 3) uint8, and what became of each, (B,) uint8."""
        z, fates = self.process(self.encode(rgb), rgb)
        painted, is_finite = self.decode(z)
        return painted, np.where(is_finite | (fates != GOOD), fates, NOT_FINITE).astype(np.uint8)


def judged(z: torch.Tensor) -> np.ndarray:
    """(B,) uint8, GOOD, NOT_FINITE or BLACK, of latents (B, 4, h, w)."""
    flat = z.flatten(1)
    is_finite = torch.isfinite(flat).all(dim=1)
    is_black = (flat == 0.0).all(dim=1)
    fates = torch.where(is_finite, torch.where(is_black, BLACK, GOOD), NOT_FINITE)
    return fates.to(torch.uint8).cpu().numpy()
