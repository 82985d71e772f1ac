"""Extra pictures: each has its own sinks, label, name and size."""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engine.errors import SinkError
from engine.ipc import FrameRing
from engine.sinks.sink import TITLES, OutputFormat, PictureName, SinkSpec, picture_name
from engine.sinks.sink_set import SinkSet
from engine.system.clock import SteppedClock
from engine.values import LazyPicture, TextureRef
from tests.jobs.segment.disc_movie import pictures_of

SIZES: dict[PictureName, tuple[int, int]] = {
    "sd": (32, 24),
    "sam3": (48, 32),
    "sam3_mask": (40, 16),
}
LEVELS: dict[PictureName, int] = {"sd": 60, "sam3": 120, "sam3_mask": 180}
OPTIONS: dict[PictureName, str] = {
    "sd": "--sd MODEL",
    "sam3": "--sam3 MODEL",
    "sam3_mask": "--sam3 MODEL",
}
BESIDE_MAIN = tuple(SIZES)
PICTURES = ("main", *BESIDE_MAIN)


def unasked() -> None:
    raise AssertionError("this picture was not requested")


def grey_picture(
    picture: PictureName, size: tuple[int, int] | None = None, level: int | None = None
) -> LazyPicture:
    """A picture of one grey, without a texture."""
    width, height = size or SIZES[picture]
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = LEVELS[picture] if level is None else level
    return LazyPicture(width=width, height=height, draw_texture=unasked, read_rgba=lambda: pixels)


def all_pictures() -> dict[PictureName, LazyPicture]:
    return {picture: grey_picture(picture) for picture in BESIDE_MAIN}


def names(sinks: SinkSet) -> list[str]:
    return [status.name for status in sinks.status()]


def named(sinks: SinkSet) -> list[tuple[str, str, str]]:
    return [(status.kind, status.picture, status.name) for status in sinks.status()]


@pytest.fixture
def open_set(make_format: Callable[..., OutputFormat], clock: SteppedClock, reports: Callable):
    """`open_set(*pictures, **options)`: the sinks of a run that has these pictures."""
    opened: list[SinkSet] = []

    def open_(*pictures: PictureName, **options: object) -> SinkSet:
        sinks = SinkSet(make_format(**options), clock, reports)
        opened.append(sinks)
        for picture in pictures:
            sinks.add_picture(picture, *SIZES[picture])
        return sinks

    yield open_
    for sinks in opened:
        sinks.close()


@pytest.fixture
def sinks(open_set) -> SinkSet:
    """The sinks of a run with Stable Diffusion."""
    return open_set("sd")


@pytest.mark.parametrize("picture", BESIDE_MAIN)
def test_a_picture_missing_in_the_run_is_an_error_that_names_its_option(
    open_set, picture: PictureName
) -> None:
    sinks = open_set(*(other for other in BESIDE_MAIN if other != picture))
    with pytest.raises(
        SinkError, match=rf"^{picture}:record: this run has no .*; start it with {OPTIONS[picture]}"
    ):
        sinks.start(SinkSpec.parse(f"{picture}:record"))
    assert sinks.status() == ()


@pytest.mark.parametrize("order", list(itertools.permutations(("sinks", *BESIDE_MAIN)))[::3])
def test_in_any_order_a_texture_publishes_all_pictures_of_the_run(
    open_set, make_frame, order
) -> None:
    sinks = open_set()
    for step in order:
        if step == "sinks":
            for spec in ("shared", "shared=left", "record", "null"):
                sinks.start(SinkSpec.parse(spec))
        else:
            for _ in range(2):  # what is there already stays
                sinks.add_picture(step, *SIZES[step])
    expected = {
        picture_name(picture, main) for main in ("Multiverse", "left") for picture in PICTURES
    }
    assert {status.name for status in sinks.status() if status.kind == "shared"} == expected
    assert sinks.kinds == {
        "record",
        "null",
        "shared",
        *(f"{picture}:shared" for picture in BESIDE_MAIN),
    }
    sinks.publish(make_frame(), all_pictures())
    for picture in BESIDE_MAIN:
        reader = FrameRing.open(picture_name(picture, "left"))
        assert reader.shape == (*SIZES[picture][::-1], 4)
        assert (reader.latest().pixels[..., :3] == LEVELS[picture]).all()
        reader.close()
    assert sinks.stop("shared") == 2
    assert sinks.kinds == {"record", "null"}


