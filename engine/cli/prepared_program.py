"""The process that draws what is prepared: a small engine without ports, children and files, one
picture per order.

It ends when its input closes, so with the engine that started it.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec
import numpy as np

from engine.app import Engine, open_engine
from engine.audio.input import AudioInput, AudioStatus
from engine.audio.ring import SampleRing
from engine.config import Config
from engine.errors import MultiverseError, UsageError, in_one_line
from engine.ipc import Gate
from engine.params.preset_file import LoadedPreset
from engine.params.store import entries_of
from engine.render.isf.vet_child import wait_for_gate
from engine.system.worker_process import claim_output
from engine.values import AudioFeatures
from engine.web.prepared import DrawnPicture, DrawOrder, PreparedSetup, preview_size

FPS: Final = 10.0  # more than twice the rate of the orders: a frame is due whenever one comes
CLOCK: Final = "timecode"  # the source of the tempo that nothing else in this process follows
BY: Final = (
    "preset that is prepared"  # to macros, a preset: one that moves in the show moves nothing here
)


def main() -> None:
    """Answer orders until the input closes."""
    answers = claim_output()
    with contextlib.suppress(OSError):  # the engine has ended
        try:
            for picture in draw_orders():
                _answer(answers, picture)
        except MultiverseError as error:
            _answer(answers, DrawnPicture(refusal=in_one_line(error)))


def draw_orders() -> Iterator[DrawnPicture]:
    """Draw a picture for each order read from standard input. MultiverseError if there is no engine
    to draw it."""
    setup = msgspec.json.decode(sys.stdin.buffer.readline(), type=PreparedSetup)
    width, height = preview_size(16, 9)
    config = Config(
        width=width,
        height=height,
        fps=FPS,
        renderer=setup.renderer,  # type: ignore[arg-type]  # checked by the configuration it came from
        gpu=setup.gpu,
        shaders=setup.shaders,
        params={"/tempo/source": CLOCK},
    )
    sound = _ForwardedSound(setup.sample_rate_hz, setup.channels)
    gate = Gate.open(setup.gate)
    with open_engine(config, sound=sound) as engine:
        frames = engine.frames()
        while line := sys.stdin.buffer.readline():
            order = msgspec.json.decode(line, type=DrawOrder)
            follow(engine, order)
            sound.append(order.sound)
            wait_for_gate(gate)
            frame = next(frames)
            yield DrawnPicture(
                size_px=(frame.width, frame.height), rgba=frame.read_rgba().tobytes()
            )


def follow(engine: Engine, order: DrawOrder) -> None:
    """Apply what an order says has changed in the show."""
    control_hub, (width, height) = engine.control_hub, order.size_px
    engine.params.set_many([("/engine/width", width), ("/engine/height", height)], by=BY)
    # as a run that is resumed: at once, and in the order that the inputs of the shaders have here
    if order.is_cut:
        preset = LoadedPreset(name="", values=entries_of(order.values.items()), inputs=order.inputs)
        control_hub.preset_control.resume(preset)
    else:
        engine.params.set_many(order.values.items(), by=BY)
    control_hub.tempo.follow(CLOCK, beat=order.beat, bpm=order.bpm, at_s=order.at_s)


def _answer(answers: BinaryIO, picture: DrawnPicture) -> None:
    answers.write(msgspec.json.encode(picture) + b"\n")
    answers.flush()


class _ForwardedSound(AudioInput):
    """The sound of the show, received with each order and analysed for this look. The drawing
    thread only."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        super().__init__(SampleRing(sample_rate_hz, channels), "the sound of the show")

    def append(self, sound: bytes) -> None:
        """Append (frames, channels) float32."""
        self._ring.write(np.frombuffer(sound, np.float32).reshape(-1, self.source_channels))

    def latest_features(self) -> AudioFeatures:
        self._analyse_hops()
        return super().latest_features()

    def start(self) -> None:
        """Nothing to start: the orders bring the sound."""

    def advance_to(self, time_s: float) -> AudioFeatures:
        raise UsageError("sent sound runs in real time: only sound opened offline can be advanced")

    def status(self) -> AudioStatus:
        return self._status("playing", self.choice, 0)

    def close(self) -> None:
        """Nothing to close."""
