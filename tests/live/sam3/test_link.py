"""The engine's end of the SAM3 child; without a child, over real rings."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.ipc import FrameRing, Gate
from engine.ipc.segmentation_sheet import sheet_shape, write_sheet
from engine.live.kit.picture_rings import OutputRing
from engine.live.kit.scene import Scene
from engine.live.sam3.entry import Sam3Config
from engine.live.sam3.link import SegmentationLink, check, require_complete, spec_of
from engine.params import ParamStore
from engine.values import FoundObject, Segmentation
from tests.live.frames import finished_frame
from tests.live.surroundings import surroundings

SIDE = 32


class Results:
    """A ring of results, listed like a supervisor does."""

    def __init__(self) -> None:
        rows, columns, channels = sheet_shape(SIDE)
        self.ring = FrameRing.create("objects", columns, rows, channels=channels)
        self.ring.generation = 1  # of the first values that are sent
        self.outputs = {"objects": self.ring.segment}

    def publish(self, index: int, *, is_sheet: bool = True) -> None:
        sheet = np.zeros(sheet_shape(SIDE), np.uint8)
        each = FoundObject(id=1, prompt=1, score=0.5, box=(0.5, 0.5, 1.0, 1.0))
        masks = np.full((1, SIDE, SIDE), 255, np.uint8)
        if is_sheet:
            write_sheet(
                sheet,
                Segmentation(
                    objects=(each,), masks=masks, picture_px=(64, 48), index=index, time_s=0.0
                ),
            )
        self.ring.write(sheet, index=index, time_s=0.0)


@pytest.fixture
def results() -> Iterator[Results]:
    results = Results()
    yield results
    results.ring.close()


@pytest.fixture
def link(results: Results, gate: Gate, reports: Any) -> Iterator[SegmentationLink]:
    around = surroundings(gate, reports, has_camera=lambda: True)
    link = SegmentationLink(Sam3Config(model="random:tiny"), around)
    link._output = OutputRing(results, "objects")
    yield link
    link.close()


@pytest.fixture
def switch(link: SegmentationLink, store: ParamStore) -> Callable[[bool], None]:
    def switch(is_on: bool) -> None:
        store.set("/sam3/enable", is_on)
        link.follow(store.snapshot())

    return switch


def test_a_build_that_failed_is_requested_once_though_a_frame_still_has_its_value(
    link: SegmentationLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested: list[int] = []
    monkeypatch.setattr(
        link.supervisor, "swap", lambda settings: requested.append(settings["spec"]["resolution"])
    )
    store = link._store
    before = store.get("/sam3/resolution")
    link.follow(store.snapshot())
    store.set("/sam3/resolution", 336)
    of_the_frame = store.snapshot()
    link.follow(of_the_frame)
    link._on_swap(False, "no memory")
    link.follow(of_the_frame)
    link.follow(store.snapshot())
    assert requested == [336] and store.get("/sam3/resolution") == before


def test_a_malformed_sheet_is_reported_and_the_last_masks_stay(
    link: SegmentationLink, results: Results, switch: Callable[[bool], None], reports: Any
) -> None:
    switch(True)
    results.publish(1)
    found = link.view().segmentation
    assert found is not None and found.index == 1
    results.publish(2, is_sheet=False)
    assert link.view().segmentation is found
    assert reports.keys == ["sam3.masks"]
    results.publish(3)
    assert link.view().segmentation.index == 3


def test_after_switching_on_again_no_old_masks_are_shown(
    link: SegmentationLink, results: Results, switch: Callable[[bool], None]
) -> None:
    switch(True)
    results.publish(1)
    assert link.view().segmentation is not None
    switch(False)
    assert link.view().segmentation is None
    results.publish(2)  # of the picture that was in hand
    assert link.view().segmentation is None
    switch(True)
    assert link.view().segmentation is None
    results.publish(3)
    assert link.view().segmentation.index == 3


def test_feedback_of_sam3_through_its_own_matte_is_reported_once_each_time(
    link: SegmentationLink, store: ParamStore, reports: Any
) -> None:
    def feed(**values: object) -> int:
        """The number of reports so far."""
        for name, value in values.items():
            store.set("/" + name.replace("__", "/"), value)
        link.follow(store.snapshot())
        for _ in range(3):
            link.feed(finished_frame(), Scene(camera=None), 0.0)
        return reports.keys.count("sam3.loop")

    assert feed(sam3__enable=True, layer__5__matte="subject") == 0
    assert feed(sam3__source="multiverse") == 1
    assert feed(layer__5__matte="all") == 1
    assert feed(layer__5__matte="background") == 2


def test_a_broken_model_is_refused_in_one_line_that_names_it_once(
    tiny_sam3: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(tiny_sam3, tmp_path / "sam3")
    (broken / "model.safetensors").unlink()
    with pytest.raises(ModelError) as refusal:
        require_complete(spec_of(Sam3Config(model=str(broken))), check)
    line = str(refusal.value)
    assert (
        line.startswith(f"{broken}: has no weights")
        and line.count(str(broken)) == 1
        and "\n" not in line
    )