@pytest.mark.parametrize("picture", BESIDE_MAIN)
def test_an_extra_sink_is_stopped_by_its_label_and_the_others_stay(
    open_set, picture: PictureName
) -> None:
    sinks = open_set(*BESIDE_MAIN)
    sinks.start(SinkSpec(kind="shared"))
    assert sinks.stop(f"{picture}:shared", "Multiverse") == 0
    assert sinks.stop(f"{picture}:shared") == 1
    assert names(sinks) == [TITLES[other] for other in PICTURES if other != picture]
    sinks.start(SinkSpec.parse(f"{picture}:shared=mine"))
    assert sinks.stop("shared") == 1
    assert names(sinks) == ["mine"]


def test_a_picture_without_sinks_is_neither_drawn_nor_read(open_set, make_frame) -> None:
    sinks = open_set(*BESIDE_MAIN)
    for spec in ("null", "record", "snapshot"):
        sinks.start(SinkSpec.parse(spec))
    untouchable = LazyPicture(width=8, height=8, draw_texture=unasked, read_rgba=unasked)
    sinks.publish(make_frame(), dict.fromkeys(BESIDE_MAIN, untouchable))
    assert {status.state for status in sinks.status()} == {"running"}


def test_each_texture_is_drawn_once_for_all_its_sinks(fake_syphon, open_set, make_frame) -> None:
    rendered: list[PictureName] = []

    def drawable(picture: PictureName) -> LazyPicture:
        width, height = SIZES[picture]

        def draw() -> TextureRef:
            rendered.append(picture)
            return TextureRef(glo=LEVELS[picture], width=width, height=height)

        return LazyPicture(width=width, height=height, draw_texture=draw, read_rgba=unasked)

    sinks = open_set(*BESIDE_MAIN)
    for spec in ("syphon", "sam3:syphon=second"):
        sinks.start(SinkSpec.parse(spec))
    frame = make_frame(texture=TextureRef(glo=7, width=64, height=48))
    sinks.publish(frame, {picture: drawable(picture) for picture in BESIDE_MAIN})
    assert rendered == list(BESIDE_MAIN)
    published = [
        (call["texture"], call["size"])
        for call in fake_syphon.named("SyphonOpenGLServer.publish_frame_texture")
    ]
    assert published == [
        (7, (64, 48)),
        (60, (32, 24)),
        (120, (48, 32)),
        (120, (48, 32)),
        (180, (40, 16)),
    ]


@pytest.mark.parametrize("picture", BESIDE_MAIN)
def test_a_new_size_or_rate_is_followed_and_leaves_the_other_pictures_alone(
    open_set, make_frame, make_format, picture: PictureName
) -> None:
    sinks = open_set(*BESIDE_MAIN)
    sinks.start(SinkSpec(kind="shared"))

    def segments() -> dict[PictureName, str]:
        return {status.picture: status.detail for status in sinks.status()}

    sinks.publish(make_frame(0), all_pictures())
    first = segments()
    sinks.publish(make_frame(1), all_pictures() | {picture: grey_picture(picture, (20, 12))})
    second = segments()
    assert [other for other in PICTURES if second[other] != first[other]] == [picture]
    sinks.restart_all(make_format(fps=60.0))
    assert segments() == second, "a new rate alone stays in the same memory"
    sinks.start(SinkSpec(kind="shared", argument="late", picture=picture))  # has the new size, too
    sizes = SIZES | {"main": (64, 48), picture: (20, 12)}
    for title, size in (*((TITLES[other], sizes[other]) for other in PICTURES), ("late", (20, 12))):
        reader = FrameRing.open(title)
        assert (reader.fps, reader.shape) == (60.0, (*size[::-1], 4))
        reader.close()


@pytest.mark.parametrize("picture", BESIDE_MAIN)
@pytest.mark.parametrize("kind", ["shared", "record", "snapshot"])
def test_what_is_published_of_each_picture_is_that_picture(
    kind: str, picture: PictureName, open_set, make_frame, tmp_path: Path, reports
) -> None:
    """That every other kind takes every picture: test_contract.py."""
    sinks = open_set(*BESIDE_MAIN, is_offline=True)
    suffix = {"record": ".mp4", "snapshot": ".png"}.get(kind)
    argument = str(tmp_path / f"a{suffix}") if suffix else f"{picture} {os.getpid()}"
    sinks.start(SinkSpec(kind=kind, argument=argument, picture=picture), may_wait=True)
    sinks.publish(make_frame(), all_pictures())
    (status,) = sinks.status()
    assert (status.picture, status.label, status.state) == (picture, f"{picture}:{kind}", "running")
    if kind == "shared":
        reader = FrameRing.open(argument)
        seen = reader.latest().pixels.copy()
        reader.close()
    sinks.close()
    if kind == "record":
        seen = pictures_of(Path(argument))[0]
    elif kind == "snapshot":
        seen = cv2.imread(argument, cv2.IMREAD_COLOR_RGB)
    assert seen.shape[1::-1] == SIZES[picture]
    tolerance = 24 if kind == "record" else 0  # for a codec
    assert np.abs(seen[..., :3].astype(int) - LEVELS[picture]).max() <= tolerance
    assert reports.lines == []


