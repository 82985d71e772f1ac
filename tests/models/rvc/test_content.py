"""Content features: HuBERT's hidden layers equal those of transformers' own forward."""

import pytest
import torch

from engine.models.rvc.content import MIN_SAMPLES, ContentEncoder
from tests.models.rvc.small_hubert import PROJECTED, WIDTH, SmallHubert, small_hubert


@pytest.fixture(scope="module")
def hubert() -> SmallHubert:
    torch.set_num_threads(1)
    return small_hubert().requires_grad_(False)


@pytest.fixture(scope="module")
def sound() -> torch.Tensor:
    return torch.randn(2, 8_000, generator=torch.Generator().manual_seed(1)) * 0.2


def test_v2_is_hidden_layer_12_and_v1_layer_9_through_the_projection(hubert: SmallHubert, sound: torch.Tensor) -> None:
    encoder = ContentEncoder(hubert, hubert.final_proj)
    hidden = hubert(sound, output_hidden_states=True).hidden_states  # the input of the first layer comes first
    assert torch.equal(encoder(sound, version="v2"), hidden[12])
    assert torch.equal(encoder(sound, version="v1"), hubert.final_proj(hidden[9]))
    assert (encoder.channels("v1"), encoder.channels("v2")) == (PROJECTED, WIDTH)


def test_v1_does_not_run_the_layers_it_does_not_need(sound: torch.Tensor) -> None:
    hubert = small_hubert().requires_grad_(False)
    run: list[int] = []
    for number, layer in enumerate(hubert.encoder.layers, start=1):
        layer.register_forward_hook(lambda layer, given, made, number=number: run.append(number))
    encoder = ContentEncoder(hubert, hubert.final_proj)
    encoder(sound, version="v1")
    assert run == list(range(1, 10))
    encoder(sound, version="v2")
    assert run[9:] == list(range(1, 13))


@pytest.mark.parametrize("samples", [MIN_SAMPLES, 719, 720, 5_039, 5_040, 16_000])
def test_the_number_of_vectors_is_as_documented(hubert: SmallHubert, samples: int) -> None:
    made = ContentEncoder(hubert, None)(torch.zeros(1, samples), version="v2")
    assert made.shape == (1, (samples - 80) // 320, WIDTH)


def test_a_batch_equals_its_single_sounds(hubert: SmallHubert, sound: torch.Tensor) -> None:
    encoder = ContentEncoder(hubert, hubert.final_proj)
    together = encoder(sound, version="v1")
    for number, alone in enumerate(sound):
        torch.testing.assert_close(encoder(alone[None], version="v1")[0], together[number], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("is_large", [False, True], ids=["group norm", "layer norm, normed first"])
def test_the_norms_of_the_configuration_are_used(sound: torch.Tensor, is_large: bool) -> None:
    changes = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True} if is_large else {}
    hubert = small_hubert(**changes).requires_grad_(False)
    made = ContentEncoder(hubert, None)(sound, version="v2")
    assert torch.equal(made, hubert(sound, output_hidden_states=True).hidden_states[12])


@pytest.mark.parametrize("gain", [1e-4, 1.0, 20.0], ids=["-94 dBFS", "speech", "clipped"])
def test_half_precision_gives_the_same_at_any_level(hubert: SmallHubert, sound: torch.Tensor, gain: float) -> None:
    sound = (sound * gain).clamp(-1.0, 1.0)
    wanted = ContentEncoder(hubert, None)(sound, version="v2")
    half = small_hubert().requires_grad_(False).half()
    made = ContentEncoder(half, None)(sound, version="v2")
    assert made.dtype == torch.float16
    assert torch.cosine_similarity(made.float(), wanted, dim=-1).min() > 0.9999
