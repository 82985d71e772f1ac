"""Stable Diffusion's picture as an extra picture with its own sinks and size."""

import ctypes
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from engine.errors import NoGLError, SinkError
from engine.ipc import FrameRing
from engine.render import Renderer, open_renderer
from engine.render.context import _gl_library
from engine.render.picture import PictureCrossfade
from engine.sinks import SinkSet, SinkSpec, Stage
from engine.sinks.null import NullSink
from engine.sinks.sink_set import MAX_SINKS
from engine.system.clock import SteppedClock
from engine.values import ShownPicture, TextureRef, VideoFrame

SD_PX = (32, 24)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def sinks(make_stage: Callable[..., Stage], clock: SteppedClock, reports: Callable):
    """The sinks of a run with Stable Diffusion, 32 x 24."""
    made = SinkSet(make_stage(), clock, reports)
    made.add_picture("sd", *SD_PX)
    yield made
    made.close()


def shown(pixels: np.ndarray | int, size: tuple[int, int] = SD_PX, drawn: list[int] | None = None) -> ShownPicture:
    """These pixels, or one level; `drawn` gets an entry for every requested texture."""
    if isinstance(pixels, int):
        level, pixels = pixels, np.full((size[1], size[0], 4), 255, np.uint8)
        pixels[..., :3] = level

    def draw_texture() -> TextureRef:
        if drawn is not None:
            drawn.append(0)
        return TextureRef(glo=70, width=pixels.shape[1], height=pixels.shape[0])

    return ShownPicture(
        width=pixels.shape[1], height=pixels.shape[0], draw_texture=draw_texture, read_rgba=lambda: pixels
    )


def names(sinks: SinkSet) -> list[tuple[str, str, str]]:
    return [(status.kind, status.picture, status.name) for status in sinks.status()]


def seen_in(name: str) -> np.ndarray:
    reader = FrameRing.open(name)
    try:
        frame = reader.latest()
        assert frame is not None
        return frame.pixels.copy()
    finally:
        reader.close()


def test_a_texture_starts_a_second_one_for_sd_under_its_own_name(sinks: SinkSet, make_frame) -> None:
    sinks.start(SinkSpec(kind="shared"))
    sinks.start(SinkSpec(kind="shared", argument="left"))
    assert names(sinks) == [
        ("shared", "main", "Multiverse"),
        ("shared", "sd", "Multiverse SD"),
        ("shared", "main", "left"),
        ("shared", "sd", "left SD"),
    ]
    assert sinks.kinds == {"shared", "sd:shared"}
    sinks.publish(make_frame(), {"sd": shown(90)})
    assert (seen_in("Multiverse") == 255).all() and seen_in("Multiverse").shape == (48, 64, 4)
    for name in ("Multiverse SD", "left SD"):
        assert (seen_in(name) == (90, 90, 90, 255)).all() and seen_in(name).shape == (24, 32, 4)


@pytest.mark.parametrize("kind", ["record", "snapshot", "null"])
def test_other_kinds_start_no_second_sink(sinks: SinkSet, kind: str) -> None:
    sinks.start(SinkSpec(kind=kind))
    assert [picture for _, picture, _ in names(sinks)] == ["main"]


def test_running_textures_get_an_sd_texture_when_a_model_is_added(make_stage, clock, reports, make_frame) -> None:
    sinks = SinkSet(make_stage(), clock, reports)
    for spec in ("shared", "null"):
        sinks.start(SinkSpec.parse(spec))
    with pytest.raises(SinkError, match=r"^sd:record: this run has no Stable Diffusion; .*--sd MODEL"):
        sinks.start(SinkSpec.parse("sd:record"))
    sinks.publish(make_frame())
    sinks.publish(make_frame(), {"sd": shown(90)})
    for _ in range(2):
        sinks.add_picture("sd", *SD_PX)
        assert [name for _, _, name in names(sinks)] == ["Multiverse", "Multiverse", "Multiverse SD"]
    sinks.close()


def test_an_sd_sink_started_by_name_is_independent(sinks: SinkSet) -> None:
    for order in (("shared", "sd:shared"), ("sd:shared", "shared"), ("shared", "sd:shared=Multiverse SD")):
        for spec in order:
            sinks.start(SinkSpec.parse(spec))
        assert sorted(names(sinks)) == [("shared", "main", "Multiverse"), ("shared", "sd", "Multiverse SD")]
        sinks.stop("shared")
        assert names(sinks) == [("shared", "sd", "Multiverse SD")]
        assert sinks.stop("sd:shared") == 1
    assert sinks.status() == ()


