"""Loading a model: sampler, dtype, choice of the VAE, files that are opened."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.plan.model_plan import plan_model
from tests.support.hostile_pickle import Call
from tests.support.replicas.replica import Folders

_opened: list[Path] = []
"""What this process has opened since a test began to count."""
_is_counting = [False]
INDEX, UNET = "model_index.json", "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copied(tiny_models: Any, tmp_path: Path) -> Any:
    """`copied(**options)`: a separate copy of a tiny model, to be damaged."""

    def copy(**options: Any) -> Path:
        return shutil.copytree(tiny_models.sd(**options), tmp_path / "model")

    return copy


def load_tiny(folder: Path | str, dtype: str = "fp32", **options: Any) -> DiffusionModel:
    return load(ModelSpec(model=str(folder), **options), "cpu", dtype)


def test_a_requested_sampler_is_used(tiny_sd: Path) -> None:
    assert load_tiny(tiny_sd, sampler="scheduler").sampler == "scheduler"
    with pytest.raises(
        ModelError,
        match="sampler ddim: not one of auto, lcm, turbo, lightning, hyper, tcd, scheduler",
    ):
        load_tiny(tiny_sd, sampler="ddim")


@pytest.mark.parametrize(("name", "dtype"), [("fp16", torch.float16), ("bfloat16", torch.bfloat16)])
def test_weights_have_the_requested_dtype(tiny_sd: Path, name: str, dtype: torch.dtype) -> None:
    model = load_tiny(tiny_sd, name)
    assert (
        model.unet.dtype == model.vae.dtype == model.text_encoders[0].dtype == model.dtype == dtype
    )
    assert model.memory_bytes() < 0.6 * load_tiny(tiny_sd).memory_bytes()
    with pytest.raises(ModelError, match="dtype int8: not one of"):
        load_tiny(tiny_sd, "int8")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Files opened during the test, by Python and by safetensors, each as often as it is opened."""

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        # With a mode: an opener's own call has none.
        if (
            _is_counting[0]
            and event == "open"
            and arguments[1]
            and isinstance(arguments[0], str | Path)
        ):
            _opened.append(Path(arguments[0]))

    def counted(file: Any, *arguments: Any, **options: Any) -> Any:
        _opened.append(Path(f"{file} by safetensors"))
        return safe_open(file, *arguments, **options)

    for module in ("safetensors", "safetensors.torch", "transformers.modeling_utils"):
        monkeypatch.setattr(f"{module}.safe_open", counted)
    sys.addaudithook(count)  # for good: it cannot be taken away
    _is_counting[0] = True
    yield _opened
    _is_counting[0] = False


def test_a_folder_is_opened_once_to_plan_a_model_and_only_its_weights_to_load_it(
    tiny_sd: Path, opened: list[Path]
) -> None:
    spec, everything = (
        ModelSpec(model=str(tiny_sd)),
        [file for file in tiny_sd.rglob("*") if file.is_file()],
    )
    weights = sorted(
        Path(f"{file} by safetensors") for file in everything if file.suffix == ".safetensors"
    )
    assert len(weights) == 3

    def of_the_folder() -> list[Path]:
        found = sorted(file for file in opened if tiny_sd in file.parents)
        opened.clear()
        return found

    plan = plan_model(spec)
    assert of_the_folder() == sorted([*everything, *weights]), (
        "weights for their size, then for their header"
    )
    load(spec, "cpu", "fp32", plan=plan)
    assert of_the_folder() == weights


def test_a_pickle_that_runs_code_is_refused(copied: Any, tmp_path: Path) -> None:
    folder = copied()
    for part, name in (
        ("unet", "diffusion_pytorch_model.bin"),
        ("text_encoder", "pytorch_model.bin"),
    ):
        (whole,) = (folder / part).glob("*.safetensors")
        whole.rename(tmp_path / "whole")
        torch.save({"conv_in.weight": Call(Path.touch, tmp_path / "touched")}, folder / part / name)
        with pytest.raises(
            ModelError, match=f"{name}: not a file written by torch.save, or truncated"
        ):
            load_tiny(folder)
        (tmp_path / "whole").rename(whole)
    assert not (tmp_path / "touched").exists()


