"""The networks that draw control images, as folders of the user: what is told before loading, and by loading."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.check import check
from engine.models.sd.load import load
from tests.conftest import TinyModels


def test_both_are_counted_and_loaded_with_the_model(tiny_sd: Path, tiny_models: TinyModels) -> None:
    spec = ModelSpec(model=str(tiny_sd), depth=str(tiny_models.depth()), pose=str(tiny_models.pose()))
    report, model = check(spec), load(spec, "cpu", "float32")
    assert report.is_complete and list(model.detectors) == ["depth", "pose"]
    counted = {part.name: part.parameters for part in report.parts}
    for part, detector in model.detectors.items():
        network = detector.network
        weights = sum(weight.numel() for weight in network.state_dict().values() if weight.is_floating_point())
        assert counted[part] == weights and not network.training
        assert not any(weight.requires_grad for weight in network.parameters())
    plain = load(ModelSpec(model=str(tiny_sd)), "cpu", "float32")
    assert model.memory_bytes() - plain.memory_bytes() == 4 * (counted["depth"] + counted["pose"])


def test_another_model_or_a_folder_without_weights_is_told_in_one_line(
    tiny_sd: Path, tiny_models: TinyModels, tmp_path: Path
) -> None:
    depth, pose = tiny_models.depth(), tiny_models.pose()
    empty = shutil.copytree(depth, tmp_path / "empty", ignore=shutil.ignore_patterns("*.safetensors"))
    for part, name, said in (
        ("depth", pose, "is a model of type vitpose; depth needs DepthAnythingForDepthEstimation, for example depth-"),
        ("pose", depth, "is a model of type depth_anything; pose needs VitPoseForPoseEstimation, for example usyd-"),
        ("pose", tiny_models.controlnet(tiny_sd), "is a model of type unknown; pose needs"),
        ("depth", depth / "model.safetensors", "depth is a folder in transformers' layout, not a file"),
        ("depth", empty, "has no weights"),
        ("depth", tmp_path, "config.json is missing"),
        ("pose", "usyd-community/vitpose-base-simple", 'hf download usyd-community/vitpose-base-simple --include "co'),
    ):
        (line,) = check(ModelSpec(model=str(tiny_sd), **{part: str(name)})).missing
        assert said in line and str(name) in line and "\n" not in line


def test_weights_that_do_not_fit_the_configuration_are_told_in_one_line(
    tiny_sd: Path, tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_models.pose(), tmp_path / "pose")
    weights = load_file(folder / "model.safetensors")
    left_out = next(name for name in weights if name.startswith("head."))
    kept = {name: weight for name, weight in weights.items() if name != left_out}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=f"1 tensors are missing or have another shape, the first is {left_out}"):
        load(ModelSpec(model=str(tiny_sd), pose=str(folder)), "cpu", "float32")
