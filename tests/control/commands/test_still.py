"""A still of the program on a pad, with a real engine and its files."""

from pathlib import Path
from typing import Any

import numpy as np

from engine.osc.encode import encode_message
from tests.support.drawing_engine import DrawingEngine, small_config
from tests.support.needed import needs

pytestmark = needs("OpenGL")


def test_a_still_is_a_pad_that_shows_the_picture_behind_a_blackout(
    tmp_path: Path, wait_for: Any
) -> None:
    playing = DrawingEngine(small_config(tmp_path, renderer="gl", web="off"), wait_for)
    try:
        playing.done("/preset/load", "Riso")
        playing.engine.params.set("/master/freeze", True)
        playing.draw(3)
        picture = playing.pictures[0][..., :3].astype(int)
        assert picture.std() > 10
        playing.engine.params.set("/master/blackout", True)
        playing.shows((0, 0, 0), "the blackout", within=1.0)
        *_, name = playing.done("/still/to", 12)
        assert ("/bank/pad", (1, 12, name, "")) in [
            (at, tuple(args)) for at, args, _ in playing.ask("/bank/list")
        ]
        playing.engine.params.set_many(
            [("/master/blackout", False), ("/master/freeze", False)], by="test"
        )
        playing.engine.params.set("/safety/flash_guard", False)
        playing.done("/preset/load", "Prism")
        wait_for(lambda: np.abs(playing.pictures[0][..., :3] - picture).max() > 100, "another look")
        assert playing.done("/preset/load", name)[-1] == name
        wait_for(
            lambda: playing.engine.status().shaders[0].state == "playing",
            "its shader, tested",
            ceiling_s=60.0,
        )
        wait_for(
            lambda: np.abs(playing.pictures[0][..., :3] - picture).max() <= 3, "the still on screen"
        )
        for number in range(2, 7):
            before = playing.pictures[0][..., :3].astype(int)
            at = playing.engine.params.get(f"/macro/{number}")
            assert isinstance(at, float)
            playing.engine.params.set(
                f"/macro/{number}", 0.7 if at < 0.4 else 0.1, by="udp 192.0.2.1:1"
            )
            what = (
                f"macro {number}, {playing.engine.params.get(f'/macro/name/{number}')}, to "
                "change the picture"
            )
            wait_for(
                lambda was=before: np.abs(playing.pictures[0][..., :3] - was).mean() > 1.0, what
            )
        assert playing.done("/still/take", 1.0)[-1] != name, "a button is pressed"
        assert "takes 1 or 0" in playing.failed("/still/take", 12)
        # and released: no answer, and no still
        playing.client.send(encode_message("/still/take", 0.0))
        assert "1..16" in playing.failed("/still/to", 17)
        playing.engine.params.set("/bank/shown", 9)
        assert "bank 9" in playing.failed("/still/to", 3)
    finally:
        playing.close()
