"""No key of a model's file selects code: kernels and repositories that it names are neither fetched
nor imported."""

import copy
import importlib
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.pretrained import build_config, load_tokenizer
from engine.models.rvc.content import load_content
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.load import load as load_sam3
from engine.models.sd import ModelSpec
from engine.models.sd.load import load as load_sd
from engine.models.tokenizer_files import read_tokenizer_files
from tests.models.rvc.small_hubert import small_hubert
from tests.support.cases import cases_of
from tests.support.tiny_detectors import network_of

KERNEL = "owner/kernel"
PRIVATE = {"_attn_implementation": KERNEL}
CLASSES = {"auto_map": {"AutoModel": f"{KERNEL}--stranger.Model"}}
ALL_AT_ONCE = {
    **PRIVATE,
    **CLASSES,
    "attn_implementation": KERNEL,
    "_attn_implementation_internal": KERNEL,
    "_experts_implementation": KERNEL,
    "fusion_config": {"stranger": True},
    "per_layer_config": {"0": {"attn_implementation": KERNEL}},
    "transformers_weights": "stranger.safetensors",
    "configuration_files": ["config.5.0.0.json"],
}
CASES: dict[str, Any] = cases_of(__file__)


@pytest.fixture(autouse=True)
def reached(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Records requests to the Hub and imports of foreign modules; none may happen."""
    requests: list[str] = []

    def refuse(what: str) -> Callable[..., Any]:
        def fail(*arguments: Any, **options: Any) -> Any:
            requests.append(f"{what} {arguments[-1:]}")
            raise RuntimeError("nothing may be reached from here")

        return fail

    monkeypatch.setattr("transformers.integrations.hub_kernels.get_kernel", refuse("get_kernel"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse("the network"))
    monkeypatch.setattr(socket.socket, "connect", refuse("the network"))
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if "stranger" in name:
            requests.append(f"import {name}")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)
    yield requests
    assert requests == []


def change(file: Path, *path: str, **keys: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    inner = content
    for key in path:
        inner = inner.setdefault(key, {})
    inner |= keys
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "keys",
    [
        ALL_AT_ONCE,
        {"attn_implementation": {"": KERNEL, "text_config": KERNEL}},
        {"attn_implementation": "flash_attention_2"},
        {"attn_implementation": f"paged|{KERNEL}"},
    ],
    ids=["all at once", "by part", "flash", "paged"],
)
def test_a_text_encoder_is_built_only_from_its_shape(
    tiny_sd: Path, tmp_path: Path, keys: dict[str, Any]
) -> None:
    folder = shutil.copytree(tiny_sd, tmp_path / "model")
    change(folder / "text_encoder" / "config.json", **keys)
    (folder / "text_encoder" / "config.5.0.0.json").write_text(
        json.dumps({"_attn_implementation": KERNEL})
    )
    model = load_sd(ModelSpec(model=str(folder)), "cpu", "fp32")
    assert model.text_encoders[0].config._attn_implementation == "sdpa"
    for key, note in zip(keys, model.notes, strict=True):
        assert f"({key}: " in note and "custom code" in note


def test_an_image_encoder_is_built_only_from_its_shape(
    tiny_models: Any, tiny_sd: Path, tmp_path: Path
) -> None:
    folder = (
        shutil.copytree(tiny_models.ip_adapter(tiny_sd).parent, tmp_path / "ip") / "image_encoder"
    )
    change(folder / "config.json", **PRIVATE)
    assert network_of("CLIPVisionModelWithProjection", folder).config._attn_implementation == "sdpa"


@pytest.mark.parametrize(
    ("file", "keys"),
    [
        (
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": [f"{KERNEL}--stranger.Tokenizer", None]}},
        ),
        ("tokenizer_config.json", {"trust_remote_code": True, "tokenizer_class": "stranger"}),
        ("tokenizer_config.json", {"gguf_file": "stranger.gguf", "init_inputs": ["stranger"]}),
        (
            "tokenizer_config.json",
            {"fast_tokenizer_files": ["tokenizer.5.0.0.json"], "fix_mistral_regex": True},
        ),
        ("special_tokens_map.json", {"tokenizer_object": "stranger", "gguf_file": "stranger.gguf"}),
        ("config.json", {"model_type": "mistral", "transformers_version": "4.57.2"}),
    ],
)
def test_a_tokenizer_is_built_only_from_its_vocabulary(
    tiny_sd: Path, tmp_path: Path, file: str, keys: dict[str, Any]
) -> None:
    folder = shutil.copytree(tiny_sd / "tokenizer", tmp_path / "tokenizer")
    plain = load_tokenizer("plain", read_tokenizer_files("", folder))
    change(folder / file, **keys)
    changed = load_tokenizer("changed", read_tokenizer_files("", folder))
    assert changed("a red fox").input_ids == plain("a red fox").input_ids
    assert changed.model_max_length == plain.model_max_length == 77


def test_a_tokenizer_that_its_library_cannot_read_is_one_line(
    tiny_sd: Path, tmp_path: Path
) -> None:
    """The library raises a bare Exception."""
    folder = shutil.copytree(tiny_sd / "tokenizer", tmp_path / "tokenizer")
    change(folder / "tokenizer.json", normalizer={"type": "stranger"})
    with pytest.raises(ModelError, match=r"^fox/tokenizer: cannot be loaded") as caught:
        load_tokenizer("fox/tokenizer", read_tokenizer_files("", folder))
    assert "\n" not in str(caught.value)


def test_sam3_is_built_only_from_its_shape(tiny_sam3: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_sam3, tmp_path / "sam3")
    for path in CASES["sam3_paths"]:
        change(folder / "config.json", *path, **PRIVATE, **CLASSES)
    model = load_sam3(SegmentationSpec(model=str(folder), resolution=336), "cpu", "fp32")
    kinds = {
        module.config._attn_implementation
        for module in model.video.modules()
        if hasattr(module, "config")
    }
    assert kinds == {"sdpa"}
    assert [note for note in model.notes if "_attn_implementation: 'owner/kernel'" in note]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("detector_config",), "sam2"),
        (("detector_config", "vision_config", "backbone_config"), "timm_backbone"),
        (("detector_config", "text_config"), "timm_wrapper"),
    ],
)
def test_a_part_of_sam3_that_is_another_network_is_refused(
    tiny_sam3: Path, tmp_path: Path, path: tuple[str, ...], kind: str
) -> None:
    folder = shutil.copytree(tiny_sam3, tmp_path / "sam3")
    change(
        folder / "config.json",
        *path,
        model_type=kind,
        backbone=KERNEL,
        use_pretrained_backbone=True,
    )
    with pytest.raises(ModelError, match=f"{path[-1]} is a {kind}; known is "):
        load_sam3(SegmentationSpec(model=str(folder), resolution=336), "cpu", "fp32")


def test_the_shape_of_a_network_has_all_keys_that_its_class_reads(
    tiny_sd: Path, tiny_sam3: Path
) -> None:
    """Also for older files with other names, such as facebook/sam3's tracker."""
    from transformers import CLIPTextConfig, HubertConfig, Sam3VideoConfig

    sam3 = json.loads((tiny_sam3 / "config.json").read_text())
    sam3["tracker_config"].pop("rope_parameters", None)
    sam3["tracker_config"]["memory_attention_rope_theta"] = 5000.0
    sam3["detector_config"]["vision_config"]["backbone_config"] |= {
        "rope_parameters": None,
        "rope_theta": 7000.0,
    }
    sam3["detector_config"]["detr_decoder_config"]["num_hidden_layers"] = 3
    clip = json.loads((tiny_sd / "text_encoder" / "config.json").read_text())
    hubert = small_hubert().config.to_dict()
    for kind, config in ((Sam3VideoConfig, sam3), (CLIPTextConfig, clip), (HubertConfig, hubert)):
        ours, theirs = (
            build_config(kind, copy.deepcopy(config), "it"),
            kind.from_dict(copy.deepcopy(config)),
        )
        assert shape_in(ours.to_dict()) == shape_in(theirs.to_dict())
    ours = build_config(Sam3VideoConfig, sam3, "it")
    assert ours.tracker_config.rope_parameters["rope_theta"] == 5000.0
    assert (
        ours.detector_config.vision_config.backbone_config.rope_parameters["rope_theta"] == 7000.0
    )
    assert ours.detector_config.detr_decoder_config.num_layers == 3


def shape_in(config: Any) -> Any:
    """A configuration without the keys that do not describe the network."""
    others = (
        "dtype",
        "architectures",
        "transformers_version",
        "id2label",
        "label2id",
        "_name_or_path",
    )
    if isinstance(config, dict):
        return {key: shape_in(value) for key, value in config.items() if key not in others}
    return config


def test_a_hubert_is_built_only_from_its_shape(tmp_path: Path) -> None:
    small_hubert().save_pretrained(tmp_path)
    change(tmp_path / "config.json", **PRIVATE, **CLASSES)
    encoder = load_content(str(tmp_path), torch.device("cpu"), torch.float32)
    assert encoder._hubert.config._attn_implementation == "sdpa"


def test_the_index_next_to_a_single_file_selects_no_classes(
    tiny_models: Any, tmp_path: Path
) -> None:
    whole = tiny_models.single_file(tiny_models.sd(vae="kl"))
    spec = ModelSpec(model=str(shutil.copy(whole, tmp_path / "model.safetensors")), vae="full")
    folder = shutil.copytree(whole.with_suffix(""), tmp_path / "model")
    change(folder / "text_encoder" / "config.json", **PRIVATE)
    classes = {
        "text_encoder": "CLIPTextModel",
        "tokenizer": "CLIPTokenizer",
        "scheduler": "Scheduler",
    }
    classes |= {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "feature_extractor": "X"}
    change(
        folder / "model_index.json",
        **{part: ["stranger.code", kind] for part, kind in classes.items()},
    )
    model = load_sd(spec, "cpu", "fp32")
    assert type(model.text_encoders[0]).__name__ == "CLIPTextModel"
    assert model.text_encoders[0].config._attn_implementation == "sdpa"
    change(folder / "model_index.json", _class_name=["stranger", "Pipeline"])
    with pytest.raises(ModelError, match="_class_name is"):
        load_sd(spec, "cpu", "fp32")


@pytest.mark.parametrize(("part", "keys", "reason"), CASES["other_code"])
def test_a_model_that_needs_other_code_is_refused_in_one_line(
    tiny_sd: Path, tmp_path: Path, part: str, keys: dict[str, Any], reason: str
) -> None:
    folder = shutil.copytree(tiny_sd, tmp_path / "model")
    change(
        folder / part / ("scheduler_config.json" if part == "scheduler" else "config.json"), **keys
    )
    with pytest.raises(ModelError, match=reason) as caught:
        load_sd(ModelSpec(model=str(folder)), "cpu", "fp32")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"unet.megatron_config": {"a": 1}, "unet.megatron_core": "stranger"},
        {"unet.init_lora_weights": "pissa"},
        {"unet.loftq_config": {"loftq_bits": 4}},
    ],
    ids=["import", "pissa", "loftq"],
)
def test_the_metadata_of_a_lora_import_nothing(
    tiny_models: Any, tiny_sd: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    from safetensors.torch import load_file, save_file

    file = tmp_path / "lora.safetensors"
    metadata = {"unet.r": 4, "unet.lora_alpha": 4, "unet.target_modules": ["to_q"], **options}
    save_file(
        load_file(tiny_models.lora(tiny_sd)), file, {"lora_adapter_metadata": json.dumps(metadata)}
    )
    with pytest.raises(ModelError, match="metadata"):
        load_sd(ModelSpec(model=str(tiny_sd), loras=((str(file), 1.0),)), "cpu", "fp32")


def test_a_tokenizer_that_fills_up_memory_is_refused(tiny_sd: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_sd, tmp_path / "model")
    change(folder / "tokenizer" / "tokenizer_config.json", model_max_length=10**9)
    with pytest.raises(ModelError, match="model_max_length is 1000000000, not 1 to 1024 tokens"):
        load_sd(ModelSpec(model=str(folder)), "cpu", "fp32")
