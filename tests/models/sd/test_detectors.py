"""What a ControlNet sees: depth and poses by networks from folders, edges as OpenCV's, and soft
outlines."""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.control_images import (
    COLOURS,
    GAIN,
    LIMB_LIGHT,
    OPENPOSE,
    DepthMaps,
    Skeletons,
    hard_edges,
    normalize,
    soft_edges,
)
from engine.models.sd.edges import canny_edges
from engine.models.sd.load import load
from engine.models.sd.plan.model_plan import plan_model
from tests.conftest import TinyModels
from tests.support.tensors import copied_tensors
from tests.support.tiny_detectors import (
    BrightnessAsDepth,
    KnownPose,
    build_tiny_depth,
    build_tiny_pose,
    network_of,
)

GOLDEN = Path(__file__).parents[2] / "golden"
STANDING = torch.tensor(
    [(24, 8), (26, 6), (22, 6), (28, 8), (20, 8), (31, 16), (17, 16), (35, 26), (13, 26), (37, 36),
        (11, 36), (28, 36),
     (20, 36), (28, 47), (20, 47), (28, 58), (20, 58)]
).float() + torch.tensor([0.3, -0.2])  # fmt: skip
"""COCO's joints in pixels of the heatmaps, 48 x 64: a person seen from the front, whose left is at
the right."""
NECK, LEFT_WRIST, RIGHT_WRIST = 1, 7, 4


@pytest.mark.parametrize("is_metric", [False, True])
def test_the_nearest_point_is_white_and_the_farthest_black(is_metric: bool) -> None:
    """Also by a model that gives metres, which are small where others give large numbers."""
    picture = torch.full((2, 3, 64, 96), 0.4)
    picture[0, :, 8:24] = 0.5
    picture[0, :, 40:56] = 0.45
    depth = DepthMaps(BrightnessAsDepth(is_metric=is_metric)).draw(picture)
    assert depth.shape == picture.shape and torch.equal(depth[:, 0], depth[:, 2])
    near, middle, far = depth[0, 0, 16, 48], depth[0, 0, 48, 48], depth[0, 0, 0, 48]
    overshoot = 0.08  # of bicubic scaling
    assert (near.item(), middle.item(), far.item()) == pytest.approx((1.0, 0.5, 0.0), abs=overshoot)
    rounding = 4e-3 if sys.platform == "win32" else 1e-3  # a level of 255 there
    assert depth[1].abs().max() < rounding, "a picture without depth is black"


