"""The smallest child: its output is its input, brightened. To add a child, copy this.

A child connects a model to rings. The model itself lives in `engine.models` and knows neither rings nor messages. The
loop here runs in the child's process only, and imports the model inside `run`. The engine's side:

    supervisor = Supervisor(
        ChildSpec(name="echo", loop="engine.children.echo:run", settings={"gain": 1.0}), report=warnings.report
    )
    supervisor.start()
    supervisor.connect_input("source", ring.segment)        # a frame ring it writes pictures into
    supervisor.set_values({"/echo/delay_ms": 40.0})         # may be called every frame: only changes are sent
    if supervisor.wants_frame:
        ring.write(...)
    segment = supervisor.outputs.get("picture")             # attach to it once there is a result
    supervisor.close()

Four rules for a loop:

- Call `enter` at the start of each phase: each has a deadline, and a phase that takes longer counts as a hang. If one
  piece of work may take longer than 10 s, say so with `expect`.
- Call `trying` before the first use of a value, and `proved` after it worked. A value that kills the process three
  times is quarantined instead of killing it again and again.
- Publish, then call `result`: a child without results is restarted with growing delays.
- Return when `should_stop` is True. In all other cases, including the engine's death, the process is ended for you.
"""

import time
from typing import Final

import numpy as np

from engine.children.port import ChildPort
from engine.ipc import Phase, RingWriter

IDLE_S: Final = 0.002


def run(port: ChildPort) -> None:
    """Settings: `gain`, a factor. Values: `/echo/delay_ms`. Input `source`, output `picture`: any shape, uint8."""
    port.enter(Phase.LOADING)
    brighten = np.clip(np.arange(256) * float(port.settings["gain"]), 0, 255).astype(np.uint8)  # the "model"
    port.ready(model="echo")

    writer: RingWriter | None = None
    seen = 0
    while not port.should_stop:
        port.poll()
        port.wants_frame = True
        source = port.input("source")
        frame = source.latest() if source is not None else None
        if frame is None or frame.sequence == seen:
            time.sleep(IDLE_S)
            continue
        seen = frame.sequence

        port.enter(Phase.RUNNING)
        began_s = time.perf_counter()
        delay_ms = port.values.get("/echo/delay_ms", 0.0)
        port.trying("/echo/delay_ms", delay_ms)
        time.sleep(delay_ms / 1000.0)
        height, width, channels = frame.pixels.shape
        if writer is None or writer.shape != frame.pixels.shape:
            writer = port.open_output("picture", width, height, channels)
        writer.generation = frame.generation
        writer.write(brighten[frame.pixels], index=frame.index, time_s=frame.time_s)
        port.proved("/echo/delay_ms", delay_ms)
        port.result((time.perf_counter() - began_s) * 1000.0)
