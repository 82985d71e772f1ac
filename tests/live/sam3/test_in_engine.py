"""SAM3 in a running engine: a dancer (a moving disc) is tracked and sent over OSC; its mask
controls the picture."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine.ipc import FrameRing
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from engine.params.looks import PLAIN
from tests.support.drawing_engine import DrawingEngine, opened_once, picture_file, small_config

WIDTH, HEIGHT, RADIUS = 320, 180, 40
STEPS = 60  # of the dance: from left to right and back in two seconds
DARK, WHITE = (16, 16, 16), (255, 255, 255)
STILL = PLAIN | {
    "/mode": "multiverse",
    "/region/enable": False,
    "/region/mode": "brightness",
    "/layer/5/matte": "all",
    "/layer/5/intensity": 0.0,
    "/layer/5/mirror": False,
    "/sam3/enable": True,
    "/sam3/source": "camera",
    "/sam3/mode": "track",
    "/sam3/prompt/1": "a dancer",
    "/sam3/fallback": "hold",
    "/sam3/duty_auto": False,
    "/sam3/max_objects": 16,
    "/safety/flash_guard": False,
}


def middle_at(step: int) -> float:
    """The position of the disc's middle, px."""
    turn = 2 * np.pi * step / STEPS
    return WIDTH / 2 - 90 * np.cos(turn)


def disc(x: float, rgb: tuple[int, int, int] = WHITE) -> np.ndarray:
    """(180, 320, 3) uint8: a disc on dark ground, half way down."""
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.full((HEIGHT, WIDTH, 3), DARK, np.uint8)
    picture[(xs - x) ** 2 + (ys - HEIGHT / 2) ** 2 < RADIUS**2] = rgb
    return picture


def write_dance(path: Path) -> str:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = (
            WIDTH,
            HEIGHT,
            "yuv420p",
            8_000_000,
        )
        for step in range(STEPS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(disc(middle_at(step)), "rgb24")))
        container.mux(stream.encode())
    return str(path)


@pytest.fixture(scope="module")
def open_drawing(
    tmp_path_factory: pytest.TempPathFactory, fork_server: None, seeing_sam3: Path
) -> Iterator[Callable[..., DrawingEngine]]:
    """One engine with SAM3 for all tests of this file: a model is loaded once."""
    folder = tmp_path_factory.mktemp("floor")
    config = small_config(
        folder,
        width=WIDTH,
        height=HEIGHT,
        camera=write_dance(folder / "dance.mp4"),
        sinks=["shared=floor"],
        sam3={"model": str(seeing_sam3), "video": picture_file(folder / "night.png", DARK)},
        params={"/sam3/resolution": 336},
    )
    yield from opened_once(config, child="sam3")


@pytest.fixture
def rig(open_drawing: Callable[..., DrawingEngine], wait_for: Callable[..., Any]) -> DrawingEngine:
    rig = open_drawing(wait_for)
    rig.reset(STILL)
    if rig.child.state not in ("ready", "busy"):
        rig.done("/child/sam3/start")
    rig.await_results(1)
    return rig


def object_counts(
    rig: DrawingEngine,
    count: int,
    *,
    after: Callable[[], None] = lambda: None,
) -> list[Message]:
    """`count` messages about objects as a subscriber gets them. First calls `after()`."""
    rig.client.send(encode_message("/engine/notify", 1))
    after()
    messages: list[Message] = []
    while len(messages) < count:
        message = rig.client.receive(timeout_s=120.0)
        assert message is not None, f"only {len(messages)} messages"
        if message.address.startswith("/sam3/object"):
            messages.append(message)
    rig.client.send(encode_message("/engine/notify", 0))
    return messages