def test_unnamed_files_of_all_pictures_have_different_names(
    open_set, make_frame, make_format
) -> None:
    sinks = open_set(*BESIDE_MAIN, is_offline=True)
    for picture in PICTURES:
        for kind in ("record", "snapshot"):
            sinks.start(SinkSpec(kind=kind, picture=picture))
    assert sinks.take_snapshot() == 4
    sinks.publish(make_frame(), all_pictures())
    sinks.close()
    found = [path.name for path in make_format().record_folder.iterdir()]
    stems = sorted(name.partition(" 20")[0] for name in found)
    assert stems == sorted([picture_name(picture, "multiverse") for picture in PICTURES] * 2)


# -- Stable Diffusion's picture, for all of them ----------------------------------------------


def test_an_sd_sink_started_by_name_is_independent(sinks: SinkSet) -> None:
    for order in (
        ("shared", "sd:shared"),
        ("sd:shared", "shared"),
        ("shared", "sd:shared=Multiverse SD"),
    ):
        for spec in order:
            sinks.start(SinkSpec.parse(spec))
        assert sorted(named(sinks)) == [
            ("shared", "main", "Multiverse"),
            ("shared", "sd", "Multiverse SD"),
        ]
        sinks.stop("shared")
        assert named(sinks) == [("shared", "sd", "Multiverse SD")]
        assert sinks.stop("sd:shared") == 1
    assert sinks.status() == ()


def own(reports: Any) -> list[tuple[str, str]]:
    """Reports without those about the engine of another test, which may run now and publish the
    same name."""
    return [(key, line) for key, line in reports.lines if "another engine" not in line]


def test_a_name_in_use_is_reported_and_the_main_texture_runs(sinks: SinkSet, reports) -> None:
    sinks.start(SinkSpec.parse("shared=Multiverse SD"))
    sinks.start(SinkSpec.parse("shared"))
    assert [(picture, name) for _, picture, name in named(sinks)] == [
        ("main", "Multiverse SD"),
        ("sd", "Multiverse SD SD"),
        ("main", "Multiverse"),
    ]
    ((key, line),) = own(reports)
    assert key == "sink.sd:shared" and "Multiverse SD is already running" in line


def test_a_recording_of_it_has_every_frame_black_until_there_is_one_and_a_file_a_size(
    open_set, make_frame, reports, tmp_path: Path
) -> None:
    sinks = open_set("sd", is_offline=True)
    sinks.start(SinkSpec.parse(f"sd:record={tmp_path / 'sd.mp4'}"))
    sinks.start(SinkSpec.parse(f"sd:record={tmp_path / 'deep.mov'}"))
    for index in range(20):
        level, size = (0 if index < 5 else 200), (SIZES["sd"] if index < 12 else (48, 48))
        main = replace(make_frame(index), read_rgba16=unasked)  # 10 bits are of it, too
        sinks.publish(main, {"sd": grey_picture("sd", size, level)})
    sinks.close()
    assert [(status.state, status.frames) for status in sinks.status()] == [("ended", 20)] * 2
    assert reports.lines == []
    for name in ("sd.mp4", "deep.mov"):
        path = tmp_path / name
        found = pictures_of(path) + pictures_of(path.with_stem(f"{path.stem} 2"))
        assert [picture.shape for picture in found] == [(24, 32, 3)] * 12 + [(48, 48, 3)] * 8
        assert [picture.mean() > 100 for picture in found] == [False] * 5 + [True] * 15


def test_an_sd_texture_that_cannot_start_is_retried(
    sinks: SinkSet, clock, make_frame, monkeypatch
) -> None:
    real = FrameRing.create

    def refuse(name: str, *args: Any, **options: Any) -> FrameRing:
        if name.endswith("SD"):
            raise SinkError("shared: no room")
        return real(name, *args, **options)

    with monkeypatch.context() as broken:
        broken.setattr(FrameRing, "create", refuse)
        sinks.start(SinkSpec(kind="shared"), may_wait=True)
    assert [(status.picture, status.state) for status in sinks.status()] == [
        ("main", "running"),
        ("sd", "retrying"),
    ]
    clock.advance(1)
    sinks.pump()
    sinks.publish(make_frame(), {"sd": grey_picture("sd", level=1)})
    assert [status.frames for status in sinks.status()] == [1, 1]
