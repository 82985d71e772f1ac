"""Networks loaded from single files equal those of the folders that they were written from, tensor
for tensor."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.graphs import DirectRunner
from engine.models.sd import ModelSpec
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.file_weights import _OLD_VAE_NAMES, load_controlnet, load_vae
from engine.models.sd.load import latent_scale, load
from engine.models.sd.pixels import Pixels
from engine.models.sd.plan.controlnet_file import examine_controlnet
from engine.models.sd.plan.ip_adapter_file import examine_ip_adapter
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.network_outline import NetworkOutline
from engine.models.sd.plan.network_outline import outline_of as outline_in
from engine.models.sd.plan.vae_choice import choose_vae
from tests.models.sd.oracle import SIDE_PX, source_picture
from tests.support.replicas import nets
from tests.support.replicas.replica import Folders


def outline_of(sd: Path | str) -> NetworkOutline:
    return outline_in(DiffusersFolder(Path(sd)))


def controlnet_of(name: Path | str, sd: Path | str, dtype: torch.dtype = torch.float16) -> Any:
    return load_controlnet(examine_controlnet(str(name), outline_of(sd)), dtype)


def assert_same(ours: Any, theirs: Any) -> None:
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("kind", ["sd15", "sdxl", nets.MID, nets.SMALL])
def test_a_controlnet_file_is_the_network_of_its_folder(target: Folders, kind: str) -> None:
    """With the names of either code; smaller networks have no attention in some blocks."""
    is_small = kind in (nets.MID, nets.SMALL)
    sd = target.tiny.sd(kind="sdxl" if is_small else kind, sampler="lcm")
    folder = (
        nets.smaller_controlnet(target.folder / "net", kind)
        if is_small
        else target.tiny.controlnet(sd)
    )
    whole, files = controlnet_of(folder, sd), [target.folder / "xl_canny.safetensors"]
    shutil.copy(folder / "diffusion_pytorch_model.safetensors", files[0])
    if not is_small:
        files.append(target.folder / "canny.safetensors")
        save_file(nets.original_controlnet(folder), files[1])
    for file in files:
        read = controlnet_of(file, sd)
        assert_same(read, whole)
        differing = {
            key
            for key, value in whole.config.items()
            if plain(read.config.get(key)) != plain(value)
        }
        differing -= {"_name_or_path", "_use_default_values", "_diffusers_version", "_class_name"}
        # of blocks without attention it says nothing
        assert differing <= {"transformer_layers_per_block"}


def plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value[0] if len(set(value)) == 1 else list(value)
    return value


def test_a_controlnet_file_without_one_of_its_tensors_is_refused(target: Folders) -> None:
    sd = target.tiny.sd(kind="sd15", sampler="lcm")
    tensors = nets.original_controlnet(target.tiny.controlnet(sd))
    file = target.folder / "cut.safetensors"
    for lacking, says in (
        ("zero_convs.1.0.weight", r"1 tensors are missing .* controlnet_down_blocks\.1\.weight"),
        ("zero_convs.1.", "incomplete ControlNet, it has 3 of 4 controlnet_down_blocks"),
        (
            "input_hint_block.0.",
            r"incomplete ControlNet, controlnet_cond_embedding\.conv_in\.weight is missing",
        ),
    ):
        save_file({name: tensor for name, tensor in tensors.items() if lacking not in name}, file)
        with pytest.raises(ModelError, match=says):
            controlnet_of(file, sd)


def test_a_shuffle_controlnet_does_not_affect_the_negative_prompt(target: Folders) -> None:
    """diffusers' pipelines use guess_mode with global_pool_conditions."""
    model = load(nets.canny(target, global_pool_conditions=True), "cpu", "float32")
    denoiser, pixels = Denoiser(model, calls=DirectRunner()), Pixels(model, SIDE_PX, SIDE_PX)
    control = ControlInput(
        index=0, picture=pixels.prepare_control(source_picture(seed=3)[None]), scale=1.0
    )
    z, t = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([500])
    cond = Conditioner(model).encode("a cat", "a dog")
    (_, alone), (against, output), (free, plain) = (
        denoiser.outputs(z, t, cond, controls, negatives=negatives)
        for controls, negatives in (((control,), 0), ((control,), 1), ((), 1))
    )
    assert against is not None and free is not None and torch.allclose(against, free, atol=1e-5)
    for steered in (alone, output):
        assert not torch.allclose(steered, plain, atol=1e-3)