def test_an_sd_texture_stops_with_its_main_texture_or_before(sinks: SinkSet) -> None:
    for spec in ("shared", "shared=left"):
        sinks.start(SinkSpec.parse(spec))
    assert sinks.stop("sd:shared", "left SD") == 1
    assert [name for _, _, name in names(sinks)] == ["Multiverse", "Multiverse SD", "left"]
    assert sinks.stop("shared") == 2
    assert sinks.status() == ()
    sinks.start(SinkSpec(kind="shared"))
    assert [name for _, _, name in names(sinks)] == ["Multiverse", "Multiverse SD"]


def test_a_name_in_use_is_reported_and_the_main_texture_runs(sinks: SinkSet, reports) -> None:
    sinks.start(SinkSpec.parse("shared=Multiverse SD"))
    sinks.start(SinkSpec.parse("shared"))
    assert [(picture, name) for _, picture, name in names(sinks)] == [
        ("main", "Multiverse SD"),
        ("sd", "Multiverse SD SD"),
        ("main", "Multiverse"),
    ]
    assert [key for key, _ in reports.lines] == ["sink.sd:shared"]
    assert "Multiverse SD is already running" in reports.lines[0][1]


def test_extra_sinks_do_not_count_towards_the_limit(sinks: SinkSet) -> None:
    for number in range(MAX_SINKS):
        sinks.start(SinkSpec(kind="shared", argument=str(number)))
    assert len(sinks.status()) == 2 * MAX_SINKS
    with pytest.raises(SinkError, match=r"^sd:null: 16 sinks are running"):
        sinks.start(SinkSpec.parse("sd:null"))


def test_a_new_size_of_one_picture_leaves_the_sinks_of_the_other_alone(sinks: SinkSet, make_frame, make_stage) -> None:
    sinks.start(SinkSpec(kind="shared"))

    def segments() -> dict[str, str]:
        return {status.picture: status.detail for status in sinks.status()}

    sinks.publish(make_frame(0), {"sd": shown(1)})
    first = segments()
    sinks.publish(make_frame(1), {"sd": shown(2, (16, 40))})
    second = segments()
    assert second["main"] == first["main"] and second["sd"] != first["sd"]
    assert seen_in("Multiverse SD").shape == (40, 16, 4)
    sinks.restart_all(make_stage(width=20, height=10))
    sinks.publish(make_frame(2, np.zeros((10, 20, 4), np.uint8)), {"sd": shown(3, (16, 40))})
    third = segments()
    assert third["sd"] == second["sd"] and third["main"] != second["main"]
    sinks.restart_all(make_stage(width=20, height=10, fps=60.0))
    for name in ("Multiverse", "Multiverse SD"):
        reader = FrameRing.open(name)
        assert reader.fps == 60.0
        reader.close()
    assert [status.frames for status in sinks.status()] == [3, 3]


def test_a_sink_started_after_a_change_of_size_has_the_new_one(sinks: SinkSet, make_frame) -> None:
    sinks.publish(make_frame(), {"sd": shown(1, (16, 40))})
    sinks.start(SinkSpec.parse("sd:shared"))
    reader = FrameRing.open("Multiverse SD")
    assert reader.shape == (40, 16, 4)
    reader.close()


class Failing(NullSink):
    def publish(self, frame: object) -> None:
        raise ZeroDivisionError("by zero")


def test_a_failed_sd_sink_is_retried_while_the_main_picture_is_published(
    sinks: SinkSet, make_frame, clock: SteppedClock, reports, caplog
) -> None:
    for spec in ("null", "sd:null", "shared"):
        sinks.start(SinkSpec.parse(spec))
    place = next(place for place in sinks._places if place.spec.label == "sd:null")
    place.sink = Failing("", "sd")
    for index in range(5):
        sinks.publish(make_frame(index), {"sd": shown(index)})
        sinks.pump()
    states = {(status.kind, status.picture): (status.state, status.frames) for status in sinks.status()}
    assert states == {
        ("null", "main"): ("running", 5),
        ("null", "sd"): ("retrying", 0),
        ("shared", "main"): ("running", 5),
        ("shared", "sd"): ("running", 5),
    }
    assert reports.lines == [("sink.sd:null", "sd:null: ZeroDivisionError: by zero")]
    clock.advance(1)
    sinks.pump()
    sinks.publish(make_frame(5), {"sd": shown(5)})
    assert {status.state for status in sinks.status()} == {"running"}
    assert [(name, picture) for name, picture, _ in names(sinks)][1] == ("null", "sd")


