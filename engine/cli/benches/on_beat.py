"""How close to its beat a picture of Stable Diffusion changes: prompts and seeds are launched on the beat, and the
frames counted from the beat's frame to the first one that differs."""

import math
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from engine.app import Engine
from engine.cli.benches.measuring import percentiles
from engine.control.outgoing.sender import Sender
from engine.errors import ChildError
from engine.osc.encode import encode_message
from engine.params.looks import PLAIN
from engine.values import PublishedFrame

PROMPTS: Final = ("a forest of glass", "a sea of fire")
STEADY_FRAMES: Final = 12  # without a change: the last launch has its full effect
STEADY_PICTURES: Final = 8  # also of a child that stands still for seconds
MAX_WAIT_BARS: Final = 16
DIFFERS: Final = 1.0  # mean difference of two frames, of 255; the dither of a still picture makes 0.1
STILL: Final = PLAIN | {
    "/mode": "simple",
    "/sd/source": "video",
    "/sd/crossfade_s": 0.0,
    "/sd/steps": 2,
    "/sd/strength": 1.0,
    "/tempo/source": "manual",
    "/safety/flash_guard": False,  # two pictures in turn may be a flash
}
"""A picture that changes with the prompt only: a trail moves further in a frame that is late."""


def still_picture(path: Path) -> str:
    """Write a still picture for `[sd] video`."""
    blocks = np.random.default_rng(1).integers(0, 256, (9, 16, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(blocks, (640, 360), interpolation=cv2.INTER_NEAREST))
    return str(path)


def launched(engine: Engine, *, bpm: float = 120.0) -> Iterator[int]:
    """Launch prompts and seeds on the bar, one after the other: frames from the beat to the change of the picture."""
    engine.params.set_many([*STILL.items(), ("/tempo/bpm", bpm)], by="bench")
    changes, child = _Changes(engine), engine.children["sd"]
    while "delay_ms" not in child.status().facts:
        changes.next_frame()
        if child.status().state == "failed":
            raise ChildError(f"the child did not start: {child.status().detail}")
    changes.launch(0)  # what was before may look like the first
    for number in count(1):
        yield changes.launch(number)


def measure_launches(engine: Engine, launches: int, *, bpm: float = 120.0) -> dict[str, Any]:
    """Launch that many prompts and seeds on the bar, one after the other. `[sd] video` of the run is a still picture.

    `frames_after_the_beat`: of each; 0 is the frame nearest to the beat, below 0 too early. ChildError if a picture
    does not change within sixteen bars.
    """
    after = list(islice(launched(engine, bpm=bpm), launches))
    child = engine.children["sd"]
    return {
        "launches": launches,
        "frames_after_the_beat": after,
        **percentiles([abs(frames) for frames in after], frames_off_p50=50, frames_off_p95=95),
        "sent_ahead_ms": child.status().facts.get("delay_ms"),
    }


class _Changes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._frames: Iterator[PublishedFrame] = engine.frames()
        self._seen: np.ndarray | None = None

    def launch(self, number: int) -> int:
        """Frames from the beat to the change of the picture."""
        fps = float(self._engine.config.fps or 60.0)
        delay_ms = self._engine.children["sd"].status().facts["delay_ms"]
        assert isinstance(delay_ms, int | float)
        steady, painted = 0, self._painted
        while steady < max(STEADY_FRAMES, delay_ms / 1000.0 * fps) or self._painted < painted + STEADY_PICTURES:
            steady += 1
            if self.next_frame()[1]:
                steady, painted = 0, self._painted
        sender = Sender(name="bench", post=lambda packet: None, at_port=None)
        beats_a_bar = self._engine.params.get("/tempo/beats_a_bar")
        assert isinstance(beats_a_bar, int)
        frame = self.next_frame()[0]
        sent_at = (math.floor(frame.beat.beat / beats_a_bar) + 1) * beats_a_bar  # a bar's notice, for a slow child
        target = sent_at + beats_a_bar
        while frame.beat.beat < sent_at + 0.5:  # later than /launch/late_ms: else it starts at once
            frame = self.next_frame()[0]
        # With weights of chance a prompt alone may change too little to see; the seed changes everything.
        for address, value in (("/sd/prompt", PROMPTS[number % 2]), ("/sd/seed", number)):
            self._engine.desk.dispatcher.receive(encode_message(address, value, "bar"), sender)
        while True:
            frame, is_changed = self.next_frame()
            if is_changed:
                return round((frame.beat.beat - target) * 60.0 * fps / frame.beat.bpm)
            if frame.beat.beat > target + MAX_WAIT_BARS * beats_a_bar:
                raise ChildError(f"the picture did not change: {self._engine.children['sd'].status()}")

    @property
    def _painted(self) -> int:
        """Pictures of the child so far, as it tells once a second."""
        return int(self._engine.children["sd"].status().facts.get("pictures", 0))

    def next_frame(self) -> tuple[PublishedFrame, bool]:
        """The next frame, and whether it differs from the one before."""
        frame = next(self._frames)
        pixels = frame.read_rgba()[..., :3].astype(np.int16)
        is_changed = self._seen is not None and float(np.abs(pixels - self._seen).mean()) > DIFFERS
        self._seen = pixels
        return frame, is_changed
