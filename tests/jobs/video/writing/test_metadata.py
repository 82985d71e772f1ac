"""Films and frames tell how they were made, and an equal or resumed run writes equal bytes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest
from PIL import Image

from engine.errors import UsageError
from engine.models.sd.spec import ModelSpec
from tests.jobs.video.writing.clapper import write_clapper
from tests.jobs.video.writing.written import PAINTING, opened, write

SECRET = "/home/somebody/secret"
ABOUT = replace(
    PAINTING,
    spec=ModelSpec(model=f"{SECRET}/Dream.safetensors"),
    prompt="glass: a, 海",
    seed=7,
    cfg=1.5,
)
TEXT = (
    "glass: a, 海\nSteps: 5, CFG scale: 1.5, Seed: 7, Size: 96x64, Model: Dream, Denoising "
    "strength: 0.5, "
    "Version: multiverse"
)


def comment_of(video: Path) -> str:
    with av.open(str(video)) as container:
        return {name.lower(): text for name, text in container.metadata.items()}.get("comment", "")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
def test_a_video_stores_prompt_seed_model_and_version(
    clip: Callable[..., Path], tmp_path: Path, suffix: str
) -> None:
    source = clip(6, sound=None)
    outputs = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    write(source, outputs[0], painting=ABOUT)
    write(source, outputs[1], painting=ABOUT, stop=5)
    write(source, outputs[1], painting=ABOUT, resume=True)
    assert comment_of(outputs[0]).startswith(TEXT)
    content = outputs[0].read_bytes()
    assert outputs[1].read_bytes() == content and SECRET.encode() not in content
    write(source, outputs[0], painting=ABOUT, overwrite=True, metadata=False)
    assert comment_of(outputs[0]) == "" and b"Dream" not in outputs[0].read_bytes()


def test_the_comment_of_the_source_follows(tmp_path: Path) -> None:
    source = write_clapper(tmp_path / "in.mkv", tags={"comment": "at the sea", "title": "Glass"})
    write(source, tmp_path / "out.mp4", painting=ABOUT)
    comment = comment_of(tmp_path / "out.mp4")
    assert comment.startswith("glass: a, 海\nSteps: 5") and comment.endswith("\n\nat the sea")
    write(source, tmp_path / "plain.mp4", painting=ABOUT, metadata=False)
    assert comment_of(tmp_path / "plain.mp4") == "at the sea"


def test_a_frame_has_that_metadata_and_a_run_without_is_another_run(
    clip: Callable[..., Path], tmp_path: Path
) -> None:
    source = clip(3, sound=None)
    for name, has_metadata in (("out", True), ("plain", False)):
        write(source, tmp_path / name, painting=ABOUT, metadata=has_metadata)
        with Image.open(tmp_path / name / "frame_000002.png") as picture:
            assert picture.info.get("parameters", "").startswith(TEXT if has_metadata else "")
            assert ("Software" in picture.info) == has_metadata
    for number in range(3):
        frames = [
            Image.open(tmp_path / name / f"frame_{number:06d}.png") for name in ("out", "plain")
        ]
        assert frames[0].tobytes() == frames[1].tobytes()
    write(source, tmp_path / "half", painting=ABOUT, stop=2)
    with pytest.raises(
        UsageError, match="--no-metadata was not given, is true, the version of multiverse was "
    ):
        opened(source, tmp_path / "half", painting=ABOUT, metadata=False, resume=True)
