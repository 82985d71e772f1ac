"""Encoding prompts equals diffusers' `encode_prompt`; chunks, weights and blends of prompts."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.models.sd.blending import interpolate, slerp
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.model import DiffusionModel
from tests.models.sd.oracle import pipeline_of
from tests.models.sd.plain_stream import loaded


@pytest.fixture(scope="module")
def model(tiny_sd: Path) -> DiffusionModel:
    return loaded(tiny_sd)


@pytest.fixture(scope="module")
def xl(tiny_models: Any) -> DiffusionModel:
    return loaded(tiny_models.sd(kind="sdxl"))


@pytest.fixture
def encoder_calls(model: DiffusionModel) -> Any:
    calls: list[int] = []
    hook = model.text_encoders[0].register_forward_hook(lambda *_: calls.append(1))
    yield calls
    hook.remove()


@pytest.mark.parametrize("kind", ["sd15", "sd21", "turbo"])
def test_texts_encode_bit_identically_to_diffusers(tiny_models: Any, kind: str) -> None:
    sd = tiny_models.sd(kind=kind)
    model = loaded(sd)
    theirs = pipeline_of(sd).encode_prompt(
        "a photo of the cat", "cpu", 1, True, "the dog, ünïcode 🦊"
    )
    ours = Conditioner(model).encode("a photo of the cat", "the dog, ünïcode 🦊")
    assert torch.equal(ours.prompt_embeds, theirs[0])
    assert torch.equal(ours.negative_embeds, theirs[1])
    assert ours.pooled_embeds is None


def test_both_encoders_of_an_xl_model_equal_diffusers(xl: DiffusionModel) -> None:
    pipeline = pipeline_of(Path(xl.spec.model))
    size = pipeline._get_add_time_ids(
        (96, 64), (0, 0), (96, 64), 6.0, 2.5, (96, 64), (0, 0), (96, 64), torch.float32, 32
    )
    for negative in ("the dog", "", None):
        theirs = pipeline.encode_prompt(
            "a cat",
            device="cpu",
            do_classifier_free_guidance=True,
            negative_prompt=negative or None,
        )
        ours = Conditioner(xl).encode("a cat", negative, size=(64, 96))
        assert torch.equal(ours.prompt_embeds, theirs[0]) and torch.equal(
            ours.pooled_embeds, theirs[2]
        )
        assert torch.equal(ours.time_ids, size[0])
        if negative is None:
            assert ours.negative_embeds is None and ours.negative_pooled is None
        else:
            assert torch.equal(ours.negative_embeds, theirs[1]) and torch.equal(
                ours.negative_pooled, theirs[3]
            )


def test_a_long_text_is_encoded_in_chunks_of_75_tokens(
    tiny_sd: Path, model: DiffusionModel
) -> None:
    conditioner = Conditioner(model, note=lambda key, line: pytest.fail(line))
    first, second = "x " * 75, "the cat " * 3
    long = conditioner.encode(first + second, "a dog")
    assert long.prompt_embeds.shape == long.negative_embeds.shape == (1, 154, 32)
    cut = pipeline_of(tiny_sd).encode_prompt(first + second, "cpu", 1, False)[0]
    assert torch.equal(long.prompt_embeds[:, :77], cut), "as diffusers, which cuts the rest off"
    assert torch.equal(long.prompt_embeds[:, 77:], conditioner.encode(second, None).prompt_embeds)
    assert torch.equal(
        long.negative_embeds[:, :77], conditioner.encode("a dog", None).prompt_embeds
    )
    assert torch.equal(long.negative_embeds[:, 77:], conditioner.encode("", None).prompt_embeds)
    blend = conditioner.encode(
        [(first + second, 1.0), ("fire", 3.0)], None, blend="linear"
    ).prompt_embeds
    rest = 0.25 * long.prompt_embeds[:, 77:] + 0.75 * conditioner.encode("", None).prompt_embeds
    assert torch.allclose(blend[:, 77:], rest, atol=1e-6)


def test_break_begins_a_chunk_and_what_does_not_fit_into_four_is_noted(
    model: DiffusionModel,
) -> None:
    notes: list[tuple[str, str]] = []
    conditioner = Conditioner(model, note=lambda key, line: notes.append((key, line)))
    broken = conditioner.encode("a cat BREAK (the dog:1.2)", None).prompt_embeds
    assert broken.shape == (1, 154, 32) and torch.equal(
        broken[:, :77], conditioner.encode("a cat", None).prompt_embeds
    )
    assert torch.equal(
        conditioner.encode("a cat BREAK BREAK ", None).prompt_embeds[:, :77], broken[:, :77]
    )
    assert conditioner.encode("x " * 300, None).prompt_embeds.shape == (1, 308, 32) and notes == []
    conditioner.encode("x " * 300 + "the cat", None)
    assert notes == [("prompt", "300 tokens of the prompt are used; ignored: the cat")]


def test_changing_weights_of_eight_prompts_do_not_run_the_text_encoder(
    model: DiffusionModel, encoder_calls: list
) -> None:
    conditioner, texts = Conditioner(model), [f"a cat {number}" for number in range(8)]
    alone = [conditioner.encode(text, "fog").prompt_embeds for text in texts]
    count = len(encoder_calls)
    weights = torch.rand((20, 8), generator=torch.Generator().manual_seed(1)) + 0.01
    for row in weights.tolist():
        mean = conditioner.encode(
            list(zip(texts, row, strict=True)), "fog", blend="linear"
        ).prompt_embeds
        fractions = torch.tensor(row) / sum(row)
        assert torch.allclose(mean, (torch.cat(alone) * fractions[:, None, None]).sum(0), atol=1e-5)
    assert len(encoder_calls) == count == 9


def test_a_blend_goes_from_one_prompt_to_the_other(model: DiffusionModel) -> None:
    conditioner = Conditioner(model)
    start, end = (
        conditioner.encode("a cat", None).prompt_embeds,
        conditioner.encode("the dog", None).prompt_embeds,
    )
    mixes = [(("a cat", 10.0 - mix), ("the dog", mix + 0.0)) for mix in range(1, 10)]
    halves = [conditioner.encode(mix, None).prompt_embeds for mix in mixes]
    to_start = [(half - start).norm().item() for half in (start, *halves, end)]
    assert to_start == sorted(to_start) and to_start[1] > 0.0
    for half, (_, (_, mix)) in zip(halves, mixes, strict=True):
        assert torch.allclose(half, slerp(start, end, mix / 10), atol=1e-6)


def test_a_prompt_that_was_prepared_is_blended_in_without_the_text_encoder(
    model: DiffusionModel, encoder_calls: list
) -> None:
    conditioner = Conditioner(model)
    conditioner.prepare("the dog")
    conditioner.encode([("a cat", 1.0)], None)
    count = len(encoder_calls)
    conditioner.encode([("a cat", 0.5), ("the dog", 0.5)], None)
    assert len(encoder_calls) == count == 2


def test_the_spherical_mix_has_constant_speed() -> None:
    x, y = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    for mix in (0.25, 0.5, 0.9):
        at = slerp(x, y, mix)[0]
        assert at.norm().item() == pytest.approx(3.0, rel=1e-6)
        assert math.atan2(at[1], at[0]) == pytest.approx(mix * math.pi / 2, rel=1e-6)


def test_only_the_ratios_of_weights_count_and_slerp_keeps_the_strength() -> None:
    parts = list(torch.eye(3)[:, None])
    for blend in ("slerp", "linear"):
        one, other = (
            interpolate(parts, weights, blend) for weights in ((1.0, 2.0, 1.0), (0.25, 0.5, 0.25))
        )
        assert torch.allclose(one, other)
        assert torch.equal(interpolate(parts[:1], [0.3], blend), parts[0])
    assert interpolate(parts, (1.0, 1.0, 1.0), "slerp").norm().item() == pytest.approx(1.0)
    assert interpolate(parts, (1.0, 1.0, 1.0), "linear")[0].tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("end", [[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [1.0001, 2.0], [2.0, 4.0]])
def test_the_mix_of_any_two_vectors_is_finite(end: list[float]) -> None:
    start = torch.tensor([[1.0, 2.0]])
    for mix in (0.0, 0.3, 0.5, 1.0):
        at = slerp(start, torch.tensor([end]), mix)
        assert at.isfinite().all()
        assert torch.allclose(at, torch.lerp(start, torch.tensor([end]), mix), atol=1e-4)
    assert torch.equal(slerp(start, start, 0.37), start)


# -- weights in brackets, clip skip


def weighted(plain: torch.Tensor, weights: dict[int, float], width: int) -> torch.Tensor:
    """Weight tokens by A1111's arithmetic written out: each token times its weight, each encoder's
    mean restored."""
    encoders = []
    for hidden in plain.split(width, dim=-1):
        rows = torch.stack(
            [hidden[0, index] * weights.get(index, 1.0) for index in range(hidden.shape[1])]
        )
        encoders.append(rows * hidden.mean() / rows.mean())
    return torch.cat(encoders, dim=-1)[None]


def test_a_weighted_word_has_more_effect_and_the_mean_is_restored(tiny_sd: Path) -> None:
    model = loaded(tiny_sd)
    model.text_encoders[
        0
    ].final_layer_norm.bias += 0.5  # with none the mean is 0, and its restoring rounding
    conditioner, tokenizer = Conditioner(model), model.tokenizers[0]
    plain = conditioner.encode("a cat in ink", "the dog")
    ours = conditioner.encode("a (cat:1.5) in [ink]", "((the)) dog")

    def token_range(before: str, to: str) -> range:
        """The tokens that `to` has in addition to `before`."""
        return range(*(len(tokenizer(text).input_ids) - 1 for text in (before, to)))

    weights = dict.fromkeys(token_range("a", "a cat"), 1.5)
    weights |= dict.fromkeys(token_range("a cat in", "a cat in ink"), 1 / 1.1)
    assert len(weights) == 5  # c a t, in k
    assert torch.allclose(ours.prompt_embeds, weighted(plain.prompt_embeds, weights, 32), atol=1e-6)
    assert ours.prompt_embeds.mean().item() == pytest.approx(
        plain.prompt_embeds.mean().item(), rel=1e-4
    )
    assert not torch.allclose(ours.prompt_embeds, plain.prompt_embeds, atol=1e-3)
    expected = weighted(plain.negative_embeds, dict.fromkeys(token_range("", "the"), 1.21), 32)
    assert torch.allclose(ours.negative_embeds, expected, atol=1e-6)


def test_each_encoder_of_an_xl_model_keeps_its_mean_and_the_pooled_text_has_no_weights(
    xl: DiffusionModel,
) -> None:
    conditioner = Conditioner(xl)
    plain, ours = conditioner.encode("a cat", ""), conditioner.encode("a (cat:0.4)", "")
    tokens = range(2, len(xl.tokenizers[0]("a cat").input_ids) - 1)
    assert torch.allclose(
        ours.prompt_embeds, weighted(plain.prompt_embeds, dict.fromkeys(tokens, 0.4), 32), atol=1e-6
    )
    assert torch.equal(ours.pooled_embeds, plain.pooled_embeds)
    assert not conditioner.encode(
        "a cat", "<lora:x:1>"
    ).negative_embeds.any()  # empty, as trained: zeros


@pytest.mark.parametrize(("kind", "own"), [("sd15", 1), ("turbo", 2)])
def test_clip_skip_equals_a1111_and_diffusers(tiny_models: Any, kind: str, own: int) -> None:
    sd = tiny_models.sd(kind=kind)
    model = loaded(sd)
    conditioner, encoder = Conditioner(model), model.text_encoders[0]
    plain = conditioner.encode("a cat", "").prompt_embeds
    states = encoder(model.tokenizers[0]("a cat", padding="max_length",
        return_tensors="pt").input_ids,
                     output_hidden_states=True).hidden_states  # fmt: skip
    for clip_skip in range(own + 3):
        layer = states[-1 - max(0, clip_skip - own)]
        ours = conditioner.encode("a cat", "", clip_skip=clip_skip)
        assert torch.allclose(ours.prompt_embeds, encoder.final_layer_norm(layer), atol=1e-6)
        if clip_skip <= own:
            assert torch.equal(ours.prompt_embeds, plain)
    asking = loaded(sd, clip_skip=own + 2)
    assert torch.equal(Conditioner(asking).encode("a cat", "").prompt_embeds, ours.prompt_embeds)


def test_clip_skip_2_of_an_xl_model_is_its_own_and_3_what_diffusers_calls_1(
    xl: DiffusionModel,
) -> None:
    conditioner, pipeline = Conditioner(xl), pipeline_of(Path(xl.spec.model))
    for clip_skip in (1, 2, 3):
        skipped = max(0, clip_skip - 2)
        theirs = pipeline.encode_prompt(
            "a cat", device="cpu", do_classifier_free_guidance=False, clip_skip=skipped
        )
        ours = conditioner.encode("a cat", None, clip_skip=clip_skip)
        assert torch.equal(ours.prompt_embeds, theirs[0]) and torch.equal(
            ours.pooled_embeds, theirs[2]
        )
    second, default = (conditioner.encode("a cat", None, clip_skip=skip) for skip in (2, None))
    assert torch.equal(second.prompt_embeds, default.prompt_embeds)


def test_a_long_prompt_of_an_xl_model_keeps_the_pooled_text_of_its_first_chunk(
    xl: DiffusionModel,
) -> None:
    conditioner = Conditioner(xl)
    long, short = conditioner.encode("x " * 80, ""), conditioner.encode("x " * 75, "")
    assert long.prompt_embeds.shape == long.negative_embeds.shape == (1, 154, 64)
    assert torch.equal(long.pooled_embeds, short.pooled_embeds) and not long.negative_embeds.any()
