"""A sink that discards pictures: the example to copy for a new sink, and a baseline for the cost of
publishing.

To add a sink: copy this file to engine/sinks/KIND.py, name its class KindSink, implement the
methods, and add an entry to `KINDS` in osc_schema/sinks.py. Then run `multiverse schema write` and
`tests/sinks/test_contract.py`, which tests every kind there. A sink in a package of your own needs
none of that: docs/how-to/plug-ins.md.
"""

from engine.sinks.sink import TITLES, OutputFormat, PictureName, SinkStatus
from engine.values import PublishedFrame


class NullSink:
    kind = "null"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        """`argument` follows the `=` of `--sink null=...` or `--sink PICTURE:null=...`. Import
        libraries in `start`."""
        self.name = argument or TITLES[picture]
        self._frames = 0

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        """Open the device, file or memory. Unless `may_wait`, do slow things on a thread."""

    def set_format(self, output_format: OutputFormat) -> None:
        """Prepare for another size or rate. Not needed by a sink that checks each frame's size."""

    def publish(self, frame: PublishedFrame) -> None:
        """`frame.texture` is the picture on the GPU (None from the CPU renderer),
        `frame.read_rgba()` its pixels.

        Both have row 0 at the top. Call `read_rgba` here; the array may be kept and passed to a
        thread. The texture is overwritten in the next frame."""
        self._frames += 1

    def pump(self) -> None:
        """Work that is needed every frame, with or without a picture."""

    def drain(self) -> bool:
        # nothing is pending; a sink with a thread tells it to finish, and returns True once it has
        return True

    def close(self) -> None:
        """Nothing to release. Join threads, close files, free memory here. Must be idempotent."""

    def status(self) -> SinkStatus:
        return SinkStatus(kind=self.kind, name=self.name, frames=self._frames)
