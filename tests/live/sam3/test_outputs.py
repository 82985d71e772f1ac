"""The outputs of the masks: OSC messages, matte, regions, control image; without children, over
real rings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing
from engine.live.kit.fader import Fade
from engine.live.kit.scene import MasksView, Scene
from engine.live.sam3.outputs import MaskOutputs
from engine.live.sd.entry import SdConfig
from engine.live.sd.link import DiffusionLink
from engine.params import ParamStore
from engine.values import FINISHED, FoundObject, FrameId, Segmentation, VideoFrame
from tests.live.sd.rig import opened_link

NO_MASKS = MasksView()


def found(*boxes: tuple[float, float, float, float]) -> Segmentation:
    """A result with these rectangles, the first in front."""
    masks = np.zeros((len(boxes), 96, 96), np.uint8)
    for mask, (cx, cy, w, h) in zip(masks, boxes, strict=True):
        left, right, top, bottom = (
            round(96 * edge) for edge in (cx - w / 2, cx + w / 2, cy - h / 2, cy + h / 2)
        )
        mask[top:bottom, left:right] = 255
    objects = tuple(
        FoundObject(id=7 + n, prompt=1 + n, score=0.9 - n / 10, box=box)
        for n, box in enumerate(boxes)
    )
    return Segmentation(objects=objects, masks=masks, picture_px=(320, 180), index=0, time_s=0.0)


@dataclass
class OutputsRig:
    outputs: MaskOutputs
    sd: DiffusionLink
    store: ParamStore
    sent: list[tuple[Any, ...]]


@pytest.fixture
def rig(reports: Any) -> Iterator[OutputsRig]:
    sent: list[tuple[Any, ...]] = []
    with opened_link(SdConfig(model="random:tiny"), reports) as sd:
        outputs = MaskOutputs(lambda *message: sent.append(message))
        yield OutputsRig(outputs, sd, ParamStore(), sent)
        outputs.close()


def test_each_result_is_sent_once_best_first_and_its_end_as_zero(rig: OutputsRig) -> None:
    view = MasksView(segmentation=found((0.5, 0.5, 0.25, 0.5), (0.25, 0.5, 0.5, 0.5)))
    rig.outputs.notify_objects(NO_MASKS)
    assert rig.sent == []
    for _ in range(3):
        rig.outputs.notify_objects(view)
    assert rig.sent == [
        ("/sam3/objects", 2),
        ("/sam3/object/1", 7, 1, 0.9, 0.5, 0.5, 0.25, 0.5),
        ("/sam3/object/2", 8, 2, 0.8, 0.25, 0.5, 0.5, 0.5),
    ]
    rig.outputs.notify_objects(NO_MASKS)
    rig.outputs.notify_objects(NO_MASKS)
    assert rig.sent[3:] == [("/sam3/objects", 0)]


def test_masks_of_the_finished_picture_are_not_mirrored_with_layer_5(store: ParamStore) -> None:
    def seen_in(source: str) -> MasksView:
        picture = VideoFrame(
            pixels=np.zeros((9, 16, 3), np.uint8), index=0, time_s=0.0, source=source
        )
        return MasksView(
            segmentation=found((0.5, 0.5, 0.5, 0.5)), picture=picture, edge="/sam3/mask_edge"
        )

    store.set_many(
        [("/layer/5/mirror", True), ("/layer/5/matte", "subject"), ("/region/mode", "sam3")],
        by="test",
    )
    values = store.snapshot()
    for source, is_finished in (("0", False), (FINISHED, True)):
        view = seen_in(source)
        assert view.matte(values).is_of_finished is is_finished
        assert view.region_settings(values).is_mirrored is not is_finished
        store.set("/region/mode", "edges")  # of what layer 5 shows
        assert view.region_settings(store.snapshot()).is_mirrored
    assert NO_MASKS.region_settings(values).is_mirrored


def test_layer_5_is_cut_from_the_picture_that_the_masks_were_found_in() -> None:
    seen, now, other = (
        VideoFrame(pixels=np.zeros((4, 4, 3), np.uint8), index=index, time_s=0.0, source=source)
        for index, source in ((1, "camera"), (9, "camera"), (9, "sd"))
    )
    view = MasksView(segmentation=found((0.5, 0.5, 0.5, 0.5)), picture=seen)
    values = {"/layer/5/matte": "subject", "/layer/5/matte_sync": True}

    def result_of(picture: VideoFrame, view: MasksView = view, **more: object) -> VideoFrame:
        changed = values | {f"/layer/5/{name}": value for name, value in more.items()}
        fade = view.synced_layer5(Fade(picture=picture, before=other, mix=0.5), changed)
        return fade.picture if fade.before is None else picture

    assert result_of(now) is seen
    assert result_of(now, matte_sync=False) is now and result_of(now, matte="all") is now
    assert result_of(other) is other, "masks of the camera say nothing of when SD painted"
    assert result_of(now, view=NO_MASKS) is now
    assert view.synced_layer5(None, values) is None


def test_the_control_image_has_class_colours_and_is_black_without_masks(
    rig: OutputsRig, wait_for: Callable[..., Any]
) -> None:
    person = (150, 5, 61)
    rig.store.set_many(
        [
            ("/sd/enable", True),
            ("/sd/controlnet/1/enable", True),
            ("/sd/controlnet/1/source", "sam3"),
        ],
        by="test",
    )
    rig.sd.follow(rig.store.snapshot())
    scene = Scene(camera=None)
    rig.sd.show(scene, rig.store.snapshot(), 0.0)
    (write,) = scene.control_images
    ticks = iter(range(10_000))

    def result_of(view: MasksView) -> set[tuple[int, ...]]:
        frame_id = FrameId(index=next(ticks), time_s=0.0)
        rig.outputs.update_control_image(write, view, ("person",), frame_id, 0.0)
        try:
            reader = FrameRing.open("sd segments")
        except SharedMemoryError:
            return set()
        frame = reader.latest()
        reader.close()
        return set() if frame is None else {tuple(colour) for colour in frame.pixels.reshape(-1, 3)}

    view = MasksView(segmentation=found((0.5, 0.5, 0.5, 0.5)))
    wait_for(lambda: result_of(view) == {person, (0, 0, 0)}, "a person on black")
    wait_for(lambda: result_of(NO_MASKS) == {(0, 0, 0)}, "black")
    wait_for(lambda: result_of(view) == {person, (0, 0, 0)}, "the person again")
