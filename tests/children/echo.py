"""A small child: its output is its input, brightened."""

import time

import numpy as np

from engine.children.port import ChildPort
from engine.ipc import Phase, RingWriter


def run(port: ChildPort) -> None:
    """The child's main function: publishes each input picture multiplied by the setting `gain`.
    Values: `/echo/delay_ms`. Input `source`, output `picture`: any shape, uint8."""
    port.enter(Phase.LOADING)
    brighten = np.clip(np.arange(256) * float(port.settings["gain"]), 0, 255).astype(np.uint8)
    port.ready(model="echo")
    writer: RingWriter | None = None
    seen = 0
    while not port.should_stop:
        port.poll()
        port.wants_frame = True
        source = port.input("source")
        frame = source.latest() if source is not None else None
        if frame is None or frame.sequence == seen:
            time.sleep(0.002)
            continue
        seen = frame.sequence
        port.enter(Phase.RUNNING)
        time.sleep(port.values.get("/echo/delay_ms", 0.0) / 1000.0)
        height, width, channels = frame.pixels.shape
        if writer is None or writer.shape != frame.pixels.shape:
            writer = port.open_output("picture", width, height, channels)
        writer.generation = frame.generation
        writer.write(brighten[frame.pixels], index=frame.index, time_s=frame.time_s)
        port.result(1.0)
