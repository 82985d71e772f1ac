"""Extra pictures: each has its own sinks, label, name and size."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engine.errors import SinkError
from engine.ipc import FrameRing
from engine.sinks import SinkSet, SinkSpec, Stage
from engine.sinks.registry import available_kinds
from engine.sinks.sink import TITLES, Picture, picture_name
from engine.system.clock import SteppedClock
from engine.values import PublishedFrame, ShownPicture, TextureRef

SIZES: dict[Picture, tuple[int, int]] = {"sd": (32, 24), "sam3": (48, 32), "sam3_mask": (40, 16)}
LEVELS: dict[Picture, int] = {"sd": 60, "sam3": 120, "sam3_mask": 180}
OPTIONS: dict[Picture, str] = {"sd": "--sd MODEL", "sam3": "--sam3 MODEL", "sam3_mask": "--sam3 MODEL"}
BESIDE_MAIN = tuple(SIZES)
PICTURES = ("main", *BESIDE_MAIN)


def unasked() -> None:
    raise AssertionError("this picture was not requested")


def shown(picture: Picture, size: tuple[int, int] | None = None) -> ShownPicture:
    """A picture of one grey, without a texture."""
    width, height = size or SIZES[picture]
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = LEVELS[picture]
    return ShownPicture(width=width, height=height, draw_texture=unasked, read_rgba=lambda: pixels)


def all_shown() -> dict[Picture, ShownPicture]:
    return {picture: shown(picture) for picture in BESIDE_MAIN}


def names(sinks: SinkSet) -> list[str]:
    return [status.name for status in sinks.status()]


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def open_set(make_stage: Callable[..., Stage], clock: SteppedClock, reports: Callable):
    """`open_set(*pictures, **stage)`: the sinks of a run that has these pictures."""
    made: list[SinkSet] = []

    def open_(*pictures: Picture, **stage: object) -> SinkSet:
        sinks = SinkSet(make_stage(**stage), clock, reports)
        made.append(sinks)
        for picture in pictures:
            sinks.add_picture(picture, *SIZES[picture])
        return sinks

    yield open_
    for sinks in made:
        sinks.close()


@pytest.mark.parametrize("mark", ["sam4", "main", "SAM3", "sd:sam3", "", "sam3_mask "])
def test_an_unknown_picture_is_an_error_that_lists_the_known_ones(mark: str) -> None:
    with pytest.raises(SinkError) as refusal:
        SinkSpec.parse(f"{mark}:shared=x")
    assert str(refusal.value).startswith(f"sink '{mark}:shared': unknown picture {mark}:; choose one of syphon, ")
    assert str(refusal.value).endswith("optionally after sd:, sam3:, sam3_mask:")


@pytest.mark.parametrize("picture", BESIDE_MAIN)
def test_a_picture_missing_in_the_run_is_an_error_that_names_its_option(open_set, picture: Picture) -> None:
    sinks = open_set(*(other for other in BESIDE_MAIN if other != picture))
    with pytest.raises(SinkError, match=rf"^{picture}:record: this run has no .*; start it with {OPTIONS[picture]}"):
        sinks.start(SinkSpec.parse(f"{picture}:record"))
    assert sinks.status() == ()


@pytest.mark.parametrize("order", list(itertools.permutations(("sinks", *BESIDE_MAIN))))
def test_in_any_order_a_texture_publishes_all_pictures_of_the_run(open_set, make_frame, order) -> None:
    sinks = open_set()
    for step in order:
        if step == "sinks":
            for spec in ("shared", "shared=left", "record", "null"):
                sinks.start(SinkSpec.parse(spec))
        else:
            for _ in range(2):  # what is there already stays
                sinks.add_picture(step, *SIZES[step])
    wanted = {picture_name(picture, main) for main in ("Multiverse", "left") for picture in PICTURES}
    assert {status.name for status in sinks.status() if status.kind == "shared"} == wanted
    assert sinks.kinds == {"record", "null", "shared", *(f"{picture}:shared" for picture in BESIDE_MAIN)}
    sinks.publish(make_frame(), all_shown())
    for picture in BESIDE_MAIN:
        reader = FrameRing.open(picture_name(picture, "left"))
        assert reader.shape == (*SIZES[picture][::-1], 4)
        assert (reader.latest().pixels[..., :3] == LEVELS[picture]).all()
        reader.close()
    assert sinks.stop("shared") == 2
    assert sinks.kinds == {"record", "null"}


@pytest.mark.parametrize("picture", BESIDE_MAIN)
def test_an_extra_sink_is_stopped_by_its_label_and_the_others_stay(open_set, picture: Picture) -> None:
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
    untouchable = ShownPicture(width=8, height=8, draw_texture=unasked, read_rgba=unasked)
    sinks.publish(make_frame(), dict.fromkeys(BESIDE_MAIN, untouchable))
    assert {status.state for status in sinks.status()} == {"running"}


def test_each_texture_is_drawn_once_for_all_its_sinks(stand_in_syphon, open_set, make_frame) -> None:
    drawn: list[Picture] = []

    def drawable(picture: Picture) -> ShownPicture:
        width, height = SIZES[picture]

        def draw() -> TextureRef:
            drawn.append(picture)
            return TextureRef(glo=LEVELS[picture], width=width, height=height)

        return ShownPicture(width=width, height=height, draw_texture=draw, read_rgba=unasked)

    sinks = open_set(*BESIDE_MAIN)
    for spec in ("syphon", "sam3:syphon=second"):
        sinks.start(SinkSpec.parse(spec))
    frame = make_frame(texture=TextureRef(glo=7, width=64, height=48))
    sinks.publish(frame, {picture: drawable(picture) for picture in BESIDE_MAIN})
    assert drawn == list(BESIDE_MAIN)
    published = [
        (call["texture"], call["size"]) for call in stand_in_syphon.named("SyphonOpenGLServer.publish_frame_texture")
    ]
    assert published == [(7, (64, 48)), (60, (32, 24)), (120, (48, 32)), (120, (48, 32)), (180, (40, 16))]


@pytest.mark.parametrize("picture", BESIDE_MAIN)
def test_a_new_size_or_rate_is_followed_and_leaves_the_other_pictures_alone(
    open_set, make_frame, make_stage, picture: Picture
) -> None:
    sinks = open_set(*BESIDE_MAIN)
    sinks.start(SinkSpec(kind="shared"))

    def segments() -> dict[Picture, str]:
        return {status.picture: status.detail for status in sinks.status()}

    sinks.publish(make_frame(0), all_shown())
    first = segments()
    sinks.publish(make_frame(1), all_shown() | {picture: shown(picture, (20, 12))})
    second = segments()
    assert [other for other in PICTURES if second[other] != first[other]] == [picture]
    sinks.restart_all(make_stage(fps=60.0))
    assert segments() == second, "a new rate alone stays in the same memory"
    for other in PICTURES:
        reader = FrameRing.open(TITLES[other])
        assert reader.fps == 60.0
        assert reader.shape == {"main": (48, 64, 4), picture: (12, 20, 4)}.get(
            other, (*SIZES.get(other, (0, 0))[::-1], 4)
        )
        reader.close()


@pytest.mark.parametrize("picture", BESIDE_MAIN)
@pytest.mark.parametrize("kind", [info.kind for info in available_kinds() if info.is_available])
def test_every_kind_takes_every_picture(
    kind: str, picture: Picture, open_set, make_frame, tmp_path: Path, request, wait_for, reports
) -> None:
    sinks = open_set(*BESIDE_MAIN, is_offline=kind != "ndi")
    suffix = {"record": ".mp4", "snapshot": ".png"}.get(kind)
    name = f"{picture} {os.getpid()}"
    argument = str(tmp_path / f"{picture}{suffix}") if suffix else name
    sinks.start(SinkSpec(kind=kind, argument=argument, picture=picture), may_wait=True)
    receiver = request.getfixturevalue("receive")(name) if kind == "ndi" else None
    width, height = SIZES[picture]

    def publish() -> None:
        sinks.publish(make_frame(), all_shown())
        sinks.pump()

    publish()
    status = sinks.status()[0]
    assert (status.kind, status.picture, status.label, status.state) == (kind, picture, f"{picture}:{kind}", "running")
    if kind == "shared":
        reader = FrameRing.open(name)
        seen = reader.latest().pixels.copy()
        reader.close()
    if receiver is not None:
        wait_for(lambda: publish() or receiver.look() == f"RGBX {width}x{height} 30.000", "the picture")
        seen = receiver.seen()
    sinks.close()
    if kind == "record":
        with av.open(argument) as movie:
            seen = next(movie.decode(video=0)).to_ndarray(format="rgb24")
    if kind == "snapshot":
        seen = cv2.imread(argument, cv2.IMREAD_COLOR_RGB)
    if kind == "null":
        assert sinks.status()[0].frames == 1
    else:
        assert seen.shape[:2] == (height, width)
        tolerance = 0 if kind in ("shared", "snapshot") else 24  # for a codec
        assert np.abs(seen[..., :3].astype(int) - LEVELS[picture]).max() <= tolerance
    assert reports.lines == []


def test_unnamed_files_of_all_pictures_have_different_names(open_set, make_frame, make_stage) -> None:
    sinks = open_set(*BESIDE_MAIN, is_offline=True)
    for picture in PICTURES:
        for kind in ("record", "snapshot"):
            sinks.start(SinkSpec(kind=kind, picture=picture))
    assert sinks.take_snapshot() == 4
    sinks.publish(make_frame(), all_shown())
    sinks.close()
    found = [path.name for path in make_stage().record_folder.iterdir()]
    stems = sorted(name.partition(" 20")[0] for name in found)
    assert stems == sorted([picture_name(picture, "multiverse") for picture in PICTURES] * 2)


def test_an_unreadable_picture_does_not_affect_the_others(open_set, make_frame) -> None:
    def refuse() -> np.ndarray:
        raise MemoryError

    sinks = open_set(*BESIDE_MAIN)
    sinks.start(SinkSpec(kind="shared"))
    unreadable = ShownPicture(width=48, height=32, draw_texture=unasked, read_rgba=refuse)
    frame: PublishedFrame = make_frame()
    sinks.publish(frame, all_shown() | {"sam3": unreadable})
    states = {status.picture: (status.state, status.frames) for status in sinks.status()}
    running = ("running", 1)
    assert states == {"main": running, "sd": running, "sam3": ("retrying", 0), "sam3_mask": running}
