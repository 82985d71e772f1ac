"""Files and folders passed by mistake instead of a model are recognized, in one line with the next
step."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.cli.model import check as check_command
from engine.errors import ModelError
from engine.models import locate
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.spec import ModelSpec
from tests.support.cases import cases_of
from tests.support.links import link_or_copy
from tests.support.tiny_single_file import copy_configuration, save_tensors

SAVED = cases_of(__file__)["saved"]


def refused(name: Path | str) -> str:
    """The line of `model check`, which `sd`, `video` and `run` show too."""
    with pytest.raises(ModelError) as raised:
        check_command(str(name))
    line = str(raised.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("name", SAVED)
def test_a_file_that_is_not_a_model_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(SAVED[name]["content"].encode("latin-1"))
    assert SAVED[name]["says"] in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["model.zip", "model.safetensors", "model.ckpt"])
def test_an_archive_is_reported_with_the_model_inside(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("dreamshaper_8.safetensors", "")
    says = f"{name}: is an archive; unpack it, and name the model in it (dreamshaper_8.safetensors)"
    assert refused(tmp_path / name).endswith(says)


def test_a_renamed_file_is_told_by_its_contents(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(4)}
    torch.save(tensors, tmp_path / "new.safetensors")
    torch.save(tensors, tmp_path / "old.sft", _use_new_zipfile_serialization=False)
    save_tensors(tmp_path / "plain.ckpt", tensors)
    for name, says in (
        ("new.safetensors", "a pickle written by torch.save; rename it to new.ckpt"),
        ("old.sft", "a pickle written by torch.save; rename it to old.ckpt"),
        ("plain.ckpt", "a safetensors file; rename it to plain.safetensors"),
    ):
        assert refused(tmp_path / name) == f"{tmp_path / name}: is {says}"


def test_a_file_with_something_appended_is_cut_and_read(tiny_models: Any, tmp_path: Path) -> None:
    """Also called .sft, as ComfyUI and Forge allow."""
    whole = tiny_models.single_file(tiny_models.sd(vae="kl")).read_bytes()
    copy_configuration(tiny_models.sd(vae="kl"), tmp_path / "x")
    file = tmp_path / "x.sft"
    file.write_bytes(whole + b"\n\n")
    assert refused(file) == (
        f"{file}: is 2 bytes longer than its header says: something was appended to it; cut it to "
        f"{len(whole)} bytes"
    )
    os.truncate(file, len(whole))
    check_command(str(file))


def test_a_relative_of_flux_is_told_by_a_shape(tmp_path: Path) -> None:
    names = {
        "double_blocks.0.img_attn.qkv.weight": torch.zeros(1),
        "txt_in.weight": torch.zeros(1, 3584),
    }
    assert "is LongCat-Image, a transformer" in refused(
        save_tensors(tmp_path / "x.safetensors", names)
    )


def test_a_folder_of_downloads_is_reported_with_the_file_names(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.safetensors").touch()
    assert "name one of them: a.safetensors, b.safetensors, c.safetensors and 1 more" in refused(
        tmp_path
    )
    with pytest.raises(ModelError, match=r"name one of them: a\.safetensors"):
        plan_model(ModelSpec(model=str(tmp_path)))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            {"_class_name": "ControlNetModel"},
            "is a ControlNet; use it together with a --model, as --controlnet",
        ),
        ({"_class_name": "AutoencoderTiny"}, "is a VAE; use it together with a --model, as --vae"),
        (
            {"_class_name": "UNet2DConditionModel"},
            "is the UNet of a model; use it together with a --model, as --unet",
        ),
        ({"model_type": "hubert"}, "is a HuBERT"),
        ({"model_type": "clip_text_model"}, "is a text encoder"),
    ],
)
def test_a_part_named_as_the_model_is_recognized(
    config: dict[str, Any], says: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert says in refused(tmp_path)
    with pytest.raises(ModelError, match=says):
        plan_model(ModelSpec(model=str(tmp_path)))


def test_a_partly_downloaded_model_is_not_mistaken_for_another_kind(tmp_path: Path) -> None:
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
    }
    (tmp_path / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    line = refused(tmp_path)
    assert (
        "incomplete, unet/config.json is missing; fetch it again" in line
        and "supported:" not in line
    )


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (
            "https://huggingface.co/stabilityai/sd-turbo/tree/main",
            "use the id: stabilityai/sd-turbo",
        ),
        (
            "https://civitai.com/models/4384/dreamshaper",
            "download the file with a browser, and use its path",
        ),
    ],
)
def test_a_url_is_recognized(address: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        locate.find(address)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ModelError, match="the model name is empty"):
        locate.find("")


def test_a_voice_whose_suffix_is_in_capitals_is_a_voice(tiny_models: Any, tmp_path: Path) -> None:
    link_or_copy(tmp_path / "Alto.PTH", tiny_models.voice() / "voice.pth")
    check_command(str(tmp_path / "Alto.PTH"), content=str(tiny_models.voice() / "content"))


def test_a_controlnet_with_the_suffix_of_voices_is_recognized(tmp_path: Path) -> None:
    torch.save(
        {"control_model.input_blocks.0.0.weight": torch.zeros(1)},
        tmp_path / "control_v11p_sd15_canny.pth",
    )
    assert "is a ControlNet; use it together with a --model" in refused(
        tmp_path / "control_v11p_sd15_canny.pth"
    )