# -- the VAE


def test_auto_uses_taesd_from_the_cache_if_the_model_has_only_a_full_vae(
    tiny_models: Any, target: Folders
) -> None:
    folder = tiny_models.sd(vae="kl")
    plain = load_tiny(folder)
    assert not plain.is_tiny_vae
    (note,) = plain.notes
    assert "hf download madebyollin/taesd " in note
    target.put_on_hub("madebyollin/taesd", tiny_models.sd() / "vae")
    assert load_tiny(folder).is_tiny_vae
    assert load_tiny(folder, vae="taesd").is_tiny_vae
    full = load_tiny(folder, vae="full")
    assert not full.is_tiny_vae and full.scaling_factor == 0.18215 and full.notes == ()


def test_a_vae_can_be_named(tiny_models: Any, tiny_sd: Path, tmp_path: Path) -> None:
    assert not load_tiny(tiny_sd, vae=str(tiny_models.sd(vae="kl") / "vae")).is_tiny_vae
    with pytest.raises(ModelError, match="not a VAE folder"):
        load_tiny(tiny_sd, vae=str(tmp_path))
    with pytest.raises(ModelError, match="a UNet2DConditionModel, where one of"):
        load_tiny(tiny_sd, vae=str(tiny_sd / "unet"))


def test_a_missing_vae_is_named_with_the_next_step(
    tiny_models: Any, tiny_sd: Path, target: Folders
) -> None:
    with pytest.raises(ModelError, match="hf download madebyollin/taesdxl"):
        load_tiny(tiny_models.sd(kind="sdxl", vae="kl"), vae="taesd")
    with pytest.raises(ModelError, match="its VAE is a TAESD"):
        load_tiny(tiny_sd, vae="full")


def test_an_incomplete_taesd_is_ignored(tiny_models: Any, target: Folders, tmp_path: Path) -> None:
    half = shutil.copytree(tiny_models.sd() / "vae", tmp_path / "half")
    (half / "diffusion_pytorch_model.safetensors").unlink()
    target.put_on_hub("madebyollin/taesd", half)
    folder = tiny_models.sd(vae="kl")
    assert not load_tiny(folder).is_tiny_vae
    with pytest.raises(
        ModelError, match="madebyollin/taesd: has no weights; fetch it: hf download"
    ):
        load_tiny(folder, vae="taesd")


# -- broken folders


def edited(file: str, **keys: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | keys))

    return edit


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda folder: (folder / INDEX).write_text("{"), "model_index.json cannot be read"),
        (
            edited(INDEX, text_encoder=[None, None]),
            "has no text_encoder; supported: Stable Diffusion .* hf download",
        ),
        (
            lambda folder: os.truncate(folder / UNET, 100_000),
            "unet.* damaged or truncated .* download it again",
        ),
        (
            edited("unet/config.json", layers_per_block=2),
            "unet: 100 tensors are missing or have another shape",
        ),
        (
            lambda folder: shutil.rmtree(folder / "scheduler"),
            "scheduler/scheduler_config.json is missing",
        ),
        (lambda folder: shutil.rmtree(folder / "tokenizer"), "tokenizer is missing"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(copied: Any, harm: Any, line: str) -> None:
    folder = copied()
    harm(folder)
    with pytest.raises(ModelError, match=line) as error:
        load_tiny(folder)
    assert "\n" not in str(error.value)


# -- single files


def test_a_single_file_without_a_configuration_names_the_download_command(
    tiny_models: Any, tmp_path: Path, target: Folders
) -> None:
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(tiny_models.single_file(tiny_models.sd(vae="kl")).read_bytes())
    with pytest.raises(
        ModelError, match="hf download stable-diffusion-v1-5/stable-diffusion-v1-5"
    ) as error:
        load_tiny(alone)
    assert "\n" not in str(error.value)
    target.put_on_hub(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        tiny_models.single_file(tiny_models.sd(vae="kl")).with_suffix(""),
    )
    assert load_tiny(alone).family == "sd15"
