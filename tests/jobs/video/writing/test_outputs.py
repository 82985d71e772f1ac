"""Errors before any model is loaded: outputs that cannot be written, and those that exist
already."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engine.errors import MultiverseError, SinkError, UsageError
from engine.jobs.video.writing.outputs import open_output
from engine.models.sd.spec import ModelSpec
from engine.sources.pictures import open_pictures
from tests.jobs.folders import names
from tests.jobs.segment.disc_movie import disc_picture, pictures_of
from tests.jobs.video.writing.written import PAINTING, Live, job_of, opened, write

Clip = Callable[..., Path]


@pytest.fixture
def source(clip: Clip) -> Path:
    return clip(10, sound=None)


def done(source: Path, output: Path | str, **options: Any) -> int:
    """Number of pictures of an interrupted run that would be kept."""
    out, _ = opened(source, output, **options)
    out.abandon()  # such as for a model that cannot be loaded
    return out.done


def fault(source: Path, output: Path | str, **options: Any) -> str:
    """The error when opening the output."""
    with pytest.raises(MultiverseError) as caught:
        opened(source, output, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unwritable_output_is_one_line_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    assert fault(source, tmp_path / "out.gif") == (
        f"{tmp_path / 'out.gif'}: cannot write this format; an output is a video (.mp4 .mov .mkv "
        ".avi .webm .m4v) or "
        "a folder of frames (name/)"
    )
    assert fault(source, source, overwrite=True) == f"{source}: is the input; name another output"
    (tmp_path / "file").touch()
    in_file = tmp_path / "file" / "out.mp4"
    assert (
        fault(source, in_file) == f"{in_file}: cannot be written ({in_file.parent} is not a folder)"
    )
    assert (
        fault(source, f"{in_file.parent}/")
        == f"{in_file.parent}: is a file; a folder of frames needs another name"
    )
    assert names(tmp_path) == ["file", "in.mp4"]
    folder = tmp_path / "pictures"
    folder.mkdir()
    source.rename(folder / "in.mp4")
    assert fault(folder / "in.mp4", Path("/")).startswith(f"{Path('/')}: is not an output")


def test_an_input_picture_is_never_replaced_by_its_frame(tmp_path: Path) -> None:
    folder, links = tmp_path / "photos", tmp_path / "links"
    folder.mkdir()
    links.mkdir()
    for name in ("a.png", "b.jpg"):
        cv2.imwrite(str(folder / name), disc_picture(0, 96, 64, 12))
        if os.name == "posix":
            (links / name).symlink_to(folder / name)
    inputs = [(folder / "a.png", folder / "a.png"), (links, links / "a.png")]
    for source, first in inputs if os.name == "posix" else inputs[:1]:
        assert fault(source, f"{folder}/", overwrite=True) == (
            f"{folder}: {first} is an input and would be replaced; name another output"
        )
    assert (
        fault(folder, f"{folder}/", overwrite=True)
        == f"{folder}: is the input; name another output"
    )
    write(folder / "b.jpg", f"{folder}/", overwrite=True)
    assert names(folder) == ["a.png", "b.jpg", "b.png"], "another name may be in the same folder"


@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_existing_outputs_are_replaced_only_with_the_option(
    source: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    write(source, out)
    before = out.stat().st_mtime_ns
    assert fault(source, out) == f"{out}: exists already; --overwrite replaces it"
    assert fault(source, out, resume=True) == (
        f"{out}: exists already, and there is no interrupted run to resume; --overwrite replaces it"
    )
    assert names(tmp_path) == ["in.mp4", name] and out.stat().st_mtime_ns == before
    killed = out / ".frame_000099.png.partial"
    if out.is_dir():
        killed.write_bytes(b"half a picture")
    assert write(source, out, overwrite=True, batch=5).done == 0 and not killed.exists()


@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_an_interrupted_run_is_named_and_never_lost_by_accident(
    source: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    write(source, out, stop=6)
    assert fault(source, out) == (
        f"{out}: exists already; --overwrite replaces it, --resume continues the interrupted run"
    )
    if name == "out.mp4":
        out.unlink()
        assert fault(source, out) == (
            f"{out}: there is an interrupted run of this job; --overwrite starts again, --resume "
            "continues the "
            "interrupted run"
        )
        assert fault(source, out, batch=5).startswith(
            f"{out}: there is an interrupted run of another job (--batch was "
        )
    assert done(source, out, overwrite=True) == 0 and done(source, out, resume=True) > 0


def test_resuming_another_job_names_the_differences(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    write(source, out, stop=6)
    other = replace(PAINTING, steps=20, prompt="fire " * 20, spec=ModelSpec(model="random:sd21"))
    assert fault(source, out, resume=True, painting=other, batch=5) == (
        f"{out}: cannot resume, this run differs from the interrupted one: --model was "
        "random:sd15, is random:sd21, "
        "--prompt has changed, --steps was 5, is 20, --batch was 2, is 5; give the same options, "
        "or --overwrite "
        "instead of --resume to start again"
    )
    os.utime(source, ns=(0, 0))
    assert "this run differs from the interrupted one: the source has changed; give" in fault(
        source, out, resume=True
    )
    assert fault(source, out).endswith("exists already; --overwrite replaces it"), (
        "it cannot be resumed"
    )


def test_two_runs_never_write_the_same_output(source: Path, tmp_path: Path) -> None:
    first, _ = opened(source, tmp_path / "out.mp4")
    assert (
        fault(source, tmp_path / "out.mp4")
        == f"{tmp_path / 'out.mp4'}: another run is at work on it"
    )
    first.abandon()
    assert names(tmp_path) == ["in.mp4"]


def test_an_output_created_meanwhile_is_not_replaced_and_the_work_is_kept(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    write(source, out, stop=6, end="abandon")
    output, pictures = opened(source, out, resume=True)
    out.write_text("somebody else's")
    for picture in pictures:
        output.add(picture, picture.pixels)
    with pytest.raises(
        SinkError,
        match=r"out\.mp4: was created meanwhile by another program, and was not replaced; "
        r".*--resume",
    ):
        output.finish(is_whole=True)
    output.abandon()
    assert out.read_text() == "somebody else's"
    assert "was not written by the interrupted run" in fault(source, out, resume=True)
    assert write(source, out, resume=True, overwrite=True).done == 10
    assert len(pictures_of(out)) == 10 and names(tmp_path) == ["in.mp4", "out.mp4"]


def test_other_files_in_a_folder_of_frames_are_not_touched(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "logo.png").write_text("mine")
    write(source, out)
    assert fault(source, out).endswith("exists already; --overwrite replaces it")
    assert write(source, out, overwrite=True, frames=4).notes == [
        f"{out}: 6 frames from before are still there"
    ]
    assert len(names(out)) == 12 and (out / "logo.png").read_text() == "mine"


def test_frames_are_the_pictures_pixel_by_pixel_under_their_names(
    source: Path, tmp_path: Path
) -> None:
    write(source, tmp_path / "out", every=3)
    assert names(tmp_path / "out") == [f"frame_{number:06d}.png" for number in (0, 3, 6, 9)]
    for picture in open_pictures(source).read(3, None):
        written = cv2.imread(str(tmp_path / "out" / f"{picture.name}.png"))[..., ::-1]
        assert np.array_equal(written, 255 - picture.pixels)


def test_a_live_source_cannot_be_resumed_and_keeps_nothing(source: Path, tmp_path: Path) -> None:
    job = job_of(source, tmp_path / "out.mp4", resume=True)
    with pytest.raises(UsageError, match=r"^--resume: camera 0 is live and cannot be read again$"):
        open_output(job, Live(source), (96, 64))
    for name in ("out.mp4", "out"):
        output = open_output(job_of(source, tmp_path / name), Live(source), (96, 64))
        for picture in open_pictures(source).read(1, 5):
            output.add(picture, picture.pixels)
        output.finish(is_whole=False)
    assert len(pictures_of(tmp_path / "out.mp4")) == len(names(tmp_path / "out")) == 5
    assert names(tmp_path) == ["in.mp4", "out", "out.mp4"]


def test_a_folder_whose_pictures_changed_is_another_source(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), disc_picture(number, 96, 64, 12))
    out = folder / "out.mp4"  # in the same folder, but not one of the inputs
    write(folder, out, stop=5)
    assert done(folder, out, resume=True) == 4
    (folder / "5.png").unlink()
    assert "the source has changed" in fault(folder, out, resume=True)
