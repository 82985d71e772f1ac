"""Outputs contain prompts, model and version, and nothing about the machine."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image

from engine.jobs.segment.report import SegmentReport
from tests.jobs.segment.disc_movie import disc_picture

Segment = Callable[..., SegmentReport]


def metadata_texts(folder: Path) -> list[str]:
    """The text of the video, of its first mask, of the COCO file and of the picture."""
    with av.open(str(folder / "out.mp4")) as video:
        texts = [video.metadata.get("comment", "")]
    for name in ("masks/frame_000000.png", "out.png"):
        with Image.open(folder / name) as picture:
            texts.append(picture.info.get("parameters", ""))
    return [*texts, json.loads((folder / "out.json").read_bytes())["info"].get("parameters", "")]


@pytest.mark.parametrize("has_metadata", [True, False])
def test_every_output_has_its_settings_as_metadata_unless_it_shall_not(
    segment: Segment,
    movie: Callable[..., Path],
    seeing_sam3: Path,
    tmp_path: Path,
    has_metadata: bool,
) -> None:
    Image.fromarray(disc_picture(0)).save(tmp_path / "in.png")
    options = {"prompts": ("disc", "ball"), "metadata": has_metadata}
    segment(movie(2), *(tmp_path / name for name in ("out.mp4", "masks", "out.json")), **options)
    segment(tmp_path / "in.png", tmp_path / "out.png", **options)
    texts = metadata_texts(tmp_path)
    if not has_metadata:
        assert texts == [""] * 4
        return
    assert len(set(texts)) == 1
    options = (
        "Mode: image, Threshold: 0.5, Resolution: 336, Precision: float32, Version: multiverse "
    )
    assert texts[0].startswith(f"disc, ball\nModel: {seeing_sam3.name}, {options}")
    assert str(seeing_sam3.parent) not in texts[0]
