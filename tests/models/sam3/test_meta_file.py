"""Meta's own checkpoints find what transformers' folder of the same detector finds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.check import NO_TRACKER, check
from engine.models.sam3.load import load
from engine.models.sam3.meta_names import meta_name
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.segmenter import Segmenter
from tests.models.sam3.small_sam3 import RED, picture
from tests.support.long_form import in_long_form

PUBLISHED = json.loads(Path(__file__).with_name("meta_names.json").read_text(encoding="utf-8"))
"""Names of modules in github.com/facebookresearch/sam3, sam3/model, at SAM 3.1, by those of
transformers."""


def test_tensors_have_the_names_of_metas_program() -> None:
    assert {name: meta_name(name)[0] for name in PUBLISHED} == PUBLISHED
    thirds = [meta_name(f"detr_encoder.layers.0.self_attn.{each}_proj.weight")[1] for each in "qkv"]
    assert thirds == [0, 1, 2] and meta_name("text_projection.bias")[1] is None


def as_meta(detector: Any, *, is_newer: bool) -> dict[str, torch.Tensor]:
    """The detector's weights as Meta stores them, beside some of a tracker."""
    stored: dict[str, Any] = {}
    for name, tensor in detector.named_parameters():
        theirs, third = meta_name(name)
        if third is None:
            stored[theirs] = tensor.detach().clone()
        else:
            stored.setdefault(theirs, [None] * 3)[third] = tensor.detach()
    stored = {
        name: torch.cat(each) if isinstance(each, list) else each for name, each in stored.items()
    }
    positions, projection = (
        "backbone.vision_backbone.trunk.pos_embed",
        meta_name("text_encoder.text_projection.weight")[0],
    )
    stored[positions] = torch.cat(
        (torch.ones_like(stored[positions][:, :1]), stored[positions]), dim=1
    )
    stored[projection] = stored[projection].T
    more = {"tracker.maskmem_tpos_enc": torch.ones(1)}
    if is_newer:
        stored = {name: tensor for name, tensor in stored.items() if ".convs.3." not in name}
        stored["backbone.vision_backbone.interactive_convs.0.conv_1x1.bias"] = torch.ones(1)
        more = {"tracker.model.interactive_sam_prompt_encoder.no_mask_embed.weight": torch.ones(1)}
    return {f"detector.{name}": tensor.contiguous() for name, tensor in stored.items()} | more


@pytest.fixture
def folder(small_seeing_sam3: Path, tmp_path: Path) -> Path:
    """A folder with the model's tokenizer and the detector's configuration, without weights."""
    for file in ("tokenizer.json", "vocab.json", "merges.txt"):
        if (small_seeing_sam3 / file).is_file():
            (tmp_path / file).write_bytes((small_seeing_sam3 / file).read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("sam3.pt", "detector."),
        ("sam3.1_multiplex.safetensors", "detector."),
        # trained as the image model, by DDP (facebookresearch/sam3, issues 434 and 606)
        ("checkpoint.pt", "module."),
        *in_long_form(
            ("sam3.1_multiplex.pt", "detector."),
            ("checkpoint.pt", ""),
            ("checkpoint.safetensors", "module.detector."),
        ),
    ],
)
def test_the_detector_of_metas_checkpoint_finds_the_same(
    seeing: SegmentationModel, folder: Path, name: str, prefix: str
) -> None:
    seeing.detector.config.save_pretrained(folder)
    tensors = as_meta(seeing.detector, is_newer="3.1" in name)
    tensors = {each.replace("detector.", prefix, 1): tensor for each, tensor in tensors.items()}
    if name.endswith(".pt"):
        trained = {"optimizer": {"state": {0: torch.ones(1)}}, "epoch": 3, "time_elapsed": 1.5}
        torch.save(tensors if name == "sam3.pt" else {"model": tensors} | trained, folder / name)
    else:
        save_file(tensors, folder / name)
    for model in (folder / name, folder):
        spec = SegmentationSpec(model=str(model), resolution=112)
        report = check(spec)
        assert (report.kind, report.missing) == ("sam3", ())
        assert {part.name for part in report.parts} == {"vision", "text", "detector"}
        assert NO_TRACKER in report.notes and any(
            "Object Multiplex" in note for note in report.notes
        )
        ours = Segmenter(load(spec, "cpu", "float32"))
        theirs = Segmenter(seeing)
        for each in (ours, theirs):
            each.set_prompts(["disc"])
        pixels = picture((0.3, 0.6, 0.15, RED))
        (found,), (expected,) = ours.segment(pixels), theirs.segment(pixels)
        assert found.objects == expected.objects and len(found.objects) == 1
        np.testing.assert_array_equal(found.masks, expected.masks)
        with pytest.raises(ModelError, match="cannot track them") as refused:
            ours.mode = "track"
        assert "\n" not in str(refused.value)


def test_a_missing_tensor_and_a_missing_tokenizer_are_named_in_one_line(
    seeing: SegmentationModel, folder: Path
) -> None:
    seeing.detector.config.save_pretrained(folder)
    tensors = as_meta(seeing.detector, is_newer=True)
    del tensors["detector.transformer.decoder.query_embed.weight"]
    tensors["detector.dot_prod_scoring.hs_proj.bias"] = torch.zeros(3)
    save_file(tensors, folder / "sam3.1.safetensors")
    spec = SegmentationSpec(model=str(folder / "sam3.1.safetensors"), resolution=112)
    with pytest.raises(
        ModelError, match=r"2 tensors .* first is transformer\.decoder\.query_embed\.weight"
    ) as raised:
        load(spec, "cpu", "float32")
    assert "\n" not in str(raised.value)
    for file in ("tokenizer.json", "vocab.json", "merges.txt"):
        (folder / file).unlink(missing_ok=True)
    with pytest.raises(ModelError, match="the tokenizer is missing") as raised:
        load(spec, "cpu", "float32")
    assert "\n" not in str(raised.value)


def test_a_broken_checkpoint_of_meta_is_named_alone_or_in_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "sam3.1_multiplex.pt"
    file.write_bytes(b"PK\x03\x04" + bytes(26) + b"sam3/data.pkl" + bytes(99))
    for model in (file, tmp_path):
        with pytest.raises(ModelError) as raised:
            check(SegmentationSpec(model=str(model)))
        assert str(raised.value).startswith(
            f"{file}: not a file written by torch.save, or truncated"
        )
