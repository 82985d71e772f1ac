"""The end of a run: complete, stopped early, or with an error in one of its threads."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import SinkError
from tests.jobs.segment.conftest import Segment
from tests.jobs.segment.disc_movie import disc_picture, pictures_of
from tests.support.full_disk import no_file_over


def test_a_stopped_run_keeps_what_it_has_and_accounts_for_the_rest(
    segment: Segment, movie, tmp_path: Path
) -> None:
    stop = threading.Event()
    report = segment(
        movie(40),
        tmp_path / "out.mp4",
        tmp_path / "masks",
        stop=stop,
        on_progress=lambda progress: progress.done == 3 and stop.set(),
    )
    assert report.is_interrupted and report.written == 3
    assert report.read == report.written + report.unwritten and report.unwritten > 0
    assert len(pictures_of(tmp_path / "out.mp4")) == len(list((tmp_path / "masks").iterdir())) == 3
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [".out.mp4.segment", "in.mp4", "masks", "out.mp4"], (
        "results are kept for --resume"
    )


def test_a_failing_output_is_reported_at_once_and_the_others_continue(
    segment: Segment, movie, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    failures: list[tuple[str, ...]] = []

    def make_unwritable(progress) -> None:
        failures.append(progress.failed)
        # a folder where the next mask is to be written: no user may write there
        if progress.done == 2:
            for number in range(3, 12):
                (masks / f"frame_{number:06d}.png").mkdir(parents=True, exist_ok=True)

    report = segment(
        movie(12), masks, tmp_path / "out.mp4", tmp_path / "out.json", on_progress=make_unwritable
    )
    (reason,) = report.failed
    assert reason.startswith(str(masks)) and "cannot be written" in reason and "\n" not in reason
    assert failures[0] == () and failures[-1] == report.failed
    assert report.outputs == (str(tmp_path / "out.mp4"), str(tmp_path / "out.json"))
    assert len(pictures_of(tmp_path / "out.mp4")) == 12
    assert not any(file.is_file() for file in masks.rglob("*"))
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [".out.mp4.segment", "in.mp4", "masks", "out.json", "out.mp4"]


@pytest.mark.only_on("linux", reason="names there are Unicode")
def test_a_picture_whose_name_is_no_utf_8_comes_out_in_every_form(
    segment: Segment, tmp_path: Path
) -> None:
    name, folder = os.fsdecode(b"disc \xff\xfe"), tmp_path / os.fsdecode(b"in \xe9")
    folder.mkdir()
    for file in (f"{name}.png", "other.png"):
        Image.fromarray(disc_picture(0)).save(folder / file)
    out = tmp_path / os.fsdecode(b"out \xe9")
    outputs = [Path(f"{out}{form}") for form in (".json", ".mkv", "")]
    report = segment(folder, *outputs)
    assert (report.written, report.failed) == (2, ())
    assert [Path(masks) for masks in report.outputs] == outputs
    coco = json.loads(outputs[0].read_bytes())
    assert [image["file_name"] for image in coco["images"]] == [f"{name}.png", "other.png"]
    assert len(pictures_of(outputs[1])) == 2
    assert sorted(os.listdir(outputs[2])) == sorted([f"{name}.png", "other.png"])


def test_leftovers_of_killed_runs_are_removed_and_a_second_run_is_refused(
    segment: Segment, movie, tmp_path: Path
) -> None:
    source, out, masks = movie(1), tmp_path / "out.mp4", tmp_path / "masks"
    for folder in (tmp_path / ".out.mp4.unfinished", masks / ".unfinished"):
        folder.mkdir(parents=True)
        (folder / "lock").touch()
        (folder / ".whole.mp4.partial").write_bytes(b"half a video")
    work = tmp_path / ".out.mp4.partial"  # of an interrupted `multiverse video`
    work.mkdir()
    (work / "journal.jsonl").write_text("precious")

    def again(progress) -> None:
        with pytest.raises(SinkError, match=r"out\.mp4: another run is at work on it"):
            segment(source, out)

    assert segment(source, out, masks, on_progress=again).failed == ()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        ".out.mp4.partial",
        "in.mp4",
        "masks",
        "out.mp4",
    ]
    assert os.listdir(masks) == ["frame_000000.png"] and os.listdir(work) == ["journal.jsonl"]


def test_an_error_of_the_caller_ends_all_threads_and_leaves_no_output(
    segment: Segment, movie, tmp_path: Path
) -> None:
    def fail(progress) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        segment(movie(12), tmp_path / "out.mp4", tmp_path / "out.json", on_progress=fail)
    # With the work folder if the writer was as fast as the error: what is found can be resumed.
    assert {file.name for file in tmp_path.iterdir()} - {".out.mp4.segment"} == {"in.mp4"}
    assert threading.active_count() == before


def test_outputs_are_replaced_only_with_the_option_and_only_when_complete(
    segment: Segment, movie, tmp_path: Path
) -> None:
    out, masks = tmp_path / "out.mp4", tmp_path / "masks"
    out.write_text("of before")
    masks.mkdir()
    (masks / "frame_000099.png").touch()
    seen = []
    report = segment(
        movie(2),
        out,
        masks,
        overwrite=True,
        on_progress=lambda progress: seen.append(out.read_text()),
    )
    assert seen == ["of before"] * 2 and len(pictures_of(out)) == 2
    assert report.notes == (f"{masks}: 1 other files from before are still there",)


@pytest.mark.only_on("linux", "darwin", reason="needs a limit on the size of files")
def test_a_full_disk_is_one_line_and_leaves_what_can_be_resumed(
    segment: Segment, movie, tmp_path: Path
) -> None:
    noise = [np.random.default_rng(n).integers(0, 256, (192, 320, 3), np.uint8) for n in range(6)]
    source = movie(pictures=noise, sound=None, options={"crf": "40"})
    reason = r"out\.avi: cannot be written \(File too large\)"
    with pytest.raises(SinkError, match=reason), no_file_over(20_000):
        segment(source, tmp_path / "out.avi")
    assert sorted(file.name for file in tmp_path.iterdir()) == [".out.avi.segment", "in.mp4"]
    assert segment(source, tmp_path / "out.avi", resume=True).written == 6
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.mp4", "out.avi"]


def test_pictures_that_the_model_answers_with_nan_are_written_empty_and_counted_one_by_one(
    segment: Segment, segmenter: Any, movie, tmp_path: Path
) -> None:
    bias = segmenter.model.detector.get_submodule("mask_decoder.instance_projection").bias
    before = bias.data.clone()
    bias.data.fill_(float("nan"))
    try:
        report = segment(movie(5), tmp_path / "masks", batch=2)
    finally:
        bias.data.copy_(before)
    assert (report.written, report.objects) == (5, 0)
    assert [note for note in report.notes if "NaN" in note] == [
        "5 pictures: the model answered with NaN; try --dtype float32"
    ]
