"""The engine's end of the SD child, without a child."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.ipc import FrameRing
from engine.live.kit.scene import Scene
from engine.live.sd.entry import LoraConfig, SdConfig
from engine.live.sd.link import DiffusionLink
from engine.live.sd.settings import RESETS
from engine.params import ParamStore
from engine.params.fade_time import Pulse
from engine.render.picture import RegionMap
from engine.values import UpcomingValues, VideoFrame
from osc_schema import Rejected
from tests.live.frames import finished_frame
from tests.live.sd.rig import opened_link
from tests.live.stores import store_for


@pytest.fixture
def link(reports: Any) -> Iterator[DiffusionLink]:
    with opened_link(SdConfig(model="random:tiny"), reports) as link:
        yield link


def test_paths_are_absolute_so_that_a_child_in_another_folder_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reports: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model", "auto", "lora.safetensors"):
        (tmp_path / name).mkdir()
    config = SdConfig(
        model="model",
        loras=(LoraConfig(path="lora.safetensors", weight=0.5),),
        controlnets=("owner/id",),
    )
    with opened_link(config, reports) as link:
        spec = link.supervisor.spec.settings["spec"]
    assert spec["model"] == str(tmp_path / "model")
    assert spec["loras"] == ((str(tmp_path / "lora.safetensors"), 0.5),)
    assert (spec["vae"], spec["controlnets"]) == ("auto", ("owner/id",))


def test_feedback_of_sd_with_itself_is_reported_once_each_time(
    link: DiffusionLink, reports: Any, store: ParamStore
) -> None:
    store.set("/sd/enable", True)

    def feed(mode: str) -> None:
        store.set("/mode", mode)
        link.follow(store.snapshot())
        for _ in range(3):
            link.feed(finished_frame(), Scene(camera=None), 0.0)

    for mode in ("simple", "multiverse", "simple"):
        feed(mode)
    assert reports.keys == ["sd.loop", "sd.loop"] and "repaints itself" in reports.lines[0][1]


def test_values_of_an_unconfigured_controlnet_and_lora_are_reported(
    reports: Any, tmp_path: Path
) -> None:
    """With folders one may be chosen later, so the value stays."""
    (tmp_path / "canny.safetensors").touch()
    config = SdConfig(model="random:tiny", folders=(str(tmp_path),), loras=(LoraConfig(path="a"),))
    store = store_for("sd", config)
    values = {"/sd/controlnet/1/enable": True, "/sd/lora/1/weight": 0.5, "/sd/lora/2/weight": 0.5}
    with opened_link(config, reports) as link:
        for more in (
            {},
            values,
            {},
            {"/sd/lora/2/weight": 0.6},
            {"/sd/controlnet/1/enable": False},
        ):
            assert not [
                each
                for each in store.set_many(list(more.items()), by="test")
                if isinstance(each, Rejected)
            ]
            link.follow(store.snapshot())
        lines = [line for _, line in reports.lines]
        assert lines[0] == (
            "/sd/controlnet/1/enable: no ControlNet 1 is configured: add it to controlnets under "
            "[sd], or set "
            "folders under [sd] and choose it by /sd/controlnet/1/file"
        )
        assert [line.partition(":")[0] for line in lines[1:]] == ["/sd/lora/2/weight"] * 2
        assert "[[sd.loras]]" in lines[1]
        store.set("/sd/controlnet/2/file", "canny.safetensors")
        store.set("/sd/controlnet/2/enable", True)
        link.follow(store.snapshot())
        assert not any("/sd/controlnet/2/enable" in line for _, line in reports.lines)


def test_what_waits_for_a_beat_is_sent_ahead_except_what_takes_too_long_or_cannot_be_used(
    reports: Any, store: ParamStore
) -> None:
    store.add_condition("/sd/controlnet/1/enable", refuse)
    values = {"/sd/prompt": "ice", "/sd/width": 128, "/sd/model": "other", "/layer/1/angle": 5.0}
    coming = [UpcomingValues(key="cue", values=values | {"/sd/controlnet/1/enable": True})]
    horizons_s: list[float] = []

    def near(within_s: float) -> list[UpcomingValues]:
        horizons_s.append(within_s)
        return coming

    with opened_link(SdConfig(model="random:tiny"), reports, coming=near, store=store) as link:
        link.follow(store.snapshot())
        assert not horizons_s, "the child has measured nothing yet"
        link.supervisor._status = replace(link.supervisor._status, facts={"delay_ms": 300.0})
        link.follow(store.snapshot())
        assert horizons_s == [pytest.approx(0.3 + 2 / 60)]
        sent = link.supervisor._values
        assert (sent["/sd/prompt"], sent["generation"]) == ("ice", link._sent.generation)
        assert (sent["/sd/width"], sent["/sd/controlnet/1/enable"]) == (512, False)
        coming.clear()  # taken back
        link.follow(store.snapshot())
        assert link.supervisor._values["/sd/prompt"] == ""


def refuse(value: object) -> None:
    if value:
        raise Rejected("no ControlNet 1 is configured")


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_each_new_region_map_is_sent_once_as_it_lies_on_sds_picture(
    link: DiffusionLink, is_mirrored: bool, wait_for: Any, store: ParamStore
) -> None:
    store.set_many([("/sd/enable", True), ("/layer/5/mirror", is_mirrored)], by="test")
    indices = np.arange(6, dtype=np.uint8).reshape(2, 3)

    def feed() -> tuple[bool, Any]:
        scene = Scene(camera=None)
        link.follow(store.snapshot())
        link.show(scene, store.snapshot(), 0.0)
        scene.regions = RegionMap(indices=indices)
        link.feed(finished_frame(), scene, 0.0)
        segment = link.supervisor._inputs.get("regions")
        return scene.needs_regions, None if segment is None else latest_of(segment)

    assert feed() == (False, None)
    store.set("/sd/regions", True)
    wait_for(lambda: feed()[1] is not None, "a ring for the map")
    needed, sent = feed()
    assert needed and np.array_equal(
        sent.pixels[..., 0], indices[:, ::-1] if is_mirrored else indices
    )
    assert feed()[1].sequence == sent.sequence, "the same map"
    indices = indices.copy()
    assert feed()[1].sequence == sent.sequence + 1


def test_consistency_starts_over_with_the_picture_of_each_bar(
    reports: Any, store: ParamStore
) -> None:
    beat = {"now": 0.0}
    pulse = {"pulse": lambda: Pulse(beat=beat["now"], bpm=120.0)}
    store.set_many([("/sd/consistency", 0.5), ("/sd/consistency_reset", "bar")], by="test")
    with opened_link(SdConfig(model="random:tiny"), reports, **pulse) as link:

        def resets(beat_now: float, **facts: float) -> Any:
            beat["now"] = beat_now
            link.supervisor._status = replace(link.supervisor._status, facts=facts)
            link.follow(store.snapshot())
            return link.supervisor._values.get(RESETS)

        assert [resets(each) for each in (1.0, 3.9, 4.0, 7.9, 8.0)] == [0, 0, 1, 1, 2]
        ahead = [resets(each, delay_ms=400.0) for each in (11.1, 11.2)]  # 0.8 beats, and two frames
        assert ahead == [2, 3], "as much earlier as a picture takes"
        store.set("/sd/consistency_reset", "cut")
        assert resets(90.0) == 3


def test_the_second_picture_is_sent_once_and_only_while_a_controlnet_sees_it(
    reports: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [
        VideoFrame(pixels=np.full((6, 4, 3), n, np.uint8), index=n, time_s=0.0, source="x")
        for n in range(3)
    ]
    second = SimpleNamespace(latest_frame=lambda: pictures[0])
    opened: list[str] = []
    config, store = SdConfig(model="random:tiny", video="a.mp4", second="ndi:DESK"), ParamStore()
    store.set_many([("/sd/enable", True), ("/sd/controlnet/1/enable", True)], by="test")
    found = {"a.mp4": None, "ndi:DESK": second}
    with opened_link(
        config, reports, open_video=lambda name: opened.append(name) or found[name]
    ) as link:
        monkeypatch.setattr(type(link.supervisor), "wants_frame", property(lambda supervisor: True))
        written: list[int] = []
        write = link._second_input.write

        def noted(pixels: np.ndarray, *more: Any) -> bool:
            is_written = write(pixels, *more)
            written.extend([int(pixels[0, 0, 0])] * is_written)
            return is_written

        monkeypatch.setattr(link._second_input, "write", noted)

        def feed(**changes: object) -> list[int]:
            store.set_many(
                [(f"/sd/{address}", value) for address, value in changes.items()], by="test"
            )
            link.follow(store.snapshot())
            link.feed(finished_frame(), Scene(camera=None), 0.0)
            return written

        assert opened == ["a.mp4", "ndi:DESK"] and feed() == []
        of_second = {"controlnet/1/from": "second"}
        wait_for(lambda: feed(**of_second), "a ring, and the picture in it")
        assert feed() == [0]
        pictures.pop(0)
        assert feed() == [0, 1]
        monkeypatch.setattr(
            type(link.supervisor), "wants_frame", property(lambda supervisor: False)
        )
        pictures.pop(0)
        assert feed() == [0, 1], "SD rests"
        assert feed(source="feedback") == [0, 1, 2], "which asks for no source"
        assert feed(**{"controlnet/1/enable": False}) == [0, 1, 2]


def latest_of(segment: str) -> Any:
    with contextlib.closing(FrameRing.attach(segment)) as ring:
        return ring.latest()


@pytest.mark.parametrize("is_gpu", [True, False])
def test_a_gpu_reads_only_what_sd_sees_and_only_on_request(
    link: DiffusionLink,
    is_gpu: bool,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Any,
    store: ParamStore,
) -> None:
    child, read_px = SimpleNamespace(wants_frame=True), []

    def read_fitted(size_px: tuple[int, int]) -> np.ndarray:
        read_px.append(size_px)
        return np.zeros((*size_px[::-1], 4), np.uint8)

    frame = replace(finished_frame(320, 180), read_fitted=read_fitted if is_gpu else None)
    monkeypatch.setattr(
        type(link.supervisor), "wants_frame", property(lambda supervisor: child.wants_frame)
    )
    changes = {"/sd/enable": True, "/sd/source": "multiverse", "/sd/width": 128, "/sd/height": 64}

    def show() -> tuple[int, int] | None:
        """A frame of the loop; the size that is queued with its drawing."""
        store.set_many([*changes.items()], by="test")
        scene = Scene(camera=None)
        link.follow(store.snapshot())
        link.show(scene, store.snapshot(), 0.0)
        link.feed(frame, scene, 0.0)
        return scene.fitted_px

    assert show() == (128, 64)
    wait_for(lambda: show() and link._input._connected, "the ring")
    assert show() == (128, 64)
    sent = latest_of(link._input._connected)
    assert sent is not None and sent.pixels.shape == ((64, 128, 4) if is_gpu else (180, 320, 4))
    child.wants_frame, count = False, len(read_px)
    assert show() is None and len(read_px) == count
    assert set(read_px) == ({(128, 64)} if is_gpu else set())
    changes["/sd/fallback"] = "source"
    monkeypatch.setattr(DiffusionLink, "_is_away", True)
    assert show() == (128, 64)
    offer = link.offer(0.0, None)
    assert offer.fade is not None and offer.fade.picture.pixels.shape == (64, 128, 3)
