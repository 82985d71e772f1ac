"""The noise of a picture's steps: the same for all pictures, drawn once, and kept on the device."""

import torch

from engine.models.device_work import uploaded


class SeededNoise:
    """Noise (1, *size) for each step. Step k has the same values whatever the number of steps."""

    def __init__(self, generator: torch.Generator, size: tuple[int, ...], device: torch.device) -> None:
        """Drawn on the generator's device when first needed. `size`: channels, height and width of the latents."""
        self.size, self.device = size, device
        self._generator = generator
        self._waiting: list[torch.Tensor] = []
        """Drawn, not yet uploaded: a failed upload must not lose numbers of the generator."""
        self._drawn: list[torch.Tensor] = []

    @classmethod
    def of_seed(
        cls, seed: int, size: tuple[int, ...], device: torch.device, kept: "SeededNoise | None"
    ) -> "SeededNoise":
        """The noise of a seed; `kept` if that is noise of the same seed, size and device.

        Drawn on the CPU, so that the values are the same on every kind of device.
        """
        if kept is not None and (kept.seed, kept.size, kept.device) == (seed, size, device):
            return kept
        return cls(torch.Generator().manual_seed(seed), size, device)

    @property
    def seed(self) -> int:
        """The seed that the generator was given."""
        return self._generator.initial_seed()

    def first(self, steps: int) -> torch.Tensor:
        """The noise of the first steps, (steps, *size). Those not yet drawn are uploaded together."""
        generator = self._generator
        while len(self._drawn) + len(self._waiting) < steps:
            self._waiting.append(torch.randn((1, *self.size), generator=generator, device=generator.device))
        if self._waiting:
            self._drawn += torch.split(uploaded(torch.cat(self._waiting), self.device), 1)
            self._waiting.clear()
        return torch.cat(self._drawn[:steps])

    def draw(self, step: int) -> torch.Tensor:
        """The noise of a step."""
        if step >= len(self._drawn):
            self.first(step + 1)
        return self._drawn[step]
