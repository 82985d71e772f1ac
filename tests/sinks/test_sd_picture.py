"""Stable Diffusion's picture as an extra picture with its own sinks and size."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine.errors import NoGLError, SinkError
from engine.ipc import FrameRing
from engine.render import Renderer, open_renderer
from engine.render.picture import PictureCrossfade
from engine.sinks import SinkSet, SinkSpec, Stage
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


def shown(level: int, size: tuple[int, int] = SD_PX) -> ShownPicture:
    """A picture of one grey."""
    width, height = size
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = level
    texture = TextureRef(glo=70, width=width, height=height)
    return ShownPicture(width=width, height=height, draw_texture=lambda: texture, read_rgba=lambda: pixels)


def names(sinks: SinkSet) -> list[tuple[str, str, str]]:
    return [(status.kind, status.picture, status.name) for status in sinks.status()]


def test_an_sd_sink_started_by_name_is_independent(sinks: SinkSet) -> None:
    for order in (("shared", "sd:shared"), ("sd:shared", "shared"), ("shared", "sd:shared=Multiverse SD")):
        for spec in order:
            sinks.start(SinkSpec.parse(spec))
        assert sorted(names(sinks)) == [("shared", "main", "Multiverse"), ("shared", "sd", "Multiverse SD")]
        sinks.stop("shared")
        assert names(sinks) == [("shared", "sd", "Multiverse SD")]
        assert sinks.stop("sd:shared") == 1
    assert sinks.status() == ()


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


def test_a_sink_started_after_a_change_of_size_has_the_new_one(sinks: SinkSet, make_frame) -> None:
    sinks.publish(make_frame(), {"sd": shown(1, (16, 40))})
    sinks.start(SinkSpec.parse("sd:shared"))
    reader = FrameRing.open("Multiverse SD")
    assert reader.shape == (40, 16, 4)
    reader.close()


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


def test_its_pixels_are_upright(renderer: Renderer, card: np.ndarray) -> None:
    assert np.array_equal(renderer.show(PictureCrossfade.of(rgb_frame(card))).read_rgba(), card)


@pytest.mark.parametrize("kind", ["syphon", "spout"])
def test_every_kind_with_textures_gets_it_upright(
    receivers, require, card: np.ndarray, kind: str, make_stage, clock, reports, make_frame
) -> None:
    try:
        renderer = open_renderer("gl", 64, 48)
    except NoGLError as error:
        require(False, str(error))

    def read(glo: int, width: int, height: int) -> np.ndarray:
        known = renderer._context.external_texture(glo, (width, height), 4, 0, "f1")
        return np.frombuffer(known.read(), np.uint8).reshape(height, width, 4)

    seen = receivers(kind, read)
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
