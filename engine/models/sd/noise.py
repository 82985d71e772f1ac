"""The noise of seeds, drawn once and kept; that of two seeds blended."""

import torch

from engine.models.device_work import uploaded
from engine.models.sd.blending import blended
from engine.models.sd.seeds import Blend, Seeds


class SeededNoise:
    """Noise (1, *size) for each step. Step k has the same values whatever the number of steps."""

    def __init__(self, generator: torch.Generator, size: tuple[int, ...], device: torch.device) -> None:
        """Drawn on the generator's device when first needed. `size`: channels, height and width of the latents."""
        self.size, self.device = size, device
        self._generator = generator
        self._waiting: list[torch.Tensor] = []
        """Drawn, not yet uploaded: a failed upload must not lose numbers of the generator."""
        self._drawn: list[torch.Tensor] = []

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


class BlendedNoise:
    """The noise of two seeds, blended step by step. Two kinds of noise are almost at right angles to each other, so
    with slerp the blend is as strong as either, and with linear down to 0.71 times weaker in the middle."""

    def __init__(self, first: SeededNoise, second: SeededNoise, mix: float, blend: Blend) -> None:
        self._pair, self._mix, self._blend = (first, second), mix, blend

    def first(self, steps: int) -> torch.Tensor:
        """The noise of the first steps, (steps, *size)."""
        one, other = (each.first(steps) for each in self._pair)
        weights = 1.0 - self._mix, self._mix
        return blended((one.flatten(1), other.flatten(1)), weights, self._blend).view_as(one)

    def draw(self, step: int) -> torch.Tensor:
        """The noise of a step, (1, *size)."""
        return self.first(step + 1)[step:]


Noise = SeededNoise | BlendedNoise


class NoiseSource:
    """Draws the noise of seeds, and keeps that of those in use. Single thread."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._random: torch.Generator | None = None
        self._kept: dict[int, SeededNoise] = {}

    def noise(self, seeds: Seeds, size: tuple[int, ...]) -> Noise:
        """The noise of the next call. `size`: channels, height and width of the latents."""
        used = [self._of_one(seed, size) for seed in seeds.used]
        self._kept = {seed: noise for seed, noise in zip(seeds.used, used, strict=True) if seed >= 0}
        return used[0] if len(used) == 1 else BlendedNoise(used[0], used[1], seeds.seed_mix, seeds.blend)

    def _of_one(self, seed: int, size: tuple[int, ...]) -> SeededNoise:
        kept = self._kept.get(seed)
        if kept is not None and kept.size == size:
            return kept
        if seed >= 0:  # drawn on the CPU, so that the values are the same on every kind of device
            return SeededNoise(torch.Generator().manual_seed(seed), size, self._device)
        if self._random is None:
            self._random = torch.Generator(self._device)
            self._random.seed()
        return SeededNoise(self._random, size, self._device)
