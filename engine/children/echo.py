"""The smallest child: its output is its input, a little later. To add a child, copy this.

A child joins a model to rings. The model itself lives in `engine.models` and knows neither rings nor messages; the
loop here imports it inside `run`, in the child's process, and never runs in the engine's. What the engine does:

    supervisor = Supervisor(
        ChildSpec(name="echo", loop="engine.children.echo:run", settings={"gain": 1.0}), report=warnings.report
    )
    supervisor.start()
    supervisor.connect_input("source", ring.segment)        # a frame ring it writes pictures into
    supervisor.set_values({"/echo/delay_ms": 40.0})         # each frame, if it likes: only changes are sent
    if supervisor.wants_frame:
        ring.write(...)
    segment = supervisor.outputs.get("picture")             # to attach to, once the first result is there
    supervisor.close()

Four rules keep a loop out of trouble:

- Say what comes (`enter`): each phase has a deadline, and silence beyond it counts as a hang. Where one piece of work
  may honestly take longer than 10 s, say how long it takes (`expect`).
- Say what is new (`trying`) before the call that uses it, and that it worked (`proved`) after: if the process dies
  in between three times, that value is kept from it instead of killing it for ever.
- Publish, then `result`: a child that never had one waits longer after each death.
- Return when `should_stop`. Everything else, the end of the engine included, ends the process without your help.
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
    brighten = np.clip(np.arange(256) * float(port.settings["gain"]), 0, 255).astype(np.uint8)  # this one's "model"
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
