"""The noise of one seed and of two."""

import pytest
import torch

from engine.models.sd.noise import NoiseSource
from engine.models.sd.seeds import Blend, Seeds

SIZE = (4, 32, 32)


def noise_of(source: NoiseSource, steps: int = 2, **seeds: float | Blend) -> torch.Tensor:
    return source.noise(Seeds(**seeds), SIZE).first(steps)


@pytest.fixture
def source() -> NoiseSource:
    return NoiseSource(torch.device("cpu"))


def test_at_both_ends_of_the_mix_there_is_the_noise_of_one_seed(source: NoiseSource) -> None:
    for mix, seed in ((0.0, 3), (1.0, 7)):
        alone = torch.cat(
            [torch.randn((1, *SIZE), generator=rng) for rng in [generator(seed)] for _ in (0, 1)]
        )
        assert torch.equal(noise_of(source, seed=3, seed_b=7, seed_mix=mix), alone)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_arc_keeps_the_strength_of_the_noise_and_the_straight_line_loses_some(
    source: NoiseSource,
) -> None:
    for mix in (0.25, 0.5, 0.9):
        straight = noise_of(source, seed=3, seed_b=7, seed_mix=mix, blend="linear").std().item()
        assert noise_of(source, seed=3, seed_b=7, seed_mix=mix).std().item() == pytest.approx(
            1.0, abs=0.03
        )
        assert straight == pytest.approx(((1 - mix) ** 2 + mix**2) ** 0.5, abs=0.03)


def test_new_noise_for_each_call_can_be_mixed_into_a_fixed_seed(source: NoiseSource) -> None:
    seeds = Seeds(seed=3, seed_b=-1, seed_mix=0.2)
    assert not seeds.is_fixed and Seeds(seed=3, seed_b=-1).is_fixed
    fixed = noise_of(source, seed=3)
    calls = [source.noise(seeds, SIZE).first(2) for _ in range(2)]
    assert not torch.equal(*calls)
    for call in calls:  # an arc of 90 degrees: 0.2 of it is 18
        likeness = torch.nn.functional.cosine_similarity(
            call.flatten(), fixed.flatten(), dim=0
        ).item()
        assert likeness == pytest.approx(0.951, abs=0.03)


def test_a_single_step_of_a_blend_is_that_of_all_steps(source: NoiseSource) -> None:
    noise = source.noise(Seeds(seed=3, seed_b=7, seed_mix=0.4), SIZE)
    assert torch.equal(torch.cat([noise.draw(step) for step in range(3)]), noise.first(3))