def lit(picture: np.ndarray) -> np.ndarray:
    """The columns that are not black."""
    return np.flatnonzero(picture[HEIGHT // 2, :, :3].max(axis=1) > 60)


def test_a_dancer_is_followed_over_osc(rig: DrawingEngine) -> None:
    messages = object_counts(rig, 30)
    assert set([message.args for message in messages if message.address == "/sam3/objects"]) == {
        (1,)
    }
    dancers = [message.args for message in messages if message.address == "/sam3/object/1"]
    assert len({args[0] for args in dancers}) == 1, "it keeps its id"
    assert all(args[1] == 1 and args[2] > 0.9 for args in dancers)
    middles = np.array([args[3:5] for args in dancers]) * (WIDTH, HEIGHT)
    assert np.abs(middles[:, 1] - HEIGHT / 2).max() < 12
    assert np.ptp(middles[:, 0]) > 20, "it dances"
    sizes = np.array([args[5:7] for args in dancers]) * (WIDTH, HEIGHT)
    assert np.abs(sizes - 2 * RADIUS).max() < 24


def test_its_mask_controls_the_regions_of_the_multiverse(rig: DrawingEngine) -> None:
    """Layer 1 leads in the dancer, layer 4 elsewhere."""
    rig.set(region__enable=True, region__mode="sam3", region__background=3, sam3__source="video")
    rig.wait_for(lambda: not object_counts(rig, 1)[0].args[0], "nobody on the dark floor")

    def brightness_of(layer: int) -> np.ndarray:
        for n in range(1, 5):
            rig.engine.params.set(f"/layer/{n}/solo", n == layer)
        rig.draw(5)
        return rig.pictures[0][..., :3].max(axis=-1)

    rig.wait_for(
        lambda: brightness_of(1).max() == 0 and brightness_of(4).mean() > 10,
        "the background is layer 4's",
    )
    rig.set(sam3__source="camera")
    rig.wait_for(lambda: brightness_of(1).max() > 60, "layer 1 where the dancer is")
    leads = brightness_of(1) > 0
    assert 0.3 < leads.sum() / (np.pi * RADIUS**2) < 1.3, "there, and nowhere else"
    rig.set(region__2__prompt=1)
    rig.wait_for(lambda: brightness_of(2).max() > 60, "layer 2 names the dancer's prompt")
    assert brightness_of(1).max() == 0
    rig.set(region__2__prompt=0)
    for n in range(1, 5):
        rig.engine.params.set(f"/layer/{n}/solo", False)


def test_the_matte_cuts_layer_5_out(rig: DrawingEngine) -> None:
    rig.set(layer__5__intensity=1.0, layer__5__matte="background")
    for n in range(1, 5):
        rig.engine.params.set(f"/layer/{n}/mute", True)
    rig.wait_for(
        lambda: lit(rig.pictures[0]).size < 8, "the dancer is cut away, but for pixels of its edge"
    )
    for _ in range(10):
        rig.draw(1)
        assert lit(rig.pictures[0]).size < 8, "and nothing of it trails"
    rig.set(layer__5__matte="subject")
    rig.wait_for(lambda: 40 < lit(rig.pictures[0]).size < 2 * RADIUS + 8, "the dancer alone")
    assert rig.pictures[0][:40, :, :3].max() == 0, "even the dark floor is gone"
    rig.set(layer__5__matte="all")
    rig.wait_for(lambda: rig.pictures[0][:40, :, :3].max() > 0, "the whole picture")
    for n in range(1, 5):
        rig.engine.params.set(f"/layer/{n}/mute", False)


def test_both_textures_are_published_separately(rig: DrawingEngine) -> None:
    coloured, ids = FrameRing.open("floor SAM3"), FrameRing.open("floor SAM3 mask")
    assert rig.wait_for(lambda: coloured.latest(), "the SAM3 texture").pixels.shape == (
        HEIGHT,
        WIDTH,
        4,
    )

    def paints_the_dancer() -> bool:
        row = coloured.latest().pixels[HEIGHT // 2, :, :3].astype(int)
        tinted = row.max(axis=1) - row.min(axis=1) > 60  # white and dark are grey, the mask is not
        return bool(tinted.sum() > 60 and row[~tinted].max() < 200)

    rig.wait_for(
        paints_the_dancer,
        "a coloured dancer, nothing white left of it: masks lie where they were found",
    )

    def marks_the_dancer() -> bool:
        row = ids.latest().pixels[HEIGHT // 2]
        inside = row[:, 0] > 0
        return bool(
            60 < inside.sum() < 100 and row[inside, 1].min() > 230 and not row[~inside, :2].any()
        )

    rig.wait_for(marks_the_dancer, "id and score inside, black elsewhere")
    coloured.close()
    ids.close()


def test_without_its_child_masks_stay_or_disappear_as_set_and_switched_off_they_disappear(
    rig: DrawingEngine,
) -> None:
    def floor() -> int:
        return int(rig.pictures[0][:40, :, :3].max())

    assert rig.ask("/sam3/empty_cache")[-1].address == "/done"
    rig.set(layer__5__matte="subject", mode="simple")
    rig.wait_for(lambda: floor() == 0, "the floor is cut away")
    rig.set(sam3__enable=False)
    rig.wait_for(lambda: floor() > 0, "the whole picture")
    rig.set(sam3__enable=True)
    rig.wait_for(lambda: floor() == 0, "the floor is cut away again")
    rig.done("/child/sam3/stop")
    rig.draw(5)
    assert floor() == 0, "the last mask stays"
    (object_count,) = object_counts(rig, 1, after=lambda: rig.set(sam3__fallback="source"))
    assert (object_count.address, object_count.args) == ("/sam3/objects", (0,))
    rig.wait_for(lambda: floor() > 0, "as if there were no SAM3")
