"""The sink that puts pictures nowhere: the example to copy for a new one, and the cost of publishing alone.

To add a sink: copy this file, fill the methods in, add a line to `registry.KINDS`, and run it through
`tests/sinks/test_contract.py`, which takes every kind of the registry.
"""

from engine.sinks.sink import TITLES, Picture, SinkStatus, Stage
from engine.values import PublishedFrame


class NullSink:
    kind = "null"

    def __init__(self, argument: str, picture: Picture = "main") -> None:
        """`argument` follows the `=` of `--sink null=...` or `--sink PICTURE:null=...`. Libraries are imported in
        `start`, not here."""
        self.name = argument or TITLES[picture]
        self._frames = 0

    def start(self, stage: Stage, *, may_wait: bool = False) -> None:
        """Open the device, the file, the memory; what may take long on a thread, unless the caller may wait."""

    def set_format(self, stage: Stage) -> None:
        """Make ready for another size or rate. Not needed by a sink that looks at each frame's own size."""

    def publish(self, frame: PublishedFrame) -> None:
        """`frame.texture` is the picture on the GPU (None from the CPU renderer), `frame.read_rgba()` its
        pixels.

        Both have row 0 at the top. The array may be kept and handed to a thread; the texture is drawn over
        next frame.
        """
        self._frames += 1

    def pump(self) -> None:
        """Whatever must be done every frame, picture or not."""

    def drain(self) -> bool:
        return True  # nothing is under way; a sink with a thread tells it to finish and says whether it has

    def close(self) -> None:
        """Nothing to let go of. Join threads, close files, free memory here; twice must be harmless."""

    def status(self) -> SinkStatus:
        return SinkStatus(kind=self.kind, name=self.name, state="running", frames=self._frames, dropped=0)
