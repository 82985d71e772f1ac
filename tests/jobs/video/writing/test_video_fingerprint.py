"""The fingerprint of a run: every file and option that affects the pictures changes it."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.jobs.kit.fingerprint import differences
from engine.jobs.video.writing.outputs import video_fingerprint
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from engine.sources.pictures import open_pictures
from tests.jobs.video.writing.written import job_of
from tests.support.replicas import nets
from tests.support.replicas.replica import Folders

A_FILE = "a file of the model has changed"
Prepared = tuple[ModelSpec, Callable[[], object], str]
"""A job, a change to its files before it is resumed, and the expected difference."""


def touch(file: Path) -> None:
    os.utime(file, ns=(0, 0))


def taesd_that_came(target: Folders) -> Prepared:
    folder = target.folder / "taesd"
    nets.tiny_taesd().save_pretrained(folder)
    spec = ModelSpec(model=str(target.tiny.sd(vae="kl")))
    return spec, lambda: target.put_on_hub("madebyollin/taesd", folder), A_FILE


def scale_of_a_peft_folder(target: Folders) -> Prepared:
    sd = target.tiny.sd()
    folder = target.folder / "lora"
    folder.mkdir()
    file = Path(
        shutil.copy(target.tiny.lora(sd, style="peft"), folder / "adapter_model.safetensors")
    )
    config = folder / "adapter_config.json"
    config.write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 4}), encoding="utf-8")
    return ModelSpec(model=str(sd), loras=((str(file), 1.0),)), lambda: touch(config), A_FILE


@pytest.fixture
def target(tmp_path: Path, tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "models").mkdir()
    return Folders(folder=tmp_path / "models", tiny=tiny_models, hub=tmp_path / "hub")


def key_of(spec: ModelSpec, folder: Path) -> dict[str, Any]:
    source = folder / "in"
    if not source.exists():
        import cv2

        source.mkdir()
        cv2.imwrite(str(source / "1.png"), np.zeros((64, 64, 3), np.uint8))
    return video_fingerprint(
        job_of(source, folder / "out", painting=Painting(spec=spec)),
        open_pictures(source),
        (64, 64),
    )


@pytest.mark.parametrize("prepare", [taesd_that_came, scale_of_a_peft_folder])
def test_a_run_is_not_resumed_when_this_has_changed(
    prepare: Callable[[Folders], Prepared], target: Folders, tmp_path: Path
) -> None:
    spec, change, message = prepare(target)
    before = key_of(spec, tmp_path)
    assert differences(before, key_of(spec, tmp_path)) == ""
    change()
    assert message in differences(before, key_of(spec, tmp_path))


def test_every_choice_of_the_user_is_named_by_its_option(tmp_path: Path) -> None:
    spec = ModelSpec(model="random:sd15")
    before = key_of(spec, tmp_path)
    for change, message in (
        ({"prediction": "v"}, "--prediction was auto, is v"),
        ({"sampler": "lcm"}, "--sampler was auto, is lcm"),
        ({"clip_skip": 2}, "--clip-skip was 0, is 2"),
        ({"embeddings": ("a.pt",)}, "--embedding has changed"),
        ({"vae": "full"}, "--vae was auto, is full"),
        ({"accelerator": "deepcache"}, "--compile or --deepcache was none, is deepcache"),
    ):
        assert differences(before, key_of(replace(spec, **change), tmp_path)) == message