def test_an_unreadable_sd_picture_does_not_affect_the_main_one(sinks: SinkSet, make_frame, tmp_path) -> None:
    for spec in (f"record={tmp_path / 'a.mp4'}", "shared"):
        sinks.start(SinkSpec.parse(spec), may_wait=True)

    def refuse() -> Any:
        raise MemoryError

    for index in range(5):
        unreadable = ShownPicture(width=32, height=24, draw_texture=refuse, read_rgba=refuse)
        sinks.publish(make_frame(index), {"sd": unreadable})
    sinks.close()
    states = {(status.kind, status.picture): (status.state, status.frames) for status in sinks.status()}
    assert states[("record", "main")] == ("ended", 5) and states[("shared", "main")] == ("ended", 5)
    assert states[("shared", "sd")] == ("failed", 0)


def test_an_sd_texture_that_cannot_start_is_retried(
    sinks: SinkSet, clock: SteppedClock, make_frame, reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FrameRing.create

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.endswith("SD"):
            raise SinkError("shared: no room")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(FrameRing, "create", refuse)
    sinks.start(SinkSpec(kind="shared"), may_wait=True)
    sinks.publish(make_frame(), {"sd": shown(1)})
    assert [(status.picture, status.state) for status in sinks.status()] == [("main", "running"), ("sd", "retrying")]
    assert reports.lines == [("sink.sd:shared", "sd:shared: no room")]
    monkeypatch.setattr(FrameRing, "create", real)
    clock.advance(1)
    sinks.pump()
    sinks.publish(make_frame(), {"sd": shown(1)})
    assert [status.frames for status in sinks.status()] == [2, 1]


def test_a_recording_of_it_has_every_frame_black_until_there_is_one_and_a_file_a_size(
    make_stage, clock, reports, make_frame, tmp_path: Path
) -> None:
    sinks = SinkSet(make_stage(is_offline=True), clock, reports)
    sinks.add_picture("sd", *SD_PX)
    for spec in (f"record={tmp_path / 'main.mp4'}", f"sd:record={tmp_path / 'sd.mp4'}"):
        sinks.start(SinkSpec.parse(spec))
    for index in range(20):
        level, size = (0 if index < 5 else 200), (SD_PX if index < 12 else (48, 48))
        sinks.publish(make_frame(index), {"sd": shown(level, size)})
        sinks.pump()
    sinks.close()
    assert reports.lines == []
    assert [(status.picture, status.state, status.frames) for status in sinks.status()] == [
        ("main", "ended", 20),
        ("sd", "ended", 20),
    ]

    def movie(name: str) -> list[np.ndarray]:
        with av.open(str(tmp_path / name)) as file:
            return [picture.to_ndarray(format="rgb24") for picture in file.decode(video=0)]

    assert [picture.shape for picture in movie("main.mp4")] == [(48, 64, 3)] * 20
    first, second = movie("sd.mp4"), movie("sd 2.mp4")
    assert [picture.shape for picture in first] == [(24, 32, 3)] * 12
    assert [picture.shape for picture in second] == [(48, 48, 3)] * 8
    assert [picture.mean() > 100 for picture in first + second] == [False] * 5 + [True] * 15


def test_with_10_bits_it_is_recorded_too_and_not_the_main_picture(
    make_stage, clock, reports, make_frame, tmp_path: Path
) -> None:
    sinks = SinkSet(make_stage(is_offline=True), clock, reports)
    sinks.add_picture("sd", *SD_PX)
    sinks.start(SinkSpec.parse(f"sd:record={tmp_path / 'sd.mov'}"))
    main = replace(make_frame(), read_rgba16=lambda: np.full((48, 64, 4), 65535, np.uint16))
    sinks.publish(main, {"sd": shown(100)})
    sinks.close()
    assert reports.lines == []
    with av.open(str(tmp_path / "sd.mov")) as file:
        picture = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (24, 32, 3)
    assert picture.mean() == pytest.approx(100, abs=3)


def test_both_pictures_recorded_without_a_name_give_two_files(
    make_stage, clock, reports, make_frame, tmp_path: Path
) -> None:
    stage = make_stage(is_offline=True)
    sinks = SinkSet(stage, clock, reports)
    sinks.add_picture("sd", *SD_PX)
    for spec in ("record", "sd:record", "snapshot", "sd:snapshot"):
        sinks.start(SinkSpec.parse(spec))
    assert sinks.take_snapshot() == 2
    sinks.publish(make_frame(), {"sd": shown(7)})
    sinks.close()
    found = sorted(path.name for path in stage.record_folder.iterdir())
    assert len(found) == 4
    assert sorted("SD" in name for name in found) == [False, False, True, True]


def test_textures_are_drawn_only_for_sinks_that_use_them(
    stand_in_syphon, make_stage, clock, reports, make_frame
) -> None:
    sinks = SinkSet(make_stage(), clock, reports)
    sinks.add_picture("sd", *SD_PX)
    drawn: list[int] = []
    for spec in ("sd:shared", "sd:null"):
        sinks.start(SinkSpec.parse(spec))
    sinks.publish(make_frame(0), {"sd": shown(1, drawn=drawn)})
    assert drawn == []
    for spec in ("syphon", "syphon=second"):
        sinks.start(SinkSpec.parse(spec))
    sinks.publish(make_frame(1, texture=TextureRef(glo=7, width=64, height=48)), {"sd": shown(1, drawn=drawn)})
    assert drawn == [0]
    published = stand_in_syphon.named("SyphonOpenGLServer.publish_frame_texture")
    assert [(call["texture"], call["size"]) for call in published] == [
        (7, (64, 48)),
        (7, (64, 48)),
        (70, SD_PX),
        (70, SD_PX),
    ]
    made = [call["name"] for call in stand_in_syphon.named("SyphonOpenGLServer.__init__")]
    assert made == ["Multiverse", "Multiverse SD", "second", "second SD"]
    sinks.close()
    assert reports.lines == []


@pytest.fixture(params=["gl", "numba"])
def renderer(request: pytest.FixtureRequest, require):
    try:
        made = open_renderer(request.param, 64, 48)
    except NoGLError as error:
        require(False, str(error))
    yield made
    made.close()


@pytest.fixture
def card(f_card) -> np.ndarray:
    return f_card(48, 32)


def rgb_frame(card: np.ndarray) -> VideoFrame:
    return VideoFrame(pixels=np.ascontiguousarray(card[..., :3]), index=0, time_s=0.0, source="sd")


@pytest.mark.parametrize("kind", ["shared", "record", "snapshot"])
def test_every_kind_with_pixels_gets_it_upright(
    renderer: Renderer, card: np.ndarray, kind: str, make_stage, clock, reports, make_frame, tmp_path: Path
) -> None:
    stage = make_stage(is_offline=True)
    sinks = SinkSet(stage, clock, reports)
    sinks.add_picture("sd", 48, 32)
    argument = {"record": str(tmp_path / "a.mp4"), "snapshot": str(tmp_path / "a.png")}.get(kind, "card")
    sinks.start(SinkSpec(kind=kind, argument=argument, picture="sd"))
    sinks.publish(make_frame(), {"sd": renderer.show(PictureCrossfade.of(rgb_frame(card)))})
    if kind == "shared":
        assert np.array_equal(seen_in("card"), card)
    sinks.close()
    if kind == "snapshot":
        assert np.array_equal(cv2.imread(argument, cv2.IMREAD_COLOR_RGB), card[..., :3])
    if kind == "record":
        with av.open(argument) as movie:
            picture = next(movie.decode(video=0)).to_ndarray(format="rgb24")
        upright, others = (np.abs(picture.astype(int) - other[..., :3]).mean() for other in (card, card[::-1]))
        assert upright < 20 < others
    assert reports.lines == []


@pytest.mark.parametrize("kind", ["syphon", "spout"])
def test_every_kind_with_textures_gets_it_upright(
    request: pytest.FixtureRequest, require, card: np.ndarray, kind: str, make_stage, clock, reports, make_frame
) -> None:
    """With fakes, but the texture is read by GL and flipped according to the libraries' source code."""
    library = request.getfixturevalue(f"stand_in_{kind}")
    try:
        renderer = open_renderer("gl", 64, 48)
    except NoGLError as error:
        require(False, str(error))
    seen: dict[tuple[int, int], np.ndarray] = {}

    def take(glo: int, size: tuple[int, int], is_bottom_first: bool) -> None:
        known = renderer._context.external_texture(glo, size, 4, 0, "f1")
        rows = np.frombuffer(known.read(), np.uint8).reshape(size[1], size[0], 4)
        seen[size] = rows[::-1] if is_bottom_first else rows

    def send(texture: int, target: int, width: int, height: int, is_inverted: bool, host_fbo: int) -> bool:
        take(texture, (width, height), is_inverted)
        return True

    library.answers["SyphonOpenGLServer.publish_frame_texture"] = lambda texture, region, size, is_flipped, target: (
        take(texture, size, not is_flipped)
    )
    library.answers["glGetError"] = ctypes.CDLL(_gl_library()).glGetError
    library.answers["SpoutReceiver.getSenderList"] = lambda: []
    library.answers["SpoutSender.sendTexture"] = send
    sinks = SinkSet(make_stage(), clock, reports)
    sinks.add_picture("sd", 48, 32)
    sinks.start(SinkSpec(kind=kind))
    for index in range(2):
        sinks.publish(
            make_frame(index, texture=renderer.texture), {"sd": renderer.show(PictureCrossfade.of(rgb_frame(card)))}
        )
    sinks.close()
    renderer.close()
    assert reports.lines == []
    assert np.array_equal(seen[(48, 32)], card) and (64, 48) in seen
