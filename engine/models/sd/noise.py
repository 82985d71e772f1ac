"""Draws and caches the noise of seeds, and blends that of two seeds."""

import torch
from torch import Tensor

from engine.models.device_work import upload
from engine.models.sd.blending import interpolate
from engine.models.sd.seeds import Blend, Seeds


class SeededNoise:
    """The noise (1, *size) of one seed for each step. Step k has the same values whatever the
    number of steps."""

    def __init__(
        self, generator: torch.Generator, size: tuple[int, ...], device: torch.device
    ) -> None:
        """Drawn on the generator's device when first needed. `size`: channels, height and width of
        the latents."""
        self.size = size
        self.device = device
        self._generator = generator
        self._waiting: list[Tensor] = []
        """Drawn, not yet uploaded: a failed upload must not lose numbers of the generator."""
        self._noise: list[Tensor] = []

    def first(self, steps: int) -> Tensor:
        """The noise of the first steps, (steps, *size). Those not yet drawn are uploaded
        together."""
        generator = self._generator
        while len(self._noise) + len(self._waiting) < steps:
            self._waiting.append(
                torch.randn((1, *self.size), generator=generator, device=generator.device)
            )
        if self._waiting:
            self._noise += torch.split(upload(torch.cat(self._waiting), self.device), 1)
            self._waiting.clear()
        return torch.cat(self._noise[:steps])

    def draw(self, step: int) -> Tensor:
        if step >= len(self._noise):
            self.first(step + 1)
        return self._noise[step]


class BlendedNoise:
    """The noise of two seeds, blended step by step. Two noises are almost orthogonal. So with slerp
    the blend is as strong as either; with linear it is weaker in the middle, down to 0.71 times."""

    def __init__(self, first: SeededNoise, second: SeededNoise, mix: float, blend: Blend) -> None:
        self._blend: Blend = blend
        self._pair = (first, second)
        self._mix = mix

    def first(self, steps: int) -> Tensor:
        """The noise of the first steps, (steps, *size)."""
        one, other = (each.first(steps) for each in self._pair)
        weights = 1.0 - self._mix, self._mix
        return interpolate((one.flatten(1), other.flatten(1)), weights, self._blend).view_as(one)

    def draw(self, step: int) -> Tensor:
        """The noise of a step, (1, *size)."""
        return self.first(step + 1)[step:]


Noise = SeededNoise | BlendedNoise


class NoiseSource:
    """Draws the noise of seeds, and caches that of the seeds in use. Single thread."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._random: torch.Generator | None = None
        self._cache: dict[int, SeededNoise] = {}

    def noise(self, seeds: Seeds, size: tuple[int, ...]) -> Noise:
        """The noise of the next call. `size`: channels, height and width of the latents."""
        used = [self._seeded(seed, size) for seed in seeds.used]
        self._cache = {
            seed: noise for seed, noise in zip(seeds.used, used, strict=True) if seed >= 0
        }
        return (
            used[0]
            if len(used) == 1
            else BlendedNoise(used[0], used[1], seeds.seed_mix, seeds.blend)
        )

    def _seeded(self, seed: int, size: tuple[int, ...]) -> SeededNoise:
        cached = self._cache.get(seed)
        if cached is not None and cached.size == size:
            return cached
        if seed >= 0:  # drawn on the CPU, so that the values are the same on every kind of device
            return SeededNoise(torch.Generator().manual_seed(seed), size, self._device)
        if self._random is None:
            self._random = torch.Generator(self._device)
            self._random.seed()
        return SeededNoise(self._random, size, self._device)