def test_a_controlnet_with_bgr_input_gets_bgr(target: Folders) -> None:
    sd = target.tiny.sd(kind="sd15", sampler="lcm")
    rgb = controlnet_of(target.tiny.controlnet(sd), sd, torch.float32)
    folder = nets.controlnet_folder(target, "sd15", controlnet_conditioning_channel_order="bgr")
    bgr = controlnet_of(folder, sd, torch.float32)
    z, text, picture = torch.zeros(1, 4, 8, 8), torch.zeros(1, 77, 32), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        residual = bgr(z, torch.tensor([1]), text, picture.flip(1), return_dict=False)[1]
        assert torch.equal(residual, rgb(z, torch.tensor([1]), text, picture, return_dict=False)[1])


def test_a_controlnet_with_unsupported_inputs_is_refused(target: Folders) -> None:
    folder = nets.controlnet_folder(target, "sd15")
    outline, published = (
        outline_of(nets.sd_of(target, "sd15")),
        (folder / "config.json").read_text(encoding="utf-8"),
    )
    for values, says in (
        (
            {"encoder_hid_dim": 4096, "encoder_hid_dim_type": "text_proj"},
            "texts of another encoder",
        ),
        ({"num_control_type": 6}, "incomplete ControlNet Union, task_embedding"),
        ({"controlnet_conditioning_channel_order": "hsv"}, "supported: rgb, bgr"),
        ({"block_out_channels": [32, 128]}, r"block_out_channels \[32, 128\]"),
    ):
        (folder / "config.json").write_text(published, encoding="utf-8")
        nets.edit_config(folder, **values)
        with pytest.raises(ModelError, match=says):
            examine_controlnet(str(folder), outline)


def vae_of(spec: ModelSpec) -> Any:
    return load_vae(choose_vae(DiffusersFolder(Path(spec.model)), spec.vae), torch.float32)


@pytest.mark.parametrize("name", ["sdxl_vae.safetensors", "sdxl_vae.pt"])
def test_a_vae_file_is_the_network_of_its_folder(target: Folders, name: str) -> None:
    read = vae_of(
        nets.vae_file(
            target, name, kind="sdxl", prefix="first_stage_model.", extra=("loss.logvar",)
        )
    )
    assert_same(read, nets.tiny_vae())
    assert read.config.scaling_factor == 0.13025
    picture = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(
            read.encode(picture).latent_dist.mode(),
            nets.tiny_vae().encode(picture).latent_dist.mode(),
        )


@pytest.mark.parametrize(
    ("hub_id", "dtype"),
    [("stabilityai/sdxl-vae", torch.float32), ("madebyollin/sdxl-vae-fp16-fix", torch.float16)],
)
def test_only_the_fixed_sdxl_vae_runs_in_half_precision(
    target: Folders, hub_id: str, dtype: torch.dtype
) -> None:
    spec = nets.vae_file(target, "sdxl_vae.safetensors", kind="sdxl", hub_id=hub_id)
    assert load(spec, "cpu", "float16").vae.dtype == dtype


def test_a_taesd_in_two_files_is_the_network_of_its_folder(target: Folders) -> None:
    assert_same(vae_of(nets.taesd_pair(target, "taesdxl", kind="sdxl")), nets.tiny_taesd())


def test_a_vae_file_with_the_old_names_of_diffusers_is_read(target: Folders) -> None:
    vae, tensors = nets.tiny_vae(), {}
    for name, tensor in vae.state_dict().items():
        for old, new in _OLD_VAE_NAMES.items() if ".attentions." in name else ():
            name = name.replace(new, old)
        tensors[name] = tensor
    file = nets.saved(target.folder / "sd-vae-ft-mse.safetensors", tensors)
    assert any(".query." in name for name in tensors)
    assert_same(vae_of(ModelSpec(model=nets.sd_of(target, "sd15"), vae=str(file))), vae)


