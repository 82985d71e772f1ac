"""A model of one function, which may be somebody's plug-in, leaves the show its time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from engine.children.mailbox import Mailbox
from engine.children.messages import OutputCreated, ToChild, Update
from engine.children.port import ChildPort
from engine.ipc import ChildCounters, ControlPipe, FrameRing, Gate, RingOwner
from engine.ipc.control_pipe import open_pipe
from engine.live.kit import repainting

calls: list[tuple[float, float]] = []
"""When each call of `paint` began and ended."""


def paint(picture: np.ndarray, values: dict[str, Any]) -> np.ndarray:
    began_s = time.perf_counter()
    time.sleep(0.002)
    calls.append((began_s, time.perf_counter()))
    return picture


def paint_grey(picture: np.ndarray, values: dict[str, Any]) -> np.ndarray:
    return picture[..., 0]


@contextmanager
def opened(paint: str) -> Iterator[tuple[ChildPort, Mailbox, Gate, RingOwner]]:
    """The child's end of a model with this function, and the ring of its source."""
    ours, theirs = open_pipe()
    gate, counters = Gate.create(), ChildCounters.create("eager words")
    source = FrameRing.create("eager source", 8, 8, channels=4)  # the finished picture
    painted = FrameRing.create("eager picture", 8, 8, channels=3)
    with ours, theirs:
        mailbox = Mailbox(ControlPipe(theirs, ToChild), counters)
        mailbox.updates.put(
            Update(number=1, values={"/eager/enable": True}, inputs={"source": source.segment})
        )
        mailbox.outputs.put(OutputCreated(name="picture", segment=painted.segment))
        settings = {"name": "eager", "paint": f"{__name__}:{paint}", "model": "any"}
        port = ChildPort(
            settings=settings,
            send=lambda message: None,
            mailbox=mailbox,
            counters=counters,
            gate=gate,
        )
        yield port, mailbox, gate, source
        port.close()
    for each in (source, painted, gate, counters):
        each.close()


def test_a_picture_without_colours_is_refused_by_its_shape() -> None:
    with opened("paint_grey") as (port, _, _, source):
        source.write(np.zeros((8, 8, 4), np.uint8), index=1, time_s=0.0)
        with pytest.raises(
            ValueError, match=r":paint_grey gave the shape \(8, 8\), not \(height, width, 3 or 4\)"
        ):
            repainting.run(port)


def test_a_painting_plug_in_rests_more_and_more_while_frames_are_late(
    wait_for: Callable[..., Any],
) -> None:
    with opened("paint") as (port, mailbox, gate, source):
        thread = threading.Thread(target=repainting.run, args=(port,))
        thread.start()

        def time_fraction() -> float:
            """Fraction of the time of the last calls in which it painted."""
            source.write(np.zeros((8, 8, 4), np.uint8), index=len(calls), time_s=0.0)
            gate.late_frames += 1
            last = calls[-6:]
            if len(calls) < 6:
                return 1.0
            return sum(end - begin for begin, end in last[:-1]) / (last[-1][0] - last[0][0])

        wait_for(lambda: time_fraction() < 0.15, "its rests")
        mailbox.should_stop = True
        thread.join()
