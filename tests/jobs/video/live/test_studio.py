"""The threads that paint and encode: whatever fails in them, everybody hears of it and the end comes."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.jobs.video.live.controls import started
from engine.jobs.video.live.easel import Easel
from engine.jobs.video.live.studio import Studio
from engine.jobs.video.live.turns import Seat, Turns
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from tests.jobs.video.live.client import card, frame

WaitFor = Callable[..., Any]


def test_an_encoder_that_fails_ends_the_painting_and_is_told(tiny_sd: Path, reports: Any, wait_for: WaitFor) -> None:
    painting = Painting(spec=ModelSpec(model=str(tiny_sd)), steps=1, strength=1.0, cfg=1.0)
    turns = Turns(most_clients=4, idle_s=30.0)
    studio = Studio(turns, lambda: Easel(painting, device="cpu", dtype="auto", threads=1), reports)
    studio.start(painting, (64, 64))

    def fail(*about: object) -> None:
        raise RuntimeError("no way to go")

    seat = Seat(settings=started(painting, 64), deliver=fail, lose=lambda *about: None, note=lambda line: None)
    turns.join(seat, 0.0)

    def is_ended() -> bool:
        turns.offer(seat, frame(1, card()), 0.0)
        return bool(studio.fault) or seat.painted > 3  # as many as wait for an encoder, and one in hand

    wait_for(is_ended, "the end")
    closing = threading.Thread(target=studio.close, daemon=True)
    closing.start()
    closing.join(timeout=20)
    assert not closing.is_alive()
    assert studio.fault == "pictures cannot be encoded: RuntimeError('no way to go')"
    assert reports.lines == [("live", f"page: {studio.fault}")]
