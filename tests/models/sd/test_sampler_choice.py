"""The sampler that a model is run with, by published names, misleading names, and schedulers'
JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.models.safetensors_file import SafetensorsFile
from engine.models.sd.plan.lora_file import LoraFile
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.prediction import Decision, FilePrediction
from engine.models.sd.plan.sampler_choice import SamplerChoice, choose_sampler
from engine.models.sd.plan.sampler_name import name_notes, sampler_from_name
from engine.models.sd.plan.scheduler_config import choose_prediction
from engine.models.sd.plan.single_file import SingleFile
from tests.support.cases import cases_of

CASES: Any = cases_of(__file__)
EULER = {
    "_class_name": "EulerDiscreteScheduler",
    "timestep_spacing": "trailing",
    "prediction_type": "epsilon",
}
XL = {"addition_embed_type": "text_time", "use_linear_projection": True, "sample_size": 128}
XL_512 = XL | {"sample_size": 64}
SD21 = {"use_linear_projection": True, "sample_size": 64}
CLIP = ["transformers", "CLIPTextModel"]


def test_a_name_shows_the_distillation_unless_its_words_have_another_meaning() -> None:
    for is_lora, samplers in ((False, CASES["checkpoints"]), (True, CASES["loras"])):
        for expected, names in samplers.items():
            for name in names.split():
                named = sampler_from_name(name, is_lora=is_lora)
                assert ("" if named is None else named.sampler) == expected, name


@pytest.mark.parametrize(("name", "takes", "usual"), CASES["guidance"])
def test_a_merge_obeys_a_guidance_and_a_published_distillation_does_not(
    tmp_path: Path, name: str, takes: bool, usual: float
) -> None:
    chosen = choice(
        folder_of(tmp_path / "model", {"_class_name": "PNDMScheduler"}, XL), single=name
    )
    assert (chosen.takes_guidance, chosen.guidance) == (takes, usual)


@pytest.mark.parametrize(("name", "is_lora", "says"), CASES["notes"])
def test_a_distillation_known_only_by_name_is_noted(name: str, is_lora: bool, says: str) -> None:
    notes = name_notes(name, is_lora=is_lora)
    assert len(notes) == bool(says)
    assert all(says in note and name in note for note in notes)


def file_of(path: Path) -> SingleFile:
    return SingleFile(
        file=SafetensorsFile(path),
        family="sdxl",
        tensors={},
        prediction=FilePrediction(marked=None, likely=None, zero_snr=""),
    )


def test_a_prediction_follows_from_that_name_unless_another_is_requested(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model", {"_class_name": "PNDMScheduler"}, XL)
    file = file_of(tmp_path / "sdxl_lightning_1step_x0.safetensors")
    assert choose_prediction("auto", folder, file).value == "sample"
    assert choose_prediction("epsilon", folder, file).value == "epsilon"
    two = file_of(tmp_path / "sdxl_lightning_2step.safetensors")
    assert choose_prediction("auto", folder, two).value == "epsilon"


def folder_of(path: Path, scheduler: dict[str, Any], unet: dict[str, Any]) -> DiffusersFolder:
    index = {"_class_name": "StableDiffusionPipeline", "text_encoder": CLIP, "tokenizer": CLIP}
    index |= {"text_encoder_2": CLIP, "tokenizer_2": CLIP}
    files = {
        "model_index.json": index,
        "unet/config.json": unet,
        "scheduler/scheduler_config.json": scheduler,
    }
    for name, config in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(json.dumps(config), encoding="utf-8")
    return DiffusersFolder(path)


def choice(
    folder: DiffusersFolder,
    single: str = "",
    loras: tuple[str, ...] = (),
    prediction: str = "epsilon",
    requested: str = "auto",
) -> SamplerChoice:
    file = file_of(folder.path.parent / f"{single}.safetensors") if single else None
    files = [
        LoraFile(name=name, weight=1.0, file=SafetensorsFile(Path(f"{name}.safetensors")))
        for name in loras
    ]
    return choose_sampler(requested, folder, file, Decision(prediction, ""), files)


@pytest.mark.parametrize(
    ("name", "scheduler", "unet", "prediction", "expected", "reason"),
    [
        ("copy", EULER, SD21, "epsilon", "turbo", "as sd-turbo's"),
        (
            "copy",
            EULER | {"_class_name": "EulerAncestralDiscreteScheduler"},
            XL_512,
            "epsilon",
            "turbo",
            "512 px",
        ),
        (
            "copy",
            EULER,
            XL,
            "epsilon",
            "scheduler",
            "if it is a turbo or lightning model, set that sampler",
        ),
        ("realvis-lightning", EULER, XL, "epsilon", "lightning", "and the name realvis-lightning"),
        (
            "turbo",
            EULER | {"prediction_type": "v_prediction"},
            SD21,
            "v_prediction",
            "scheduler",
            "configuration",
        ),
        (
            "copy",
            EULER | {"timestep_spacing": "leading"},
            SD21,
            "epsilon",
            "scheduler",
            "configuration",
        ),
        (
            "sdxl-turbo",
            {"_class_name": "DDIMScheduler"},
            XL,
            "epsilon",
            "scheduler",
            "configuration",
        ),
        ("lcm", EULER, {}, "epsilon", "lcm", "trailing timesteps and the name lcm"),
        ("copy", {"_class_name": "LCMScheduler"}, {}, "epsilon", "lcm", "LCMScheduler"),
    ],
)
def test_the_sampler_of_a_folder_follows_from_its_configuration(
    tmp_path: Path,
    name: str,
    scheduler: Any,
    unet: Any,
    prediction: str,
    expected: str,
    reason: str,
) -> None:
    chosen = choice(folder_of(tmp_path / name, scheduler, unet), prediction=prediction)
    assert chosen.value == expected
    assert reason in chosen.reason


def test_only_the_stem_of_a_single_file_counts_not_its_folder_or_the_published_configuration(
    tmp_path: Path,
) -> None:
    """The published folder describes its networks, not the sampler of another file with that
    configuration."""
    published = folder_of(tmp_path / "lcm" / "sdxl-turbo", EULER, XL_512)
    assert choice(published, single="turbolicious").value == "scheduler"
    assert choice(published, single="sdxl_lightning_4step").reason == (
        "the name sdxl_lightning_4step: SDXL-Lightning, made for 4 steps"
    )
    assert (
        choice(folder_of(tmp_path / "lcm" / "mine", EULER, XL_512), single="mine").value == "turbo"
    )


def test_a_lora_takes_precedence_over_the_model(tmp_path: Path) -> None:
    lcm = folder_of(tmp_path / "model", {"_class_name": "LCMScheduler"}, XL)
    chosen = choice(lcm, loras=("glass", "Hyper-SDXL-12steps-CFG-lora"))
    assert (chosen.value, chosen.takes_guidance) == ("hyper", True)
    assert (
        chosen.reason
        == "the name of the LoRA Hyper-SDXL-12steps-CFG-lora: Hyper-SD, made for 12 steps"
    )
    assert choice(lcm, loras=("glass",)).value == "lcm"


def test_a_model_that_predicts_velocity_is_never_turbo(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model", {"_class_name": "PNDMScheduler"}, XL)
    chosen = choice(folder, single="vpred_turbo", prediction="v_prediction")
    assert chosen.value == "scheduler" and "says turbo, but it predicts v" in chosen.reason
    assert (
        choice(folder, loras=("sdxl-turbo-lora",), prediction="v_prediction").value == "scheduler"
    )
    assert (
        choice(folder, single="vpred_turbo", prediction="v_prediction", requested="turbo").reason
        == "asked for"
    )
