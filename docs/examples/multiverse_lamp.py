"""A sink: sends the mean colour of the picture over OSC, for a lamp, 25 times per second.

    pip install --no-deps ./docs/examples
    multiverse run --sink lamp=127.0.0.1:7000

It is called on a thread of its own. While a call is under way, pictures are left out; the show
waits for nothing.
"""

import time
from typing import Any

from osc_schema.types import SinkKind

LAMP = SinkKind(help_name="a lamp", argument="HOST:PORT", class_path="multiverse_lamp:LampSink")


class LampSink:
    kind = "lamp"

    def __init__(self, argument: str, picture: str = "main") -> None:
        self.name, self.picture, self._frames, self._next_s = (
            argument or "127.0.0.1:7000",
            picture,
            0,
            0.0,
        )

    def start(self, output_format: Any, *, may_wait: bool = False) -> None:
        """`output_format`: size, rate and sound of the run. What is raised here is shown in one
        line."""
        from pythonosc.udp_client import SimpleUDPClient

        host, _, port = self.name.partition(":")
        if not port.isdecimal():
            raise ValueError(f"{self.name!r} is not HOST:PORT")
        self._client = SimpleUDPClient(host, int(port))

    def publish(self, frame: Any) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + 1 / 25
            # red, green, blue; 0 to 1
            colour = frame.read_rgba()[::8, ::8, :3].mean(axis=(0, 1)) / 255
            self._client.send_message("/lamp/colour", [float(each) for each in colour])
            self._frames += 1

    def status(self) -> Any:
        from engine.sinks.sink import SinkStatus

        return SinkStatus(kind="lamp", name=self.name, frames=self._frames)

    def drain(self) -> bool:
        return True  # nothing is pending

    def close(self) -> None: ...
    def pump(self) -> None: ...
    def set_format(self, output_format: Any) -> None: ...