def test_a_map_is_that_of_transformers_processor(tmp_path: Path) -> None:
    """The output of a random network is resized as its processor does; the rest is a division."""
    from transformers import DPTImageProcessorPil

    network = network_of("DepthAnythingForDepthEstimation", build_tiny_depth(tmp_path))
    rows = torch.rand(64, 96, 3, generator=torch.manual_seed(1)).mul(255).byte().numpy()
    processor = DPTImageProcessorPil(
        size={"height": 70, "width": 98}, ensure_multiple_of=14, image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    seen = processor(rows, return_tensors="pt")["pixel_values"]
    rgb = torch.from_numpy(rows).permute(2, 0, 1)[None] / 255.0
    small = torch.nn.functional.interpolate(rgb, (70, 98), mode="bicubic", antialias=True).clamp(
        0.0, 1.0
    )
    assert (normalize(small) - seen).abs().mean() < 0.02, (
        "the same picture, but for rounding to whole numbers"
    )
    with torch.no_grad():
        output = network(normalize(small))
    (theirs,) = processor.post_process_depth_estimation(output, target_sizes=[(64, 96)])
    depth = np.asarray(theirs["predicted_depth"])
    assert depth.max() - depth.min() > 0.01
    expected = (depth - depth.min()) / (depth.max() - depth.min())
    assert np.abs(DepthMaps(network).draw(rgb)[0, 0].numpy() - expected).max() < 1e-3


def colour_of(index: int, *, is_limb: bool = False) -> list[int]:
    return [int(level * LIMB_LIGHT) if is_limb else level for level in COLOURS[index]]


def position_of(joint: int) -> tuple[int, int]:
    """(x, y) of a joint of OpenPose in a picture of 384 x 512, whose box is the whole of it."""
    shoulders = STANDING[5:7].mean(dim=0)
    x, y = shoulders if joint == NECK else STANDING[OPENPOSE[joint]]
    return round(float(x) * 384 / 47), round(float(y) * 512 / 63)


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    """(512, 384, 3) uint8."""
    image = Skeletons(KnownPose(STANDING, torch.ones(17))).draw(torch.zeros(1, 3, 512, 384))
    assert image.shape == (1, 3, 512, 384)
    return (image[0].permute(1, 2, 0) * 255).round().int()


def test_every_joint_has_its_colour_at_its_position_on_black(picture: torch.Tensor) -> None:
    for joint in range(18):
        x, y = position_of(joint)
        assert picture[y, x].tolist() == colour_of(joint), joint
    assert (picture.amax(dim=2) == 0).float().mean() > 0.9


def test_limbs_are_darker_ellipses_between_their_joints(picture: torch.Tensor) -> None:
    """The second limb is that from the neck to the left shoulder, the fourth the lower right
    arm."""
    for limb, (first, second) in {1: (NECK, 5), 3: (3, RIGHT_WRIST)}.items():
        (x, y), (to_x, to_y) = position_of(first), position_of(second)
        assert picture[(y + to_y) // 2, (x + to_x) // 2].tolist() == colour_of(limb, is_limb=True)


def test_a_joint_that_is_hardly_found_is_left_out_with_its_limbs() -> None:
    scores = torch.ones(17)
    scores[10] = 0.2  # the right wrist
    image = (
        Skeletons(KnownPose(STANDING, scores)).draw(torch.zeros(1, 3, 512, 384))[0].permute(1, 2, 0)
    )
    levels = (image * 255).round().int()
    for colour in (colour_of(RIGHT_WRIST), colour_of(3, is_limb=True)):
        assert not (levels == torch.tensor(colour)).all(dim=2).any()
    x, y = position_of(LEFT_WRIST)
    assert levels[y, x].tolist() == colour_of(LEFT_WRIST)
    assert not Skeletons(KnownPose(STANDING, torch.zeros(17))).draw(torch.zeros(1, 3, 64, 64)).any()


@pytest.mark.parametrize(("height", "width"), [(512, 384), (512, 512), (576, 1024), (1024, 256)])
def test_joints_are_those_of_transformers_post_processing(height: int, width: int) -> None:
    """With the box that contains the whole picture: its processor adds a quarter around the one it
    gets."""
    from transformers import VitPoseImageProcessorPil

    network = KnownPose(STANDING, torch.linspace(0.5, 1.0, 17))
    positions, scores = Skeletons(network).joints(torch.rand(1, 3, height, width))
    side = max(height / 256, width / 192)
    box_w, box_h = side * 192 / 1.25, side * 256 / 1.25
    box = [(width - box_w) / 2, (height - box_h) / 2, box_w, box_h]
    outputs = network(torch.zeros(0))
    ((theirs,),) = VitPoseImageProcessorPil().post_process_pose_estimation(outputs, boxes=[[box]])
    assert (positions[0] - torch.as_tensor(theirs["keypoints"])).abs().max() < 0.02 * side * 4
    assert torch.allclose(scores[0], torch.as_tensor(theirs["scores"]), atol=0.05)


@pytest.mark.parametrize("experts", [1, 3])
def test_a_vitpose_and_a_vitpose_plus_are_drawn(tmp_path: Path, experts: int) -> None:
    network = network_of(
        "VitPoseForPoseEstimation", build_tiny_pose(tmp_path, experts=experts), num_labels=17
    )
    image = Skeletons(network).draw(torch.rand(1, 3, 64, 96, generator=torch.manual_seed(1)))
    assert image.shape == (1, 3, 64, 96) and image.min() >= 0.0 and image.max() <= 1.0


def test_both_are_counted_and_loaded_with_the_model(tiny_sd: Path, tiny_models: TinyModels) -> None:
    spec = ModelSpec(
        model=str(tiny_sd), depth=str(tiny_models.depth()), pose=str(tiny_models.pose())
    )
    report, model = plan_model(spec), load(spec, "cpu", "float32")
    assert report.is_complete and list(model.detectors) == ["depth", "pose"]
    counted = {part.name: part.parameters for part in report.parts}
    for part, detector in model.detectors.items():
        network = detector.network
        weights = sum(
            weight.numel() for weight in network.state_dict().values() if weight.is_floating_point()
        )
        assert counted[part] == weights and not network.training
        assert not any(weight.requires_grad for weight in network.parameters())
    plain = load(ModelSpec(model=str(tiny_sd)), "cpu", "float32")
    assert model.memory_bytes() - plain.memory_bytes() == 4 * (counted["depth"] + counted["pose"])


def test_another_model_or_a_folder_without_weights_is_refused_in_one_line(
    tiny_sd: Path, tiny_models: TinyModels, tmp_path: Path
) -> None:
    depth, pose = tiny_models.depth(), tiny_models.pose()
    empty = shutil.copytree(
        depth, tmp_path / "empty", ignore=shutil.ignore_patterns("*.safetensors")
    )
    for part, name, reason in (
        (
            "depth",
            pose,
            "is a model of type vitpose; depth needs DepthAnythingForDepthEstimation, for example "
            "depth-",
        ),
        (
            "pose",
            depth,
            "is a model of type depth_anything; pose needs VitPoseForPoseEstimation, for example "
            "usyd-",
        ),
        ("pose", tiny_models.controlnet(tiny_sd), "is a model of type unknown; pose needs"),
        (
            "depth",
            depth / "model.safetensors",
            "depth is a folder in transformers' layout, not a file",
        ),
        ("depth", empty, "has no weights"),
        ("depth", tmp_path, "config.json is missing"),
        (
            "pose",
            "usyd-community/vitpose-base-simple",
            'hf download usyd-community/vitpose-base-simple --include "co',
        ),
    ):
        (line,) = plan_model(ModelSpec(model=str(tiny_sd), **{part: str(name)})).missing
        assert reason in line and str(name) in line and "\n" not in line


def test_weights_that_do_not_fit_the_configuration_are_refused_in_one_line(
    tiny_sd: Path, tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_models.pose(), tmp_path / "pose")
    weights = copied_tensors(folder / "model.safetensors")
    left_out = next(name for name in weights if name.startswith("head."))
    rest = {name: weight for name, weight in weights.items() if name != left_out}
    save_file(rest, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        ModelError, match=f"1 tensors are missing or have another shape, the first is {left_out}"
    ):
        load(ModelSpec(model=str(tiny_sd), pose=str(folder)), "cpu", "float32")


def on_device(picture: np.ndarray) -> np.ndarray:
    found = hard_edges(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
    assert found.shape == (1, 3, *picture.shape[:2])
    return found[0].permute(1, 2, 0).mul(255).byte().numpy()


@pytest.mark.parametrize("name", ["curved", "kaleidoscope", "noise"])
def test_the_edges_are_those_of_opencv(name: str) -> None:
    if name == "noise":
        rng = np.random.default_rng(1)
        picture = cv2.GaussianBlur(rng.integers(0, 256, (120, 200, 3), np.uint8), (0, 0), 2.0) * 3
    else:
        picture = np.array(Image.open(GOLDEN / f"{name}.png").convert("RGB"))
    expected = canny_edges(picture, picture.shape[1::-1])
    assert 0.02 < (expected > 0).mean() < 0.5
    assert (on_device(picture) != expected).mean() < 2e-4


def stepped(height: float, *, side: int = 96) -> torch.Tensor:
    """(1, 3, side, side): dark at the left, brighter by `height` at the right."""
    picture = torch.full((1, 3, side, side), 0.1)
    picture[..., side // 2 :] += height
    return picture


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_step_is_drawn_by_its_height_and_fades_to_both_sides(is_turned: bool) -> None:
    picture = stepped(0.25)
    outline = soft_edges(picture.mT if is_turned else picture)
    assert outline.shape == picture.shape and torch.equal(
        outline[:, :1].expand(-1, 3, -1, -1), outline
    )
    line = (outline.mT if is_turned else outline)[0, 0, 40]
    assert line[47:49].tolist() == pytest.approx([0.25 * GAIN] * 2, rel=1e-4), (
        "the two columns beside it alike"
    )
    assert (line[:47].diff() > -1e-6).all() and (line[49:].diff() < 1e-6).all()
    assert line[36] > 0 and line[:35].max() < 1e-6, (
        "three times the coarsest scale away there is nothing"
    )


def test_a_high_step_is_white_and_the_border_of_the_picture_is_no_outline() -> None:
    assert soft_edges(stepped(0.8)).max() == 1.0
    assert soft_edges(torch.full((1, 3, 20, 30), 0.7)).max() < 1e-5
