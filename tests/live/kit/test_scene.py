"""The picture of layer 5 in a scene."""

import numpy as np
import pytest

from engine.live.kit.fader import Fade
from engine.live.kit.scene import Layer5Offer, Scene
from engine.values import VideoFrame


def frame_called(name: str) -> VideoFrame:
    return VideoFrame(pixels=np.zeros((2, 2, 3), np.uint8), index=0, time_s=0.0, source=name)


def offered(name: str, *, is_automatic: bool = True) -> Layer5Offer:
    return Layer5Offer(
        fade=Fade(picture=frame_called(name), before=None, mix=1.0), is_automatic=is_automatic
    )


@pytest.mark.parametrize(
    ("source", "is_on", "expected"),
    [
        ("auto", True, "sd"),
        ("auto", False, "camera"),
        ("sd", True, "sd"),
        ("sd", False, "sd"),
        ("camera", True, "camera"),
        ("off", True, "sd"),  # simple mode has a picture all the same; layer 5 has no weight then
    ],
)
def test_layer_5_shows_the_picture_of_each_source(source: str, is_on: bool, expected: str) -> None:
    scene = Scene(
        camera=frame_called("camera"), layer5_offers={"sd": offered("sd", is_automatic=is_on)}
    )
    fade = scene.layer5({"/layer/5/source": source})
    assert fade is not None and fade.picture.source == expected


def test_layer_5_is_empty_without_a_camera_and_a_model() -> None:
    assert Scene(camera=None).layer5({"/layer/5/source": "auto"}) is None
    assert Scene(camera=frame_called("camera")).layer5({"/layer/5/source": "sd"}) is None


def test_of_two_models_the_later_one_is_shown() -> None:
    scene = Scene(
        camera=None, layer5_offers={"first": offered("first"), "second": offered("second")}
    )
    assert scene.automatic_layer5 is not None and scene.automatic_layer5.picture.source == "second"
    named = scene.layer5({"/layer/5/source": "first"})
    assert named is not None and named.picture.source == "first"
