"""Reports on a SAM3 folder without loading it; loading finds the same."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.check import SegmentationReport, check
from engine.models.sam3.load import load

WEIGHTS = "model.safetensors"


def checked(folder: Path | str, **options: Any) -> SegmentationReport:
    return check(SegmentationSpec(model=str(folder), **options))


@pytest.fixture
def copied(tiny_sam3: Path, tmp_path: Path) -> Path:
    """A whole SAM3 folder that a test may change."""
    return shutil.copytree(tiny_sam3, tmp_path / "sam3")


def parameters(network: Any) -> int:
    return sum(each.numel() for each in network.parameters())


def test_the_report_from_headers_equals_the_loaded_model(tiny_sam3: Path) -> None:
    report = checked(tiny_sam3, resolution=336)
    model = load(SegmentationSpec(model=str(tiny_sam3), resolution=336), "cpu", "float32")
    counted = {part.name: part.parameters for part in report.parts}
    assert set(counted) == {"vision", "text", "detector", "tracker"}
    assert counted["vision"] == parameters(model.detector.vision_encoder)
    assert counted["text"] == parameters(model.detector.text_encoder) + parameters(model.detector.text_projection)
    assert counted["vision"] + counted["text"] + counted["detector"] == parameters(model.detector)
    assert {part.dtype for part in report.parts} == {"float32"}
    assert report.memory_bytes("float32") == 4 * sum(counted.values()) == 2 * report.memory_bytes("bfloat16")
    assert (report.kind, report.is_complete, report.missing, report.notes) == ("sam3_video", True, (), ())


def test_everything_missing_is_listed_at_once(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    for file in ("tokenizer.json", "vocab.json"):
        (copied / file).unlink()
    report = checked(copied, resolution=500)
    assert not report.is_complete and report.parts == ()
    assert [any(word in line for line in report.missing) for word in ("tokenizer", "no weights", "500")] == [True] * 3
    assert all("\n" not in line for line in report.missing)


def test_a_part_without_weights_is_named(copied: Path, detector_alone: Path) -> None:
    shutil.copy(detector_alone / WEIGHTS, copied / WEIGHTS)
    (line,) = checked(copied).missing
    assert "the weights of the tracker are not in its files" in line


def test_checking_does_not_load_torch(tiny_sam3: Path) -> None:
    code = (
        "import sys; from engine.models.sam3.check import check; "
        "from engine.models.sam3 import SegmentationSpec; "
        f"check(SegmentationSpec(model={str(tiny_sam3)!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