def test_latents_with_mean_and_std_are_scaled_as_in_diffusers() -> None:
    mean, spread = [-1.6574, 1.886, -1.383, 2.5155], [8.4927, 5.9022, 6.5498, 5.2299]
    config = nets.tiny_vae(latents_mean=mean, latents_std=spread, scaling_factor=0.5).config
    factor, shift = latent_scale(config, torch.device("cpu"))
    latents = torch.randn(2, 4, 3, 3)
    # pipeline_stable_diffusion_xl_img2img.py: (latents - mean) * scaling_factor / std
    expected = torch.stack([(latents[:, c] - mean[c]) * 0.5 / spread[c] for c in range(4)], dim=1)
    assert torch.allclose((latents - shift) * factor, expected, atol=1e-6)


def test_a_vae_with_another_normalisation_is_refused(target: Folders) -> None:
    model = nets.own_vae(
        target, latents_mean=[0.1] * 4, latents_std=[2.0] * 4, scaling_factor=0.5
    ).model
    vae = nets.vae_folder(
        target, "madebyollin/sdxl-vae-fp16-fix", kind="sdxl", scaling_factor=0.13025
    ).vae
    with pytest.raises(
        ModelError, match=r"a VAE of SDXL whose scaling_factor is 0\.13025, .* trained with 0\.5"
    ):
        choose_vae(DiffusersFolder(Path(model)), vae)
    with pytest.raises(
        ModelError, match=r"there is no TAESD for a VAE whose scaling_factor is 0\.5"
    ):
        choose_vae(DiffusersFolder(Path(model)), "taesd")
    nets.taesd_folder(target, "madebyollin/taesdxl", kind="sdxl")
    assert choose_vae(DiffusersFolder(Path(model)), "auto").kind == "AutoencoderKL"


@pytest.mark.parametrize(
    ("file", "projection", "wide", "encoder"),
    [
        ("sdxl_models/a_vit-h.safetensors", "standard", 1024, "models"),
        ("sdxl_models/plus_vit-h.safetensors", "plus", 32, "models"),
        ("models/a_vit-G.bin", "standard", 1280, "sdxl_models"),
    ],
)
def test_the_image_encoder_is_the_one_whose_width_fits(
    target: Folders, file: str, projection: str, wide: int, encoder: str
) -> None:
    kind = "sdxl" if file.startswith("sdxl") else "sd15"
    spec = nets.h94(target, file, projection=projection, wide=wide, kind=kind)
    found = examine_ip_adapter(spec.ip_adapter, "", outline_of(spec.model))
    assert found.encoder.parent.name == encoder
    other = (
        found.encoder.parent.parent
        / ({"models", "sdxl_models"} - {encoder}).pop()
        / "image_encoder"
    )
    with pytest.raises(ModelError, match="needs an image_encoder whose") as error:
        examine_ip_adapter(spec.ip_adapter, str(other), outline_of(spec.model))
    assert f"this one fits: {found.encoder}" in str(error.value)


def test_a_pickle_that_imports_code_is_refused_with_the_imported_name(
    tiny_sd: Path, tmp_path: Path
) -> None:
    file = tmp_path / "kl-f8-anime.ckpt"
    torch.save({"state_dict": {}, "callbacks": Path("made/by/a/callback")}, file)
    with pytest.raises(
        ModelError, match=r"would run pathlib\.\w+, which no file of tensors needs; use a \.safe"
    ):
        choose_vae(DiffusersFolder(tiny_sd), str(file))


def test_a_folder_that_is_not_a_controlnet_is_refused(target: Folders, tmp_path: Path) -> None:
    sd = target.tiny.sd(kind="sd15")
    (tmp_path / "empty").mkdir()
    nets.original_file(target, "control_v11p_sd15_canny.pth")
    for name, says in (
        (tmp_path / "empty", "not a diffusers ControlNet folder"),
        (target.folder, r"name the file itself: .*control_v11p_sd15_canny\.pth"),
    ):
        with pytest.raises(ModelError, match=says):
            controlnet_of(name, sd)
