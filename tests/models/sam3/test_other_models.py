"""Models mistaken for SAM3: check, load and the command line refuse each in one line that names it.

Names of tensors and files as published: github.com/facebookresearch/sam3 (model_builder.py), sam2,
segment-anything, EdgeTAM, github.com/ChaoningZhang/MobileSAM; model_type as in transformers'
configuration classes.
"""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from engine.cli.main import commands_of
from engine.errors import ModelError
from engine.models.rvc.check import check as check_voice
from engine.models.rvc.spec import VoiceSpec
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.check import check
from engine.models.sam3.load import load
from tests.support.links import link_or_copy

SAM2 = ("image_encoder.trunk.patch_embed.proj.weight", "memory_attention.layers.0.norm1.weight")
SAM1 = (
    "image_encoder.pos_embed",
    "prompt_encoder.no_mask_embed.weight",
    "mask_decoder.iou_token.weight",
)
MOBILE = ("image_encoder.layers.0.blocks.0.conv1.c.weight", *SAM1[1:])
FILES = [
    ("sam2.1_hiera_large.pt", SAM2, True, "SAM 2"),
    ("sam_vit_h_4b8939.pth", SAM1, False, "SAM 1"),
    ("mobile_sam.pt", MOBILE, False, "MobileSAM"),
]
KINDS = {
    "sam": "SAM 1",
    "sam2": "SAM 2",
    "edgetam_video": "EdgeTAM",
    "sam3_tracker_video": "SAM3's tracker alone",
}
IDS = {
    "facebook/sam2.1-hiera-large": "SAM 2",
    "facebook/sam-vit-huge": "SAM 1",
}
STEPS = (
    "; use facebook/sam3: ask for access at https://huggingface.co/facebook/sam3, then `hf "
    "auth login`, then `hf"
)


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def written(file: Path, names: tuple[str, ...], is_nested: bool) -> Path:
    tensors = {name: torch.zeros(2) for name in names}
    if file.suffix == ".safetensors":
        save_file(tensors, file)
    else:
        torch.save({"model": tensors} if is_nested else tensors, file)
    return file


def refusal(name: str) -> str:
    """The error line, which is the same for check, load and `multiverse model check`."""
    spec = SegmentationSpec(model=name)
    lines: list[str] = []
    for act in (lambda: check(spec).require_complete(), lambda: load(spec, "cpu", "float32")):
        with pytest.raises(ModelError) as raised:
            act()
        lines.append(str(raised.value))
    ran = CliRunner().invoke(commands_of(["model"]), ["model", "check", name])
    assert isinstance(ran.exception, ModelError)
    (line,) = {*lines, str(ran.exception)}
    assert "\n" not in line and line.startswith(name)
    return line


@pytest.mark.parametrize(
    ("file", "names", "is_nested", "what"), FILES, ids=[file for file, *_ in FILES]
)
def test_a_checkpoint_of_another_program_is_named(
    tmp_path: Path, file: str, names: tuple[str, ...], is_nested: bool, what: str
) -> None:
    line = refusal(str(written(tmp_path / file, names, is_nested)))
    assert f": is {what}" in line and STEPS in line


@pytest.mark.parametrize(("kind", "what"), KINDS.items(), ids=list(KINDS))
def test_a_folder_of_another_kind_is_named(tmp_path: Path, kind: str, what: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
    line = refusal(str(tmp_path))
    assert (
        f": is {what}" in line and f"(config.json says model_type {kind})" in line and STEPS in line
    )


@pytest.mark.parametrize(("name", "what"), IDS.items(), ids=list(IDS))
def test_no_access_is_suggested_for_unsupported_models(name: str, what: str) -> None:
    line = refusal(name)
    assert f": is {what}" in line and STEPS in line
    assert f"huggingface.co/{name} " not in line and f"hf download {name} " not in line


def test_a_cached_model_is_suggested_without_a_download(
    tmp_path: Path, hub: Path, tiny_sam3: Path
) -> None:
    repository = hub / "models--facebook--sam3"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40, encoding="utf-8")
    (repository / "snapshots").mkdir()
    link_or_copy(repository / "snapshots" / ("0" * 40), tiny_sam3)
    line = refusal(str(written(tmp_path / "sam2.pt", SAM2, False)))
    assert line.endswith("; use facebook/sam3, which is on this machine")


def test_a_download_of_sam_3_1_without_its_checkpoint_says_how_to_get_that(hub: Path) -> None:
    folder = hub / "models--facebook--sam3.1" / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    line = refusal("facebook/sam3.1")
    assert re.fullmatch(r".*: has no weights .*then `hf download .*sam3\.1_multiplex\.pt\"`", line)


def test_weights_named_without_their_folder_name_the_folder(tiny_sam3: Path) -> None:
    assert refusal(str(tiny_sam3 / "model.safetensors")).endswith(
        f"name the folder with config.json: {tiny_sam3}"
    )


def test_a_sam_checkpoint_is_refused_as_a_voice(tmp_path: Path) -> None:
    file = written(tmp_path / "sam_vit_h_4b8939.pth", SAM1, False)
    with pytest.raises(ModelError, match="no RVC voice"):
        check_voice(VoiceSpec(model=str(file)))
