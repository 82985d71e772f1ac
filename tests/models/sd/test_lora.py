"""Merged LoRAs paint what diffusers paints, and can be removed exactly."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.models.sd.conditioner import Conditioner
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.spec import ModelSpec
from tests.models.sd.oracle import difference, diffusers_picture, our_picture, pipeline_of
from tests.models.sd.plain_stream import loaded
from tests.support.long_form import in_long_form


def weights_of(model: Any) -> list[torch.Tensor]:
    return [
        parameter
        for network in (model.unet, *model.text_encoders)
        for parameter in network.parameters()
    ]


@pytest.fixture(scope="module")
def plain(tiny_sd: Path) -> Any:
    return loaded(tiny_sd)


def test_merged_loras_paint_the_same_as_in_diffusers(tiny_models: Any, tiny_sd: Path) -> None:
    pipeline = pipeline_of(tiny_sd)
    before = diffusers_picture(pipeline)
    for all_options in (
        [({}, 0.7)],
        [({"style": "kohya"}, 0.7)],
        [({"with_conv": True}, 0.7)],
        [({"with_text": False}, 0.7)],
        [({"seed": 2}, 1.0), ({"seed": 5}, -0.5)],
    ):
        loras = [(tiny_models.lora(tiny_sd, **options), weight) for options, weight in all_options]
        model = loaded(tiny_sd, loras=tuple((str(file), each) for file, each in loras))
        names = [f"number {number}" for number in range(len(loras))]
        for name, (file, _) in zip(names, loras, strict=True):
            pipeline.load_lora_weights(
                str(file.parent), weight_name=file.name, adapter_name=name, local_files_only=True
            )
        pipeline.set_adapters(names, [weight for _, weight in loras])
        theirs = diffusers_picture(pipeline)
        pipeline.unload_lora_weights()
        assert model.notes == ()
        assert difference(before, theirs) > 5.0
        assert difference(theirs, our_picture(model)) < 0.5 + 0.255, all_options


def test_at_strength_zero_the_weights_equal_the_file_at_the_same_addresses(
    tiny_models: Any, tiny_sd: Path, plain: Any
) -> None:
    file = tiny_models.lora(tiny_sd, with_conv=True)
    model = loaded(tiny_sd, loras=((str(file), 0.8),))
    name = model.loras.names[0]
    addresses = [weight.data_ptr() for weight in weights_of(model)]
    changed = [weight.clone() for weight in weights_of(model)]
    copies = [
        was
        for ours, was in zip(changed, weights_of(plain), strict=True)
        if not torch.equal(ours, was)
    ]
    expected = sum(tensor.nbytes for tensor in (*copies, *load_file(file).values()))
    assert model.memory_bytes() - plain.memory_bytes() == expected > 0
    for strength in (0.3, -1.7, 0.0):
        model.loras.set_weights({name: strength})
    assert all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(weights_of(model), weights_of(plain), strict=True)
    )
    for strength in (2.0, -1.1, 0.8):
        model.loras.set_weights({name: strength})
    assert all(torch.equal(ours, was) for ours, was in zip(weights_of(model), changed, strict=True))
    assert [weight.data_ptr() for weight in weights_of(model)] == addresses


def test_texts_are_encoded_again_only_if_a_text_encoder_changed(
    tiny_models: Any, tiny_sd: Path
) -> None:
    both, unet_only = tiny_models.lora(tiny_sd), tiny_models.lora(tiny_sd, with_text=False)
    model = loaded(tiny_sd, loras=((str(both), 0.0), (str(unet_only), 0.0)))
    conditioner = Conditioner(model)
    before = conditioner.encode("a cat", None).prompt_embeds
    model.loras.set_weights({model.loras.names[1]: 1.0})
    assert model.loras.text_version == 0
    model.loras.set_weights({model.loras.names[0]: 1.0})
    assert model.loras.text_version == 1
    assert not torch.equal(conditioner.encode("a cat", None).prompt_embeds, before)
    model.loras.set_weights({model.loras.names[0]: 0.0})
    assert torch.equal(conditioner.encode("a cat", None).prompt_embeds, before)


def test_a_lora_changes_both_text_encoders_of_an_xl_model(tiny_models: Any) -> None:
    sd = tiny_models.sd(kind="sdxl")
    file = tiny_models.lora(sd)
    model, pipeline = loaded(sd, loras=((str(file), 1.0),)), pipeline_of(sd)
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
    theirs = pipeline.encode_prompt("a cat", device="cpu", do_classifier_free_guidance=False)
    ours = Conditioner(model).encode("a cat", None)
    assert torch.allclose(ours.prompt_embeds, theirs[0], atol=1e-5)
    assert torch.allclose(ours.pooled_embeds, theirs[2], atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "as_file"),
    [("sd15", True), ("sdxl", False), *in_long_form(("sd15", False), ("sdxl", True))],
)
def test_trained_norms_add_their_differences(
    tiny_models: Any, tmp_path: Path, kind: str, as_file: bool
) -> None:
    """LyCORIS' train_norm: `w_norm` and `b_norm` next to the factors, in the UNet and in each text
    encoder."""
    from safetensors.torch import save_file

    sd = tiny_models.sd(kind=kind, vae="kl")
    model = tiny_models.single_file(sd) if as_file else sd
    norms = {
        "lora_unet_mid_block_resnets_0_norm1": ("unet", "mid_block.resnets.0.norm1"),
        "lora_unet_down_blocks_1_attentions_0_norm": ("unet", "down_blocks.1.attentions.0.norm"),
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_norm2": (
            "unet",
            "mid_block.attentions.0.transformer_blocks.0.norm2",
        ),
        "lora_te1_text_model_encoder_layers_0_layer_norm1": (
            "text_encoder",
            "encoder.layers.0.layer_norm1",
        ),
    }
    if kind == "sdxl":
        norms["lora_te2_text_model_encoder_layers_1_layer_norm2"] = (
            "text_encoder_2",
            "encoder.layers.1.layer_norm2",
        )
    plain = loaded(model, vae="full")
    networks = dict(
        zip(
            ("unet", "text_encoder", "text_encoder_2"),
            (plain.unet, *plain.text_encoders),
            strict=False,
        )
    )
    before = {part: dict(_without_prefix(network)) for part, network in networks.items()}
    tensors: dict[str, torch.Tensor] = {}
    for named, (part, layer) in norms.items():
        count = before[part][f"{layer}.weight"].numel()
        tensors |= {f"{named}.w_norm": torch.randn(count), f"{named}.b_norm": torch.randn(count)}
    save_file(tensors, tmp_path / "normed.safetensors")
    loras = ((str(tmp_path / "normed.safetensors"), 0.5),)
    merged = loaded(model, vae="full", loras=loras)
    assert merged.notes == plain.notes
    networks = dict(zip(networks, (merged.unet, *merged.text_encoders), strict=True))
    after = {part: dict(_without_prefix(network)) for part, network in networks.items()}
    for named, (part, layer) in norms.items():
        for name, role in (("weight", "w_norm"), ("bias", "b_norm")):
            expected = before[part][f"{layer}.{name}"] + 0.5 * tensors[f"{named}.{role}"]
            assert torch.equal(after[part][f"{layer}.{name}"], expected)
    merged.loras.set_weights({"normed": 0.0})
    for part, network in networks.items():
        assert all(torch.equal(each, before[part][name]) for name, each in _without_prefix(network))


def test_comfyuis_whole_differences_are_added_and_other_tensors_refused(
    tiny_sd: Path, tmp_path: Path
) -> None:
    """`.diff` of a convolution and a matrix, `.diff_b` of their biases; peft's trained biases
    replace the model's."""
    from safetensors.torch import save_file

    before = dict(_without_prefix(loaded(tiny_sd).unet))
    layers = ("conv_in", "down_blocks.0.resnets.0.conv1", "time_embedding.linear_1")
    tensors = {}
    for layer in layers:
        for role, name in (("diff", "weight"), ("diff_b", "bias")):
            tensors[f"diffusion_model.{layer}.{role}"] = torch.randn(
                before[f"{layer}.{name}"].shape
            )
    save_file(tensors, tmp_path / "whole.safetensors")
    after = dict(
        _without_prefix(loaded(tiny_sd, loras=((str(tmp_path / "whole.safetensors"), 0.5),)).unet)
    )
    for name, tensor in before.items():
        layer, _, kind = name.rpartition(".")
        difference = tensors.get(
            f"diffusion_model.{layer}.{'diff' if kind == 'weight' else 'diff_b'}"
        )
        assert torch.equal(after[name], tensor if difference is None else tensor + 0.5 * difference)
    biases = tensors | {
        "base_model.model.mid_block.resnets.0.conv1.base_layer.bias": torch.zeros(2)
    }
    save_file(biases, tmp_path / "biases.safetensors")
    plan = plan_model(
        ModelSpec(model=str(tiny_sd), loras=((str(tmp_path / "biases.safetensors"), 1.0),))
    )
    assert plan.missing[0].endswith(
        "1 of its tensors have no place in a LoRA, the first is "
        "base_model.model.mid_block.resnets.0.conv1."
        "base_layer.bias; merge it where it was trained"
    )


def _without_prefix(network: Any) -> list[tuple[str, torch.Tensor]]:
    return [
        (name.removeprefix("text_model."), each.detach().clone())
        for name, each in network.named_parameters()
    ]
